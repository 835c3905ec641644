import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** How a range was established. Stored as text: never rename. */
export type CoverageSource = "stream" | "catch-up" | "backfill" | "audit" | "live";

/**
 * The ledger: ranges of `occurred` time (closed, microseconds, never overlapping within kind and scope) over which the
 * record held every row that Prefect's REST held at `verified_us`.
 * `kind`: event, flow_run, task_run, log, or a SnapshotKind. `scope`: "" or a flow run id (logs, task runs of one run).
 */
export const coverage = sqliteTable(
  "coverage",
  {
    seq: integer().primaryKey(),
    kind: text().notNull(),
    scope: text().notNull(),
    from_us: integer().notNull(),
    to_us: integer().notNull(),
    source: text().$type<CoverageSource>().notNull(),
    /** Start of the reading that proves it, our clock. */
    verified_us: integer().notNull(),
    /** Rows on both sides at that time, where counted. */
    server_count: integer(),
    record_count: integer(),
  },
  (table) => [index("coverage_range").on(table.kind, table.scope, table.from_us)],
);

/** Small facts by name, JSON text: watermarks, backfill position, who syncs, last error, instance. */
export const syncState = sqliteTable("sync_state", {
  key: text().primaryKey(),
  value: text().notNull(),
  at_us: integer().notNull(),
});

export type NewCoverageRow = Readonly<typeof coverage.$inferInsert>;
export type CoverageRow = Readonly<typeof coverage.$inferSelect>;
