import record from "../../../drizzle/0000_record.sql" with { type: "text" };
import textParts from "../../../drizzle/0001_text_parts.sql" with { type: "text" };
import runCountsAndNames from "../../../drizzle/0002_run_counts_and_names.sql" with { type: "text" };
import countsByBatch from "../../../drizzle/0003_counts_by_batch.sql" with { type: "text" };

/**
 * All migrations in order, embedded so that the bundle and compiled binaries contain them. `PRAGMA user_version` of a
 * file is the number of migrations applied to it. `scripts/check-migrations.ts` compares this list with `drizzle/`.
 */
export const MIGRATIONS: readonly { readonly name: string; readonly sql: string }[] = [
  { name: "0000_record", sql: record },
  { name: "0001_text_parts", sql: textParts },
  { name: "0002_run_counts_and_names", sql: runCountsAndNames },
  { name: "0003_counts_by_batch", sql: countsByBatch },
];

/** The version of a file that this program writes. */
export const RECORD_VERSION = MIGRATIONS.length;

const CREATED = /^CREATE (?:UNIQUE |VIRTUAL )?(?:TABLE|INDEX|TRIGGER) `?(\w+)`?/gm;
const DROPPED = /^DROP (?:TABLE|INDEX|TRIGGER) `?(\w+)`?/gm;

/** Names of all tables, indexes and triggers that a complete file has. */
export function expectedNames(): string[] {
  const names = new Set<string>();
  for (const { sql } of MIGRATIONS) {
    for (const [, name = ""] of sql.matchAll(CREATED)) names.add(name);
    for (const [, name = ""] of sql.matchAll(DROPPED)) names.delete(name);
  }
  return [...names];
}
