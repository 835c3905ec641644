/** Routes of the fake server: method and path below the base path → a JSON answer. */
import type { Deployment, FlowRun, TaskRun } from "../../../src/model/objects.ts";
import { isOlderVersion } from "../../../src/model/prefect-version.ts";
import { type Criteria, passes } from "./criteria.ts";
import {
  ARTIFACT,
  AUTOMATION,
  deploymentCriteria,
  FLOW,
  filterRows,
  flowRunCriteria,
  logCriteria,
  taskRunCriteria,
  VARIABLE,
  WORK_POOL,
  WORK_QUEUE,
  WORKER,
} from "./filters.ts";
import { type Dict, detail, Refusal } from "./problems.ts";
import {
  ARTIFACT_SORTS,
  FLOW_RUN_SORTS,
  LOG_SORTS,
  NAME_SORTS,
  shuffle,
  TASK_RUN_DURATION_SORTS,
  TASK_RUN_SORTS,
} from "./sorts.ts";
import type { FakeWorkspace } from "./workspace.ts";

export interface RouteContext {
  readonly workspace: FakeWorkspace;
  readonly cap: number;
  readonly textSearch: boolean;
  readonly query: URLSearchParams;
  /** Lines of one timestamp come in another order at each request. */
  readonly shuffled: (() => number) | null;
}

/** Undefined when there is no such route. Throws a Refusal for the other error answers. */
export function answerRoute(method: string, path: string, body: Dict, context: RouteContext): unknown {
  if (method === "POST") return filterRoute(path, body, context);
  if (method === "GET") return readRoute(path, context);
  return undefined;
}

