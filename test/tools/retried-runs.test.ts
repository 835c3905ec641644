/** Ended runs that are retried after the record was synced: what the record holds of them is not all while nothing syncs it. */
import { expect, test } from "bun:test";
import { formatIsoUs, HOUR_US, MINUTE_US, SECOND_US } from "../../src/lib/time.ts";
import { getTimelineTool } from "../../src/tools/events/get-timeline.ts";
import { searchTool } from "../../src/tools/events/search.ts";
import { diagnoseTool } from "../../src/tools/runs/diagnose.ts";
import { getFlowRunLogsTool } from "../../src/tools/runs/get-flow-run-logs.ts";
import { getTaskRunsTool } from "../../src/tools/runs/get-task-runs.ts";
import { aFlowRun, aFlowRunEvent, aLog, anId, aState, aTaskRun, at, T0_US } from "../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../support/tool-harness.ts";

const run = aFlowRun({ id: anId(61), name: "nightly", start_time: at(0), end_time: at(60), state_type: "FAILED" });
const failed = (seconds: number) => aState({ type: "FAILED", name: "Failed", timestamp: at(seconds) });
const before = aFlowRunEvent(run, { id: anId(64), occurred: at(60), state: failed(60) });
const task = aTaskRun({ id: anId(62), name: "load-1", flow_run_id: run.id, start_time: at(10) });
const line = aLog({ flow_run_id: run.id, timestamp: at(20), level: 40, message: "first attempt" });

const newTask = aTaskRun({ id: anId(63), name: "load-2", flow_run_id: run.id, start_time: at(3_010) });
const newLine = aLog({ flow_run_id: run.id, timestamp: at(3_020), level: 40, message: "second attempt" });
const after = aFlowRunEvent(run, { id: anId(65), occurred: at(3_060), state: failed(3_060) });

/** The record covers everything up to 40 minutes after the begin. Then the run is retried in Prefect. It is an hour after the begin. */
async function openRetried(): Promise<ToolHarness> {
  const h = await openToolHarness();
  h.flowRuns([run]);
  h.taskRuns([task]);
  h.logs([line]);
  h.events([before]);
  coverTo(h, T0_US + 40 * MINUTE_US);
  const end = { end_time: at(3_060), state: failed(3_060) };
  h.fake.workspace.flowRuns.push({ ...run, ...end, run_count: 2 });
  h.fake.workspace.taskRuns.push(task, newTask);
  h.fake.workspace.logs.push(line, newLine);
  h.fake.emit([before, after]);
  return h;
}

function coverTo(h: ToolHarness, toUs: number): void {
  const range = { fromUs: 0, toUs, verifiedUs: toUs };
  for (const kind of ["event", "flow_run", "task_run"]) h.cover(kind, range);
  for (const kind of ["task_run", "log"]) h.cover(kind, { ...range, scope: run.id });
}

const names = (rows: readonly { name: string }[]) => rows.map(({ name }) => name).sort();

test("task runs of a retry are shown although those before it were read whole", async () => {
  await using h = await openRetried();
  const { structured } = await h.call(getTaskRunsTool, { flow_run_id: run.id });
  expect([structured.source, names(structured.task_runs)]).toEqual(["live", ["load-1", "load-2"]]);
});

test("log lines of a retry are shown although those before it were read whole", async () => {
  await using h = await openRetried();
  const { structured } = await h.call(getFlowRunLogsTool, { flow_run_id: run.id });
  const messages = structured.logs.map((one: { message: string }) => one.message);
  expect([structured.source, messages]).toEqual(["live", ["first attempt", "second attempt"]]);
});

test("the timeline of a run reaches to the end of its retry", async () => {
  await using h = await openRetried();
  const { structured } = await h.call(getTimelineTool, { flow_run: run.id });
  expect(structured.window.to).toBe(at(3_120));
  expect(structured.entries.map((one: { id: string }) => one.id)).toEqual([line.id, before.id, newLine.id, after.id]);
});

test("the timeline of a run whose retries cannot be read reaches to now, and is not complete", async () => {
  await using h = await openRetried();
  const date = new Date(h.nowUs / 1_000).toUTCString();
  h.fake.faults.fail("", { status: 500, headers: { date } }, 100);
  const { structured } = await h.call(getTimelineTool, { flow_run: run.id });
  expect(structured).toMatchObject({ window: { to: formatIsoUs(h.nowUs) }, coverage: { complete: false } });
});

test("a diagnosis finds the error of the retry", async () => {
  await using h = await openRetried();
  const { text } = await h.call(diagnoseTool, { flow_run: run.id });
  expect(text).toContain("second attempt");
});

test("ended runs are served without a request while a process follows Prefect, or shortly after a sync", async () => {
  for (const isFollowing of [true, false]) {
    await using h = await openRetried();
    const toUs = h.nowUs - (isFollowing ? 30 : 50) * SECOND_US;
    h.cover("event", { fromUs: 0, toUs });
    h.cover("flow_run", { fromUs: 0, toUs });
    if (isFollowing) h.following();
    const tasks = await h.call(getTaskRunsTool, { flow_run_id: run.id });
    const logs = await h.call(getFlowRunLogsTool, { flow_run_id: run.id });
    const timeline = await h.call(getTimelineTool, { flow_run: run.id });
    for (const { structured } of [tasks, logs, timeline])
      expect(structured).toMatchObject({ source: "record", coverage: { complete: true } });
    expect(h.fake.takeRequests()).toEqual([]);
  }
});

test("a search says that lines may come after the reading of a log", async () => {
  await using h = await openToolHarness();
  h.nowUs = T0_US + HOUR_US;
  h.flowRuns([run]);
  h.cover("flow_run", { fromUs: 0 });
  h.cover("log", { fromUs: 0, toUs: T0_US + 75 * SECOND_US, scope: run.id });
  const question = { query: "attempt", kinds: ["log"], since: at(-60), until: at(3_000) };
  const early = await h.call(searchTool, question);
  expect(early.structured.coverage).toMatchObject({
    complete: false,
    notes: [expect.stringContaining("Logs of 1 of 1 run in this time are not fully recorded")],
  });
  h.cover("log", { fromUs: 0, toUs: T0_US + 12 * MINUTE_US, scope: run.id });
  expect((await h.call(searchTool, question)).structured.coverage.complete).toBe(true);
});
