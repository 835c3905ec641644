/** The workspace at one moment as tables with relations, to which Prefect's filters apply. */
import type {
  Automation,
  Deployment,
  Flow,
  FlowRun,
  JsonObject,
  Log,
  TaskRun,
  WorkPool,
  WorkQueue,
} from "../model/objects.ts";
import { usOf } from "./family-replay.ts";
import {
  AUTOMATION,
  compileFilter,
  DEPLOYMENT,
  type FilterSpec,
  FLOW,
  FLOW_RUN,
  LOG,
  TASK_RUN,
  UnknownKeyError,
  WORK_POOL,
  WORK_QUEUE,
} from "./filters.ts";
import { withOccupancy } from "./occupancy.ts";
import { RefusalError, requestModelError } from "./refusal-error.ts";
import type { Replay } from "./replay.ts";

interface Rows {
  flows: Flow;
  flow_runs: FlowRun;
  task_runs: TaskRun;
  deployments: Deployment;
  work_pools: WorkPool;
  work_pool_queues: WorkQueue;
  logs: Log;
  automations: Automation;
}
export type TableName = keyof Rows;

const SPECS: { readonly [K in TableName]: FilterSpec<Rows[K]> } = {
  flows: FLOW,
  flow_runs: FLOW_RUN,
  task_runs: TASK_RUN,
  deployments: DEPLOYMENT,
  work_pools: WORK_POOL,
  work_pool_queues: WORK_QUEUE,
  logs: LOG,
  automations: AUTOMATION,
};

/** Filters that apply to a table; other top-level keys are ignored, as on the server. */
const RELATED_FILTERS: { readonly [K in TableName]: readonly TableName[] } = {
  flows: ["flows", "flow_runs", "task_runs", "deployments", "work_pools"],
  flow_runs: ["flows", "flow_runs", "task_runs", "deployments", "work_pools", "work_pool_queues"],
  task_runs: ["flows", "flow_runs", "task_runs", "deployments"],
  deployments: ["flows", "flow_runs", "task_runs", "deployments", "work_pools", "work_pool_queues"],
  work_pools: ["work_pools"],
  work_pool_queues: ["work_pool_queues"],
  logs: ["logs"],
  automations: ["automations"],
};

const DEFAULT_SORT: { readonly [K in TableName]: string } = {
  flows: "NAME_ASC",
  flow_runs: "ID_DESC",
  task_runs: "ID_DESC",
  deployments: "NAME_ASC",
  work_pools: "NAME_ASC",
  work_pool_queues: "NAME_ASC",
  logs: "TIMESTAMP_ASC",
  automations: "NAME_ASC",
};

const SORT_COLUMN: Readonly<Record<string, string>> = {
  ID: "id",
  NAME: "name",
  START_TIME: "start_time",
  EXPECTED_START_TIME: "expected_start_time",
  NEXT_SCHEDULED_START_TIME: "next_scheduled_start_time",
  END_TIME: "end_time",
  CREATED: "created",
  UPDATED: "updated",
  TIMESTAMP: "timestamp",
};

export class Tables {
  private readonly rows: { [K in TableName]: readonly Rows[K][] };

  constructor(replay: Replay, nowUs: number) {
    const { objects } = replay;
    const flowRuns = replay.flowRuns(nowUs);
    this.rows = {
      flows: objects.flows,
      flow_runs: flowRuns,
      task_runs: replay.taskRuns(nowUs),
      logs: replay.logs(nowUs),
      automations: objects.automations,
      ...withOccupancy(replay, flowRuns, nowUs),
    };
  }

  all<K extends TableName>(table: K): readonly Rows[K][] {
    return this.rows[table];
  }

  /** Rows that match the combined filters of the body, unsorted. Refuses unknown keys as Prefect does. */
  matching<K extends TableName>(table: K, body: JsonObject): readonly Rows[K][] {
    let rows: readonly Rows[K][] = this.rows[table];
    for (const related of RELATED_FILTERS[table]) {
      const filter = body[related];
      if (!filter) continue;
      const test = this.compile(related, filter as JsonObject, body);
      if (!test) continue;
      if (related === table) rows = rows.filter(test as unknown as (row: Rows[K]) => boolean);
      else {
        const wanted = new Set(
          this.rows[related].filter(test as (row: Rows[TableName]) => boolean).map((row) => row.id),
        );
        rows = rows.filter((row) => this.relatedIds(table, row, related).some((id) => wanted.has(id)));
      }
    }
    return rows;
  }

  page<K extends TableName>(table: K, body: JsonObject): readonly Rows[K][] {
    const limit = limitOf(body);
    const rows = sorted(this.matching(table, body), sortOf(table, body));
    const offset = Number(body.offset ?? 0);
    if (offset < 0)
      throw requestModelError("greater_than_equal", ["offset"], "Input should be greater than or equal to 0", body);
    return rows.slice(offset, offset + limit);
  }

