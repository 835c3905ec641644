/** Rows of the record that match Prefect's filters. */
import { parseJson } from "../../lib/exact-json.ts";
import type { ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { FilterKind } from "../../model/kinds.ts";
import type { SnapshotKind, SnapshotObjects } from "../../model/objects.ts";
import type { DurationBounds } from "../../model/runs/run-duration.ts";
import type { RecordDb, SQLQueryBindings, Statement } from "../database.ts";
import { briefFlowRunColumns, type ListedFlowRun } from "../runs/run-columns.ts";
import type { TaskRunRow } from "../schema/run.ts";
import { findFact } from "../sync-state.ts";
import { asOnServer } from "./as-on-server.ts";
import {
  artifactsWhere,
  automationsWhere,
  deploymentsWhere,
  type FilterSet,
  flowRunsWhere,
  flowsWhere,
  taskRunsOfUnrecordedRunsWhere,
  taskRunsWhere,
  workPoolsWhere,
  workQueuesWhere,
} from "./bodies.ts";
import { type Clause, clause, join, TRUE } from "./clause.ts";
import {
  durationWhere,
  type FlowRunSort,
  flowRunOrder,
  type ObjectSort,
  objectOrder,
  type TaskRunSort,
  taskRunOrder,
} from "./sorts.ts";

export interface FindPage {
  readonly limit: number;
  readonly offset?: number;
  /** Only rows that Prefect has deleted, instead of only those that it has. */
  readonly isDeleted?: boolean;
  /** Flow runs without their documents: `doc` and other columns that lists do not show are null. */
  readonly isBrief?: boolean;
  /** Runs: as a server sorts whose database takes missing values as the largest, or as the smallest. Absent: as this server sorts. */
  readonly areNullsLargest?: boolean;
}

export interface TaskRunPage extends FindPage {
  readonly duration?: DurationBounds | undefined;
  /** The present of the server, for durations of runs that are running. */
  readonly nowUs: ServerUs;
  /** The server cannot sort task runs by duration; they are sorted by the duration that answers show. */
  readonly isServerOlder?: boolean;
}

export interface FlowRunPage extends FindPage {
  /**
   * Only runs that begin at or before a time, or only runs that begin later or at no known time. Microseconds, server
   * clock.
   */
  readonly begin?: { readonly notAfterUs: number } | { readonly afterUs: number };
  readonly duration?: DurationBounds | undefined;
  /** The present of the server, for durations of runs that are running. */
  readonly nowUs?: ServerUs;
}

/** Filters produce any number of different statements: the last hundred used are cached. */
const CACHED_STATEMENTS = 100;

function statement<Row>(db: RecordDb, sql: string): Statement<Row, SQLQueryBindings[]> {
  const cached = db.perConnection("filter-statements", () => new Map<string, Statement<unknown, SQLQueryBindings[]>>());
  let found = cached.get(sql);
  if (found) cached.delete(sql);
  else found = db.sqlite.prepare<unknown, SQLQueryBindings[]>(sql);
  cached.set(sql, found);
  const [oldest] = cached.keys();
  if (cached.size > CACHED_STATEMENTS && oldest !== undefined) {
    cached.get(oldest)?.finalize();
    cached.delete(oldest);
  }
  return found as Statement<Row, SQLQueryBindings[]>;
}

function whereOf(alias: string, where: Clause, page: Partial<FindPage>): Clause {
  const isDeleted = { sql: `${alias}.deleted_us IS ${page.isDeleted ? "NOT " : ""}NULL`, params: [] };
  return join([isDeleted, where]);
}

function select<Row>(db: RecordDb, what: string, where: Clause, order: Clause, page: FindPage): Row[] {
  const sql = `SELECT ${what} WHERE ${where.sql} ORDER BY ${order.sql} LIMIT ? OFFSET ?`;
  return statement<Row>(db, sql).all(...where.params, ...order.params, page.limit, page.offset ?? 0);
}

function count(db: RecordDb, from: string, where: Clause): number {
  return (
    statement<{ n: number }>(db, `SELECT count(*) AS n FROM ${from} WHERE ${where.sql}`).get(...where.params)?.n ?? 0
  );
}

/** Flow runs that match, in Prefect's order of `sort`. */
export function findFlowRuns(db: RecordDb, set: FilterSet, sort: FlowRunSort, page: FlowRunPage): ListedFlowRun[] {
  const columns = page.isBrief ? briefFlowRunColumns("r") : "r.*";
  const { nowUs = 0, duration = {} } = page;
  const where = join([
    flowRunsWhere(asOnServer(db, set)),
    beginClause(page.begin),
    durationWhere("r", duration, nowUs),
  ]);
  const order = flowRunOrder(sort, nowUs, page.areNullsLargest ?? areNullsLargest(db) ?? false);
  return select(db, `${columns} FROM flow_run r`, whereOf("r", where, page), order, page);
}

/** Whether the server of this record sorts missing values as the largest. Null: no answer has shown it. */
export function areNullsLargest(db: RecordDb): boolean | null {
  return findFact(db, "instance")?.areNullsLargest ?? null;
}

function beginClause(begin: FlowRunPage["begin"]): Clause {
  if (begin === undefined) return TRUE;
  if ("notAfterUs" in begin) return clause("r.begin_us <= ?", begin.notAfterUs);
  return clause("(r.begin_us > ? OR r.begin_us IS NULL)", begin.afterUs);
}

/** Columns that say how a run ended and how long it took. */
const OUTCOME =
  "r.id, r.flow_id, r.deployment_id, r.work_pool_name, r.tags, r.state_type, r.expected_us, r.start_us, r.end_us, r.begin_us";
export type RunOutcomeRow = Pick<
  ListedFlowRun,
  | "id"
  | "flow_id"
  | "deployment_id"
  | "work_pool_name"
  | "tags"
  | "state_type"
  | "expected_us"
  | "start_us"
  | "end_us"
  | "begin_us"
>;

/** Outcomes of the runs that match and began, or were expected, within the closed range; newest first. */
export function findRunOutcomes(db: RecordDb, set: FilterSet, range: TimeRange, limit: number): RunOutcomeRow[] {
  const begin = clause("r.begin_us BETWEEN ? AND ?", range.fromUs, range.toUs);
  const where = whereOf("r", join([begin, flowRunsWhere(asOnServer(db, set))]), {});
  return select(db, `${OUTCOME} FROM flow_run r`, where, clause("r.begin_us DESC"), { limit });
}

/** Number of flow runs that match and are not deleted. */
export function countFlowRuns(db: RecordDb, set: FilterSet): number {
  return count(db, "flow_run r", whereOf("r", flowRunsWhere(asOnServer(db, set)), {}));
}

/** Task runs that match, in Prefect's order of `sort`. */
export function findTaskRuns(db: RecordDb, set: FilterSet, sort: TaskRunSort, page: TaskRunPage): TaskRunRow[] {
  const { duration = {}, nowUs, isServerOlder } = page;
  const where = join([taskRunsWhere(asOnServer(db, set)), durationWhere("t", duration, nowUs)]);
  const order = taskRunOrder(sort, nowUs, page.areNullsLargest ?? areNullsLargest(db) ?? false, isServerOlder);
  return select(db, "t.* FROM task_run t", whereOf("t", where, page), order, page);
}

/**
 * Whether a task run that matches the task-run filter has a flow run that is not recorded, because that began before what the record
 * covers: filters on flow runs cannot be evaluated for it. `sinceUs`: only those that are expected later, or at no known time.
 */
export function hasTaskRunsOfUnrecordedRuns(db: RecordDb, set: FilterSet, sinceUs: ServerUs): boolean {
  const expected = clause("(t.expected_us >= ? OR t.expected_us IS NULL)", sinceUs);
  const where = whereOf("t", join([taskRunsOfUnrecordedRunsWhere(asOnServer(db, set)), expected]), {});
  return statement(db, `SELECT 1 FROM task_run t WHERE ${where.sql} LIMIT 1`).get(...where.params) !== null;
}

/** Snapshots that Prefect has filters for, as conditions on `object <alias>`. */
export type FilteredKind = FilterKind & SnapshotKind;
const OBJECTS = {
  flow: { alias: "f", where: flowsWhere },
  deployment: { alias: "d", where: deploymentsWhere },
  work_pool: { alias: "p", where: workPoolsWhere },
  work_queue: { alias: "q", where: workQueuesWhere },
  automation: { alias: "a", where: automationsWhere },
  artifact: { alias: "o", where: artifactsWhere },
} as const satisfies Readonly<Record<FilteredKind, unknown>>;

/** Objects of a kind that match, in Prefect's order of `sort`. */
export function findFilteredObjects<K extends FilteredKind>(
  db: RecordDb,
  kind: K,
  set: FilterSet,
  sort: ObjectSort,
  page: FindPage,
): SnapshotObjects[K][] {
  const { alias, where } = OBJECTS[kind];
  const rows = select<{ doc: string }>(
    db,
    `${alias}.doc FROM object ${alias}`,
    whereOf(alias, ofKind(alias, kind, where(asOnServer(db, set))), page),
    clause(objectOrder(alias, sort)),
    page,
  );
  return rows.map((row) => parseJson(row.doc) as SnapshotObjects[K]);
}

function ofKind(alias: string, kind: FilteredKind, where: Clause): Clause {
  return join([{ sql: `${alias}.kind = '${kind}'`, params: [] }, where]);
}
