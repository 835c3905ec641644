import { describe, expect, test } from "bun:test";
import { sentence } from "../../../src/lib/shown-text.ts";
import { HOUR_US, MINUTE_US, SECOND_US } from "../../../src/lib/time.ts";
import { listEvents } from "../../../src/queries/events/events.ts";
import { answerWhole, answerWindow, isRecordCurrent, joinFreshness } from "../../../src/queries/source/answer.ts";
import { readSyncView } from "../../../src/queries/source/sync-view.ts";
import { getIdentity } from "../../../src/queries/workspace/identity.ts";
import { putFact } from "../../../src/store/sync-state.ts";
import { anEvent, anId, at } from "../../support/builders.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

const window = (nowUs: number) => ({ fromUs: nowUs - HOUR_US, toUs: nowUs });
const events = { filter: {}, order: "desc", limit: 10 } as const;

describe("an answer about a window", () => {
  test("comes from the record within the live deadline when Prefect accepts the request and never answers", async () => {
    await using harness = await openToolHarness({ liveDeadlineMs: 150 });
    harness.events([anEvent({ id: anId(1), occurred: at(1) })]);
    harness.cover("event", { toUs: harness.nowUs - 5 * MINUTE_US });
    harness.fake.faults.fail(/events/, { hang: true }, 5);
    const page = await listEvents(harness.query, events);
    expect(page.events.map((event) => event.id)).toEqual([anId(1)]);
    expect(page.freshness).toMatchObject({
      source: "record",
      asOfUs: harness.nowUs - 5 * MINUTE_US,
      coverage: { complete: true },
    });
    expect(page.freshness.coverage.notes).toHaveLength(2);
  });

  test("comes from Prefect when coverage ends long ago, however recently a catch-up began", async () => {
    await using harness = await openToolHarness();
    const missed = anEvent({ id: anId(2), occurred: at(0) });
    harness.fake.emit(missed);
    harness.following();
    const sources: string[] = [];
    for (const minutes of [5, 2 * 60]) {
      harness.db.sqlite.run("DELETE FROM coverage");
      harness.cover("event", { toUs: harness.nowUs - minutes * MINUTE_US });
      sources.push((await listEvents(harness.query, events)).freshness.source);
    }
    // The process that syncs believed that the server clock had stood still during a suspend.
    expect(sources).toEqual(["record", "mixed"]);
  });

  test("fails within the live deadline when nothing is recorded", async () => {
    await using harness = await openToolHarness({ liveDeadlineMs: 150, record: false });
    harness.fake.faults.fail(/events/, { hang: true }, 5);
    await expect(listEvents(harness.query, events)).rejects.toMatchObject({ code: "unavailable" });
  });

  test("keeps its gaps when Prefect limits the rate of requests", async () => {
    await using harness = await openToolHarness();
    harness.cover("event", { toUs: harness.nowUs - 5 * MINUTE_US });
    harness.fake.faults.fail(/events/, { status: 429, headers: { "retry-after": "60" } }, 5);
    const { freshness } = await listEvents(harness.query, { ...events, sinceUs: harness.nowUs - HOUR_US });
    expect(freshness).toMatchObject({
      source: "record",
      coverage: { complete: false, gaps: [{ fromUs: harness.nowUs - 5 * MINUTE_US + 1, toUs: harness.nowUs }] },
    });
  });

  test("passes on a refusal: recorded rows are not shown to a caller whose key is no longer valid", async () => {
    await using harness = await openToolHarness();
    harness.cover("event", { toUs: harness.nowUs - 5 * MINUTE_US });
    harness.fake.faults.fail(/events/, { status: 401, body: { exception_message: "Unauthorized" } }, 5);
    await expect(listEvents(harness.query, events)).rejects.toMatchObject({ code: "unauthorized" });
  });

  test("does not fall back to the record when the caller asked for a fresh answer", async () => {
    await using harness = await openToolHarness();
    harness.cover("event");
    await harness.fake.down();
    await expect(listEvents(harness.query, { ...events, fresh: true })).rejects.toMatchObject({
      code: "unavailable",
      hint: expect.stringContaining("without fresh"),
    });
  });

  test("does not come from columns that cannot answer the filter", async () => {
    await using harness = await openToolHarness();
    harness.cover("event");
    await harness.fake.down();
    const question = { kind: "event", what: "events", window: window(harness.nowUs), isAnswerable: false };
    const reading = {
      record: () => 1,
      live: async () => ({ value: (await harness.query.api().readVersion()).length }),
      isEmpty: () => false,
    };
    await expect(answerWindow(harness.query, question, reading)).rejects.toMatchObject({ code: "unavailable" });
  });

  test("reaches to now on the server clock when that is ahead", async () => {
    await using harness = await openToolHarness({ serverSkewUs: 90 * SECOND_US });
    harness.cover("event", { toUs: harness.nowUs + 80 * SECOND_US });
    const { window: searched, freshness } = await listEvents(harness.query, events);
    expect(searched.toUs).toBe(harness.nowUs + 90 * SECOND_US);
    expect(freshness).toMatchObject({
      source: "record",
      asOfUs: harness.nowUs + 80 * SECOND_US,
      coverage: { complete: true },
    });
  });
});

