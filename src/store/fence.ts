/**
 * In a fleet several nodes may come to write a record, one after the other. Each gets a higher fencing number than the one before; the
 * record keeps the highest that has written, and every write transaction compares it with its own.
 */
import { AppError } from "../errors.ts";
import { own, type Sentence, sentence } from "../lib/shown-text.ts";
import type { LocalUs } from "../lib/time.ts";
import type { RecordDb } from "./database.ts";
import { findStateJson, putStateJson } from "./sync-state.ts";

const FENCE_KEY = "fleet.fence";

/** The right to write a record. */
export interface WriterLease {
  readonly fence: number;
  /** Whether the node certainly owns the tenant at this moment. */
  isHeld(): boolean;
}

/** The highest number with which the record was written; 0: none. */
export function findFence(db: RecordDb): number {
  const value = findStateJson(db, FENCE_KEY);
  return typeof value === "number" ? value : 0;
}

/** Whether every page of the file is sound: of a file that was copied from elsewhere. Reads all of it. */
export function isIntact(db: RecordDb): boolean {
  return db.prepare<{ quick_check: string }, []>("PRAGMA quick_check(1)").get()?.quick_check === "ok";
}

/** From now on every write transaction of this connection is refused unless the lease is held and no higher number has written. */
export function fenceWrites(db: RecordDb, lease: WriterLease, nowUs: () => LocalUs): void {
  db.guard = () => {
    if (!lease.isHeld()) throw lostLease(own("This node does not own the tenant of this record any more."));
    const highest = findFence(db);
    if (highest > lease.fence) throw lostLease(sentence`Another node writes this record, with the number ${highest}.`);
    if (highest < lease.fence) putStateJson(db, FENCE_KEY, lease.fence, nowUs());
  };
}

function lostLease(message: Sentence): AppError {
  return new AppError("unavailable", message, {
    hint: "Nothing was written. The node that owns the tenant records it.",
  });
}
