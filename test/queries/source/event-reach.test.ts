import { describe, expect, test } from "bun:test";
import { DAY_US, formatIsoUs, HOUR_US, MINUTE_US, SECOND_US } from "../../../src/lib/time.ts";
import { putFact } from "../../../src/store/sync-state.ts";
import { aggregateEventsTool } from "../../../src/tools/events/aggregate-events.ts";
import { getTimelineTool } from "../../../src/tools/events/get-timeline.ts";
import { readEventsTool } from "../../../src/tools/events/read-events.ts";
import { searchTool } from "../../../src/tools/events/search.ts";
import { whatChangedTool } from "../../../src/tools/events/what-changed.ts";
import { aDeployment, anEvent, anId, at } from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const deployment = aDeployment({ id: anId(1), name: "nightly" });

/** The state after a sync of everything that Prefect keeps, seven days. Lists have been read for longer. */
function synced(harness: ToolHarness): void {
  const { db, fake, nowUs } = harness;
  putFact(db, "instance", { url: fake.url, version: "3.8.8", retentionUs: 7 * DAY_US, createdUs: 0 }, 0);
  harness.objects("deployment", [deployment]);
  db.sqlite.run("UPDATE object SET first_us = first_us - ?", [30 * DAY_US]);
  harness.cover("event", { fromUs: nowUs - 7 * DAY_US + MINUTE_US });
  harness.cover("flow_run", { fromUs: nowUs - 7 * DAY_US });
}

/** From now on the clock advances by 3 ms whenever it is read. */
function ticking(harness: ToolHarness): void {
  let us = harness.nowUs;
  const nowUs = () => (us += 3_000);
  Object.assign(harness.query.clock, { nowUs, steadyMs: () => nowUs() / 1000 });
}

const ASKED = [
  ["read_events", readEventsTool, { occurred_after: "7d" }],
  ["aggregate_events", aggregateEventsTool, { occurred_after: "7d", by: "event" }],
  ["get_timeline", getTimelineTool, { deployment: "nightly", occurred_after: "7d" }],
  ["what_changed", whatChangedTool, { since: "7d" }],
  ["search", searchTool, { query: "paid", since: "7d", kinds: ["event"] }],
] as const;

describe("as far back as Prefect keeps events", () => {
  test.each(ASKED)("%s is complete, even if time passes while it is answered", async (_, tool, args) => {
    await using harness = await openToolHarness();
    synced(harness);
    ticking(harness);
    const { structured } = await harness.call(tool, args);
    expect(structured.coverage).toMatchObject({ complete: true, gaps: [] });
    expect(structured.source).toBe("mixed");
    if (tool === whatChangedTool) return;
    const fresh = await harness.call(tool, { ...args, fresh: true });
    expect(fresh.structured).toMatchObject({ source: "live", coverage: { complete: true, gaps: [] } });
  });

  test.each(ASKED)("%s is complete offline a few minutes later", async (_, tool, args) => {
    await using harness = await openToolHarness();
    synced(harness);
    harness.nowUs += 3 * MINUTE_US;
    harness.following({ lostSecondsAgo: 180 });
    await harness.fake.down();
    const { structured } = await harness.call(tool, args);
    expect(structured).toMatchObject({ source: "record", coverage: { complete: true, gaps: [] } });
  });

  test.each(ASKED)(
    "%s further back is incomplete, and the answer states where its coverage begins",
    async (_, tool, args) => {
      await using harness = await openToolHarness();
      synced(harness);
      const from = formatIsoUs(harness.nowUs - 10 * DAY_US);
      const to = formatIsoUs(harness.nowUs - 7 * DAY_US - 1);
      const asked = JSON.parse(JSON.stringify(args).replace('"7d"', '"10d"'));
      for (const fresh of tool === whatChangedTool ? [undefined] : [undefined, true]) {
        const { structured } = await harness.call(tool, { ...asked, ...(fresh ? { fresh } : {}) });
        expect(structured.coverage).toMatchObject({
          complete: false,
          gaps: [{ from, to }],
          notes: ["Prefect keeps events for 7 days, and older ones were not recorded."],
        });
      }
    },
  );

  test("a later page of the same window is complete too", async () => {
    await using harness = await openToolHarness();
    synced(harness);
    harness.events([1, 2, 3].map((n) => anEvent({ id: anId(50 + n), occurred: at(n) })));
    const first = await harness.call(readEventsTool, { occurred_after: "7d", limit: 1 });
    harness.nowUs += 40 * SECOND_US;
    const next = await harness.call(readEventsTool, {
      occurred_after: "7d",
      limit: 1,
      cursor: first.structured.next_cursor,
    });
    expect(next.structured).toMatchObject({ events: [{ id: anId(52) }], coverage: { complete: true, gaps: [] } });
  });
});

