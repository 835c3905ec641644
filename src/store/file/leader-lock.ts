import { type Database, openLockFile } from "./sqlite.ts";
import { sqliteCode, toStoreError } from "./store-error.ts";

/** Held by the one process that syncs a record. The operating system releases it when the process ends for any reason. */
export interface LeaderLock {
  readonly file: string;
  release(): void;
}

/** References all held locks: a Database without references is garbage-collected, and its lock with it. */
const held = new Set<Database>();

/**
 * Takes the lock of a record (`<record>.lock`), or returns null at once while another process, or another session of this
 * process, holds it. Throws AppError when the lock file cannot be created.
 */
export function tryBecomeLeader(recordFile: string): LeaderLock | null {
  const file = `${recordFile}.lock`;
  const lock = open(file);
  try {
    lock.run("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (sqliteCode(error).startsWith("SQLITE_BUSY")) return null;
    throw toStoreError(error, file);
  }
  held.add(lock);
  return {
    file,
    release() {
      if (!held.delete(lock)) return;
      lock.run("ROLLBACK");
      lock.close();
    },
  };
}

function open(file: string): Database {
  try {
    return openLockFile(file, 0);
  } catch (error) {
    throw toStoreError(error, file);
  }
}
