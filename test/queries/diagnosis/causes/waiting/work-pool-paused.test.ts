import { expect, test } from "bun:test";
import { workPoolPaused } from "../../../../../src/queries/diagnosis/causes/waiting/work-pool-paused.ts";
import { aLateRun, onlyFinding, someFacts, somePool } from "../../../../support/diagnosis/facts.ts";

const waiting = [aLateRun()];

test("a paused pool with waiting runs is named", () => {
  const found = onlyFinding(workPoolPaused, someFacts("flow_run", { pools: [somePool({ is_paused: true })], waiting }));
  expect<unknown>(found.summary).toBe("Work pool etl-pool is paused: 1 run waits in it (late-run).");
});

test("without waiting runs only for a question about the pool itself", () => {
  const pool = somePool({ status: "PAUSED" });
  const subject = { kind: "work_pool" as const, id: pool.pool.id, name: pool.pool.name };
  expect<unknown>(onlyFinding(workPoolPaused, someFacts("work_pool", { subject, pools: [pool] })).summary).toBe(
    "Work pool etl-pool is paused: no run in it starts.",
  );
  expect(workPoolPaused.judge(someFacts("workspace", { pools: [pool] }))).toEqual([]);
  expect(workPoolPaused.judge(someFacts("workspace", { pools: [somePool()], waiting }))).toEqual([]);
});
