import { describe, expect, test } from "bun:test";
import { HOUR_US, MINUTE_US, SECOND_US } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { aggregateEventsTool } from "../../../src/tools/events/aggregate-events.ts";
import { readEventsTool } from "../../../src/tools/events/read-events.ts";
import { aFlowRun, aFlowRunEvent, anEvent, anId, at, T0_US } from "../../support/builders.ts";
import { idsOf, openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

/** One event a second from `at(0)`, oldest first, named `shop.order.n`. */
function orders(count: number, from = 0): PrefectEvent[] {
  return Array.from({ length: count }, (_, n) =>
    anEvent({
      id: anId(5_000 + from + n),
      event: `shop.order.${n % 2 === 0 ? "paid" : "sent"}`,
      occurred: at(from + n),
      received: at(from + n),
    }),
  );
}

async function emitAll(harness: ToolHarness, events: readonly PrefectEvent[]): Promise<void> {
  for (let start = 0; start < events.length; start += 100)
    harness.fake.emit(events.slice(start, start + 100), { socket: false });
}

describe("read_events from the record", () => {
  test("answers newest first and states the window, without a request", async () => {
    await using harness = await openToolHarness();
    const events = orders(5);
    harness.events(events);
    harness.cover("event");
    const { structured, text } = await harness.call(readEventsTool);
    expect(idsOf(structured.events)).toEqual(idsOf([...events].reverse()));
    expect(structured).toMatchObject({
      source: "record",
      as_of: at(3600),
      window: { from: at(3600 - 86_400), to: at(3600) },
      coverage: { complete: true, from: at(3600 - 86_400), to: at(3600), gaps: [] },
    });
    expect(structured).not.toHaveProperty("next_cursor");
    expect(text).toStartWith("5 events, newest first | record as of 2026-08-20T10:15:00Z (0 s ago), covers ");
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("a name that no recorded event has: the empty answer gives those near it", async () => {
    await using harness = await openToolHarness();
    harness.events([
      anEvent({ event: "shop.orders.batch-loaded", occurred: at(10) }),
      anEvent({ event: "prefect.flow-run.Failed", occurred: at(20) }),
    ]);
    harness.cover("event");
    const none = "No event in this window matches.";
    for (const [args, near] of [
      [{ event_type_prefix: "orders" }, "shop.orders.batch-loaded"],
      [{ event_type_prefix: "shop.order.batch" }, "shop.orders.batch-loaded"],
      [{ filter: { event: { name: ["prefect.flow-run.Faild"] } } }, "prefect.flow-run.Failed"],
    ] as const) {
      const text = `${none} No recorded event has such a name. Near it: ${near}`;
      expect((await harness.call(readEventsTool, args)).text).toContain(text);
      expect((await harness.call(aggregateEventsTool, args)).text).toContain(text);
    }
    const strange = await harness.call(readEventsTool, { event_type_prefix: "zzzz" });
    expect(strange.text).toContain(`${none} No recorded event has such a name.`);
    expect(strange.text).not.toContain("Near it");
    for (const args of [
      { event_type_prefix: "shop", occurred_after: "1m" },
      { filter: { event: { exclude_prefix: ["p", "s"] } } },
    ])
      expect((await harness.call(readEventsTool, args)).text).not.toContain("No recorded event");
  });

  test("shows flow run, flow, deployment and tags, and message and labels only on request", async () => {
    await using harness = await openToolHarness();
    const run = aFlowRun({ name: "wandering-guan", tags: ["nightly"], state_type: "FAILED" });
    const event = aFlowRunEvent(run);
    harness.events([event]);
    harness.cover("event");
    const brief = await harness.call(readEventsTool, { flow_run: run.id });
    expect(brief.structured.events).toHaveLength(1);
    expect(brief.structured.events[0]).toMatchObject({
      id: event.id,
      event: event.event,
      resource_id: `prefect.flow-run.${run.id}`,
      resource_name: "wandering-guan",
    });
    const full = await harness.call(readEventsTool, { flow_run: run.id, detail: "full" });
    expect(full.structured.events).toEqual([JSON.parse(JSON.stringify(event))]);
    const picked = await harness.call(readEventsTool, { flow_run: run.id, fields: ["payload", "event"] });
    expect(picked.structured.events).toEqual([{ id: event.id, event: event.event, payload: event.payload }]);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("pages through the stated window with the cursor, each event once", async () => {
    await using harness = await openToolHarness();
    harness.events(orders(230));
    harness.cover("event");
    const seen: string[] = [];
    let cursor: string | undefined;
    let window: unknown;
    do {
      const { structured } = await harness.call(readEventsTool, { limit: 70, ...(cursor ? { cursor } : {}) });
      window ??= structured.window;
      expect(structured.window).toEqual(window);
      seen.push(...idsOf(structured.events));
      cursor = structured.next_cursor;
      // What happens meanwhile belongs to no page of this window.
      harness.nowUs += MINUTE_US;
      harness.cover("event", { fromUs: harness.nowUs - MINUTE_US, toUs: harness.nowUs });
    } while (cursor);
    expect(seen).toEqual(idsOf(orders(230).reverse()));
  });

  test("applies the order and the bounds of the filter, and refuses contradictions", async () => {
    await using harness = await openToolHarness();
    harness.events(orders(10));
    harness.cover("event");
    const filter = { order: "ASC", occurred: { since: at(2), until: at(4) }, event: { name: ["shop.order.paid"] } };
    const { structured } = await harness.call(readEventsTool, { filter: JSON.stringify(filter) });
    expect(idsOf(structured.events)).toEqual([anId(5_002), anId(5_004)]);
    const same = await harness.call(readEventsTool, { filter, order: "asc", occurred_after: at(2) });
    expect(idsOf(same.structured.events)).toEqual([anId(5_002), anId(5_004)]);
    const twice = await harness.call(readEventsTool, { filter, order: "desc" });
    expect(twice.structured).toMatchObject({
      code: "invalid_input",
      message: "order and the filter give different values",
    });
    const window = await harness.call(readEventsTool, { filter, occurred_after: at(3) });
    expect(window.structured).toMatchObject({
      code: "invalid_input",
      message: "occurred_after and the filter give different values",
    });
  });

  test("shows one event per resource for distinct, across pages", async () => {
    await using harness = await openToolHarness();
    const events = Array.from({ length: 12 }, (_, n) =>
      anEvent({ id: anId(6_000 + n), occurred: at(n), resource: { "prefect.resource.id": `shop.customer.${n % 4}` } }),
    );
    harness.events(events);
    harness.cover("event");
    const filter = { resource: { distinct: true } };
    const first = await harness.call(readEventsTool, { filter, limit: 3 });
    expect(idsOf(first.structured.events)).toEqual([anId(6_011), anId(6_010), anId(6_009)]);
    const second = await harness.call(readEventsTool, { filter, limit: 3, cursor: first.structured.next_cursor });
    expect(idsOf(second.structured.events)).toEqual([anId(6_008)]);
    expect(second.structured).not.toHaveProperty("next_cursor");
  });

  test("finds resources by name, prefix and id, primary or related", async () => {
    await using harness = await openToolHarness();
    const asset = anEvent({
      id: anId(7_001),
      event: "prefect.asset.referenced",
      resource: { "prefect.resource.id": "s3://lake/orders" },
    });
    const run = aFlowRun({ name: "burgundy-pony" });
    const state = aFlowRunEvent(run, { occurred: at(1) });
    harness.events([asset, state]);
    harness.cover("event");
    const found = async (resource: string) =>
      idsOf((await harness.call(readEventsTool, { resource })).structured.events ?? []);
    expect(await found("s3://lake/orders")).toEqual([asset.id]);
    expect(await found("s3://lake/*")).toEqual([asset.id]);
    expect(await found("burgundy-pony")).toEqual([state.id]);
    expect(await found(run.id)).toEqual([state.id]);
    expect(await found(`prefect.flow-run.${run.id}`)).toEqual([state.id]);
    const none = await harness.call(readEventsTool, { resource: "crimson-oyster" });
    expect(none.structured).toMatchObject({
      code: "not_found",
      message: 'no recorded event has a resource named "crimson-oyster"',
    });
    const near = await harness.call(readEventsTool, { resource: "Burgundy" });
    expect(near.structured.hint).toStartWith("Names with it: burgundy-pony. Give the whole resource id");
  });

  test("answers with its age while Prefect is unreachable", async () => {
    await using harness = await openToolHarness();
    harness.events(orders(3));
    harness.cover("event", { toUs: harness.nowUs - 20 * MINUTE_US });
    harness.following({ lostSecondsAgo: 19 * 60 });
    await harness.fake.down();
    const { structured, text } = await harness.call(readEventsTool);
    expect(structured.events).toHaveLength(3);
    expect(structured).toMatchObject({ source: "record", as_of: at(2400), coverage: { complete: true, to: at(2400) } });
    expect(structured.coverage.notes[0]).toContain("Prefect is unreachable");
    expect(text).toContain("record as of 2026-08-20T09:55:00Z (20 min ago)");
  });

  test("states the gap when it finds no event in a time that is not covered", async () => {
    await using harness = await openToolHarness();
    harness.events(orders(3));
    harness.cover("event", { fromUs: T0_US - HOUR_US, toUs: T0_US + MINUTE_US });
    harness.following({ lostSecondsAgo: 3_500 });
    await harness.fake.down();
    const { structured, text } = await harness.call(readEventsTool, {
      occurred_after: at(1800),
      occurred_before: at(2400),
    });
    expect(structured).toMatchObject({
      events: [],
      coverage: { complete: false, gaps: [{ from: at(1800), to: at(2400) }] },
    });
    expect(text).toContain("INCOMPLETE");
    expect(text).toContain("not covered: 2026-08-20T09:45:00Z to 2026-08-20T09:55:00Z");
  });
});

describe("read_events from Prefect", () => {
  test("reads pages of 50 up to any limit without a record, and saves the rows", async () => {
    await using harness = await openToolHarness({ record: false });
    await emitAll(harness, orders(130));
    const { structured } = await harness.call(readEventsTool, { limit: 120, fields: ["occurred"] });
    expect(structured.source).toBe("live");
    const first = idsOf(structured.events);
    expect(first).toEqual(idsOf(orders(130).reverse().slice(0, first.length)));
    expect(harness.fake.takeRequests()).toEqual([
      "GET /admin/settings",
      "POST /events/filter",
      "GET /events/filter/next",
      "GET /events/filter/next",
    ]);
    expect(harness.saved).toMatchObject([{ kind: "event", covered: { toUs: harness.nowUs } }]);
    const next = await harness.call(readEventsTool, {
      limit: 120,
      fields: ["occurred"],
      cursor: structured.next_cursor,
    });
    expect([...first, ...idsOf(next.structured.events)]).toEqual(
      idsOf(orders(130).reverse()).slice(0, first.length + next.structured.events.length),
    );
  });

  test("reads all events of one microsecond when a page ends inside it, and pages through them", async () => {
    await using harness = await openToolHarness({ record: false });
    const tied = Array.from({ length: 70 }, (_, n) =>
      anEvent({ id: anId(8_000 + n), occurred: at(1), received: at(1) }),
    );
    await emitAll(harness, tied);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const { structured } = await harness.call(readEventsTool, {
        limit: 30,
        fields: ["event"],
        ...(cursor ? { cursor } : {}),
      });
      seen.push(...idsOf(structured.events));
      cursor = structured.next_cursor;
    } while (cursor);
    expect(seen).toEqual(idsOf(tied).sort().reverse());
  });

  test("reads from Prefect only what the record lacks, and joins both", async () => {
    await using harness = await openToolHarness();
    const [old, recent] = [orders(3), orders(3, 3_000)];
    harness.events(old);
    harness.cover("event", { toUs: T0_US + 30 * MINUTE_US });
    await emitAll(harness, [...old, ...recent]);
    const { structured } = await harness.call(readEventsTool);
    expect(structured).toMatchObject({ source: "mixed", coverage: { complete: true } });
    expect(idsOf(structured.events)).toEqual(idsOf([...old, ...recent].reverse()));
    const [request] = harness.fake.requestsTo("/events/filter");
    expect(request?.body).toMatchObject({
      filter: { occurred: { since: "2026-08-20T09:45:00.000001Z", until: at(3600) } },
    });
  });

  test("without bounds goes back over a pause that Prefect can fill, and not over one whose events it has deleted", async () => {
    await using harness = await openToolHarness();
    const { putFact } = await import("../../../src/store/sync-state.ts");
    const [old, between, recent] = [orders(3), orders(3, 1_500), orders(3, 3_000)];
    harness.events([...old, ...recent]);
    harness.cover("event", { toUs: T0_US + 20 * MINUTE_US });
    harness.cover("event", { fromUs: T0_US + 40 * MINUTE_US });
    await emitAll(harness, [...old, ...between, ...recent]);
    const { structured } = await harness.call(readEventsTool);
    expect(structured).toMatchObject({ source: "mixed", coverage: { complete: true } });
    expect(idsOf(structured.events)).toEqual(idsOf([...old, ...between, ...recent].reverse()));

    const retentionUs = 30 * MINUTE_US;
    putFact(harness.db, "instance", { url: harness.fake.url, version: "3.8.8", retentionUs, createdUs: 0 }, 0);
    const short = await harness.call(readEventsTool);
    expect(short.structured).toMatchObject({ source: "record", coverage: { complete: true } });
    expect(short.structured.window.from).toBe(at(2400));
  });

  test("reaches back to what Prefect keeps while only live answers are recorded", async () => {
    await using harness = await openToolHarness();
    const early = anEvent({ occurred: at(-2 * 86_400), event: "shop.order.placed" });
    const late = anEvent({ occurred: at(-60), event: "shop.order.placed" });
    await emitAll(harness, [early, late]);
    harness.events([late]);
    harness.cover("event", { fromUs: T0_US - 2 * MINUTE_US });
    harness.db.sqlite.run("DELETE FROM sync_state WHERE key = 'backfill'");
    const { structured } = await harness.call(readEventsTool, {});
    expect([idsOf(structured.events), structured.source]).toEqual([[late.id, early.id], "mixed"]);
    const counted = await harness.call(aggregateEventsTool, { by: "event" });
    expect(counted.structured.total).toBe(2);
  });

  test("asks Prefect with fresh: true although the record covers the window", async () => {
    await using harness = await openToolHarness();
    harness.cover("event");
    await emitAll(harness, orders(2));
    const { structured } = await harness.call(readEventsTool, { fresh: true });
    expect(structured).toMatchObject({ source: "live", events: [{ id: anId(5_001) }, { id: anId(5_000) }] });
  });

  test("filters the text itself when Prefect's text search fails", async () => {
    await using harness = await openToolHarness({ record: false, textSearch: false });
    await emitAll(harness, orders(6));
    const { structured } = await harness.call(readEventsTool, {
      filter: { text: { query: "sent" } },
      occurred_after: "24h",
    });
    expect(idsOf(structured.events)).toEqual([anId(5_005), anId(5_003), anId(5_001)]);
    expect(harness.fake.takeRequests()).toEqual(["POST /events/filter", "POST /events/filter"]);
  });

  test("does not call a time complete whose events Prefect has deleted by age", async () => {
    await using harness = await openToolHarness();
    const { putFact } = await import("../../../src/store/sync-state.ts");
    putFact(harness.db, "instance", { url: harness.fake.url, version: "3.8.8", retentionUs: HOUR_US, createdUs: 0 }, 0);
    harness.cover("event", { fromUs: harness.nowUs - HOUR_US });
    const { structured } = await harness.call(readEventsTool, { occurred_after: "2h" });
    expect(structured.coverage).toMatchObject({
      complete: false,
      gaps: [{ from: at(-3600), to: "2026-08-20T09:14:59.999999Z" }],
    });
    expect(harness.fake.takeRequests()).toEqual([]);
  });
});

describe("read_events fails", () => {
  test("with a hint when there is neither a record nor Prefect", async () => {
    await using harness = await openToolHarness({ record: false });
    await harness.fake.down();
    const { isError, structured, text } = await harness.call(readEventsTool);
    expect(isError).toBe(true);
    expect(structured.hint).toEndWith(
      " Nothing of these events is recorded yet. `prefect-mcp-bun doctor` says what is wrong.",
    );
    expect(structured).toMatchObject({
      code: "unavailable",
      retryable: true,
    });
    expect(text).toContain("Error unavailable: ");
    expect(text.split("PREFECT_API_URL")).toHaveLength(2);
  });

  test("with the time to retry when there is no record and Prefect is busy", async () => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.faults.fail("/events/filter", { status: 429, headers: { "retry-after": "30" } }, 9);
    const { structured } = await harness.call(readEventsTool, { occurred_after: "1h" });
    expect(structured).toMatchObject({ code: "rate_limited", retryable: true, retry_after_seconds: 30 });
    expect(structured.hint).toEndWith("Nothing of these events is recorded yet.");
  });

  test("on unknown arguments, fields and filter members with the valid ones", async () => {
    await using harness = await openToolHarness();
    const bad: [object, string, string][] = [
      [
        { event_prefx: "a" },
        'unknown argument "event_prefx"; did you mean "event_type_prefix"?',
        "Valid arguments of read_events: event_type_prefix, ",
      ],
      [
        { filter: { evnt: {} } },
        'unknown field "evnt" in filter',
        "Valid fields of EventFilter: occurred, event, resource, related, any_resource, id, text, order.",
      ],
      [
        { filter: { related: [{ ids: [] }] } },
        'unknown field "ids" in filter.related[0]',
        "Valid fields of filter.related[0]: id, role, resources_in_roles, labels.",
      ],
      [
        { filter: { id: { id: ["x"] } } },
        'filter.id.id[0] must be a UUID, not "x"',
        "get_object_schema with object_type event_filter shows the valid form.",
      ],
      [{ fields: ["payloads"] }, 'unknown field "payloads"; did you mean "payload"?', "Valid fields: id, event"],
      [{ limit: 501 }, 'argument "limit": ', "from 1 to 500"],
      [{ occurred_after: "lately" }, 'argument "occurred_after": "lately" is not a time', "ISO 8601"],
      [{ cursor: "AAAA" }, "cursor is not from this server", "next_cursor"],
    ];
    harness.events(orders(1));
    harness.cover("event");
    for (const [args, message, hint] of bad) {
      const { structured, text } = await harness.call(readEventsTool, args);
      expect(structured).toMatchObject({
        code: "invalid_input",
        message: expect.stringContaining(message),
        hint: expect.stringContaining(hint),
        retryable: false,
      });
      expect(text).toContain(message);
    }
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("with the message of Prefect, or answers with the recorded rows and that message", async () => {
    await using harness = await openToolHarness();
    harness.events(orders(2));
    harness.cover("event", { toUs: T0_US + 10 * SECOND_US });
    harness.fake.answer("POST /events/filter", { detail: "down" }, 500);
    const { structured } = await harness.call(readEventsTool);
    expect(structured).toMatchObject({ source: "record", events: [{}, {}], coverage: { complete: true, to: at(10) } });
    expect(structured.coverage.notes.join(" ")).toContain("Prefect was asked and did not answer");
  });
});