  private compile(table: TableName, filter: JsonObject, body: JsonObject): ((row: never) => boolean) | null {
    const { parent_flow_run_id: parents, ...rest } = filter;
    const isByParent = table === "flow_runs" && parents;
    try {
      const test = compileFilter(SPECS[table] as FilterSpec<{ id: string }>, isByParent ? rest : filter, [table]);
      if (!isByParent) return test;
      const wanted = (parents as { any_?: readonly string[] }).any_ ?? [];
      const children = new Set(
        this.rows.task_runs.filter((run) => wanted.includes(run.flow_run_id ?? "")).map((run) => run.id),
      );
      return (row: FlowRun) => children.has(row.parent_task_run_id ?? "") && (test?.(row) ?? true);
    } catch (error) {
      if (!(error instanceof UnknownKeyError)) throw error;
      throw requestModelError("extra_forbidden", error.path, "Extra inputs are not permitted", body);
    }
  }

  /** Ids of the rows of another table that belong to a row. */
  private relatedIds(table: TableName, row: Rows[TableName], related: TableName): readonly string[] {
    const runs = this.runsOf(table, row);
    switch (related) {
      case "flow_runs":
        return runs.map((run) => run.id);
      case "task_runs":
        return this.rows.task_runs
          .filter((task) => runs.some((run) => run.id === task.flow_run_id))
          .map((task) => task.id);
      case "flows":
        return table === "deployments" ? [(row as Deployment).flow_id] : runs.map((run) => run.flow_id);
      case "deployments":
        return this.deploymentsOf(table, row, runs).map((deployment) => deployment.id);
      case "work_pools": {
        if (table === "flow_runs") return runs.map((run) => run.work_pool_id ?? "");
        const names = this.deploymentsOf(table, row, runs).map((deployment) => deployment.work_pool_name);
        return this.rows.work_pools.filter((pool) => names.includes(pool.name)).map((pool) => pool.id);
      }
      case "work_pool_queues":
        return [table === "deployments" ? (row as Deployment).work_queue_id : (row as FlowRun).work_queue_id].map(
          (id) => id ?? "",
        );
      default:
        return [];
    }
  }

  private runsOf(table: TableName, row: Rows[TableName]): readonly FlowRun[] {
    if (table === "flow_runs") return [row as FlowRun];
    return this.rows.flow_runs.filter((run) => {
      if (table === "task_runs") return run.id === (row as TaskRun).flow_run_id;
      return table === "flows" ? run.flow_id === row.id : run.deployment_id === row.id;
    });
  }

  private deploymentsOf(table: TableName, row: Rows[TableName], runs: readonly FlowRun[]): readonly Deployment[] {
    if (table === "deployments") return [row as Deployment];
    if (table === "flows") return this.rows.deployments.filter((deployment) => deployment.flow_id === row.id);
    return this.rows.deployments.filter((deployment) => runs.some((run) => run.deployment_id === deployment.id));
  }
}

/** The server's default is its maximum. */
export function limitOf(body: JsonObject, max = 200): number {
  const limit = Number(body.limit ?? max);
  if (limit > max) throw new RefusalError(422, { detail: `Invalid limit: must be less than or equal to ${max}.` });
  if (limit < 0) throw new RefusalError(422, { detail: "Invalid limit: must be greater than or equal to 0." });
  return limit;
}

function sortOf(table: TableName, body: JsonObject): string {
  const sort = String(body.sort ?? DEFAULT_SORT[table]);
  const column = SORT_COLUMN[sort.replace(/_(ASC|DESC)$/, "")];
  if (!column || !/_(ASC|DESC)$/.test(sort)) {
    throw requestModelError("enum", ["sort"], "Input should be one of the known sort orders", body);
  }
  return sort;
}

/** Nulls come first in ascending order, as on SQLite. `START_TIME` sorts by the start, else by the expected start. */
function sorted<Row extends { readonly id: string }>(rows: readonly Row[], sort: string): Row[] {
  const column = SORT_COLUMN[sort.replace(/_(ASC|DESC)$/, "")] ?? "id";
  const sign = sort.endsWith("_DESC") ? -1 : 1;
  const keyed = rows.map((row) => {
    const values = row as unknown as Readonly<Record<string, string | null | undefined>>;
    const value = values[column] ?? (column === "start_time" ? values.expected_start_time : null);
    const isTime = column !== "id" && column !== "name";
    return { row, key: value === null || value === undefined ? -1 : isTime ? usOf(value) : value };
  });
  keyed.sort((a, b) => sign * (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.map((one) => one.row);
}
