/**
 * A connection to a record: opening it, transactions, and statements from SQL text, typed by the rows of `schema/`.
 *
 * Drizzle declares the tables and their row types and is not loaded at run time. Measured with drizzle-orm 0.45.4 on Bun 1.4.5:
 * its bun-sqlite driver makes every start 7 ms longer, and a prepared query of its builder takes 2.3 times as long as the same
 * SQL text for one flow run (4.5 instead of 2.0 µs), 2.4 times for 200 of them and 2.9 times for 500 narrow event rows.
 */
import { existsSync } from "node:fs";
import { AppError } from "../errors.ts";
import { systemClock } from "../lib/clock.ts";
import { formatIsoUs } from "../lib/time.ts";
import { RECORD_VERSION } from "./file/migrations.ts";
import { IncompleteRecordError, migrate, newerRecordError, readTableEnds } from "./file/prepare-record.ts";
import {
  ensureDataDir,
  ensurePrivateFile,
  fileIdentity,
  folderOf,
  moveAside,
  recordBytes,
} from "./file/record-file.ts";
import {
  type Database,
  openLockFile,
  openReadOnly,
  openWritable,
  type SQLQueryBindings,
  type Statement,
  userVersion,
} from "./file/sqlite.ts";
import { isDamage, toStoreError } from "./file/store-error.ts";

export type { Database, SQLQueryBindings, Statement };

export type Invalidation = "rollback" | "foreign write";

/** One connection to a record. Whoever opened it closes it. */
export interface RecordDb {
  readonly file: string;
  readonly readonly: boolean;
  readonly sqlite: Database;
  /** A sentence for the user when opening had to move a damaged file aside, else null. */
  readonly notice: string | null;
  /** Statement by text, prepared once and kept. */
  prepare<Row, Params extends SQLQueryBindings[]>(sql: string): Statement<Row, Params>;
  /** A value that lives as long as the connection, made at the first call with this key. */
  perConnection<T>(key: string, make: () => T): T;
  /**
   * `drop` is called whenever values read earlier may be wrong: after a rollback, which takes back what this connection had
   * read of its own writes, and when another connection has written.
   */
  onInvalidate(drop: (why?: Invalidation) => void): void;
  invalidate(why?: Invalidation): void;
  close(): void;
}

/** New events touch the newest pages: more than this is of no use to them. */
const ORDINARY_PRAGMAS = ["PRAGMA cache_size = -8192", "PRAGMA wal_autocheckpoint = 4000"];
/** History touches pages everywhere: an eighth less processor time and a third fewer pages written than ordinarily. */
const BULK_PRAGMAS = ["PRAGMA cache_size = -65536", "PRAGMA wal_autocheckpoint = 16000"];
const WRITER_PRAGMAS = [
  "PRAGMA synchronous = NORMAL",
  "PRAGMA temp_store = MEMORY",
  "PRAGMA journal_size_limit = 67108864",
  ...ORDINARY_PRAGMAS,
];
/** The system keeps the file's pages anyway: answers take no longer than with many times as much. */
const READER_PRAGMAS = ["PRAGMA cache_size = -4096", "PRAGMA temp_store = MEMORY", "PRAGMA query_only = 1"];

/** How long a connection waits for another one's lock. Writers sit in a Worker, so their waiting stalls nobody. */
const WRITER_WAIT_MS = 30_000;
const READER_WAIT_MS = 5_000;

/**
 * Opens a record (`:memory:` is allowed for writing).
 * "write" creates folder and file, brings older files up to date and, where the file is damaged or half-made, moves it
 * aside and starts a new one (`notice` says so). "read" changes nothing.
 * Throws AppError: `not_found` when a reader finds no record yet, `invalid_config` for a file of a newer program (which stays
 * untouched), `unavailable` when the disk is full, not writable, failing, or (reader) the file is damaged.
 */
export function openRecord(file: string, mode: "write" | "read"): RecordDb {
  try {
    return mode === "write" ? openWriter(file) : openReader(file);
  } catch (error) {
    throw toStoreError(error, file);
  }
}

/**
 * Runs `work` in one write transaction (BEGIN IMMEDIATE); inside another one it simply takes part in it. Everything is
 * undone when it throws. Database errors come out as AppError `unavailable`, errors of `work` itself unchanged.
 */
