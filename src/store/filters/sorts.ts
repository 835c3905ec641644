/**
 * Prefect's sort values in SQL. Nulls are first in ascending and last in descending order, as in SQLite. Prefect leaves
 * the order of ties to its database, which mostly returns them in order of creation for ascending sorts and in reverse
 * order for descending ones; start times are always ascending, as they have no index there. The record does the same by
 * creation time and then by rowid, which is the order of the indexes of the run tables.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/sorting.py
 */
import type { ServerUs } from "../../lib/time.ts";
import { type DurationBounds, WAITING_TYPES } from "../../model/runs/run-duration.ts";
import { TERMINAL_SQL } from "../state-types.ts";
import { type Clause, clause, join } from "./clause.ts";
import { sortableTime } from "./term.ts";

const FLOW_RUN_SORTS = {
  ID_DESC: "r.id DESC",
  START_TIME_ASC: `r.begin_us, ${tie("r")}`,
  START_TIME_DESC: `r.begin_us DESC, ${tie("r")}`,
  EXPECTED_START_TIME_ASC: `r.expected_us, ${tie("r")}`,
  EXPECTED_START_TIME_DESC: `r.expected_us DESC, ${tie("r", " DESC")}`,
  NAME_ASC: `r.name, ${tie("r")}`,
  NAME_DESC: `r.name DESC, ${tie("r", " DESC")}`,
  NEXT_SCHEDULED_START_TIME_ASC: `r.next_us, ${tie("r")}`,
  END_TIME_DESC: `r.end_us DESC, ${tie("r", " DESC")}`,
} as const;
/**
 * How long a flow run has run, as `runDurationUs` says it; its parameter is the present of the server. Null for runs that have not
 * started.
 */
const RUN_DURATION_US = `(CASE WHEN r.start_us IS NULL THEN NULL WHEN r.end_us IS NOT NULL THEN r.end_us - r.start_us
  WHEN r.state_type IN (${TERMINAL_SQL}) THEN NULL WHEN r.state_type IN (${quoted(WAITING_TYPES)})
  THEN ifnull(nullif(CAST(round(r.total_run_time * 1e6) AS INTEGER), 0), r.state_us - r.start_us) ELSE ? - r.start_us END)`;
/** Of this program: Prefect does not sort flow runs by duration. Runs without a duration come last. */
const FLOW_RUN_DURATION_SORTS = { DURATION_ASC: "", DURATION_DESC: " DESC" } as const;

export type FlowRunSort = keyof typeof FLOW_RUN_SORTS | keyof typeof FLOW_RUN_DURATION_SORTS;
export const FLOW_RUN_SORT_NAMES = Object.keys({ ...FLOW_RUN_SORTS, ...FLOW_RUN_DURATION_SORTS }) as FlowRunSort[];

/** ORDER BY of `flow_run r`. `nowUs`: the present of the server, for runs that are running. */
export function flowRunOrder(sort: FlowRunSort, nowUs: ServerUs): Clause {
  if (!isDurationSort(sort)) return clause(FLOW_RUN_SORTS[sort]);
  const direction = FLOW_RUN_DURATION_SORTS[sort];
  return clause(`${RUN_DURATION_US} IS NULL, ${RUN_DURATION_US}${direction}, r.begin_us DESC, r.id`, nowUs, nowUs);
}

/** Runs of `flow_run r` whose duration is within the bounds. */
export function durationWhere({ minUs, maxUs }: DurationBounds, nowUs: ServerUs): Clause {
  return join([
    ...(minUs === undefined ? [] : [clause(`${RUN_DURATION_US} >= ?`, nowUs, minUs)]),
    ...(maxUs === undefined ? [] : [clause(`${RUN_DURATION_US} <= ?`, nowUs, maxUs)]),
  ]);
}

const TASK_RUN_SORTS = {
  ID_DESC: "t.id DESC",
  EXPECTED_START_TIME_ASC: `t.expected_us, ${tie("t")}`,
  EXPECTED_START_TIME_DESC: `t.expected_us DESC, ${tie("t", " DESC")}`,
  NAME_ASC: `t.name, ${tie("t")}`,
  NAME_DESC: `t.name DESC, ${tie("t", " DESC")}`,
  NEXT_SCHEDULED_START_TIME_ASC: `t.next_us, ${tie("t")}`,
  END_TIME_DESC: `t.end_us DESC, ${tie("t", " DESC")}`,
} as const;
/**
 * From Prefect 3.9.1 on. The time of a run that is running grows, and its parameter is the present; ties have an order.
 * https://github.com/PrefectHQ/prefect/blob/3.9.1/src/prefect/server/schemas/sorting.py
 */
const DURATION_US =
  "CAST(round(t.total_run_time * 1e6) AS INTEGER) + CASE WHEN t.state_type = 'RUNNING' THEN ? - ifnull(t.state_us, 0) ELSE 0 END";
const TASK_RUN_DURATION_SORTS = {
  DURATION_ASC: `${DURATION_US}, t.expected_us DESC, t.id DESC`,
  DURATION_DESC: `${DURATION_US} DESC, t.expected_us DESC, t.id DESC`,
} as const;
export const DURATION_SORTS_SINCE = "3.9.1";

export type TaskRunSort = keyof typeof TASK_RUN_SORTS | keyof typeof TASK_RUN_DURATION_SORTS;
export const TASK_RUN_SORT_NAMES = Object.keys({ ...TASK_RUN_SORTS, ...TASK_RUN_DURATION_SORTS }) as TaskRunSort[];

export function isDurationSort(sort: string): sort is keyof typeof TASK_RUN_DURATION_SORTS {
  return Object.hasOwn(TASK_RUN_DURATION_SORTS, sort);
}

/** ORDER BY of `task_run t`. `nowUs`: the present of the server, for runs that are running. */
export function taskRunOrder(sort: TaskRunSort, nowUs: ServerUs): Clause {
  return isDurationSort(sort) ? clause(TASK_RUN_DURATION_SORTS[sort], nowUs) : clause(TASK_RUN_SORTS[sort]);
}

export type ObjectSort = "NAME_ASC" | "NAME_DESC" | "CREATED_DESC" | "UPDATED_DESC";
export const OBJECT_SORTS: readonly ObjectSort[] = ["NAME_ASC", "NAME_DESC", "CREATED_DESC", "UPDATED_DESC"];

/** ORDER BY of `object <alias>`. */
export function objectOrder(alias: string, sort: ObjectSort): string {
  const created = sortableTime(`(${alias}.doc ->> '$.created')`);
  if (sort === "NAME_ASC") return `${alias}.name, ${created}, ${alias}.id`;
  if (sort === "NAME_DESC") return `${alias}.name DESC, ${created} DESC, ${alias}.id DESC`;
  if (sort === "CREATED_DESC") return `${created} DESC, ${alias}.id DESC`;
  return `${sortableTime(`(${alias}.doc ->> '$.updated')`)} DESC, ${created} DESC, ${alias}.id DESC`;
}

function quoted(texts: readonly string[]): string {
  return texts.map((text) => `'${text}'`).join(", ");
}

function tie(alias: string, direction = ""): string {
  return `${alias}.created_us${direction}, ${alias}.rowid${direction}`;
}
