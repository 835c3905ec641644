/** Rows that Prefect writes late, or deletes: answers from the record must not be older or less complete than they state. */
import { expect, test } from "bun:test";
import { DAY_US, formatIsoUs, HOUR_US, SECOND_US } from "../../src/lib/time.ts";
import { findObjectChanges, findObjects } from "../../src/store/objects/objects.ts";
import { dropBefore } from "../../src/store/retention/retention.ts";
import { putFact } from "../../src/store/sync-state.ts";
import { readEventsTool } from "../../src/tools/events/read-events.ts";
import { getDeploymentsTool } from "../../src/tools/objects/get-deployments.ts";
import { getFlowsTool } from "../../src/tools/objects/get-flows.ts";
import { getFlowRunLogsTool } from "../../src/tools/runs/get-flow-run-logs.ts";
import { getFlowRunsTool } from "../../src/tools/runs/get-flow-runs.ts";
import { getTaskRunsTool } from "../../src/tools/runs/get-task-runs.ts";
import {
  aDeployment,
  aFlow,
  aFlowRun,
  aLog,
  anEvent,
  anId,
  aTaskRun,
  at,
  aWorkPool,
  aWorkQueue,
} from "../support/builders.ts";
import { ingestOf } from "../support/harness-ingest.ts";
import { openToolHarness, type ToolHarness } from "../support/tool-harness.ts";

/** Stores the live batches, as the writer does. */
function storeLiveBatches(h: ToolHarness): void {
  const ingest = ingestOf(h);
  for (const batch of h.saved.splice(0)) ingest.saveLive(batch);
}

const ended = (h: ToolHarness, endUs: number) => {
  const [start_time, end_time] = [formatIsoUs(endUs - 60 * SECOND_US), formatIsoUs(endUs)];
  const run = aFlowRun({ id: anId(12), name: "hooked", start_time, end_time });
  h.fake.workspace.flowRuns.push(run);
  const write = (seconds: number) =>
    h.fake.workspace.logs.push(
      aLog({ flow_run_id: run.id, timestamp: formatIsoUs(endUs + seconds * SECOND_US), message: `at ${seconds}` }),
    );
  const read = async () => (await h.call(getFlowRunLogsTool, { flow_run_id: run.id })).structured.logs.length;
  return { write, read };
};

test("log lines that a hook writes a minute after the end of a run are shown", async () => {
  await using h = await openToolHarness();
  const endUs = h.nowUs;
  const run = ended(h, endUs);
  run.write(-1);
  h.nowUs = endUs + 12 * SECOND_US;
  expect(await run.read()).toBe(1);
  storeLiveBatches(h);
  run.write(70);
  h.nowUs = endUs + DAY_US;
  expect(await run.read()).toBe(2);
  storeLiveBatches(h);
  h.fake.takeRequests();
  expect([await run.read(), h.fake.takeRequests()]).toEqual([2, []]);
});

test("logs read at the end of a run are read again although the local clock is ahead", async () => {
  const skewUs = -30 * SECOND_US;
  await using h = await openToolHarness({ serverSkewUs: skewUs });
  putFact(h.db, "clock", { skewMs: skewUs / 1_000 }, h.nowUs);
  const run = ended(h, h.nowUs + skewUs);
  run.write(-5);
  expect(await run.read()).toBe(1);
  storeLiveBatches(h);
  run.write(-1);
  h.nowUs += HOUR_US;
  expect(await run.read()).toBe(2);
});

test("logs with subflows are read from Prefect while the record may lack subflows", async () => {
  await using h = await openToolHarness();
  const parent = aFlowRun({ id: anId(21), name: "parent", start_time: at(-90_000), end_time: at(-80_000) });
  const standIn = aTaskRun({ flow_run_id: parent.id, start_time: at(-89_000) });
  const times = { start_time: at(-89_000), end_time: at(-81_000) };
  const child = aFlowRun({ id: anId(22), name: "child", ...times, parent_task_run_id: standIn.id });
  h.fake.workspace.flowRuns.push(parent, child);
  h.fake.workspace.taskRuns.push(standIn);
  const lines = [parent, child].map((run) => aLog({ flow_run_id: run.id, timestamp: at(-85_000) }));
  h.fake.workspace.logs.push(...lines);
  await h.call(getFlowRunLogsTool, { flow_run_id: parent.id });
  storeLiveBatches(h);
  const { structured } = await h.call(getFlowRunLogsTool, { flow_run_id: parent.id, include_subflows: true });
  expect(structured.logs).toHaveLength(2);
});

test("subflows are read from Prefect while the record does not link them to their parent", async () => {
  await using h = await openToolHarness();
  const parent = aFlowRun({ id: anId(21), name: "parent", start_time: at(3_000), state_type: "RUNNING" });
  const standIn = aTaskRun({ flow_run_id: parent.id, start_time: at(3_100) });
  const child = aFlowRun({ id: anId(22), name: "child", start_time: at(3_100), parent_task_run_id: standIn.id });
  h.fake.workspace.flowRuns.push(parent, child);
  h.fake.workspace.taskRuns.push(standIn);
  h.flowRuns([parent, child]);
  h.cover("flow_run", { fromUs: 0 });
  h.cover("event", { fromUs: 0 });
  h.following();
  const { structured } = await h.call(getFlowRunsTool, { parent: parent.id });
  expect(structured.flow_runs.map((run: { name: string }) => run.name)).toEqual(["child"]);
});