export function inTransaction<T>(db: RecordDb, work: () => T): T {
  if (db.sqlite.inTransaction) return work();
  try {
    db.prepare("BEGIN IMMEDIATE").run();
    dropStaleCaches(db);
    const result = work();
    db.prepare("COMMIT").run();
    return result;
  } catch (error) {
    if (db.sqlite.inTransaction) db.sqlite.run("ROLLBACK");
    db.invalidate("rollback");
    throw toStoreError(error, db.file);
  }
}

/** Runs `work` on one snapshot, so that several statements see the same rows. */
export function inSnapshot<T>(db: RecordDb, work: () => T): T {
  if (db.sqlite.inTransaction) return work();
  try {
    db.prepare("BEGIN").run();
    dropStaleCaches(db);
    return work();
  } catch (error) {
    throw toStoreError(error, db.file);
  } finally {
    if (db.sqlite.inTransaction) db.prepare("COMMIT").run();
  }
}

/**
 * What `read` makes of the file, kept until the file changes: for the few rows every answer looks at. Only readers keep it,
 * since a writer's own changes leave `data_version` as it is. Values are shared, so nobody may change them.
 */
export function whileUnchanged<T>(db: RecordDb, key: string, read: () => T): T {
  if (!db.readonly) return read();
  const kept = db.perConnection("while-unchanged", () => ({ version: -1, values: new Map<string, unknown>() }));
  const version = dataVersion(db);
  if (version !== kept.version || kept.values.size >= KEPT_VALUES) kept.values.clear();
  kept.version = version;
  if (!kept.values.has(key)) kept.values.set(key, read());
  return kept.values.get(key) as T;
}

/** Keys hold ids of runs: a record that nobody changes could be asked about all of them. */
const KEPT_VALUES = 500;

/** A writer that fills history keeps more pages in memory and checkpoints less often. Afterwards it gives the memory back. */
export function setBulkWriting(db: RecordDb, isFilling: boolean): void {
  for (const pragma of isFilling ? BULK_PRAGMAS : ORDINARY_PRAGMAS) db.sqlite.run(pragma);
}

/** Moves a record aside that showed damage (`isDamage`) while it was open, and opens a new one. Closes `db`. */
export function rebuildRecord(db: RecordDb, why: string): RecordDb {
  db.close();
  return withSetupLock(db.file, () => {
    const notice = moveDamagedAside(db.file, why);
    return connectWriter(db.file, notice);
  });
}

/** True when the file was replaced or removed after this connection opened it: open it anew. */
export function isReplaced(db: RecordDb): boolean {
  return db.perConnection("file-identity", () => fileIdentity(db.file)) !== fileIdentity(db.file);
}

function openWriter(file: string): RecordDb {
  if (file === ":memory:") return connectWriter(file, null);
  ensureDataDir(folderOf(file));
  return withSetupLock(file, () => {
    if (recordBytes(file) > 0) refuseNewer(file);
    ensurePrivateFile(file);
    try {
      return connectWriter(file, null);
    } catch (error) {
      if (!(error instanceof Error) || !(isDamage(error) || error instanceof IncompleteRecordError)) throw error;
      const notice = moveDamagedAside(file, error.message);
      ensurePrivateFile(file);
      return connectWriter(file, notice);
    }
  });
}

/** Several processes may meet on a file that is new, old or damaged: one after the other looks at it. */
function withSetupLock<T>(file: string, work: () => T): T {
  const lock = openLockFile(`${file}.setup`, WRITER_WAIT_MS);
  try {
    lock.run("BEGIN EXCLUSIVE");
    return work();
  } finally {
    lock.close();
  }
}

function refuseNewer(file: string): void {
  let version = 0;
  try {
    using peek = openReadOnly(file);
    version = userVersion(peek);
  } catch {
    return; // Not readable that way: opening it for writing tells why.
  }
  if (version > RECORD_VERSION) throw newerRecordError(file, version);
}

