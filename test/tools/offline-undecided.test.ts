/** Questions that the record cannot decide, asked while Prefect is unreachable: it answers what it has, and says what it lacks. */
import { expect, test } from "bun:test";
import { listObjects } from "../../src/queries/objects/objects.ts";
import { listFlowRuns } from "../../src/queries/runs/flow-runs.ts";
import { listTaskRuns } from "../../src/queries/runs/task-runs.ts";
import type { ToolDefinition } from "../../src/tools/definition/define-tool.ts";
import { getFlowRunsTool } from "../../src/tools/runs/get-flow-runs.ts";
import { getTaskRunsTool } from "../../src/tools/runs/get-task-runs.ts";
import { aFlow, aFlowRun, anId, at } from "../support/builders.ts";
import { losePrefect, openToolHarness, questionsTo, type ToolHarness } from "../support/tool-harness.ts";

const parent = aFlowRun({ id: anId(71), name: "parent", start_time: at(0) });
const child = aFlowRun({ id: anId(72), name: "child", start_time: at(10), parent_task_run_id: anId(73) });

interface Case {
  readonly title: string;
  readonly tool: ToolDefinition;
  readonly args: Record<string, unknown>;
  readonly note: string;
}

const CASES: readonly Case[] = [
  {
    title: "subflows whose parents' task runs are not recorded",
    tool: getFlowRunsTool,
    args: { filter: { parent_flow_run_id: { any_: [parent.id] } } },
    note: "Not all task runs that link subflows to their parents are recorded",
  },
  {
    title: "a flow run by an id that is not recorded",
    tool: getFlowRunsTool,
    args: { filter: { id: { any_: [anId(79)] } } },
    note: "1 of the flow runs that were asked for by id are not recorded",
  },
  {
    title: "a task run by an id that is not recorded",
    tool: getTaskRunsTool,
    args: { filter: { id: { any_: [anId(79)] } } },
    note: "1 of the task runs that were asked for by id are not recorded",
  },
];

async function openOffline(isLost: boolean): Promise<ToolHarness> {
  const h = await openToolHarness();
  h.flowRuns([parent, child]);
  h.objects("flow", [aFlow()]);
  for (const kind of ["event", "flow_run", "task_run"]) h.cover(kind, { fromUs: 0 });
  if (isLost) losePrefect(h, 30);
  else h.fake.faults.fail("", { status: 500 }, 100);
  return h;
}

for (const { title, tool, args, note } of CASES) {
  test(`${title}: the answer is not complete`, async () => {
    for (const isLost of [true, false]) {
      await using h = await openOffline(isLost);
      const { structured } = await h.call(tool, args);
      expect(structured.source).toBe("record");
      expect(structured.coverage.complete).toBe(false);
      expect(structured.coverage.notes).toContainEqual(expect.stringContaining(note));
      if (isLost) expect(questionsTo(h.fake)).toEqual([]);
    }
  });
}

const PAGE = { limit: 10, offset: 0, isFull: false, includesDeleted: false };

test("lists that a filter needs and that were never read: the answer is not complete", async () => {
  await using h = await openOffline(true);
  const set = { deployments: { name: { any_: ["daily"] } } };
  const flowRuns = await listFlowRuns(h.query, { ...PAGE, set });
  const taskRuns = await listTaskRuns(h.query, { ...PAGE, set, sort: "EXPECTED_START_TIME_DESC" });
  for (const { freshness } of [flowRuns, taskRuns]) {
    expect(freshness.coverage.complete).toBe(false);
    expect(freshness.coverage.notes).toContainEqual(expect.stringContaining("may be missing: deployments."));
  }
});

test("flows by their runs, and runs by work queue names: the answer is not complete", async () => {
  await using h = await openOffline(true);
  const byRuns = { flow_runs: { name: { any_: ["lost"] } } };
  const flows = await listObjects(h.query, { ...PAGE, kind: "flow", set: byRuns, sort: "NAME_ASC" });
  const byQueue = { flow_runs: { work_queue_name: { any_: ["default"] } } };
  const flowRuns = await listFlowRuns(h.query, { ...PAGE, set: byQueue });
  const taskRuns = await listTaskRuns(h.query, { ...PAGE, set: byQueue, sort: "EXPECTED_START_TIME_DESC" });
  for (const [{ freshness }, note] of [
    [flows, "Not all runs are recorded"],
    [flowRuns, "is an estimate"],
    [taskRuns, "can only estimate"],
  ] as const) {
    expect(freshness.coverage.complete).toBe(false);
    expect(freshness.coverage.notes).toContainEqual(expect.stringContaining(note));
  }
});

test("what the record decides stays complete", async () => {
  await using h = await openOffline(true);
  const { structured } = await h.call(getFlowRunsTool, { filter: { id: { any_: [child.id] } } });
  expect(structured).toMatchObject({ source: "record", coverage: { complete: true } });
});
