/** Prefect sorts log lines by time alone: those of one time may come in another order at each request. */
import { expect, test } from "bun:test";
import { formatIsoUs, HOUR_US, SECOND_US } from "../../../src/lib/time.ts";
import type { Log } from "../../../src/model/objects.ts";
import { getFlowRunLogsTool } from "../../../src/tools/runs/get-flow-run-logs.ts";
import { aFlowRun, aLog, anId, T0_US } from "../../support/builders.ts";
import { ingestOf } from "../../support/harness-ingest.ts";
import { seededRandom } from "../../support/random.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const RUN = anId(1);

/** Lines at few moments; some moments have more lines than fit on a page of Prefect. */
function tiedLines(random: () => number, count: number, moments: number): Log[] {
  return Array.from({ length: count }, (_, n) =>
    aLog({
      id: anId(10_000 + Math.floor(random() * 1e6) * 2_000 + n),
      flow_run_id: RUN,
      timestamp: formatIsoUs(T0_US + Math.floor(random() * moments) * SECOND_US),
      message: `line ${n}`,
    }),
  );
}

function saveAll(h: ToolHarness): void {
  const ingest = ingestOf(h);
  for (const batch of h.saved.splice(0)) ingest.saveLive(batch);
}

interface Line {
  readonly n: number;
  readonly id: string;
}

/** All lines of the run, page by page. `after` is called after each call. */
async function allPages(h: ToolHarness, isHead: boolean, after: () => void): Promise<Line[]> {
  const args = { flow_run_id: RUN, limit: 90, fields: ["n"], ...(isHead ? { head: true } : {}) };
  const pages: Line[][] = [];
  for (let cursor: string | undefined; ; ) {
    const { structured } = await h.call(getFlowRunLogsTool, { ...args, ...(cursor ? { cursor } : {}) });
    expect(structured.coverage.complete).toBe(true);
    pages.push(structured.logs);
    after();
    cursor = structured.next_cursor;
    if (!cursor) return (isHead ? pages : pages.toReversed()).flat();
  }
}

const CASES = [
  { seed: 1, count: 150, moments: 3 },
  { seed: 2, count: 420, moments: 40 },
  { seed: 3, count: 700, moments: 9 },
  { seed: 4, count: 500, moments: 1 },
];

test.each(CASES)("pages have every line once, numbered and in one order, without a record: %j", async (given) => {
  const random = seededRandom(given.seed);
  await using h = await openToolHarness({ record: false, shuffled: random });
  const lines = tiedLines(random, given.count, given.moments);
  h.fake.workspace.flowRuns.push(aFlowRun({ id: RUN, state_type: "FAILED" }));
  h.fake.workspace.logs.push(...lines);
  const forward = await allPages(h, true, () => undefined);
  expect(forward.map(({ n }) => n)).toEqual(lines.map((_, index) => index + 1));
  expect(new Set(forward.map(({ id }) => id))).toEqual(new Set(lines.map(({ id }) => id)));
  expect(await allPages(h, false, () => undefined)).toEqual(forward);
});

test.each(CASES)("the record has the order and the numbers of the first answer: %j", async (given) => {
  const random = seededRandom(given.seed + 100);
  await using h = await openToolHarness({ shuffled: random });
  const lines = tiedLines(random, given.count, given.moments);
  const end = formatIsoUs(T0_US + 100 * SECOND_US);
  h.fake.workspace.flowRuns.push(aFlowRun({ id: RUN, state_type: "FAILED", end_time: end }));
  // The last third arrives after the first page was answered.
  const early = lines.slice(0, Math.ceil((given.count * 2) / 3));
  h.fake.workspace.logs.push(...early);
  const first = await h.call(getFlowRunLogsTool, { flow_run_id: RUN, limit: 90, fields: ["n"] });
  const shown: Line[] = first.structured.logs;
  h.fake.workspace.logs.push(...lines.slice(early.length));
  const live = await allPages(h, true, () => saveAll(h));
  const kept = live.filter(({ id }) => shown.some((line) => line.id === id)).map(({ id }) => id);
  expect(kept).toEqual(shown.map(({ id }) => id));
  expect(live).toHaveLength(given.count);
  h.flowRuns([aFlowRun({ id: RUN, state_type: "FAILED", end_time: end })]);
  h.nowUs += HOUR_US;
  await h.call(getFlowRunLogsTool, { flow_run_id: RUN, fresh: true });
  saveAll(h);
  h.fake.takeRequests();
  for (const isHead of [true, false]) expect(await allPages(h, isHead, () => undefined)).toEqual(live);
  expect(h.fake.takeRequests()).toEqual([]);
});

test("pages of a run that writes more lines of the same times meanwhile have every line once", async () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const random = seededRandom(seed * 7_919);
    await using h = await openToolHarness({ record: seed % 2 === 0, shuffled: random });
    const moments = 1 + (seed % 5);
    const lines = tiedLines(random, 300, moments);
    h.fake.workspace.flowRuns.push(aFlowRun({ id: RUN, state_type: "RUNNING", end_time: null }));
    h.fake.workspace.logs.push(...lines);
    let more = 4;
    const shown = await allPages(h, seed % 3 === 0, () => {
      if (random() < 0.7) saveAll(h);
      more -= 1;
      if (more > 0) h.fake.workspace.logs.push(...tiedLines(random, 20, moments));
      h.nowUs += 2 * SECOND_US;
    });
    const ids = new Set(shown.map(({ id }) => id));
    expect(ids.size).toBe(shown.length);
    expect(lines.filter(({ id }) => !ids.has(id))).toEqual([]);
  }
});
