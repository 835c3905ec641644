import { sql } from "drizzle-orm";
import { index, integer, primaryKey, real, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { LocalUs, ServerUs } from "../../lib/time.ts";
import { blob } from "./blob.ts";

/** The time by which found runs are sorted. `search/names-by-words.ts` has the same expression, so that it can use the index. */
const NEWEST = sql`coalesce(start_us, expected_us, state_us, 0)`;

const state = {
  state_id: blob(),
  state_type: text(),
  state_name: text(),
  /** Timestamp of the state, microseconds. The fold never moves it backwards. */
  state_us: integer().$type<ServerUs>(),
  state_message: text(),
  run_count: integer().notNull(),
  expected_us: integer().$type<ServerUs>(),
  next_us: integer().$type<ServerUs>(),
  start_us: integer().$type<ServerUs>(),
  end_us: integer().$type<ServerUs>(),
  total_run_time: real().notNull(),
  /** JSON array of strings. */
  tags: text().notNull(),
  created_us: integer().$type<ServerUs>(),
  /** The last answer of REST, whole and compressed (run-docs.ts); null while the run is known from events only. */
  doc: blob(),
  /** When `doc` was read: start of the request, microseconds, local clock. Null while the run is known from events only. */
  read_us: integer().$type<LocalUs>(),
  /** When it was noticed that Prefect has deleted the run; microseconds, local clock. */
  deleted_us: integer().$type<ServerUs>(),
};

export const flowRun = sqliteTable(
  "flow_run",
  {
    id: blob().primaryKey(),
    name: text().notNull(),
    flow_id: blob(),
    deployment_id: blob(),
    work_queue_id: blob(),
    work_queue_name: text(),
    work_pool_name: text(),
    parent_task_run_id: blob(),
    flow_version: text(),
    idempotency_key: text(),
    created_by_id: blob(),
    created_by_type: text(),
    auto_scheduled: integer().notNull(),
    ...state,
    /** 1 while `doc` is missing or older than the folded state: the run should be read over REST. */
    dirty: integer().notNull().default(0),
    /** The time by which Prefect sorts and filters runs when it says start time. */
    begin_us: integer().$type<ServerUs>().generatedAlwaysAs(sql`coalesce(start_us, expected_us)`, { mode: "virtual" }),
  },
  (table) => [
    // The order of sorted lists (filters/sorts.ts), which are read from these indexes without a sort.
    index("flow_run_begin").on(sql`${table.begin_us} desc`, table.created_us),
    index("flow_run_expected").on(table.expected_us, table.created_us),
    index("flow_run_state").on(table.state_type, table.state_us),
    index("flow_run_flow").on(table.flow_id, table.begin_us),
    index("flow_run_deployment").on(table.deployment_id, table.begin_us),
    index("flow_run_name").on(table.name, table.created_us),
    index("flow_run_newest").on(NEWEST),
    index("flow_run_parent")
      .on(table.parent_task_run_id)
      .where(sql`${sql.identifier("parent_task_run_id")} IS NOT NULL`),
    index("flow_run_dirty")
      .on(table.state_us)
      .where(sql`${sql.identifier("dirty")} = 1`),
    // For retention: few rows are of runs that Prefect has deleted.
    index("flow_run_deleted")
      .on(table.deleted_us)
      .where(sql`${sql.identifier("deleted_us")} IS NOT NULL`),
  ],
);

export const taskRun = sqliteTable(
  "task_run",
  {
    id: blob().primaryKey(),
    name: text().notNull(),
    flow_run_id: blob(),
    /** Key (`event.t`) of the newest state event, whose payload has the fields without a column. */
    t: integer(),
    child_flow_run_id: blob(),
    ...state,
  },
  (table) => [
    index("task_run_flow_run").on(table.flow_run_id, table.expected_us),
    index("task_run_expected").on(table.expected_us, table.created_us),
    index("task_run_state").on(table.state_type, table.state_us),
    index("task_run_name").on(table.name),
    index("task_run_newest").on(NEWEST),
    // For retention: few rows are of runs that Prefect has deleted.
    index("task_run_deleted")
      .on(table.deleted_us)
      .where(sql`${sql.identifier("deleted_us")} IS NOT NULL`),
  ],
);

/**
 * Number of flow runs per hour of `begin_us` (hours since 1970) and state, without deleted runs and those without a time. `late`: 1 for
 * the state named Late. `started`: those among them that have started. Triggers on `flow_run` keep it exact.
 */
export const runHour = sqliteTable(
  "run_hour",
  {
    hour: integer().notNull(),
    /** `state_type`; empty for none. */
    state: text().notNull(),
    late: integer().notNull(),
    n: integer().notNull(),
    started: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.hour, table.state, table.late] })],
);

/**
 * The different names of flow runs and task runs. `addRunNames` adds those of inserted rows; triggers do so for renamed rows, remove
 * names without a run, and keep the index of their words (`run_name_fts`).
 */
export const knownRunName = sqliteTable(
  "run_name",
  { id: integer().primaryKey(), name: text().notNull().unique() },
  // FTS5 splits other names differently from `wordsOf`, so all of them are looked at.
  (table) => [index("run_name_beyond_ascii").on(table.id).where(sql`name GLOB '*[^ -~]*'`)],
);

export type FlowRunRow = Readonly<typeof flowRun.$inferSelect>;
export type NewFlowRunRow = Readonly<typeof flowRun.$inferInsert>;
export type TaskRunRow = Readonly<typeof taskRun.$inferSelect>;
export type NewTaskRunRow = Readonly<typeof taskRun.$inferInsert>;
