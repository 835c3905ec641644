import { AppError } from "../../errors.ts";
import { asPlace, sentence } from "../../lib/shown-text.ts";
import { expectedNames, MIGRATIONS, RECORD_VERSION } from "./migrations.ts";
import { type Database, userVersion } from "./sqlite.ts";

/** The file lacks some of the tables: they were removed, or another program interrupted an upgrade. */
export class IncompleteRecordError extends Error {}

/**
 * Applies the missing migrations in one exclusive transaction. Throws AppError `invalid_config` for a file of a newer
 * version and IncompleteRecordError for one that lacks tables.
 */
export function migrate(sqlite: Database, file: string): void {
  sqlite.run("BEGIN EXCLUSIVE");
  try {
    const version = userVersion(sqlite);
    if (version > RECORD_VERSION) throw newerRecordError(file, version);
    if (version === 0 && objectNames(sqlite).size > 0)
      throw new IncompleteRecordError("an upgrade of it was interrupted");
    for (const { sql } of MIGRATIONS.slice(version)) sqlite.run(sql);
    if (version < RECORD_VERSION) sqlite.run(`PRAGMA user_version = ${RECORD_VERSION}`);
    const present = objectNames(sqlite);
    const missing = expectedNames().filter((name) => !present.has(name));
    if (missing.length > 0)
      throw new IncompleteRecordError(`it is incomplete: ${missing.slice(0, 3).join(", ")} missing`);
    sqlite.run("COMMIT");
  } catch (error) {
    if (sqlite.inTransaction) sqlite.run("ROLLBACK");
    throw error;
  }
}

function objectNames(sqlite: Database): Set<string> {
  const rows = sqlite
    .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")
    .all();
  return new Set(rows.map((row) => row.name));
}

/** Reads both ends of the large tables: damage there shows on opening and not in the middle of an answer. */
export function readTableEnds(sqlite: Database): void {
  for (const [table, key] of [
    ["event", "t"],
    ["block", "id"],
    ["log", "seq"],
    ["resource", "id"],
    ["coverage", "seq"],
  ]) {
    sqlite.run(`SELECT min(${key}), max(${key}) FROM ${table}`);
    sqlite.query(`SELECT * FROM ${table} ORDER BY ${key} DESC LIMIT 1`).get();
  }
}

export function newerRecordError(file: string, version: number): AppError {
  return new AppError(
    "invalid_config",
    sentence`${asPlace(file)} was written by a newer version of this program (file version ${version}, this program knows ${RECORD_VERSION}).`,
    { hint: "Update prefect-mcp-bun, or set PREFECT_MCP_DATA_DIR to another folder. The file was not touched." },
  );
}
