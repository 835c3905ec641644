/**
 * Prefect's sort values in SQL. Nulls are first in ascending and last in descending order, as in SQLite, and the other way round for
 * a server on PostgreSQL (`sync/context/null-order.ts`). Prefect leaves the order of ties to its database, which mostly returns them in order of creation for ascending sorts and in reverse
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
 * How long a run has run, as `runDurationUs` says it; its parameter is the present of the server. Null for runs that have not
 * started.
 */
function runDurationSql(alias: string): string {
  const column = (name: string) => `${alias}.${name}`;
  const waited = `ifnull(nullif(CAST(round(${column("total_run_time")} * 1e6) AS INTEGER), 0), ${column("state_us")} - ${column("start_us")})`;
  return `(CASE WHEN ${column("start_us")} IS NULL THEN NULL WHEN ${column("end_us")} IS NOT NULL THEN ${column("end_us")} - ${column("start_us")}
  WHEN ${column("state_type")} IN (${TERMINAL_SQL}) THEN NULL WHEN ${column("state_type")} IN (${quoted(WAITING_TYPES)})
  THEN ${waited} ELSE ? - ${column("start_us")} END)`;
}

/** Runs of a table `alias` whose duration is within the bounds. */
export function durationWhere(alias: string, { minUs, maxUs }: DurationBounds, nowUs: ServerUs): Clause {
  const ran = runDurationSql(alias);
  return join([
    ...(minUs === undefined ? [] : [clause(`${ran} >= ?`, nowUs, minUs)]),
    ...(maxUs === undefined ? [] : [clause(`${ran} <= ?`, nowUs, maxUs)]),
  ]);
}

/** Of this program: Prefect does not sort flow runs by duration, and task runs only since 3.9.1. */
const DURATION_SORTS = { DURATION_ASC: "", DURATION_DESC: " DESC" } as const;
export type DurationSort = keyof typeof DURATION_SORTS;

export function isDurationSort(sort: string): sort is DurationSort {
  return Object.hasOwn(DURATION_SORTS, sort);
}

/**
 * Runs without a duration come last: those that are due, newest first, then those that are due later, soonest first. Live rows are
 * sorted the same way (`queries/runs/by-duration.ts`).
 */
function durationOrder(alias: string, dueColumn: string, sort: DurationSort, nowUs: ServerUs): Clause {
  const ran = runDurationSql(alias);
  const due = `${alias}.${dueColumn}`;
  const order = `${ran} IS NULL, ${ran}${DURATION_SORTS[sort]}, ifnull(${due} > ?, 2), CASE WHEN ${due} > ? THEN ${due} ELSE -${due} END, ${alias}.id`;
  return clause(order, nowUs, nowUs, nowUs, nowUs);
}

export type FlowRunSort = keyof typeof FLOW_RUN_SORTS | DurationSort;
export const FLOW_RUN_SORT_NAMES = Object.keys({ ...FLOW_RUN_SORTS, ...DURATION_SORTS }) as FlowRunSort[];

/**
 * ORDER BY of `flow_run r`. `nowUs`: the present of the server, for runs that are running. `areNullsLargest`: the server is on
 * PostgreSQL.
 */
export function flowRunOrder(sort: FlowRunSort, nowUs: ServerUs, areNullsLargest: boolean): Clause {
  if (isDurationSort(sort)) return durationOrder("r", "begin_us", sort, nowUs);
  return clause(areNullsLargest ? withNullsLargest(FLOW_RUN_SORTS[sort]) : FLOW_RUN_SORTS[sort]);
}

/** Times that are missing in some runs: of their end, and of a start that is planned. */
const MISSING_TIMES = /^([rt]\.(?:end|next|expected)_us)( DESC)?,/;

/** Whether the order depends on where the server's database puts missing values. */
export function dependsOnNulls(sort: FlowRunSort | TaskRunSort): boolean {
  const order = Object.entries({ ...FLOW_RUN_SORTS, ...TASK_RUN_SORTS }).find(([name]) => name === sort)?.[1] ?? "";
  return MISSING_TIMES.test(order);
}

function withNullsLargest(order: string): string {
  return order.replace(MISSING_TIMES, (_, column: string, descending = "") =>
    descending === "" ? `${column} NULLS LAST,` : `${column}${descending} NULLS FIRST,`,
  );
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

export type TaskRunSort = keyof typeof TASK_RUN_SORTS | DurationSort;
export const TASK_RUN_SORT_NAMES = Object.keys({ ...TASK_RUN_SORTS, ...TASK_RUN_DURATION_SORTS }) as TaskRunSort[];

/** The same for `task_run t`. `isServerOlder`: than `DURATION_SORTS_SINCE`. */
export function taskRunOrder(
  sort: TaskRunSort,
  nowUs: ServerUs,
  areNullsLargest: boolean,
  isServerOlder = false,
): Clause {
  if (!isDurationSort(sort))
    return clause(areNullsLargest ? withNullsLargest(TASK_RUN_SORTS[sort]) : TASK_RUN_SORTS[sort]);
  return isServerOlder ? durationOrder("t", "expected_us", sort, nowUs) : clause(TASK_RUN_DURATION_SORTS[sort], nowUs);
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
