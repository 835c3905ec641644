import { sql } from "drizzle-orm";
import { blob, index, integer, real, sqliteTable, text } from "drizzle-orm/sqlite-core";

const state = {
  stateId: blob("state_id", { mode: "buffer" }),
  stateType: text("state_type"),
  stateName: text("state_name"),
  /** Microseconds; the fold never moves it backwards. */
  stateUs: integer("state_us"),
  stateMessage: text("state_message"),
  runCount: integer("run_count").notNull(),
  expectedUs: integer("expected_us"),
  nextUs: integer("next_us"),
  startUs: integer("start_us"),
  endUs: integer("end_us"),
  totalRunTime: real("total_run_time").notNull(),
  /** JSON array of strings. */
  tags: text().notNull(),
  createdUs: integer("created_us"),
  /** What REST said last, whole and packed (run-docs.ts), or null while the row is known from events only. */
  doc: blob({ mode: "buffer" }),
  /** When `doc` was read (microseconds, start of the request); null while known from events only. */
  readUs: integer("read_us"),
  /** When REST was found to know the run no more. */
  deletedUs: integer("deleted_us"),
};

export const flowRun = sqliteTable(
  "flow_run",
  {
    id: blob({ mode: "buffer" }).primaryKey(),
    name: text().notNull(),
    flowId: blob("flow_id", { mode: "buffer" }),
    deploymentId: blob("deployment_id", { mode: "buffer" }),
    workQueueId: blob("work_queue_id", { mode: "buffer" }),
    workQueueName: text("work_queue_name"),
    workPoolName: text("work_pool_name"),
    parentTaskRunId: blob("parent_task_run_id", { mode: "buffer" }),
    flowVersion: text("flow_version"),
    idempotencyKey: text("idempotency_key"),
    createdById: blob("created_by_id", { mode: "buffer" }),
    createdByType: text("created_by_type"),
    autoScheduled: integer("auto_scheduled", { mode: "boolean" }).notNull(),
    ...state,
    /** 1 while `doc` is missing or older than the folded state, so that REST should be asked. */
    dirty: integer().notNull().default(0),
    /** What Prefect sorts and filters runs by under the name of start time. */
    beginUs: integer("begin_us").generatedAlwaysAs(sql`coalesce(start_us, expected_us)`, { mode: "virtual" }),
  },
  (table) => [
    // Sorted lists come straight from these: filters/sorts.ts.
    index("flow_run_begin").on(sql`${table.beginUs} desc`, table.createdUs),
    index("flow_run_expected").on(table.expectedUs, table.createdUs),
    index("flow_run_state").on(table.stateType, table.stateUs),
    index("flow_run_flow").on(table.flowId, table.beginUs),
    index("flow_run_deployment").on(table.deploymentId, table.beginUs),
    index("flow_run_name").on(table.name, table.createdUs),
    index("flow_run_parent")
      .on(table.parentTaskRunId)
      .where(sql`${sql.identifier("parent_task_run_id")} IS NOT NULL`),
    index("flow_run_dirty")
      .on(table.stateUs)
      .where(sql`${sql.identifier("dirty")} = 1`),
    // For dropping what is too old: those gone from Prefect are few.
    index("flow_run_deleted")
      .on(table.deletedUs)
      .where(sql`${sql.identifier("deleted_us")} IS NOT NULL`),
  ],
);

export const taskRun = sqliteTable(
  "task_run",
  {
    id: blob({ mode: "buffer" }).primaryKey(),
    name: text().notNull(),
    flowRunId: blob("flow_run_id", { mode: "buffer" }),
    /** Key (`event.t`) of the newest state event: its payload holds what the columns do not. */
    t: integer(),
    childFlowRunId: blob("child_flow_run_id", { mode: "buffer" }),
    ...state,
  },
  (table) => [
    index("task_run_flow_run").on(table.flowRunId, table.expectedUs),
    index("task_run_expected").on(table.expectedUs, table.createdUs),
    index("task_run_state").on(table.stateType, table.stateUs),
    // For dropping what is too old: those gone from Prefect are few.
    index("task_run_deleted")
      .on(table.deletedUs)
      .where(sql`${sql.identifier("deleted_us")} IS NOT NULL`),
  ],
);