describe("where nothing is recorded of the server", () => {
  test.each(ASKED)("%s of the last day sends no further request", async (name, tool, args) => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.workspace.deployments.push(deployment);
    const { structured } = await harness.call(tool, JSON.parse(JSON.stringify(args).replace('"7d"', '"24h"')));
    // That recorded log lines and runs cannot be shown is a note, not a gap.
    if (name !== "get_timeline") expect(structured.coverage).toMatchObject({ complete: true, gaps: [] });
    expect(harness.fake.takeRequests()).not.toContain("GET /admin/settings");
  });

  test("a question about years reads the retention once, and claims no more than that", async () => {
    await using harness = await openToolHarness({ record: false });
    const gap = { from: "2019-01-01T00:00:00Z", to: formatIsoUs(harness.nowUs - 7 * DAY_US - 1) };
    const ask = () => harness.call(readEventsTool, { occurred_after: "2019-01-01" });
    const { structured } = await ask();
    expect(structured.coverage).toMatchObject({
      complete: false,
      from: formatIsoUs(harness.nowUs - 7 * DAY_US),
      gaps: [gap],
      notes: ["Prefect keeps events for 7 days, and older ones were not recorded."],
    });
    expect(harness.fake.takeRequests()).toEqual(["GET /admin/settings", "POST /events/filter"]);
    expect((await ask()).structured.coverage.gaps).toEqual([gap]);
    expect(harness.fake.takeRequests()).toEqual(["POST /events/filter"]);
    expect((await harness.call(readEventsTool, { occurred_after: "7d" })).structured.coverage.complete).toBe(true);
    const { structured: open } = await harness.call(readEventsTool);
    expect(open).toMatchObject({
      window: { from: formatIsoUs(harness.nowUs - 7 * DAY_US) },
      coverage: { complete: true },
    });
  });

  test("without a known retention the window is searched but not claimed", async () => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.answer("GET /admin/settings", { detail: "Not Found" }, 404);
    const old = anEvent({ id: anId(9), occurred: formatIsoUs(harness.nowUs - 20 * DAY_US) });
    harness.fake.emit([old], { socket: false });
    const { structured } = await harness.call(readEventsTool, { occurred_after: "2019-01-01" });
    expect(structured.events).toMatchObject([{ id: old.id }]);
    expect(structured.coverage).toMatchObject({
      complete: false,
      gaps: [{ from: "2019-01-01T00:00:00Z", to: formatIsoUs(harness.nowUs - 7 * DAY_US - 1) }],
      notes: ["Prefect does not say how long it keeps events: some that are older than 7 days may be deleted."],
    });
  });

  test("no coverage before the retention horizon is claimed in the record", async () => {
    await using harness = await openToolHarness();
    await harness.call(readEventsTool, { occurred_after: "2019-01-01" });
    const covered = { fromUs: harness.nowUs - 7 * DAY_US + MINUTE_US, toUs: harness.nowUs };
    expect(harness.saved).toMatchObject([{ kind: "event", covered }]);
    putFact(harness.db, "instance", { url: "", version: null, retentionUs: HOUR_US, createdUs: 0 }, 0);
    await harness.call(readEventsTool, { occurred_after: "59m" });
    expect(harness.saved[1]).toMatchObject({ covered: { fromUs: harness.nowUs - 59 * MINUTE_US } });
  });
});
