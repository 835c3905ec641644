import type { ServerUs } from "../../lib/time.ts";
import { uuidToBytes } from "../../lib/uuid.ts";
import { type PrefectEvent, RESOURCE_ID } from "../../model/events/event.ts";
import type { RecordDb } from "../database.ts";
import { BLOCK_SIZE, findBlockLines, rewriteBlock } from "../events/blocks.ts";
import { removeDeletedPostings } from "../events/deleted-postings.ts";
import { findResourceNumber } from "../events/dictionaries.ts";
import { largestShift } from "../events/event-times.ts";
import type { EventTableRow } from "../schema/event.ts";

type DroppedRow = Pick<EventTableRow, "t" | "res_id" | "blk" | "ofs">;

/**
 * Deletes at most `limit` events that occurred before `beforeUs`, oldest first, with their postings, with blocks that
 * hold no other events, and with resources that no other event has. Returns how many. Call it inside a transaction, and
 * `db.invalidate()` after it.
 */
export function dropEvents(db: RecordDb, beforeUs: ServerUs, limit: number): number {
  removeDeletedPostings(db);
  const rows = db
    .prepare<DroppedRow, [number, number, number]>(
      `SELECT t, res_id, blk, ofs FROM event
       WHERE t < ? AND t - shift < ? ORDER BY t LIMIT ?`,
    )
    .all(Math.min(Number.MAX_SAFE_INTEGER, beforeUs + largestShift(db)), beforeUs, limit);
  const last = rows.at(-1);
  if (!last) return 0;
  const touched = dropPostings(db, rows, beforeUs, rows.length < limit);
  const drop = db.prepare<unknown, [number]>("DELETE FROM event WHERE t = ?");
  for (const { t, res_id: resId } of rows) {
    drop.run(t);
    touched.add(resId);
  }
  // The trigger has listed these rows for the removal of their postings, which is already done.
  db.prepare<unknown, []>("DELETE FROM event_gone").run();
  db.prepare<unknown, []>("DELETE FROM event_hour WHERE n <= 0").run();
  dropBlocks(db, rows);
  dropUnnamedResources(db, touched);
  return rows.length;
}

/** Deletes the postings of the rows. Returns the numbers of the resources that had them. */
function dropPostings(db: RecordDb, rows: readonly DroppedRow[], beforeUs: ServerUs, isLastStep: boolean): Set<number> {
  const last = rows.at(-1)?.t ?? 0;
  // All events up to this key are deleted, so one range per resource suffices. Shifted events beyond it are deleted one by one.
  const edge = isLastStep ? beforeUs - 1 : Math.min(last, beforeUs - 1);
  const dropRange = db.prepare<unknown, [number, number]>("DELETE FROM related WHERE res_id = ? AND t <= ?");
  const dropOne = db.prepare<unknown, [number, number]>("DELETE FROM related WHERE res_id = ? AND t = ?");
  const numbers = new Map<string, number | undefined>();
  const touched = new Set<number>();
  for (const { t, blk, ofs } of rows) {
    const json = findBlockLines(db, blk, ofs + 1)[ofs];
    for (const labels of json ? (JSON.parse(json) as PrefectEvent).related : []) {
      const id = labels[RESOURCE_ID] ?? "";
      const resId = numbers.has(id) ? numbers.get(id) : findResourceNumber(db, id);
      numbers.set(id, resId);
      if (resId === undefined) continue;
      if (t > edge) dropOne.run(resId, t);
      else if (!touched.has(resId)) dropRange.run(resId, edge);
      touched.add(resId);
    }
  }
  return touched;
}

/** Deletes the blocks of the deleted rows to which no other row refers. */
function dropBlocks(db: RecordDb, rows: readonly DroppedRow[]): void {
  for (const id of new Set(rows.map(({ blk }) => blk)))
    if (!usedLines(db, id).some((line) => line !== "")) dropBlock(db, id);
}

/** Lines of a block; a line to which no row refers is empty. */
function usedLines(db: RecordDb, id: number): string[] {
  const place = db.prepare<{ blk: number; ofs: number }, [Uint8Array]>("SELECT blk, ofs FROM event WHERE id = ?");
  return findBlockLines(db, id, BLOCK_SIZE).map((json, ofs) => {
    const row = json && place.get(uuidToBytes((JSON.parse(json) as PrefectEvent).id));
    return row && row.blk === id && row.ofs === ofs ? json : "";
  });
}

/**
 * Erases the lines of deleted events from at most `limit` blocks, so that nothing of them stays on disk. `from`: id of
 * the first block. Returns the id to continue with, or null at the end. Call it inside a transaction, and
 * `db.invalidate()` after it.
 */
export function eraseUnusedLines(db: RecordDb, from: number, limit: number): number | null {
  const blocks = db
    .prepare<{ id: number; n: number }, [number, number]>("SELECT id, n FROM block WHERE id >= ? ORDER BY id LIMIT ?")
    .all(from, limit);
  for (const { id, n } of blocks) {
    const lines = usedLines(db, id);
    if (lines.every((line, ofs) => line === findBlockLines(db, id, n)[ofs])) continue;
    if (lines.every((line) => line === "")) dropBlock(db, id);
    else rewriteBlock(db, id, lines);
  }
  const last = blocks.at(-1);
  return last && blocks.length === limit ? last.id + 1 : null;
}

function dropBlock(db: RecordDb, id: number): void {
  db.prepare<unknown, [number]>("DELETE FROM block WHERE id = ?").run(id);
  db.prepare<unknown, [number]>("DELETE FROM block_fts WHERE rowid = ?").run(id);
}

function dropUnnamedResources(db: RecordDb, resIds: ReadonlySet<number>): void {
  const drop = db.prepare<unknown, [number]>(
    `DELETE FROM resource WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM event WHERE res_id = ?1)
     AND NOT EXISTS (SELECT 1 FROM related WHERE res_id = ?1)`,
  );
  for (const resId of resIds) drop.run(resId);
}
