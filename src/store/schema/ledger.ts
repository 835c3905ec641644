import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { LocalUs, ServerUs } from "../../lib/time.ts";

/** How a range was proven to be complete. Stored as text, so values must never be renamed. */
export type CoverageSource = "catch-up" | "backfill" | "audit" | "live";

/**
 * The coverage ledger: closed ranges of `occurred` (microseconds, server clock; never overlapping within kind and
 * scope) of which the record held every row that Prefect returned over REST at `verified_us`. `kind`: event, flow_run,
 * task_run or log. `scope`: "", or a flow run id for the logs or task runs of one run.
 */
export const coverage = sqliteTable(
  "coverage",
  {
    seq: integer().primaryKey(),
    kind: text().notNull(),
    scope: text().notNull(),
    from_us: integer().$type<ServerUs>().notNull(),
    to_us: integer().$type<ServerUs>().notNull(),
    source: text().$type<CoverageSource>().notNull(),
    /** Start of the request that proved it, microseconds, local clock. */
    verified_us: integer().$type<LocalUs>().notNull(),
    /** Number of rows at Prefect and in the record at that time; null where not counted. */
    server_count: integer(),
    record_count: integer(),
  },
  (table) => [index("coverage_range").on(table.kind, table.scope, table.from_us)],
);

/** State of the sync by key, as JSON: how far events were read, position of the backfill, process that syncs, last error. */
export const syncState = sqliteTable("sync_state", {
  key: text().primaryKey(),
  value: text().notNull(),
  at_us: integer().$type<LocalUs>().notNull(),
});

export type NewCoverageRow = Readonly<typeof coverage.$inferInsert>;
export type CoverageRow = Readonly<typeof coverage.$inferSelect>;