function filterRoute(path: string, body: Dict, context: RouteContext): unknown {
  const { workspace: w, cap, textSearch } = context;
  const isOlder = (than: string) => isOlderVersion(w.version, than);
  const runs = flowRunCriteria(w);
  const tasks = taskRunCriteria(w);
  const deployments = deploymentCriteria(w);
  const some = <Row>(rows: readonly Row[], criteria: Criteria<Row>, related: (row: Row) => boolean, filter: Dict) =>
    rows.some((row) => related(row) && passes(filter, criteria, row));
  const poolOf = (run: FlowRun | Deployment) => (row: { name: string }) => row.name === run.work_pool_name;
  const shared = {
    work_pools: (f: Dict, row: FlowRun | Deployment) => some(w.workPools, WORK_POOL, poolOf(row), f),
    work_pool_queues: (f: Dict, row: FlowRun | Deployment) =>
      some(w.workQueues, WORK_QUEUE, (queue) => queue.id === row.work_queue_id, f),
  };
  const flowRuns = () =>
    filterRows({
      rows: w.flowRuns,
      criteria: runs,
      own: "flow_runs",
      version: w.version,
      body,
      sorts: FLOW_RUN_SORTS,
      cap,
      related: {
        ...shared,
        flows: (f, row) => some(w.flows, FLOW, (flow) => flow.id === row.flow_id, f),
        task_runs: (f, row) => some(w.taskRuns, tasks, (task) => task.flow_run_id === row.id, f),
        deployments: (f, row) => some(w.deployments, deployments, (d) => d.id === row.deployment_id, f),
      },
    });
  const taskRuns = () =>
    filterRows<TaskRun>({
      rows: w.taskRuns,
      criteria: tasks,
      own: "task_runs",
      version: w.version,
      body,
      sorts: isOlder("3.9.1") ? TASK_RUN_SORTS : [...TASK_RUN_SORTS, ...TASK_RUN_DURATION_SORTS],
      cap,
      related: {
        flow_runs: (f, row) => some(w.flowRuns, runs, (run) => run.id === row.flow_run_id, f),
        flows: (f, row) =>
          some(w.flows, FLOW, (flow) => w.flowRuns.some((r) => r.id === row.flow_run_id && r.flow_id === flow.id), f),
        deployments: (f, row) =>
          some(
            w.deployments,
            deployments,
            (d) => w.flowRuns.some((r) => r.id === row.flow_run_id && r.deployment_id === d.id),
            f,
          ),
      },
    });
  const deploymentRows = () =>
    filterRows({
      rows: isOlder("3.6.1") ? w.deployments.map(({ work_queue_id: _, ...row }) => row) : w.deployments,
      criteria: deployments,
      own: "deployments",
      version: w.version,
      body,
      sorts: NAME_SORTS,
      cap,
      related: {
        ...shared,
        flows: (f, row) => some(w.flows, FLOW, (flow) => flow.id === row.flow_id, f),
        flow_runs: (f, row) => some(w.flowRuns, runs, (run) => run.deployment_id === row.id, f),
      },
    });
  const flowRows = () =>
    filterRows({
      rows: w.flows,
      criteria: FLOW,
      own: "flows",
      version: w.version,
      body,
      sorts: NAME_SORTS,
      cap,
      related: {
        flow_runs: (f, row) => some(w.flowRuns, runs, (run) => run.flow_id === row.id, f),
        deployments: (f, row) => some(w.deployments, deployments, (d) => d.flow_id === row.id, f),
      },
    });
  const fixed = ["NAME_ASC"];
  const limits = isOlder("3.4.25")
    ? w.concurrencyLimits.filter((one) => !one.name.startsWith("tag:"))
    : w.concurrencyLimits;
  switch (path) {
    case "/flow_runs/filter":
      return flowRuns().page;
    case "/flow_runs/count":
      return flowRuns().count;
    case "/task_runs/filter":
      return taskRuns().page;
    case "/task_runs/count":
      return taskRuns().count;
    case "/deployments/filter":
      return deploymentRows().page;
    case "/deployments/count":
      return deploymentRows().count;
    case "/flows/filter":
      return flowRows().page;
    case "/flows/count":
      return flowRows().count;
    case "/logs/filter":
      return filterRows({
        rows: context.shuffled ? shuffle(w.logs, context.shuffled) : w.logs,
        criteria: logCriteria(textSearch, isOlder("3.4.25")),
        own: "logs",
        body,
        sorts: LOG_SORTS,
        cap,
      }).page;
    case "/work_pools/filter":
      return filterRows({ rows: w.workPools, criteria: WORK_POOL, own: "work_pools", body, sorts: fixed, cap }).page;
    case "/work_queues/filter":
      return filterRows({ rows: w.workQueues, criteria: WORK_QUEUE, own: "work_queues", body, sorts: fixed, cap }).page;
    case "/automations/filter":
      return filterRows({
        rows: w.automations,
        criteria: AUTOMATION,
        own: "automations",
        version: w.version,
        body,
        sorts: NAME_SORTS,
        cap,
      }).page;
    case "/artifacts/filter":
      return filterRows({ rows: w.artifacts, criteria: ARTIFACT, own: "artifacts", body, sorts: ARTIFACT_SORTS, cap })
        .page;
    case "/variables/filter":
      return filterRows({ rows: w.variables, criteria: VARIABLE, own: "variables", body, sorts: NAME_SORTS, cap }).page;
    case "/automations/count":
      return w.automations.length;
    case "/block_types/filter": {
      const { any_: slugs } = ((body.block_types ?? {}) as { slug?: { any_?: readonly string[] } }).slug ?? {};
      const rows = [...w.blockTypes].map(([slug, id]) => ({ id, slug, name: slug, is_protected: true }));
      return rows.filter(({ slug }) => slugs === undefined || slugs.includes(slug));
    }
    case "/v2/concurrency_limits/filter":
      return filterRows({ rows: limits, criteria: {}, own: "", body, sorts: fixed, cap }).page;
    case "/concurrency_limits/filter":
      return tagLimits(w, body, cap);
    default:
      return poolRoute(path, body, context);
  }
}

