/** Opening SQLite files. The only module that imports `bun:sqlite`. */
import { constants, Database, type SQLQueryBindings, type Statement } from "bun:sqlite";
import { ensureDataDir, ensurePrivateFile, folderOf, recordBytes } from "./record-file.ts";
import { isDamage } from "./store-error.ts";

export type { Database, SQLQueryBindings, Statement };

/** Opens for writing and creates the file where there is none. */
export function openWritable(file: string): Database {
  return new Database(file, { readwrite: true, create: true, strict: true });
}

/**
 * Opens for reading; throws when the file does not exist. Reading a file in WAL mode needs a -shm file beside it, which
 * cannot be created in a read-only folder. The file is then opened as immutable, which is correct only while no WAL
 * holds newer pages.
 */
export function openReadOnly(file: string): Database {
  const sqlite = new Database(file, { readonly: true, strict: true });
  try {
    userVersion(sqlite);
    return sqlite;
  } catch (error) {
    sqlite.close();
    const canBeImmutable = !isDamage(error) && recordBytes(`${file}-wal`) === 0;
    if (!canBeImmutable) throw error;
    const uri = `file:${encodeURI(file).replaceAll("?", "%3f").replaceAll("#", "%23")}?immutable=1`;
    return new Database(uri, constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
  }
}

/** A small database that serves as a lock between processes (see leader-lock.ts). Taking the lock waits at most `waitMs`. */
export function openLockFile(file: string, waitMs: number): Database {
  ensureDataDir(folderOf(file));
  ensurePrivateFile(file);
  const lock = new Database(file, { readwrite: true, create: true });
  lock.run(`PRAGMA busy_timeout = ${Math.trunc(waitMs)}`);
  return lock;
}

/** `PRAGMA user_version`: the number of migrations that the file has; 0 for a new file. */
export function userVersion(sqlite: Database): number {
  return sqlite.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
}
