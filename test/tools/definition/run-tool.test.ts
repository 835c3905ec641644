import { expect, test } from "bun:test";
import { addUs, formatIsoUs, HOUR_US, MINUTE_US, SECOND_US } from "../../../src/lib/time.ts";
import type { QueryContext } from "../../../src/queries/source/context.ts";
import { findUnfinishedRuns } from "../../../src/store/runs/flow-runs.ts";
import type { ToolDefinition } from "../../../src/tools/definition/define-tool.ts";
import { aggregateEventsTool } from "../../../src/tools/events/aggregate-events.ts";
import { getTimelineTool } from "../../../src/tools/events/get-timeline.ts";
import { readEventsTool } from "../../../src/tools/events/read-events.ts";
import { searchTool } from "../../../src/tools/events/search.ts";
import { waitForTool } from "../../../src/tools/events/wait-for.ts";
import { whatChangedTool } from "../../../src/tools/events/what-changed.ts";
import { getDeploymentsTool } from "../../../src/tools/objects/get-deployments.ts";
import { getFlowsTool } from "../../../src/tools/objects/get-flows.ts";
import { getWorkPoolsTool } from "../../../src/tools/objects/get-work-pools.ts";
import { diagnoseTool } from "../../../src/tools/runs/diagnose.ts";
import { getFlowRunLogsTool } from "../../../src/tools/runs/get-flow-run-logs.ts";
import { getFlowRunsTool } from "../../../src/tools/runs/get-flow-runs.ts";
import { getTaskRunsTool } from "../../../src/tools/runs/get-task-runs.ts";
import { getDashboardTool } from "../../../src/tools/workspace/get-dashboard.ts";
import { tempRecordFile } from "../../store/temp-record.ts";
import {
  aConcurrencyLimit,
  aDeployment,
  aFlow,
  aFlowRun,
  aFlowRunEvent,
  anId,
  aState,
  aTaskRun,
  aWorkPool,
  aWorkQueue,
} from "../../support/builders.ts";
import { callWith } from "../../support/call-tool.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const [RUN, FLOW, DEPLOYMENT, POOL, LIMIT] = [anId(1), anId(2), anId(3), anId(4), anId(5)];

/** A workspace that is recorded up to now, with a limit that only Prefect counts. */
async function openRecorded(): Promise<ToolHarness> {
  const h = await openToolHarness({ record: tempRecordFile() });
  const flow = aFlow({ id: FLOW, name: "etl" });
  const pool = aWorkPool({ id: POOL, name: "main", concurrency_limit: 2 });
  const limit = aConcurrencyLimit({ id: LIMIT, name: "db", limit: 1, active_slots: 1 });
  h.fake.workspace.concurrencyLimits.push(limit);
  for (const range of [{}, { fromUs: h.nowUs - 72 * HOUR_US }])
    for (const kind of ["event", "flow_run"]) h.cover(kind, range);
  h.objects("flow", [flow]);
  h.objects("work_pool", [pool]);
  h.objects("work_queue", [aWorkQueue({ id: anId(6), work_pool_id: POOL, work_pool_name: "main" })]);
  h.objects("worker", []);
  h.objects("automation", []);
  h.objects("concurrency_limit", [limit]);
  h.objects("deployment", [aDeployment({ id: DEPLOYMENT, flow_id: FLOW, name: "nightly", work_pool_name: "main" })]);
  h.flowRuns([runOf(h, RUN, "RUNNING")]);
  h.taskRuns([aTaskRun({ id: anId(7), flow_run_id: RUN, name: "load" })]);
  h.cover("task_run", { scope: RUN });
  h.following();
  // Counts of limits are read again when they are this old.
  h.nowUs += 10 * SECOND_US;
  h.following();
  return h;
}

function runOf(h: ToolHarness, id: string, type: "RUNNING" | "FAILED" | "COMPLETED") {
  const start = formatIsoUs(addUs(h.nowUs, -MINUTE_US));
  const state = aState({ type, name: type === "RUNNING" ? "Running" : "Failed", timestamp: start });
  return aFlowRun({
    id,
    name: `run-${id.slice(0, 8)}`,
    flow_id: FLOW,
    deployment_id: DEPLOYMENT,
    work_pool_name: "main",
    state,
    state_type: type,
    state_name: state.name,
    start_time: start,
    expected_start_time: start,
    end_time: type === "RUNNING" ? null : start,
  });
}

