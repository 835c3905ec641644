import record from "../../../drizzle/0000_record.sql" with { type: "text" };

/**
 * Every migration in order, embedded so that a bundle or a compiled binary carries them.
 * `PRAGMA user_version` counts how many of them a file has. `scripts/check-migrations.ts` compares the list with `drizzle/`.
 */
export const MIGRATIONS: readonly { readonly name: string; readonly sql: string }[] = [
  { name: "0000_record", sql: record },
];

/** The version of a file that this program writes. */
export const RECORD_VERSION = MIGRATIONS.length;

const CREATED = /^CREATE (?:UNIQUE |VIRTUAL )?(?:TABLE|INDEX|TRIGGER) `?(\w+)`?/gm;

/** Names of all tables, indexes and triggers of a whole file. A file that lacks one was cut off in the middle. */
export function expectedNames(): string[] {
  return MIGRATIONS.flatMap(({ sql }) => [...sql.matchAll(CREATED)].map((match) => match[1] ?? ""));
}
