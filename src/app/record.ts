import { AppError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import { NEVER_MS } from "../lib/time.ts";
import { isReplaced, openRecord, type RecordDb } from "../store/database.ts";

/** The read-only connection of the thread that answers. */
export interface RecordReader {
  /** The record, or null while there is none or it cannot be read. Throws AppError `invalid_config` for a newer program's file. */
  current(): RecordDb | null;
  /** Closes for good: `current` returns null from then on. */
  close(): void;
}

/** A query asks for the record several times, and checking the file takes 10 µs. */
const CHECK_EVERY_MS = 100;

/** Opens the file when it exists, and again after it was replaced. */
export function createRecordReader(file: string, clock: Clock, logger: Logger): RecordReader {
  let db: RecordDb | null = null;
  let checkedMs = NEVER_MS;
  let lastError = "";
  let isClosed = false;

  const open = (): RecordDb | null => {
    try {
      const opened = openRecord(file, "read");
      lastError = "";
      return opened;
    } catch (error) {
      if (!(error instanceof AppError) || error.code === "invalid_config") throw error;
      if (error.code !== "not_found" && error.message !== lastError) {
        lastError = error.message;
        logger.warn("the record cannot be read", { error: error.message, hint: error.hint });
      }
      return null;
    }
  };

  return {
    current() {
      if (isClosed) return null;
      const nowMs = clock.steadyMs();
      if (db && nowMs - checkedMs < CHECK_EVERY_MS) return db;
      checkedMs = nowMs;
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