/** `/work_pools/{name}/{queues/filter|workers/filter|concurrency_status}`. */
function poolRoute(path: string, body: Dict, { workspace: w, cap }: RouteContext): unknown {
  const [, name, rest] =
    /^\/work_pools\/([^/]+)\/(queues\/filter|workers\/filter|concurrency_status)$/.exec(path) ?? [];
  if (name === undefined || (rest === "concurrency_status" && isOlderVersion(w.version, "3.6.23"))) return undefined;
  const pool = w.workPools.find((row) => row.name === decodeURIComponent(name));
  if (!pool) throw detail(404, `Work pool "${decodeURIComponent(name)}" not found.`);
  const queues = w.workQueues.filter((queue) => queue.work_pool_id === pool.id || queue.work_pool_name === pool.name);
  if (rest === "queues/filter") {
    return filterRows({ rows: queues, criteria: WORK_QUEUE, own: "work_queues", body, sorts: ["PRIORITY_ASC"], cap })
      .page;
  }
  if (rest === "workers/filter") {
    const rows = w.workers.filter((worker) => worker.work_pool_id === pool.id);
    return filterRows({ rows, criteria: WORKER, own: "workers", body, sorts: ["HEARTBEAT_DESC"], cap }).page;
  }
  const holding = w.flowRuns.filter(
    (run) => run.work_pool_name === pool.name && (run.state_type === "PENDING" || run.state_type === "RUNNING"),
  );
  const perQueue = queues.map((queue) => {
    const runs = holding.filter((run) => run.work_queue_id === queue.id);
    return {
      queue_id: queue.id,
      queue_name: queue.name,
      active_slots: runs.length,
      concurrency_limit: queue.concurrency_limit ?? null,
      flow_runs: runs.slice(0, typeof body.flow_run_limit === "number" ? body.flow_run_limit : 10).map((run) => ({
        id: run.id,
        name: run.name,
        state_type: run.state_type,
        state_name: run.state_name,
        start_time: run.start_time,
        state_timestamp: run.state?.timestamp ?? null,
        time_in_current_state: 1.5,
      })),
      flow_run_count: runs.length,
    };
  });
  const paging = { count: queues.length, limit: cap, pages: 1, page: 1 };
  return {
    active_slots: holding.length,
    concurrency_limit: pool.concurrency_limit ?? null,
    queues: perQueue,
    ...paging,
  };
}

function tagLimits(w: FakeWorkspace, body: Dict, cap: number): unknown {
  const rows = w.concurrencyLimits.filter((limit) => limit.name.startsWith("tag:"));
  const { page } = filterRows({ rows, criteria: {}, own: "", body, sorts: ["NAME_ASC"], cap });
  return page.map(({ id, created, updated, name, limit }) => {
    const tag = name.slice("tag:".length);
    return { id, created, updated, tag, concurrency_limit: limit, active_slots: w.tagHolders.get(tag) ?? [] };
  });
}

function readRoute(path: string, { workspace: w, query }: RouteContext): unknown {
  switch (path) {
    case "/health":
      return true;
    case "/ready":
      return { message: "OK" };
    case "/version":
      return "0.8.4";
    case "/admin/version":
      return w.version;
    case "/admin/settings":
      return w.settings;
    case "/flow_run_states/":
      return statesOf(w, query.get("flow_run_id") ?? "");
  }
  const [, kind, key] = /^\/((?:v2\/)?[a-z_]+)\/([^/]+)$/.exec(path) ?? [];
  if (kind === undefined || key === undefined) return undefined;
  const wanted = decodeURIComponent(key);
  const found = <Row>(rows: readonly Row[], test: (row: Row) => boolean, missing: Refusal): Row => {
    const row = rows.find(test);
    if (row === undefined) throw missing;
    return row;
  };
  const byId = (row: { id: string }) => row.id === wanted;
  switch (kind) {
    case "flow_runs":
      return found(w.flowRuns, byId, detail(404, "Flow run not found"));
    case "task_runs":
      return found(w.taskRuns, byId, detail(404, "Task not found"));
    case "deployments":
      return found(w.deployments, byId, detail(404, "Deployment not found"));
    case "flows":
      return found(w.flows, byId, detail(404, "Flow not found"));
    case "work_pools":
      return found(w.workPools, (row) => row.name === wanted, detail(404, `Work pool "${wanted}" not found.`));
    case "work_queues":
      return found(w.workQueues, byId, detail(404, "Work Queue not found."));
    case "automations":
      return found(w.automations, byId, new Refusal(404, { exception_message: "Automation not found" }));
    case "v2/concurrency_limits": {
      const missing = detail(404, "Concurrency Limit not found");
      return found(w.concurrencyLimits, (row) => row.id === wanted || row.name === wanted, missing);
    }
    default:
      return undefined;
  }
}

function statesOf(w: FakeWorkspace, flowRunId: string): unknown {
  const run = w.flowRuns.find((row) => row.id === flowRunId);
  return w.flowRunStates.get(flowRunId) ?? (run?.state ? [run.state] : []);
}
