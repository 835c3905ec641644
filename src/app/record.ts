import { AppError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import { isReplaced, openRecord, type RecordDb } from "../store/database.ts";

/** The read-only connection of the thread that answers. */
export interface RecordReader {
  /** The record, or null while there is none or it cannot be read. Throws AppError `invalid_config` for a newer program's file. */
  current(): RecordDb | null;
  /** For good: a call that is still running finds no record any more. */
  close(): void;
}

/** A query asks several times for the record, and looking at the file takes 10 µs: not more often than this. */
const LOOK_EVERY_MS = 100;

/** Opens the file when it is first there, and anew when it was replaced. */
export function createRecordReader(file: string, clock: Clock, logger: Logger): RecordReader {
  let db: RecordDb | null = null;
  let lookedMs = 0;
  let lastTrouble = "";
  let isClosed = false;

  const open = (): RecordDb | null => {
    try {
      const opened = openRecord(file, "read");
      lastTrouble = "";
      return opened;
    } catch (error) {
      if (!(error instanceof AppError) || error.code === "invalid_config") throw error;
      if (error.code !== "not_found" && error.message !== lastTrouble) {
        lastTrouble = error.message;
        logger.warn("the record cannot be read", { error: error.message, hint: error.hint });
      }
      return null;
    }
  };

  return {
    current() {
      if (isClosed) return null;
      const nowMs = clock.nowMs();
      if (db && Math.abs(nowMs - lookedMs) < LOOK_EVERY_MS) return db;
      lookedMs = nowMs;
      if (db && isReplaced(db)) {
        db.close();
        db = null;
      }
      db ??= open();
      return db;
    },
    close() {
      isClosed = true;
      db?.close();
      db = null;
    },
  };
}