describe("a time that an answer states", () => {
  const AHEAD_MS = 300_000;

  test.each([900, -900])("does not lie in the future where the clocks may agree (%p ms measured)", async (skewMs) => {
    await using harness = await openToolHarness();
    const { db, nowUs } = harness;
    harness.measured(skewMs);
    const live = await listEvents(harness.query, { ...events, sinceUs: nowUs - HOUR_US });
    expect(live).toMatchObject({ window: { toUs: nowUs }, freshness: { source: "live", asOfUs: nowUs } });
    harness.cover("event", { toUs: nowUs });
    harness.following({ lostSecondsAgo: 30 });
    await harness.fake.down();
    const lostUs = nowUs - 30 * SECOND_US;
    expect(readSyncView(db, harness.query.clock)).toMatchObject({ unreachableSinceUs: lostUs, lastContactUs: lostUs });
    expect((await listEvents(harness.query, events)).freshness).toMatchObject({ source: "record", asOfUs: lostUs });
  });

  test("is on the server clock: as_of, verified_at, coverage and window", async () => {
    await using harness = await openToolHarness({ serverSkewUs: AHEAD_MS * 1000 });
    const { db, nowUs } = harness;
    const serverUs = nowUs + AHEAD_MS * 1000;
    const isNow = (us: number | null) => expect(Math.abs((us ?? 0) - serverUs)).toBeLessThan(2 * SECOND_US);
    putFact(db, "instance", { url: harness.fake.url, version: "3.8.8", retentionUs: null, createdUs: 0 }, nowUs);
    harness.cover("event", { fromUs: serverUs - HOUR_US, toUs: serverUs - SECOND_US });
    harness.following();
    const page = await listEvents(harness.query, { ...events, sinceUs: serverUs - HOUR_US });
    const { identity: _, freshness: known } = await getIdentity(harness.query, undefined);
    const live = await listEvents(harness.query, { ...events, fresh: true });
    expect([page, live].map((one) => one.freshness.source)).toEqual(["record", "live"]);
    for (const { freshness, window: asked } of [page, live, { freshness: known, window: null }]) {
      isNow(freshness.asOfUs);
      isNow(freshness.coverage.verifiedUs);
      isNow(freshness.coverage.toUs);
      if (asked) isNow(asked.toUs);
    }
  });
});

describe("the coverage of runs", () => {
  const reading = { record: () => 1, live: () => Promise.resolve({ value: 2 }), isEmpty: () => false };

  test("ends with the last reading of runs, however far events are covered", async () => {
    await using harness = await openToolHarness();
    const { nowUs } = harness;
    harness.cover("event", { fromUs: nowUs - 60 * MINUTE_US });
    harness.following();
    for (const kind of ["flow_run", "task_run"]) {
      const ask = () => answerWindow(harness.query, { kind, what: "runs", window: window(nowUs) }, reading);
      harness.cover(kind, { toUs: nowUs - 5 * MINUTE_US });
      expect((await ask()).freshness.source).toBe("live");
      expect(isRecordCurrent(harness.query, harness.db, kind)).toBe(false);
      harness.cover(kind, { fromUs: nowUs - 6 * MINUTE_US, toUs: nowUs - 40 * SECOND_US });
      const { freshness } = await ask();
      expect(freshness).toMatchObject({
        source: "record",
        asOfUs: nowUs - 40 * SECOND_US,
        coverage: { complete: true, toUs: nowUs - 40 * SECOND_US },
      });
      expect(isRecordCurrent(harness.query, harness.db, kind)).toBe(true);
    }
  });
});

describe("an answer about a whole list", () => {
  test("shows rows of other answers when the list was never read whole, and says that some may be missing", async () => {
    await using harness = await openToolHarness();
    await harness.fake.down();
    const reading = {
      record: () => ["a"],
      live: async () => ({ value: [await harness.query.api().readVersion()] }),
      isEmpty: (rows: readonly string[]) => rows.length === 0,
    };
    const { value, freshness } = await answerWhole(harness.query, { what: "flows", readUs: null }, reading);
    expect(value).toEqual(["a"]);
    expect(freshness).toMatchObject({
      source: "record",
      coverage: {
        complete: false,
        notes: [expect.stringContaining("did not answer"), "Only a part of these flows is recorded."],
      },
    });
    const empty = { ...reading, record: () => [] };
    await expect(answerWhole(harness.query, { what: "flows", readUs: null }, empty)).rejects.toMatchObject({
      code: "unavailable",
    });
  });
});

test("an answer of several parts is as old as the oldest and complete only if all of them are", () => {
  const coverage = { complete: true, fromUs: 1, toUs: 2, gaps: [], verifiedUs: 2, notes: [sentence`a`] };
  const joined = joinFreshness([
    { source: "record", asOfUs: 5, coverage },
    { source: "live", asOfUs: 3, coverage: { ...coverage, complete: false, notes: [sentence`a`, sentence`b`] } },
  ]);
  expect(joined).toEqual({
    source: "mixed",
    asOfUs: 3,
    coverage: { ...coverage, complete: false, notes: [sentence`a`, sentence`b`] },
  });
});
