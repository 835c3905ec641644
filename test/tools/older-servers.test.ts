/** Servers that lack a filter, a route or a field give the same answers as Prefect 3.8.8, as far as they have the facts. */
import { afterAll, describe, expect, test } from "bun:test";
import type { ToolDefinition } from "../../src/tools/definition/define-tool.ts";
import { aggregateEventsTool } from "../../src/tools/events/aggregate-events.ts";
import { readEventsTool } from "../../src/tools/events/read-events.ts";
import { searchTool } from "../../src/tools/events/search.ts";
import { getDeploymentsTool } from "../../src/tools/objects/get-deployments.ts";
import { getWorkPoolsTool } from "../../src/tools/objects/get-work-pools.ts";
import { diagnoseTool } from "../../src/tools/runs/diagnose.ts";
import { getFlowRunsTool } from "../../src/tools/runs/get-flow-runs.ts";
import { getTaskRunsTool } from "../../src/tools/runs/get-task-runs.ts";
import { getDashboardTool } from "../../src/tools/workspace/get-dashboard.ts";
import {
  aConcurrencyLimit,
  aDeployment,
  aFlow,
  aFlowRun,
  anEvent,
  anId,
  aTaskRun,
  at,
  aWorkPool,
  aWorkQueue,
} from "../support/builders.ts";
import { idsOf, openToolHarness, type ToolHarness } from "../support/tool-harness.ts";

const flow = aFlow({ id: anId(1), name: "orders-etl" });
const pool = aWorkPool({ id: anId(2), name: "narrow", concurrency_limit: 1, default_queue_id: anId(3) });
const queue = aWorkQueue({ id: anId(3), name: "default", work_pool_id: pool.id, work_pool_name: "narrow" });
const other = aWorkPool({ id: anId(4), name: "wide", default_queue_id: anId(5) });
const otherQueue = aWorkQueue({ id: anId(5), name: "default", work_pool_id: other.id, work_pool_name: "wide" });
const inNarrow = { work_pool_name: "narrow", work_queue_id: queue.id, work_queue_name: "default" };
const inWide = { work_pool_name: "wide", work_queue_id: otherQueue.id, work_queue_name: "default" };
const nightly = aDeployment({ id: anId(6), name: "nightly", flow_id: flow.id, ...inNarrow });
const hourly = aDeployment({ id: anId(7), name: "hourly", flow_id: flow.id, ...inWide });
const of = { flow_id: flow.id, deployment_id: nightly.id, ...inNarrow };
const late = [1, 2, 3].map((n) =>
  aFlowRun({
    ...of,
    id: anId(10 + n),
    name: `late-${n}`,
    state_type: "SCHEDULED",
    state_name: "Late",
    start_time: null,
    expected_start_time: at(3_000 + n),
  }),
);
const upcoming = aFlowRun({
  ...of,
  id: anId(14),
  name: "upcoming",
  state_type: "SCHEDULED",
  start_time: null,
  expected_start_time: at(9_000),
});
const running = aFlowRun({ ...of, id: anId(15), name: "holder", state_type: "RUNNING", start_time: at(3_100) });
const failed = aFlowRun({ ...of, id: anId(16), name: "wise-owl", state_type: "FAILED", start_time: at(3_050) });
/** Made over REST without a state: it has no start, and none is expected. */
const stateless = aFlowRun({
  flow_id: flow.id,
  id: anId(17),
  name: "no-state",
  state_type: null,
  state_name: null,
  state: null,
  start_time: null,
  expected_start_time: null,
});
const taskRun = aTaskRun({ id: anId(18), name: "load-0", flow_run_id: late[0]?.id ?? "", state_type: "PENDING" });
const limit = aConcurrencyLimit({ id: anId(19), name: "tag:db", limit: 3, active_slots: 1 });
const placed = [1, 2, 3].map((n) =>
  anEvent({
    id: anId(30 + n),
    event: "shop.order.placed",
    occurred: at(3_400 + n),
    resource: { "prefect.resource.id": `shop.order.${n}`, "shop.region": n === 1 ? "north" : "south" },
    payload: { note: n === 2 ? "prüfung bestanden" : "quokkaberry" },
  }),
);

async function open(version: string): Promise<ToolHarness> {
  const harness = await openToolHarness({ record: false, instance: "http://prefect/api" });
  const { workspace } = harness.fake;
  workspace.version = version;
  workspace.flows.push(flow);
  workspace.workPools.push(pool, other);
  workspace.workQueues.push(queue, otherQueue);
  workspace.deployments.push(nightly, hourly);
  workspace.flowRuns.push(...late, upcoming, running, failed, stateless);
  workspace.taskRuns.push(taskRun);
  workspace.concurrencyLimits.push(limit);
  workspace.tagHolders.set("db", [taskRun.id]);
  harness.fake.emit(placed);
  return harness;
}