function moveDamagedAside(file: string, why: string): string {
  const stamp = formatIsoUs(systemClock.nowUs()).replaceAll(/[-:]|\.\d+/g, "");
  const target = moveAside(file, stamp);
  return `The record ${file} could not be used (${why}). It was moved to ${target} and a new one was begun.`;
}

function connectWriter(file: string, notice: string | null): RecordDb {
  const sqlite = openWritable(file);
  try {
    sqlite.run(`PRAGMA busy_timeout = ${WRITER_WAIT_MS}`);
    sqlite.run("PRAGMA auto_vacuum = INCREMENTAL");
    sqlite.run("PRAGMA journal_mode = WAL");
    for (const pragma of WRITER_PRAGMAS) sqlite.run(pragma);
    migrate(sqlite, file);
    readTableEnds(sqlite);
  } catch (error) {
    sqlite.close();
    throw error;
  }
  return wrap(sqlite, file, false, notice);
}

function openReader(file: string): RecordDb {
  if (!existsSync(file)) throw noRecordError(file);
  const sqlite = openReadOnly(file);
  try {
    sqlite.run(`PRAGMA busy_timeout = ${READER_WAIT_MS}`);
    const version = userVersion(sqlite);
    if (version > RECORD_VERSION) throw newerRecordError(file, version);
    if (version < RECORD_VERSION) throw noRecordError(file);
    for (const pragma of READER_PRAGMAS) sqlite.run(pragma);
  } catch (error) {
    sqlite.close();
    throw error;
  }
  return wrap(sqlite, file, true, null);
}

function noRecordError(file: string): AppError {
  return new AppError("not_found", `There is no record at ${file} yet.`, {
    hint: "It is made by the first sync: start the server with Prefect reachable, or run `prefect-mcp-bun sync`.",
  });
}

function wrap(sqlite: Database, file: string, readonly: boolean, notice: string | null): RecordDb {
  const statements = new Map<string, Statement<unknown, SQLQueryBindings[]>>();
  const locals = new Map<string, unknown>();
  const drops: ((why?: Invalidation) => void)[] = [];
  const db: RecordDb = {
    file,
    readonly,
    sqlite,
    notice,
    prepare<Row, Params extends SQLQueryBindings[]>(sql: string) {
      let statement = statements.get(sql);
      if (!statement) {
        statement = sqlite.prepare<unknown, SQLQueryBindings[]>(sql);
        statements.set(sql, statement);
        const oldest = statements.size > KEPT_STATEMENTS ? statements.keys().next().value : undefined;
        if (oldest !== undefined) statements.delete(oldest);
      }
      return statement as Statement<Row, Params>;
    },
    perConnection<T>(key: string, make: () => T) {
      if (!locals.has(key)) locals.set(key, make());
      return locals.get(key) as T;
    },
    onInvalidate: (drop) => void drops.push(drop),
    invalidate: (why = "rollback") => {
      for (const drop of drops) drop(why);
    },
    close() {
      statements.clear();
      locals.clear();
      if (!readonly) checkpoint(sqlite);
      // true: also finalizes statements that somebody still holds, or the file would stay open.
      sqlite.close(true);
    },
  };
  if (file !== ":memory:") db.perConnection("file-identity", () => fileIdentity(file));
  return db;
}

/** Filters make statements without end. Whoever holds one that is dropped here may go on using it. */
const KEPT_STATEMENTS = 500;

/** Leaves a file without WAL behind where no reader is in the way. */
function checkpoint(sqlite: Database): void {
  try {
    sqlite.run("PRAGMA busy_timeout = 100");
    sqlite.query("PRAGMA wal_checkpoint(TRUNCATE)").all();
  } catch {
    // A full disk or a damaged file: the WAL stays, and the next opening takes it in.
  }
}

/** A number that changes when another connection commits; this connection's own commits leave it as it is. About 3 µs. */
export function dataVersion(db: RecordDb): number {
  return db.prepare<{ data_version: number }, []>("PRAGMA data_version").get()?.data_version ?? 0;
}

/** Valid inside a transaction only. */
function dropStaleCaches(db: RecordDb): void {
  const seen = db.perConnection("data-version", () => ({ version: -1 }));
  const version = dataVersion(db);
  if (version !== seen.version && seen.version !== -1) db.invalidate("foreign write");
  seen.version = version;
}
