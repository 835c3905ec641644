/** Everything about one run: its task runs, log, events, children, history, and what decides whether it starts. */

import { AppError } from "../../../errors.ts";
import { isJsonObject } from "../../../lib/exact-json.ts";
import { asName, own, sentence } from "../../../lib/shown-text.ts";
import { formatIsoUs, parseIsoUs } from "../../../lib/time.ts";
import { type Freshness, withNotes } from "../../../model/freshness.ts";
import { resourceId } from "../../../model/kinds.ts";
import type { Deployment, FlowRun, JsonObject } from "../../../model/objects.ts";
import { FAILED_TYPES, isFailed, isTerminal, TERMINAL_TYPES } from "../../../model/state.ts";
import { listEvents } from "../../events/events.ts";
import { listDeployments } from "../../objects/deployments.ts";
import { deletionNote, readDeletedRun } from "../../runs/deleted-run.ts";
import { listFlowRuns } from "../../runs/flow-runs.ts";
import { listTaskRuns } from "../../runs/task-runs.ts";
import type { QueryContext } from "../../source/context.ts";

import { acquiredNames } from "../findings/acquired-limits.ts";
import type { NamedRun, RunFacts } from "../findings/types.ts";
import { coveredSince } from "./covered-since.ts";
import { errorOfRun } from "./error-of-run.ts";
import { askLive, attempt, type Gathering } from "./gathering.ts";
import { gatherPools } from "./pools.ts";
import { readRunLog } from "./run-log.ts";

/** Levels of subflows that are read. A failure further down still shows in the exception of its parent. */
const MAX_DEPTH = 4;
const MAX_EVENTS = 200;
const MAX_TASKS = 200;
const MAX_CHILDREN = 20;
const MAX_HISTORY = 20;

/** Throws AppError `not_found` when neither the record nor Prefect has the run. */
export async function gatherRun(ctx: QueryContext, id: string, gathering: Gathering, depth = 0): Promise<RunFacts> {
  const named = await readRun(ctx, id, gathering);
  const { run } = named;
  const hasFailed = isFailed(run.state_type);
  const hasStarted = Number(run.run_count ?? 0) > 0 || hasFailed;
  const [deployment, tasks, logs, events, children, history] = await Promise.all([
    run.deployment_id ? readDeployment(ctx, run.deployment_id, gathering) : null,
    hasStarted ? readTasks(ctx, id, gathering) : [],
    needsLog(run) ? readRunLog(ctx, run, gathering) : [],
    attempt(gathering, own("its events"), [], () => readRunEvents(ctx, id, gathering)),
    hasStarted && depth < MAX_DEPTH && run.state_type !== "COMPLETED" ? gatherChildren(ctx, run, gathering, depth) : [],
    depth === 0 ? attempt(gathering, own("earlier runs"), [], () => readHistory(ctx, run, gathering)) : [],
  ]);
  const isWaiting = named.deletedUs === null && isDue(run);
  const poolName = run.work_pool_name ?? (isWaiting ? deployment?.work_pool_name : null);
  const [pool = null] = isWaiting && poolName ? await gatherPools(ctx, [poolName], gathering) : [];
  const parent =
    depth === 0 && run.parent_task_run_id ? await readParent(ctx, run.parent_task_run_id, gathering) : null;
  const error = logs === null && !hasFailed ? null : errorOfRun(run, tasks, logs ?? []);
  const input = depth === 0 ? await readInput(ctx, run, gathering) : null;
  const historyLimits =
    depth === 0 && run.state_type === "RUNNING" && named.deletedUs === null
      ? await attempt(gathering, own("limits that earlier runs acquired"), [], () => readHistoryLimits(ctx, run))
      : [];
  return {
    ...named,
    deployment,
    pool,
    tasks,
    logs,
    events,
    error,
    children,
    parent,
    history,
    historyLimits,
    input,
  };
}

/** Names of global limits that the flow's earlier runs acquired. */
async function readHistoryLimits(ctx: QueryContext, run: FlowRun): Promise<string[]> {
  const filter = {
    event: { name: ["prefect.concurrency-limit.acquired"] },
    related: { id: [resourceId("flow", run.flow_id)] },
  };
  const page = await listEvents(ctx, { filter, order: "desc", limit: 100 });
  const ownId = resourceId("flow_run", run.id);
  return acquiredNames(
    page.events.filter((event) => !event.related.some((one) => one["prefect.resource.id"] === ownId)),
  );
}

/**
 * The JSON schema of the input that a paused run waits for, which is stored under the key that its state names.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/input/run_input.py (`keyset_from_base_key`)
 */
async function readInput(ctx: QueryContext, run: FlowRun, gathering: Gathering): Promise<JsonObject | null> {
  const keyset = run.state_type === "PAUSED" ? run.state?.state_details?.run_input_keyset : null;
  const key = isJsonObject(keyset) ? keyset.schema : null;
  if (typeof key !== "string") return null;
  const path = `/flow_runs/${run.id}/input/${encodeURIComponent(key)}`;
  const what = sentence`the input that ${asName(run.name)} asks for`;
  const schema = await askLive<unknown>(ctx, gathering, what, null, (live) => live.api.get(path, live.options()));
  return isJsonObject(schema) ? (schema as JsonObject) : null;
}

function isDue({ state_type }: FlowRun): boolean {
  return state_type === "SCHEDULED" || state_type === "PENDING" || state_type === "CANCELLING";
}

/** False for runs that have not started: they have written nothing. */
function needsLog(run: FlowRun): boolean {
  return isTerminal(run.state_type ?? null) || Number(run.run_count ?? 0) > 0 || run.state_name === "AwaitingRetry";
}

