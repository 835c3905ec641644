import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { ServerUs } from "../../lib/time.ts";
import { blob } from "./blob.ts";

/** Log lines. Lines with the same `ts_us` keep the order of their arrival through `seq`. */
export const log = sqliteTable(
  "log",
  {
    seq: integer().primaryKey(),
    id: blob().notNull().unique(),
    flow_run_id: blob(),
    task_run_id: blob(),
    ts_us: integer().$type<ServerUs>().notNull(),
    level: integer().notNull(),
    logger: text().notNull(),
    message: text().notNull(),
  },
  (table) => [index("log_flow_run").on(table.flow_run_id, table.ts_us), index("log_ts").on(table.ts_us)],
);

export type NewLogRow = Readonly<typeof log.$inferInsert>;
export type LogRow = Readonly<typeof log.$inferSelect>;
