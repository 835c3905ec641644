import { describe, expect, test } from "bun:test";
import { DAY_US, MINUTE_US } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { aggregateEventsTool } from "../../../src/tools/events/aggregate-events.ts";
import { aDeployment, anEvent, anId, at, T0_US } from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const deployment = aDeployment({ id: anId(31), name: "nightly" });

/** 60 events, one every 20 s from 09:15: every third a failed run of the deployment. */
const EVENTS: readonly PrefectEvent[] = Array.from({ length: 60 }, (_, n) => {
  const base = { id: anId(30_000 + n), occurred: at(n * 20), received: at(n * 20) };
  if (n % 3 > 0) {
    const id = `shop.order.${n % 4}`;
    return anEvent({ ...base, event: "shop.order.paid", resource: { "prefect.resource.id": id }, related: [] });
  }
  return anEvent({
    ...base,
    event: n % 2 ? "prefect.flow-run.Failed" : "prefect.flow-run.Completed",
    resource: { "prefect.resource.id": `prefect.flow-run.${anId(32)}`, "prefect.resource.name": "wandering-guan" },
    related: [{ "prefect.resource.id": `prefect.deployment.${deployment.id}`, "prefect.resource.role": "deployment" }],
  });
});

async function both(harness: ToolHarness, args: object) {
  const held = await harness.call(aggregateEventsTool, args);
  const live = await harness.call(aggregateEventsTool, { ...args, fresh: true });
  expect(held.structured.source).toBe("record");
  expect(live.structured.source).toBe("live");
  return { held: held.structured, live: live.structured };
}

async function opened(textSearch = true): Promise<ToolHarness> {
  const harness = await openToolHarness({ textSearch });
  harness.fake.workspace.deployments.push(deployment);
  harness.events(EVENTS);
  harness.objects("deployment", [deployment]);
  harness.fake.emit([...EVENTS], { socket: false });
  harness.cover("event", { fromUs: harness.nowUs - 10 * DAY_US });
  return harness;
}

