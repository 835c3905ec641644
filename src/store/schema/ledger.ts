import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/**
 * The ledger: ranges of `occurred` time (closed, microseconds, never overlapping within kind and scope) over which the
 * record held every row that Prefect's REST held at `verifiedUs`.
 * `kind`: event, flow_run, task_run, log, or a SnapshotKind. `scope`: "" or a flow run id (logs, task runs of one run).
 */
export const coverage = sqliteTable(
  "coverage",
  {
    seq: integer().primaryKey(),
    kind: text().notNull(),
    scope: text().notNull(),
    fromUs: integer("from_us").notNull(),
    toUs: integer("to_us").notNull(),
    /** stream, catch-up, backfill, audit, live */
    source: text().notNull(),
    /** Start of the reading that proves it, our clock. */
    verifiedUs: integer("verified_us").notNull(),
    /** Rows on both sides at that time, where counted. */
    serverCount: integer("server_count"),
    recordCount: integer("record_count"),
  },
  (table) => [index("coverage_range").on(table.kind, table.scope, table.fromUs)],
);

/** Small facts by name, JSON text: watermarks, backfill position, who syncs, last error, instance. */
export const syncState = sqliteTable("sync_state", {
  key: text().primaryKey(),
  value: text().notNull(),
  atUs: integer("at_us").notNull(),
});
