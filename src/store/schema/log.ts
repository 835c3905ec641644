import { blob, index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Log lines; ties of `ts_us` keep the server's order through `seq`. */
export const log = sqliteTable(
  "log",
  {
    seq: integer().primaryKey(),
    id: blob({ mode: "buffer" }).notNull().unique(),
    flowRunId: blob("flow_run_id", { mode: "buffer" }),
    taskRunId: blob("task_run_id", { mode: "buffer" }),
    tsUs: integer("ts_us").notNull(),
    level: integer().notNull(),
    logger: text().notNull(),
    message: text().notNull(),
  },
  (table) => [index("log_flow_run").on(table.flowRunId, table.tsUs), index("log_ts").on(table.tsUs)],
);
