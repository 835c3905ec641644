import { expect, test } from "bun:test";
import { workQueuePaused } from "../../../../../src/queries/diagnosis/causes/waiting/work-queue-paused.ts";
import { aLateRun, onlyFinding, someFacts, somePool } from "../../../../support/diagnosis/facts.ts";

const waiting = [aLateRun()];

test("names the queue and its pool", () => {
  const pool = somePool({}, { queue: { is_paused: true } });
  const found = onlyFinding(workQueuePaused, someFacts("flow_run", { pools: [pool], waiting }));
  expect<unknown>(found.summary).toBe(
    "Work queue default is paused: 1 run waits in it (late-run) (work pool etl-pool).",
  );
});

test("not where the whole pool is paused, where the queue is not, where nothing waits in it", () => {
  const judge = (pool: ReturnType<typeof somePool>, runs = waiting) =>
    workQueuePaused.judge(someFacts("flow_run", { pools: [pool], waiting: runs }));
  expect(judge(somePool({ is_paused: true }, { queue: { is_paused: true } }))).toEqual([]);
  expect(judge(somePool())).toEqual([]);
  expect(judge(somePool({}, { queue: { is_paused: true } }), [])).toEqual([]);
});