describe("aggregate_events", () => {
  test("counts the same from the record and from Prefect, for every grouping", async () => {
    await using harness = await opened();
    for (const by of ["time", "event", "resource", "deployment", "state"]) {
      const { held, live } = await both(harness, { by, occurred_after: at(0), limit: 100 });
      const counts = (answer: typeof held) =>
        answer.groups.map((group: Record<string, unknown>) => [group.start ?? group.group, group.count]);
      expect([by, counts(live)]).toEqual([by, counts(held)]);
      expect([live.total, held.total]).toEqual([60, 60]);
      const others = by === "deployment" || by === "state" ? { grouped: 20, ungrouped: 40 } : {};
      for (const one of [held, live])
        expect({ grouped: one.grouped, ungrouped: one.ungrouped }).toEqual(
          others as { grouped: number; ungrouped: number },
        );
    }
  });

  test("says how many events are in no row, and in several", async () => {
    await using harness = await opened();
    const count = async (more: object) =>
      (await harness.call(aggregateEventsTool, { by: "deployment", occurred_after: at(0), ...more })).text;
    const rest = "events, 20 of them in 1 group; 40";
    expect(await count({})).toContain(`60 ${rest} without a deployment are in no row`);
    expect(await count({ fresh: true })).toContain(
      `60 ${rest} without a deployment or with a deleted one are in no row`,
    );
    expect(await count({ by: "state" })).toContain(
      "60 events, 20 of them in 2 groups; 40 that change no run state are in no row",
    );
    const failed = await count({ event_type_prefix: "prefect.flow-run.Failed" });
    expect(failed).toContain("10 events in 1 group");
    const shop = await harness.call(aggregateEventsTool, { by: "deployment", event_type_prefix: "shop." });
    expect(shop.text).toContain("40 events, 0 of them in 0 groups; 40 without a deployment are in no row");
    expect(shop.text).toContain("Events match, but none is in a row.");
    expect(shop.structured).toMatchObject({ groups: [], total: 40, ungrouped: 40, grouped: 0 });
    const two = ["31", "33"].map((n) => ({
      "prefect.resource.id": `prefect.deployment.${anId(Number(n))}`,
      "prefect.resource.role": "deployment",
    }));
    harness.events([anEvent({ id: anId(40_000), event: "shop.both", occurred: at(5), received: at(5), related: two })]);
    for (const filter of [{ event: { prefix: ["shop."] } }, { event: { name: ["shop.both"] }, resource: undefined }]) {
      const { structured, text } = await harness.call(aggregateEventsTool, { by: "deployment", filter });
      expect(structured.groups.map((one: { count: number }) => one.count)).toEqual([1, 1]);
      expect(structured).toMatchObject({ repeated: 1 });
      expect(text).toContain("; the rows add up to 1 more, because events can have several deployments");
    }
    const text = await harness.call(aggregateEventsTool, {
      by: "deployment",
      filter: { event: { prefix: ["shop."] }, text: { query: "both" } },
    });
    expect(text.structured).toMatchObject({ total: 1, repeated: 1 });
  });

  test("marks the first and last bucket where the window holds a part of them only", async () => {
    await using harness = await opened();
    const window = { occurred_after: at(60), occurred_before: at(1_000), interval: "1h" };
    const { held, live } = await both(harness, window);
    const part = "from 2026-08-20T09:16:00Z until 2026-08-20T09:31:40Z";
    expect(held.groups).toEqual([{ start: "2026-08-20T09:00:00Z", count: 48, part }]);
    expect(live.groups).toEqual(held.groups);
    const whole = { occurred_after: at(-900), occurred_before: at(2_700), interval: "30m" };
    const { structured, text } = await harness.call(aggregateEventsTool, whole);
    expect(structured.groups).toEqual([
      { start: "2026-08-20T09:00:00Z", count: 45 },
      { start: "2026-08-20T09:30:00Z", count: 15 },
    ]);
    expect(text).not.toContain("part");
    const shown = await harness.call(aggregateEventsTool, window);
    expect(shown.text).toContain(part);
  });

  test("aligns buckets to UTC, shows empty ones, and includes events on the bounds", async () => {
    await using harness = await opened();
    const window = { occurred_after: at(0), occurred_before: at(1800), interval: "10m" };
    const { held, live } = await both(harness, window);
    const groups = [
      { start: "2026-08-20T09:10:00Z", count: 15, part: "from 2026-08-20T09:15:00Z" },
      { start: "2026-08-20T09:20:00Z", count: 30 },
      { start: "2026-08-20T09:30:00Z", count: 15 },
      { start: "2026-08-20T09:40:00Z", count: 0, part: "until 2026-08-20T09:45:00Z" },
    ];
    expect(held).toMatchObject({ groups, total: 60, interval_seconds: 600 });
    expect(live).toMatchObject({ groups, total: 60 });
    const edge = await both(harness, { occurred_after: at(0), occurred_before: at(300), interval: "5m" });
    expect(edge.held.groups).toEqual([
      { start: "2026-08-20T09:15:00Z", count: 15 },
      { start: "2026-08-20T09:20:00Z", count: 1, part: "until 2026-08-20T09:20:00Z" },
    ]);
    expect(edge.live.groups).toEqual(edge.held.groups);
    const hours = await both(harness, {
      occurred_after: at(-9_000),
      occurred_before: at(1_000),
      interval: "1h",
      event_type_prefix: "shop.",
    });
    expect(hours.held.groups.map((group: { count: number }) => group.count)).toEqual([0, 0, 0, 34]);
    expect(hours.live.groups).toEqual(hours.held.groups);
    const days = await both(harness, { occurred_after: "3d", interval: "1d" });
    expect(days.held).toMatchObject({ total: 60 });
    expect(days.live.groups).toEqual(days.held.groups);
    const seconds = await both(harness, { occurred_after: at(0), occurred_before: at(60), interval: "20s" });
    expect(seconds.held.groups.map((group: { count: number }) => group.count)).toEqual([1, 1, 1, 1]);
    expect(seconds.live.groups).toEqual(seconds.held.groups);
  });

  test("takes the filters of read_events, and counts itself when Prefect's text search fails", async () => {
    await using harness = await opened(false);
    const named = await both(harness, { by: "event", event_type_prefix: "prefect.", occurred_after: at(0) });
    expect(named.held.groups).toEqual([
      { group: "prefect.flow-run.Completed", count: 10, first: at(0), last: at(54 * 20) },
      { group: "prefect.flow-run.Failed", count: 10, first: at(60), last: at(57 * 20) },
    ]);
    expect(named.live.groups).toEqual(named.held.groups);
    const filter = { text: { query: "paid" } };
    const text = await both(harness, { by: "resource", filter, occurred_after: at(0) });
    expect(text.held.total).toBe(40);
    expect(text.live.groups).toEqual(text.held.groups);
    const about = await harness.call(aggregateEventsTool, { by: "event", deployment: "nightly" });
    expect(about.structured).toMatchObject({ total: 20, group_count: 2 });
  });

  test("adds counts from Prefect for what the record lacks, and pages through many groups", async () => {
    await using harness = await openToolHarness();
    harness.events(EVENTS.slice(0, 30));
    harness.fake.emit([...EVENTS], { socket: false });
    harness.cover("event", { toUs: T0_US + 10 * MINUTE_US - 1 });
    const mixed = await harness.call(aggregateEventsTool, { by: "event", occurred_after: at(0) });
    expect(mixed.structured).toMatchObject({ source: "mixed", total: 60, coverage: { complete: true } });
    const first = await harness.call(aggregateEventsTool, { by: "resource", occurred_after: at(0), limit: 3 });
    const { next_cursor: cursor } = first.structured;
    const second = await harness.call(aggregateEventsTool, { by: "resource", occurred_after: at(0), limit: 3, cursor });
    expect([...first.structured.groups, ...second.structured.groups].map((group) => group.group)).toEqual([
      `prefect.flow-run.${anId(32)}`,
      "shop.order.0",
      "shop.order.1",
      "shop.order.2",
      "shop.order.3",
    ]);
  });

  test("begins with the first event where no start is given, and says that there are none before", async () => {
    await using harness = await opened();
    const { structured, text } = await harness.call(aggregateEventsTool, {
      interval: "6h",
      event_type_prefix: "shop.",
    });
    expect(structured.groups[0].count).toBeGreaterThan(0);
    expect(structured.group_count).toBe(structured.groups.length);
    expect(text).toContain("none before 2026-08-20T06:00:00Z in the window");
  });

  test("takes an interval as a word", async () => {
    await using harness = await openToolHarness();
    harness.cover("event");
    for (const [interval, seconds] of [
      ["hourly", 3_600],
      ["day", 86_400],
      ["per hour", 3_600],
      ["m", 60],
      ["15 min", 900],
    ] as const) {
      const { structured } = await harness.call(aggregateEventsTool, { occurred_after: "2h", interval });
      expect(structured.interval_seconds).toBe(seconds);
    }
  });

  test("fails on too many buckets, on an invalid interval, and with neither record nor Prefect", async () => {
    await using harness = await openToolHarness({ record: false });
    const many = await harness.call(aggregateEventsTool, { occurred_after: "30d", interval: "1m" });
    expect(many.structured).toMatchObject({ code: "invalid_input", hint: expect.stringContaining("longer interval") });
    // Both begin like `minute`.
    for (const interval of ["month", "monthly", "1M", "M"]) {
      const { structured } = await harness.call(aggregateEventsTool, { interval });
      expect(structured).toMatchObject({ code: "invalid_input", hint: expect.stringContaining("1d") });
    }
    const odd = await harness.call(aggregateEventsTool, { interval: "fortnight" });
    expect(odd.structured).toMatchObject({ code: "invalid_input", message: expect.stringContaining("fortnight") });
    await harness.fake.down();
    const away = await harness.call(aggregateEventsTool, { occurred_after: "1h" });
    expect(away.structured).toMatchObject({ code: "unavailable", retryable: true });
  });
});
