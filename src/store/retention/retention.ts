import { smallest } from "../../lib/lists.ts";
import { addUs, type ServerUs } from "../../lib/time.ts";
import { bytesToUuid } from "../../lib/uuid.ts";
import { removeCoverage } from "../coverage.ts";
import { inTransaction, type RecordDb } from "../database.ts";
import { TERMINAL_SQL } from "../state-types.ts";
import { dropEvents, eraseUnusedLines } from "./drop-events.ts";

/** Rows of one step: about 50 ms of work, so that a batch of events waits no longer than that. */
export const DROP_STEP = 1_000;

export interface DropResult {
  readonly events: number;
  readonly logs: number;
  readonly runs: number;
  /** Rows remain for a further step. */
  readonly hasMore: boolean;
}

/**
 * One step of deleting rows older than `beforeUs` (microseconds, server clock), in a transaction of its own: events by
 * `occurred`, log lines by timestamp and runs by their end, oldest first and at most `limit` of each, and changes and
 * deleted objects. Claims over deleted rows are removed.
 */
export function dropBefore(db: RecordDb, beforeUs: ServerUs, limit = DROP_STEP): DropResult {
  const before = Math.ceil(Math.min(Number.MAX_SAFE_INTEGER, beforeUs));
  const result = inTransaction(db, () => {
    const range = { fromUs: Number.MIN_SAFE_INTEGER, toUs: addUs(before, -1) };
    for (const kind of ["event", "flow_run", "task_run"]) removeCoverage(db, kind, "", range);
    const events = dropEvents(db, before, limit);
    const logs = dropLogs(db, before, limit);
    const runs = dropRuns(db, "flow_run", before, limit) + dropRuns(db, "task_run", before, limit);
    db.prepare<unknown, [number]>("DELETE FROM object_change WHERE at_us < ?").run(before);
    db.prepare<unknown, [number]>("DELETE FROM object WHERE deleted_us < ?").run(before);
    return { events, logs, runs, hasMore: events === limit || logs === limit || runs >= limit };
  });
  db.invalidate();
  return result;
}

/**
 * The time (microseconds) before which the `limit` oldest events or log lines lie, whichever are older; null when the
 * record has neither. For deletion by size, oldest first.
 */
export function endOfOldestStep(db: RecordDb, limit = DROP_STEP): ServerUs | null {
  const nth = (table: string, column: string) =>
    db
      .prepare<{ at: number }, [number]>(
        `SELECT max(at) AS at FROM (SELECT ${column} AS at FROM ${table} ORDER BY ${column} LIMIT ?)`,
      )
      .get(limit)?.at ?? null;
  const ends = [nth("event", "t"), nth("log", "ts_us")].filter((at) => at !== null);
  return ends.length === 0 ? null : smallest(ends) + 1;
}

/** Bytes of pages in use; free pages are not counted, as new rows reuse them. */
export function usedBytes(db: RecordDb): number {
  const read = (name: string) => {
    const row = db.prepare<Record<string, number>, []>(`PRAGMA ${name}`).get();
    return row?.[name] ?? 0;
  };
  return (read("page_count") - read("freelist_count")) * read("page_size");
}

/** Releases at most `pages` free pages to the file system; true when more are free. The file shrinks at the next checkpoint. */
export function releaseFreePages(db: RecordDb, pages = 2_000): boolean {
  // The pragma frees one page for each row that is read from it, so all rows must be read.
  db.sqlite.query(`PRAGMA incremental_vacuum(${Math.trunc(pages)})`).all();
  db.sqlite.query("PRAGMA wal_checkpoint(PASSIVE)").all();
  return (db.prepare<{ freelist_count: number }, []>("PRAGMA freelist_count").get()?.freelist_count ?? 0) > 0;
}

/**
 * One step of erasing deleted events from blocks that other events use. Returns the block to continue with, or null at
 * the end.
 */
export function eraseDropped(db: RecordDb, from = 0, limit = 100): number | null {
  const next = inTransaction(db, () => {
    const at = eraseUnusedLines(db, from, limit);
    // The text indexes contain the words of deleted rows until their segments are merged.
    if (at === null)
      for (const fts of ["block_fts", "log_fts"]) db.sqlite.run(`INSERT INTO ${fts}(${fts}) VALUES ('optimize')`);
    return at;
  });
  db.invalidate();
  return next;
}

function dropLogs(db: RecordDb, beforeUs: ServerUs, limit: number): number {
  const rows = db
    .prepare<{ seq: number; run: Uint8Array | null }, [number, number]>(
      "SELECT seq, flow_run_id AS run FROM log WHERE ts_us < ? ORDER BY ts_us LIMIT ?",
    )
    .all(beforeUs, limit);
  const drop = db.prepare<unknown, [number]>("DELETE FROM log WHERE seq = ?");
  const dropText = db.prepare<unknown, [number]>("DELETE FROM log_fts WHERE rowid = ?");
  for (const { seq } of rows) {
    drop.run(seq);
    dropText.run(seq);
  }
  for (const scope of new Set(rows.flatMap(({ run }) => (run ? bytesToUuid(run) : [])))) removeClaims(db, "log", scope);
  return rows.length;
}

/**
 * Deletes runs that ended and were expected, or were marked as deleted, before `beforeUs`. Runs that have not ended stay, and those that
 * ended before they were expected: claims may cover their time.
 */
function dropRuns(db: RecordDb, table: "flow_run" | "task_run", beforeUs: ServerUs, limit: number): number {
  // Task runs of a remaining flow run stay, because one claim covers them all.
  const isFree = table === "task_run" ? "AND NOT EXISTS (SELECT 1 FROM flow_run f WHERE f.id = r.flow_run_id)" : "";
  const rows = db
    .prepare<{ id: Uint8Array }, [number, number, number, number, number]>(
      `DELETE FROM ${table} WHERE rowid IN (
         SELECT rowid FROM (SELECT r.rowid FROM ${table} r
           WHERE state_type IN (${TERMINAL_SQL}) AND state_us < ? AND coalesce(expected_us, 0) < ?
             ${isFree} LIMIT ?)
         UNION ALL SELECT rowid FROM (SELECT rowid FROM ${table}
           WHERE deleted_us IS NOT NULL AND deleted_us < ? LIMIT ?)) RETURNING id`,
    )
    .all(beforeUs, beforeUs, limit, beforeUs, limit);
  if (table === "flow_run")
    for (const { id } of rows) for (const kind of ["task_run", "log"]) removeClaims(db, kind, bytesToUuid(id));
  return rows.length;
}

function removeClaims(db: RecordDb, kind: string, scope: string): void {
  removeCoverage(db, kind, scope, {
    fromUs: Number.MIN_SAFE_INTEGER,
    toUs: Number.MAX_SAFE_INTEGER,
  });
}
