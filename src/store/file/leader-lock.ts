import { type Database, openLockFile } from "./sqlite.ts";
import { sqliteCode } from "./store-error.ts";

/** Held by the one process that syncs a record. The operating system frees it when the process ends, however it ends. */
export interface LeaderLock {
  readonly file: string;
  release(): void;
}

/** A Database without references is collected and its lock is lost: every held lock is referenced here. */
const held = new Set<Database>();

/**
 * Takes the lock beside a record (`<record>.lock`), or returns null at once while another process (or another session of
 * this one) holds it. Throws when the lock file cannot be made.
 */
export function tryBecomeLeader(recordFile: string): LeaderLock | null {
  const file = `${recordFile}.lock`;
  const lock = openLockFile(file, 0);
  try {
    lock.run("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (sqliteCode(error).startsWith("SQLITE_BUSY")) return null;
    throw error;
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