const harnesses = new Map<string, Promise<ToolHarness>>();
const harnessOf = (version: string) => {
  const known = harnesses.get(version) ?? open(version);
  harnesses.set(version, known);
  return known;
};

afterAll(async () => {
  for (const harness of harnesses.values()) await (await harness)[Symbol.asyncDispose]();
});

/** The structured answer, without the port of the fake server. */
async function ask(version: string, tool: ToolDefinition, args: object) {
  const { structured, isError, text } = await (await harnessOf(version)).call(tool, args);
  if (isError) throw new Error(text);
  return JSON.parse(JSON.stringify(structured).replaceAll(/127\.0\.0\.1:\d+/g, "prefect"));
}

const QUESTIONS: readonly (readonly [string, ToolDefinition, object])[] = [
  ["runs, newest first", getFlowRunsTool, {}],
  ["runs since a moment", getFlowRunsTool, { since: at(3_001) }],
  ["runs in a window, by name", getFlowRunsTool, { since: at(0), until: at(3_060), sort: "NAME_ASC" }],
  [
    "runs by start, of any state",
    getFlowRunsTool,
    { filter: { start_time: { after_: at(3_002) } }, sort: "START_TIME_ASC" },
  ],
  [
    "late runs, two at a time",
    getFlowRunsTool,
    { filter: { state: { name: { any_: ["Late"] } } }, since: at(0), limit: 2 },
  ],
  [
    "runs by id",
    getFlowRunsTool,
    { filter: { id: { any_: [...late, upcoming, stateless, failed].map((run) => run.id) } } },
  ],
  ["task runs of runs by start", getTaskRunsTool, { filter: { flow_run_id: { any_: [late[0]?.id] } } }],
  ["the dashboard", getDashboardTool, { since: at(0) }],
  ["work pools with their slots", getWorkPoolsTool, {}],
  ["deployments of a pool", getDeploymentsTool, { work_pool: "narrow" }],
  ["events by text", readEventsTool, { filter: { text: { query: "quokkaberry" } }, occurred_after: at(0) }],
  [
    "events of a run and others",
    readEventsTool,
    { filter: { any_resource: [{ id_prefix: ["prefect."] }] }, occurred_after: at(0) },
  ],
  [
    "counts of events by text",
    aggregateEventsTool,
    { by: "event", filter: { text: { query: "quokkaberry" } }, since: at(0) },
  ],
  ["a search", searchTool, { query: "quokkaberry", kinds: ["event"], since: at(0) }],
  ["a search for a word with diacritics", searchTool, { query: "prüfung", kinds: ["event"], since: at(0) }],
  [
    "events by a label",
    readEventsTool,
    { filter: { resource: { labels: { "shop.region": "north" } } }, occurred_after: at(0) },
  ],
  [
    "counts of events by a label",
    aggregateEventsTool,
    { by: "event", filter: { resource: { labels: { "shop.region": "north" } } }, since: at(0) },
  ],
  ["a diagnosis of a late run", diagnoseTool, { flow_run: late[0]?.id }],
  ["a diagnosis of the workspace", diagnoseTool, {}],
];

describe.each(["3.0.11", "3.2.15", "3.4.25", "3.6.0"])("Prefect %s answers as 3.8.8 does", (version) => {
  test.each(QUESTIONS)("%s", async (_, tool, args) => {
    expect(await ask(version, tool, args)).toEqual(await ask("3.8.8", tool, args));
  });
});

test("late runs are counted, and runs that have not started are not recorded as deleted", async () => {
  const { flow_runs } = await ask("3.0.11", getDashboardTool, { since: at(0) });
  expect([flow_runs.late, flow_runs.total]).toEqual([3, 5]);
  const harness = await harnessOf("3.0.11");
  expect(harness.saved.filter((batch) => "missing" in batch && (batch.missing?.length ?? 0) > 0)).toEqual([]);
});

test.each(["3.0.11", "3.8.8"])("Prefect %s: a word with diacritics is found, and so is a label", async (version) => {
  const found = await ask(version, searchTool, { query: "prüfung", kinds: ["event"], since: at(0) });
  expect([idsOf(found.results), found.coverage.complete]).toEqual([[anId(32)], true]);
  const filter = { resource: { labels: { "shop.region": "north" } } };
  expect(idsOf((await ask(version, readEventsTool, { filter, occurred_after: at(0) })).events)).toEqual([anId(31)]);
});

test("a limit of a tag is among the slots, with the task run that holds it", async () => {
  const { slots } = await ask("3.0.11", getDashboardTool, { since: at(0) });
  expect(slots).toContainEqual(
    expect.objectContaining({
      name: "db",
      limit: 3,
      active_slots: 1,
      holders: [expect.objectContaining({ id: taskRun.id })],
    }),
  );
});
