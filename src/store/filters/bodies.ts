/**
 * The bodies of Prefect's `/filter` routes: one filter per kind; a row must satisfy all of them. A filter of another
 * kind means "has at least one related row that matches", also when it is empty.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/models/flow_runs.py and its neighbours
 */
import { append } from "../../lib/lists.ts";
import type { FilterKey } from "../../model/kinds.ts";
import type { SnapshotKind } from "../../model/objects.ts";
import { artifactFilter } from "./artifacts.ts";
import { automationFilter } from "./automations.ts";
import { type Clause, clause, join, uuidBytes, wrap } from "./clause.ts";
import { deploymentFilter, QUEUE_ID } from "./deployments.ts";
import { flowRunFilter } from "./flow-runs.ts";
import { flowFilter } from "./flows.ts";
import { taskRunFilter } from "./task-runs.ts";
import { filterClause, inIds, type Term } from "./term.ts";
import { workPoolFilter, workQueueFilter } from "./work-pools.ts";

/** The filters by their keys in a body. (Bodies for the queues of a pool use `work_queues`.) */
export const BODY_FILTERS = {
  flows: flowFilter,
  flow_runs: flowRunFilter,
  task_runs: taskRunFilter,
  deployments: deploymentFilter,
  work_pools: workPoolFilter,
  work_pool_queues: workQueueFilter,
  automations: automationFilter,
  artifacts: artifactFilter,
} as const satisfies Readonly<Record<FilterKey, Term>>;

/** Filters of one request; the schema of its key has accepted each value. */
export type FilterSet = Partial<Readonly<Record<FilterKey, unknown>>>;

const FLOW = "f.kind = 'flow' AND f.deleted_us IS NULL AND ";
const DEPLOYMENT = "d.kind = 'deployment' AND d.deleted_us IS NULL AND ";
const POOL = "p.kind = 'work_pool' AND p.deleted_us IS NULL AND ";
const QUEUE = "q.kind = 'work_queue' AND q.deleted_us IS NULL AND ";
const RUN = "r.deleted_us IS NULL AND ";
const TASK = "t.deleted_us IS NULL AND ";

const isGiven = (value: unknown) => value !== undefined && value !== null;

/** Ids (text) of the work queues that match the pool and queue filters; null without both. */
function queues(set: FilterSet): Clause | null {
  const { work_pools, work_pool_queues } = set;
  if (!isGiven(work_pools) && !isGiven(work_pool_queues)) return null;
  const parts = [wrap(QUEUE, filterClause(workQueueFilter, work_pool_queues), "")];
  if (isGiven(work_pools)) {
    const pool = wrap(POOL, filterClause(workPoolFilter, work_pools), "");
    parts.push(wrap("q.parent_id IN (SELECT p.id FROM object p WHERE ", pool));
  }
  return wrap("SELECT q.id FROM object q WHERE ", join(parts), "");
}

function taskRunsOf(set: FilterSet): Clause | null {
  if (!isGiven(set.task_runs)) return null;
  const inner = wrap(TASK, filterClause(taskRunFilter, set.task_runs), "");
  return wrap("EXISTS (SELECT 1 FROM task_run t WHERE t.flow_run_id = r.id AND ", inner);
}

/** Runs that match the flow-run and task-run filters, as `SELECT <column> FROM flow_run r …`; null without both. */
function runs(set: FilterSet, column: string): Clause | null {
  if (!isGiven(set.flow_runs) && !isGiven(set.task_runs)) return null;
  const parts = [wrap(RUN, filterClause(flowRunFilter, set.flow_runs), "")];
  const tasks = taskRunsOf(set);
  if (tasks) parts.push(tasks);
  return wrap(`SELECT r.${column} FROM flow_run r WHERE `, join(parts), "");
}

function flows(set: FilterSet, column: string): Clause | null {
  if (!isGiven(set.flows)) return null;
  return wrap(`SELECT ${column} FROM object f WHERE ${FLOW}`, filterClause(flowFilter, set.flows), "");
}

/** Runs of the flows that match. A filter on ids alone is compared directly, because every run has a flow. */
function ofFlows(set: FilterSet): Clause[] {
  const ids = onlyIds(set.flows);
  return ids === null ? within("r.flow_id", flows(set, uuidBytes("f.id"))) : [inIds({ bytes: "r.flow_id" }, ids)];
}

function deployments(set: FilterSet, column: string): Clause | null {
  if (!isGiven(set.deployments)) return null;
  return wrap(
    `SELECT ${column} FROM object d WHERE ${DEPLOYMENT}`,
    filterClause(deploymentFilter, set.deployments),
    "",
  );
}

function within(column: string, rows: Clause | null): Clause[] {
  return rows === null ? [] : [wrap(`${column} IN (`, rows)];
}

/** WHERE of `flow_run r`. The caller excludes deleted rows. */
export function flowRunsWhere(set: FilterSet): Clause {
  const queueIds = queues(set);
  const tasks = taskRunsOf(set);
  return join([
    filterClause(flowRunFilter, set.flow_runs),
    ...ofFlows(set),
    ...within("r.deployment_id", deployments(set, uuidBytes("d.id"))),
    ...within("r.work_queue_id", queueIds === null ? null : wrap(`SELECT ${uuidBytes("id")} FROM (`, queueIds)),
    ...(tasks === null ? [] : [tasks]),
  ]);
}