/** The context of a call during which another connection commits again and again: whenever the call looks at the clock. */
function busyContext(h: ToolHarness, write: (n: number) => void): QueryContext {
  let n = 0;
  const nowUs = () => {
    n += 1;
    write(n);
    return h.query.clock.nowUs();
  };
  return { ...h.query, clock: { ...h.query.clock, nowUs } };
}

/** A run that fails, its event, a new flow, and a deployment that is renamed. */
function writeMore(h: ToolHarness, n: number): void {
  const run = runOf(h, anId(1_000 + n), "FAILED");
  h.events([aFlowRunEvent(run)]);
  h.flowRuns([run, { ...runOf(h, RUN, "FAILED"), start_time: formatIsoUs(h.nowUs) }]);
  h.objects("work_pool", [aWorkPool({ id: POOL, name: "main", concurrency_limit: 2 + n })]);
  h.objects("flow", [aFlow({ id: FLOW, name: `etl-${n}` }), aFlow({ id: anId(2_000 + n), name: `flow-${n}` })]);
  h.objects("deployment", [
    aDeployment({ id: DEPLOYMENT, flow_id: FLOW, name: `nightly-${n}`, paused: n % 2 === 0, work_pool_name: "main" }),
  ]);
}

const TOOLS: readonly (readonly [ToolDefinition, object])[] = [
  [getDashboardTool, {}],
  [diagnoseTool, {}],
  [diagnoseTool, { flow_run: RUN }],
  [getFlowRunsTool, { since: "3h" }],
  [getTaskRunsTool, { filter: { flow_run_id: { any_: [RUN] } } }],
  [getDeploymentsTool, {}],
  [getDeploymentsTool, { filter: { id: { any_: [DEPLOYMENT] } } }],
  [getFlowsTool, {}],
  [getWorkPoolsTool, {}],
  [readEventsTool, { occurred_after: "3h" }],
  [aggregateEventsTool, { occurred_after: "3h", by: "event" }],
  [searchTool, { query: "etl", since: "3h" }],
  [whatChangedTool, { since: "3h" }],
  [getTimelineTool, { flow_run: RUN }],
];

test.each(TOOLS.map(([tool, args]) => [`${tool.name} ${JSON.stringify(args)}`, tool, args] as const))(
  "a call of %s answers from one state of the record, whatever is committed meanwhile",
  async (_, tool, args) => {
    await using h = await openRecorded();
    const before = await callWith(h.query, tool, args);
    expect(before.isError).toBeUndefined();
    let written = 0;
    const during = await callWith(
      busyContext(h, (n) => {
        // Until its first look at the record the call has no state of it yet.
        if (n < 2) return;
        written += 1;
        writeMore(h, n);
      }),
      tool,
      args,
    );
    expect(during.structuredContent).toEqual(before.structuredContent);
    const after = await callWith(h.query, tool, args);
    if (written > 0) expect(after.structuredContent).not.toEqual(before.structuredContent);
  },
);

test("a call that waits for changes sees them", async () => {
  await using h = await openRecorded();
  const busy = busyContext(h, (n) => {
    if (n === 12) h.flowRuns([runOf(h, RUN, "COMPLETED")]);
  });
  const waited = await callWith(busy, waitForTool, { flow_run: RUN, timeout: "5s" });
  expect(waited.structuredContent).toMatchObject({ reached: true });
  expect(findUnfinishedRuns(h.db, { limit: 5, readBeforeUs: Number.MAX_SAFE_INTEGER })).toEqual([]);
});

test("an argument with a placeholder that the client did not replace is named, because the answer is not restricted by it", async () => {
  await using h = await openRecorded();
  const given = { flow: `\${FLOW_NAME}`, state: "", tags: [`\${user_config.tag}`] };
  const { structured, text } = await h.call(getFlowRunsTool, given);
  const note =
    "NOT limited by flow, tags: the value is a placeholder that the client did not replace, so the answer is without it.";
  expect(structured.coverage.notes[0]).toBe(note);
  expect(text.split("\n")[0]).toBe(note);
  const other = await h.call(getFlowRunsTool, { flow: "{{flow}}" });
  expect(other.text.split("\n")[0]).toStartWith("NOT limited by flow: the value is a placeholder");
  for (const needed of [{ flow_run_id: `\${RUN}` }, { flow_run: "{{ run }}" }]) {
    const { structured: refused } = await h.call(getFlowRunLogsTool, needed);
    expect(refused.message).toBe('argument "flow_run_id" is a placeholder that the client did not replace');
  }
  const blank = await h.call(getFlowRunsTool, { flow: "", state: " " });
  expect(blank.text).not.toContain("NOT limited");
});