async function readRun(
  ctx: QueryContext,
  id: string,
  gathering: Gathering,
): Promise<NamedRun & Pick<RunFacts, "deletedUs">> {
  const set = { flow_runs: { id: { any_: [id] } } };
  const page = await listFlowRuns(ctx, { set, limit: 1, isFull: true, includesDeleted: true });
  const [item] = page.items;
  if (!item) {
    throw new AppError("not_found", sentence`There is no flow run ${asName(id)}.`, {
      hint: "get_flow_runs lists flow runs.",
    });
  }
  const deleted = readDeletedRun(ctx, id);
  gathering.freshness.push(deleted ? withNotes(page.freshness, [deletionNote(deleted)]) : page.freshness);
  const { run, flowName, deploymentName, deletedUs } = item;
  return { run, flowName, deploymentName, deletedUs };
}

export async function readDeployment(ctx: QueryContext, id: string, gathering: Gathering): Promise<Deployment | null> {
  return attempt(gathering, own("its deployment"), null, async () => {
    const set = { deployments: { id: { any_: [id] } } };
    const page = await listDeployments(ctx, { set, sort: "NAME_ASC", limit: 1, offset: 0 });
    gathering.freshness.push(page.freshness);
    return page.items[0]?.deployment ?? null;
  });
}

function readTasks(ctx: QueryContext, id: string, gathering: Gathering): Promise<RunFacts["tasks"]> {
  return attempt(gathering, own("its task runs"), [], async () => {
    const set = { task_runs: { flow_run_id: { any_: [id] } } };
    const page = await listTaskRuns(ctx, {
      set,
      sort: "EXPECTED_START_TIME_DESC",
      limit: MAX_TASKS,
      offset: 0,
      isFull: false,
      includesDeleted: false,
    });
    pushIncomplete(gathering, page.freshness);
    return page.items.map((item) => item.run);
  });
}

/** A complete reading may be old because nothing changes any more, which is no age of the diagnosis. */
function pushIncomplete(gathering: Gathering, freshness: Freshness): void {
  if (!freshness.coverage.complete) gathering.freshness.push(freshness);
}

async function readRunEvents(ctx: QueryContext, id: string, gathering: Gathering): Promise<RunFacts["events"]> {
  const filter = {
    any_resource: { id: [resourceId("flow_run", id)] },
    event: { exclude_prefix: ["prefect.task-run.", "prefect.asset."] },
  };
  const page = await listEvents(ctx, { filter, order: "desc", limit: MAX_EVENTS });
  gathering.freshness.push(page.freshness);
  return page.events.toReversed();
}

async function gatherChildren(
  ctx: QueryContext,
  run: FlowRun,
  gathering: Gathering,
  depth: number,
): Promise<RunFacts[]> {
  return attempt(gathering, own("its subflow runs"), [], async () => {
    const state = { type: { any_: [...FAILED_TYPES, "SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLED"] } };
    // A subflow may be due before its parent began, so its time has no bound but the record's, which must cover the parent.
    const since = coveredSince(ctx);
    const beginUs = parseIsoUs(run.start_time ?? run.expected_start_time ?? "");
    const fresh = since !== undefined && (beginUs === undefined || beginUs < (parseIsoUs(since.after_) ?? 0));
    const bound = since === undefined || fresh ? {} : { expected_start_time: since };
    const set = { flow_runs: { parent_flow_run_id: { any_: [run.id] }, state, ...bound } };
    const page = await listFlowRuns(ctx, { set, limit: MAX_CHILDREN, isFull: false, includesDeleted: false, fresh });
    pushIncomplete(gathering, page.freshness);
    const order = (type: string | null | undefined) => (isFailed(type) ? 0 : 1);
    const children = page.items.toSorted((a, b) => order(a.run.state_type) - order(b.run.state_type)).slice(0, 3);
    return await Promise.all(children.map((child) => gatherRun(ctx, child.run.id, gathering, depth + 1)));
  });
}

async function readHistory(ctx: QueryContext, run: FlowRun, gathering: Gathering): Promise<FlowRun[]> {
  const startUs = parseIsoUs(run.start_time ?? run.expected_start_time ?? run.created ?? "");
  const bounds = { ...coveredSince(ctx), ...(startUs === undefined ? {} : { before_: formatIsoUs(startUs - 1) }) };
  const before = Object.keys(bounds).length === 0 ? {} : { start_time: bounds };
  const own = { ...before, state: { type: { any_: [...TERMINAL_TYPES] } }, id: { not_any_: [run.id] } };
  const set = run.deployment_id
    ? { flow_runs: { ...own, deployment_id: { any_: [run.deployment_id] } } }
    : { flow_runs: own, flows: { id: { any_: [run.flow_id] } } };
  const page = await listFlowRuns(ctx, {
    set,
    sort: "START_TIME_DESC",
    limit: MAX_HISTORY,
    isFull: true,
    includesDeleted: false,
  });
  gathering.freshness.push(page.freshness);
  return page.items.map((item) => item.run);
}

async function readParent(ctx: QueryContext, taskRunId: string, gathering: Gathering): Promise<NamedRun | null> {
  return attempt(gathering, own("its parent run"), null, async () => {
    const set = { task_runs: { id: { any_: [taskRunId] } } };
    const page = await listTaskRuns(ctx, {
      set,
      sort: "ID_DESC",
      limit: 1,
      offset: 0,
      isFull: false,
      includesDeleted: false,
    });
    const parentId = page.items[0]?.run.flow_run_id;
    return parentId ? await readRun(ctx, parentId, gathering) : null;
  });
}