test("events that late ones push off the last page are read, and no range is claimed without them", async () => {
  await using h = await openToolHarness();
  const { nowUs } = h;
  const ago = (seconds: number) => formatIsoUs(nowUs - seconds * SECOND_US);
  const event = (seconds: number) => anEvent({ id: anId(), occurred: ago(seconds), received: ago(seconds) });
  h.fake.emit(Array.from({ length: 100 }, (_, n) => event(60 + n * 10)));
  h.fake.faults.onEventPage = ({ offset }) => {
    if (offset === 50) h.fake.emit(Array.from({ length: 5 }, (_, n) => event(3 + n)));
  };
  const window = { since: ago(3_600), until: ago(0), limit: 200 };
  const first = await h.call(readEventsTool, window);
  expect(first.structured.events).toHaveLength(100);
  storeLiveBatches(h);
  h.fake.faults.onEventPage = null;
  h.nowUs += 10 * SECOND_US;
  const second = await h.call(readEventsTool, { ...window, until: ago(500) });
  expect(second.structured.events).toHaveLength(56);
});

test("retention keeps old task runs whose flow run is kept", async () => {
  await using h = await openToolHarness();
  const ago = (us: number) => formatIsoUs(h.nowUs - us);
  const run = aFlowRun({ id: anId(11), name: "long", start_time: ago(10 * DAY_US), end_time: ago(HOUR_US) });
  const tasks = [9 * DAY_US, 2 * HOUR_US].map((us) => aTaskRun({ flow_run_id: run.id, start_time: ago(us) }));
  h.flowRuns([run]);
  h.taskRuns(tasks);
  h.cover("task_run", { scope: run.id, fromUs: 0, toUs: h.nowUs });
  dropBefore(h.db, h.nowUs - 7 * DAY_US);
  const { structured } = await h.call(getTaskRunsTool, { flow_run_id: run.id });
  expect(structured.task_runs).toHaveLength(2);
});

test("a list with a timestamp in the future is not fresh", async () => {
  await using h = await openToolHarness();
  const rightUs = h.nowUs;
  h.nowUs = rightUs + 2 * HOUR_US;
  h.objects("flow", []);
  h.objects("deployment", [aDeployment({ id: anId(31), name: "old" })]);
  h.nowUs = rightUs + HOUR_US;
  const fresh = aDeployment({ id: anId(32), name: "new" });
  h.fake.workspace.deployments.push(fresh);
  h.objects("deployment", [fresh]);
  const { structured } = await h.call(getDeploymentsTool, {});
  expect(structured.deployments.map((one: { name: string }) => one.name)).toEqual(["new"]);
});

test("a list that is hours old does not answer, although a process syncs", async () => {
  await using h = await openToolHarness();
  for (const kind of ["flow", "deployment", "work_pool", "work_queue"] as const) h.objects(kind, []);
  h.nowUs += 6 * HOUR_US;
  const pool = aWorkPool({ id: anId(4), name: "gpu" });
  const queue = aWorkQueue({ id: anId(5), name: "default", work_pool_id: pool.id, work_pool_name: "gpu" });
  const start_time = formatIsoUs(h.nowUs - HOUR_US);
  const place = { work_queue_id: queue.id, work_pool_name: "gpu", work_queue_name: "default" };
  const run = aFlowRun({ id: anId(11), start_time, ...place });
  h.fake.workspace.workPools.push(pool);
  h.fake.workspace.workQueues.push(queue);
  h.fake.workspace.flowRuns.push(run);
  h.flowRuns([run]);
  h.cover("flow_run", { fromUs: 0 });
  h.following();
  const { structured } = await h.call(getFlowRunsTool, { work_pool: "gpu", since: "5h" });
  expect(structured.flow_runs).toHaveLength(1);
});

test("a record whose last catch-up is an hour old does not answer, although the heartbeat of its process is recent", async () => {
  await using h = await openToolHarness();
  const occurred = formatIsoUs(h.nowUs - 600 * SECOND_US);
  h.fake.emit(anEvent({ id: anId(), occurred, received: occurred }));
  h.cover("event", { toUs: h.nowUs - HOUR_US });
  h.following();
  const readUs = h.nowUs - HOUR_US + 1;
  putFact(h.db, "catchup", { throughUs: readUs, atUs: readUs }, h.nowUs);
  const { structured } = await h.call(readEventsTool, { since: formatIsoUs(h.nowUs - 2 * HOUR_US) });
  expect(structured.events).toHaveLength(1);
});

const flowNamed = (n: number) => aFlow({ id: anId(100_000 + n), name: `f${String(n).padStart(5, "0")}` });

test("a list that was not read to its end marks nothing deleted", async () => {
  await using h = await openToolHarness();
  const flows = Array.from({ length: 5_010 }, (_, n) => flowNamed(n));
  h.fake.workspace.flows.push(...flows);
  h.objects("flow", flows);
  h.nowUs += HOUR_US;
  await h.call(getFlowsTool, { limit: 3 });
  storeLiveBatches(h);
  expect(findObjects(h.db, "flow")).toHaveLength(5_010);
});

test("a list that loses a row between two pages marks nothing deleted", async () => {
  await using h = await openToolHarness();
  const flows = Array.from({ length: 300 }, (_, n) => flowNamed(n));
  h.fake.workspace.flows.push(...flows);
  h.objects("flow", flows);
  h.nowUs += HOUR_US;
  const api = h.query.api();
  const { filterObjects } = api;
  api.filterObjects = async (kind, body, options) => {
    if (Number(body.offset) > 0 && h.fake.workspace.flows.length === 300) h.fake.workspace.flows.splice(0, 1);
    return filterObjects(kind, body, options);
  };
  await h.call(getFlowsTool, { limit: 3 });
  storeLiveBatches(h);
  expect(findObjectChanges(h.db, { fromUs: 0, toUs: h.nowUs, limit: 5 })).toEqual([]);
});