/** WHERE of `task_run t`. */
export function taskRunsWhere(set: FilterSet): Clause {
  const own = filterClause(taskRunFilter, set.task_runs);
  if (!needsFlowRuns(set)) {
    const ids = onlyIds(set.flow_runs);
    return ids === null ? own : join([own, inIds({ bytes: "t.flow_run_id" }, ids)]);
  }
  const run = join([
    wrap(RUN, filterClause(flowRunFilter, set.flow_runs), ""),
    ...ofFlows(set),
    ...within("r.deployment_id", deployments(set, uuidBytes("d.id"))),
  ]);
  return join([own, wrap("EXISTS (SELECT 1 FROM flow_run r WHERE r.id = t.flow_run_id AND ", run)]);
}

/**
 * Whether filters select task runs by columns of their flow runs. As on the server, a filter on ids of flow runs alone does not
 * require that these runs exist.
 */
export function needsFlowRuns(set: FilterSet): boolean {
  return isGiven(set.flows) || isGiven(set.deployments) || (isGiven(set.flow_runs) && onlyIds(set.flow_runs) === null);
}

/** WHERE of `task_run t`: those that match the task-run filter, and whose flow run is not recorded. */
export function taskRunsOfUnrecordedRunsWhere(set: FilterSet): Clause {
  const unrecorded = "t.flow_run_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM flow_run r WHERE r.id = t.flow_run_id)";
  return join([filterClause(taskRunFilter, set.task_runs), clause(unrecorded)]);
}

function onlyIds(filter: unknown): readonly string[] | null {
  const {
    operator: _,
    id,
    ...others
  } = (filter ?? {}) as {
    readonly operator?: string;
    readonly id?: { readonly any_?: readonly string[] | null; readonly not_any_?: readonly string[] | null } | null;
  };
  if (Object.values(others).some(isGiven) || !id?.any_?.length || id.not_any_?.length) return null;
  return id.any_;
}

/** WHERE of `object d` of kind deployment. */
export function deploymentsWhere(set: FilterSet): Clause {
  return join([
    filterClause(deploymentFilter, set.deployments),
    ...within("d.parent_id", flows(set, "f.id")),
    ...within(uuidBytes("d.id"), runs(set, "deployment_id")),
    ...within(QUEUE_ID, queues(set)),
  ]);
}

/** WHERE of `object f` of kind flow. */
export function flowsWhere(set: FilterSet): Clause {
  const parts = [filterClause(flowFilter, set.flows), ...within(uuidBytes("f.id"), runs(set, "flow_id"))];
  const queueIds = isGiven(set.work_pools) ? queues({ work_pools: set.work_pools }) : null;
  if (isGiven(set.deployments) || queueIds !== null) {
    const deployed = [wrap(DEPLOYMENT, filterClause(deploymentFilter, set.deployments), "")];
    append(deployed, within(QUEUE_ID, queueIds));
    parts.push(wrap("f.id IN (SELECT d.parent_id FROM object d WHERE ", join(deployed)));
  }
  return join(parts);
}

/** WHERE of `object p` (work pools), `object q` (work queues), `object a` (automations) and `object o` (artifacts). */
export function workPoolsWhere(set: FilterSet): Clause {
  return filterClause(workPoolFilter, set.work_pools);
}
export function workQueuesWhere(set: FilterSet): Clause {
  return filterClause(workQueueFilter, set.work_pool_queues);
}
export function automationsWhere(set: FilterSet): Clause {
  return filterClause(automationFilter, set.automations);
}
export function artifactsWhere(set: FilterSet): Clause {
  return filterClause(artifactFilter, set.artifacts);
}

/** Snapshots, other than that of `own`, that the filters need for an answer about `own`. */
export function snapshotsNeededBy(set: FilterSet, own: FilterKey): SnapshotKind[] {
  const kinds = new Set<SnapshotKind>();
  if (own !== "flows" && isGiven(set.flows) && onlyIds(set.flows) === null) kinds.add("flow");
  if (own !== "deployments" && isGiven(set.deployments)) kinds.add("deployment");
  if (isGiven(set.deployments) && JSON.stringify(set.deployments).includes("flow_or_deployment_name"))
    kinds.add("flow");
  if (isGiven(set.flows) && JSON.stringify(set.flows).includes('"deployment"')) kinds.add("deployment");
  if (own !== "work_pools" && isGiven(set.work_pools)) kinds.add("work_pool").add("work_queue");
  if (own !== "work_pool_queues" && isGiven(set.work_pool_queues)) kinds.add("work_queue");
  return [...kinds];
}

/**
 * Whether the record can evaluate the filters with certainty. The server filters work queues by a name that it never
 * returns.
 */
export function isDecidable(set: FilterSet): boolean {
  return ![set.flow_runs, set.deployments].some((filter) => {
    const { work_queue_name: queue } = (filter ?? {}) as {
      readonly work_queue_name?: Readonly<Record<string, unknown>> | null;
    };
    return isGiven(queue?.any_) || isGiven(queue?.is_null_);
  });
}
