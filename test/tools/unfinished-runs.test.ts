/** Answers about the present, while a run that began before the recorded range is in progress. */
import { expect, test } from "bun:test";
import { putFact } from "../../src/store/sync-state.ts";
import { getWorkPoolsTool } from "../../src/tools/objects/get-work-pools.ts";
import { getDashboardTool } from "../../src/tools/workspace/get-dashboard.ts";
import { aFlowRun, anId, at, aWorkPool, aWorkQueue } from "../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../support/tool-harness.ts";

const pool = aWorkPool({ id: anId(41), name: "small", concurrency_limit: 1 });
const queue = aWorkQueue({ id: anId(42), name: "default", work_pool_id: pool.id, work_pool_name: pool.name });
const old = aFlowRun({
  id: anId(43),
  name: "holder",
  state_type: "RUNNING",
  start_time: at(-864_000),
  expected_start_time: at(-864_000),
  work_pool_name: pool.name,
  work_queue_id: queue.id,
  work_queue_name: queue.name,
});

/** All but the unfinished runs is recorded and current. */
async function withoutUnfinished(): Promise<ToolHarness> {
  const harness = await openToolHarness();
  harness.fake.workspace.workPools.push(pool);
  harness.fake.workspace.workQueues.push(queue);
  harness.fake.workspace.flowRuns.push(old);
  harness.objects("work_pool", [pool]);
  harness.objects("work_queue", [queue]);
  harness.objects("worker", []);
  harness.objects("concurrency_limit", []);
  harness.cover("flow_run");
  harness.cover("event");
  putFact(harness.db, "read:unfinished", null, harness.nowUs);
  harness.following();
  return harness;
}

test("the slots of a pool are Prefect's while unfinished runs were not read", async () => {
  await using harness = await withoutUnfinished();
  const pools = await harness.call(getWorkPoolsTool);
  expect(pools.structured.work_pools).toMatchObject([{ name: "small", active_slots: 1 }]);
  await harness.call(getDashboardTool);
  expect(harness.fake.requestsTo("/work_pools/small/concurrency_status").length).toBe(2);
});

test("while Prefect is unreachable, the answers say that such runs may be missing", async () => {
  await using harness = await withoutUnfinished();
  harness.following({ lostSecondsAgo: 10 });
  await harness.fake.down();
  for (const tool of [getWorkPoolsTool, getDashboardTool]) {
    const { structured } = await harness.call(tool);
    expect(structured.coverage.complete).toBe(false);
    expect(structured.coverage.notes).toContain("Runs that began earlier and have not ended may be missing.");
  }
});

test("the record answers once they were read", async () => {
  await using harness = await withoutUnfinished();
  harness.flowRuns([old]);
  putFact(harness.db, "read:unfinished", { readUs: harness.nowUs }, harness.nowUs);
  const pools = await harness.call(getWorkPoolsTool);
  expect(pools.structured.work_pools).toMatchObject([{ name: "small", active_slots: 1 }]);
  expect(pools.structured).toMatchObject({ source: "record", coverage: { complete: true } });
  expect(harness.fake.takeRequests()).toEqual([]);
});
