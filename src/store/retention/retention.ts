import { bytesToUuid } from "../../lib/uuid.ts";
import { removeCoverage } from "../coverage.ts";
import { inTransaction, type RecordDb } from "../database.ts";
import { dropEvents, eraseUnusedLines } from "./drop-events.ts";

/** Rows of one step: some 50 ms of work, so that a batch that waits for it is hardly late. */
export const DROP_STEP = 1_000;

export interface DropResult {
  readonly events: number;
  readonly logs: number;
  readonly runs: number;
  /** A further step has something to do. */
  readonly more: boolean;
}

/**
 * One step of dropping what is older than a moment (microseconds, server's clock): events by `occurred`, log lines by their stamp,
 * runs that ended before, changes of objects seen before; oldest first, at most `limit` of each, in a transaction of its own.
 * What is dropped is no longer claimed as covered.
 */
export function dropBefore(db: RecordDb, beforeUs: number, limit = DROP_STEP): DropResult {
  const before = Math.ceil(Math.min(Number.MAX_SAFE_INTEGER, beforeUs));
  const result = inTransaction(db, () => {
    const gone = { fromUs: Number.MIN_SAFE_INTEGER, toUs: before - 1 };
    removeCoverage(db, "event", "", gone);
    removeCoverage(db, "flow_run", "", gone);
    const events = dropEvents(db, before, limit);
    const logs = dropLogs(db, before, limit);
    const runs = dropRuns(db, "flow_run", before, limit) + dropRuns(db, "task_run", before, limit);
    db.prepare<unknown, [number]>("DELETE FROM object_change WHERE at_us < ?").run(before);
    db.prepare<unknown, [number]>("DELETE FROM object WHERE deleted_us < ?").run(before);
    return { events, logs, runs, more: events === limit || logs === limit || runs >= limit };
  });
  db.invalidate();
  return result;
}

/**
 * Moment before which a step of `limit` rows lies: of the oldest events or log lines, whichever are older. Null when the record
 * holds neither. For dropping by size, oldest first.
 */
export function endOfOldestStep(db: RecordDb, limit = DROP_STEP): number | null {
  const nth = (table: string, column: string) =>
    db
      .prepare<{ at: number }, [number]>(
        `SELECT max(at) AS at FROM (SELECT ${column} AS at FROM ${table} ORDER BY ${column} LIMIT ?)`,
      )
      .get(limit)?.at ?? null;
  const ends = [nth("event", "t"), nth("log", "ts_us")].filter((at) => at !== null);
  return ends.length === 0 ? null : Math.min(...ends) + 1;
}

/** Bytes of pages in use; freed ones are used again by what comes next. */
export function usedBytes(db: RecordDb): number {
  const read = (name: string) => {
    const row = db.prepare<Record<string, number>, []>(`PRAGMA ${name}`).get();
    return row?.[name] ?? 0;
  };
  return (read("page_count") - read("freelist_count")) * read("page_size");
}

/** Returns at most `pages` free pages to the disk; true when more are free. The file shrinks at the next checkpoint. */
export function releaseFreePages(db: RecordDb, pages = 2_000): boolean {
  // Each row that the pragma yields frees one page, so it must be read to its end.
  db.sqlite.query(`PRAGMA incremental_vacuum(${Math.trunc(pages)})`).all();
  db.sqlite.query("PRAGMA wal_checkpoint(PASSIVE)").all();
  return (db.prepare<{ freelist_count: number }, []>("PRAGMA freelist_count").get()?.freelist_count ?? 0) > 0;
}

/** One step of removing the last traces of dropped events from partly used blocks; answers where to go on, null at the end. */
export function eraseDropped(db: RecordDb, from = 0, limit = 100): number | null {
  const next = inTransaction(db, () => {
    const at = eraseUnusedLines(db, from, limit);
    // Words of dropped rows stand in the text indexes until their segments are merged.
    if (at === null)
      for (const fts of ["block_fts", "log_fts"]) db.sqlite.run(`INSERT INTO ${fts}(${fts}) VALUES ('optimize')`);
    return at;
  });
  db.invalidate();
  return next;
}

function dropLogs(db: RecordDb, beforeUs: number, limit: number): number {
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
  for (const scope of new Set(rows.flatMap(({ run }) => (run ? bytesToUuid(run) : [])))) withdraw(db, "log", scope);
  return rows.length;
}

/** Runs that ended, or were found deleted, before the moment. What still runs or waits stays. */
function dropRuns(db: RecordDb, table: "flow_run" | "task_run", beforeUs: number, limit: number): number {
  // A flow run that stays keeps its task runs: they are claimed together.
  const isFree = table === "task_run" ? "AND NOT EXISTS (SELECT 1 FROM flow_run f WHERE f.id = r.flow_run_id)" : "";
  const rows = db
    .prepare<{ id: Uint8Array }, [number, number, number, number]>(
      `DELETE FROM ${table} WHERE rowid IN (
         SELECT rowid FROM (SELECT r.rowid FROM ${table} r
           WHERE state_type IN ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED') AND state_us < ? ${isFree} LIMIT ?)
         UNION ALL SELECT rowid FROM (SELECT rowid FROM ${table}
           WHERE deleted_us IS NOT NULL AND deleted_us < ? LIMIT ?)) RETURNING id`,
    )
    .all(beforeUs, limit, beforeUs, limit);
  if (table === "flow_run")
    for (const { id } of rows) for (const kind of ["task_run", "log"]) withdraw(db, kind, bytesToUuid(id));
  return rows.length;
}

function withdraw(db: RecordDb, kind: string, scope: string): void {
  removeCoverage(db, kind, scope, { fromUs: Number.MIN_SAFE_INTEGER, toUs: Number.MAX_SAFE_INTEGER });
}
