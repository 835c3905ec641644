import { sql } from "drizzle-orm";
import { index, integer, real, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { bytes } from "./bytes.ts";

const state = {
  state_id: bytes(),
  state_type: text(),
  state_name: text(),
  /** Microseconds; the fold never moves it backwards. */
  state_us: integer(),
  state_message: text(),
  run_count: integer().notNull(),
  expected_us: integer(),
  next_us: integer(),
  start_us: integer(),
  end_us: integer(),
  total_run_time: real().notNull(),
  /** JSON array of strings. */
  tags: text().notNull(),
  created_us: integer(),
  /** What REST said last, whole and packed (run-docs.ts), or null while the row is known from events only. */
  doc: bytes(),
  /** When `doc` was read (microseconds, start of the request); null while known from events only. */
  read_us: integer(),
  /** When REST was found to know the run no more. */
  deleted_us: integer(),
};

export const flowRun = sqliteTable(
  "flow_run",
  {
    id: bytes().primaryKey(),
    name: text().notNull(),
    flow_id: bytes(),
    deployment_id: bytes(),
    work_queue_id: bytes(),
    work_queue_name: text(),
    work_pool_name: text(),
    parent_task_run_id: bytes(),
    flow_version: text(),
    idempotency_key: text(),
    created_by_id: bytes(),
    created_by_type: text(),
    auto_scheduled: integer().notNull(),
    ...state,
    /** 1 while `doc` is missing or older than the folded state, so that REST should be asked. */
    dirty: integer().notNull().default(0),
    /** What Prefect sorts and filters runs by under the name of start time. */
    begin_us: integer().generatedAlwaysAs(sql`coalesce(start_us, expected_us)`, { mode: "virtual" }),
  },
  (table) => [
    // Sorted lists come straight from these: filters/sorts.ts.
    index("flow_run_begin").on(sql`${table.begin_us} desc`, table.created_us),
    index("flow_run_expected").on(table.expected_us, table.created_us),
    index("flow_run_state").on(table.state_type, table.state_us),
    index("flow_run_flow").on(table.flow_id, table.begin_us),
    index("flow_run_deployment").on(table.deployment_id, table.begin_us),
    index("flow_run_name").on(table.name, table.created_us),
    index("flow_run_parent")
      .on(table.parent_task_run_id)
      .where(sql`${sql.identifier("parent_task_run_id")} IS NOT NULL`),
    index("flow_run_dirty")
      .on(table.state_us)
      .where(sql`${sql.identifier("dirty")} = 1`),
    // For dropping what is too old: those gone from Prefect are few.
    index("flow_run_deleted")
      .on(table.deleted_us)
      .where(sql`${sql.identifier("deleted_us")} IS NOT NULL`),
  ],
);

export const taskRun = sqliteTable(
  "task_run",
  {
    id: bytes().primaryKey(),
    name: text().notNull(),
    flow_run_id: bytes(),
    /** Key (`event.t`) of the newest state event: its payload holds what the columns do not. */
    t: integer(),
    child_flow_run_id: bytes(),
    ...state,
  },
  (table) => [
    index("task_run_flow_run").on(table.flow_run_id, table.expected_us),
    index("task_run_expected").on(table.expected_us, table.created_us),
    index("task_run_state").on(table.state_type, table.state_us),
    // For dropping what is too old: those gone from Prefect are few.
    index("task_run_deleted")
      .on(table.deleted_us)
      .where(sql`${sql.identifier("deleted_us")} IS NOT NULL`),
  ],
);

export type FlowRunRow = Readonly<typeof flowRun.$inferSelect>;
export type NewFlowRunRow = Readonly<typeof flowRun.$inferInsert>;
export type TaskRunRow = Readonly<typeof taskRun.$inferSelect>;
export type NewTaskRunRow = Readonly<typeof taskRun.$inferInsert>;
