import { expect, test } from "bun:test";
import { HOUR_US, MINUTE_US, SECOND_US } from "../../../src/lib/time.ts";
import { putFact } from "../../../src/store/sync-state.ts";
import { readEventsTool } from "../../../src/tools/events/read-events.ts";
import { getRecordStatusTool } from "../../../src/tools/workspace/get-record-status.ts";
import { anEvent } from "../../support/builders.ts";
import { openToolHarness, questionsTo, type ToolHarness } from "../../support/tool-harness.ts";

/** The record covers the last day but for the last ten minutes, since when Prefect has not answered the process that syncs. */
async function openLost(): Promise<ToolHarness> {
  const harness = await openToolHarness();
  harness.fake.workspace.events.insert(anEvent());
  harness.cover("event", { toUs: harness.nowUs - 10 * MINUTE_US });
  harness.following({ lostSecondsAgo: 600 });
  return harness;
}

const read = (harness: ToolHarness, args = {}) => harness.call(readEventsTool, { since: "2h", ...args });
const lost = expect.stringContaining("Prefect is unreachable (no answer since ");

test("an answer says that Prefect is unreachable, and since when, only after it was asked again, once in two seconds", async () => {
  await using harness = await openLost();
  await harness.fake.down();
  const { structured } = await read(harness);
  expect(structured).toMatchObject({ source: "record", coverage: { notes: [lost] } });
  await harness.fake.up();
  expect((await read(harness)).structured.coverage.notes).toEqual([lost]);
  harness.nowUs += 3 * SECOND_US;
  harness.following({ lostSecondsAgo: 603 });
  // Prefect is back, and the process that syncs has not noticed it.
  const back = await read(harness);
  expect(back.structured.source).not.toBe("record");
  expect(JSON.stringify(back)).not.toContain("unreachable");
  expect(questionsTo(harness.fake).map(({ path }) => path)).toEqual(["/events/filter"]);
  const asked = harness.fake.requests.length;
  await read(harness);
  // What was found out holds for a moment: only the events themselves are read again.
  expect(harness.fake.requests.length).toBe(asked + 1);
});

test("after a suspend the first answer is Prefect's, although requests of the syncing process had failed", async () => {
  await using harness = await openLost();
  await harness.fake.down();
  await read(harness);
  await harness.fake.up();
  harness.nowUs += 8 * HOUR_US;
  harness.following({ lostSecondsAgo: 8 * 3600 });
  const { structured, text } = await read(harness);
  expect(structured).toMatchObject({ source: "live", coverage: { complete: true } });
  expect(text).not.toContain("unreachable");
});

test("what the record covers is answered without a request, and does not mention the outage", async () => {
  await using harness = await openLost();
  harness.fake.faults.fail("", { hang: true }, 100);
  const until = new Date((harness.nowUs - 20 * MINUTE_US) / 1000).toISOString();
  const { structured } = await read(harness, { until });
  expect(structured).toMatchObject({ source: "record", coverage: { complete: true } });
  expect(structured.coverage.notes ?? []).toEqual([]);
  expect(harness.fake.requests).toEqual([]);
  expect((await harness.call(getRecordStatusTool)).structured.reachable).toBe(false);
  expect(harness.fake.requests).toEqual([]);
});

test("a Prefect that does not react is not waited for until the time of the call is over", async () => {
  await using harness = await openToolHarness({ liveDeadlineMs: 3_600_000 });
  harness.cover("event", { toUs: harness.nowUs - 10 * MINUTE_US });
  harness.following({ lostSecondsAgo: 600 });
  harness.fake.faults.fail("", { hang: true }, 100);
  const { structured } = await read(harness);
  expect(structured.coverage.notes).toEqual([lost]);
});

test("a process that has just begun to sync and has not asked yet does not make Prefect unreachable", async () => {
  await using harness = await openLost();
  const { nowUs } = harness;
  putFact(harness.db, "connection", { reachable: false, sinceUs: nowUs, lastContactUs: 0, error: null }, nowUs);
  expect((await read(harness)).structured.source).not.toBe("record");
  expect(questionsTo(harness.fake)).toHaveLength(harness.fake.requests.length);
});
