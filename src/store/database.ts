/**
 * Connections to a record: opening, transactions, prepared statements. Statements are SQL text, typed by the rows of `schema/`.
 *
 * Drizzle declares the tables and their row types and is not loaded at run time. Measured with drizzle-orm 0.45.4 on Bun 1.4.5:
 * its bun-sqlite driver makes every start 7 ms longer, and a prepared query of its builder takes 2.3 times as long as the same
 * SQL text for one flow run (4.5 instead of 2.0 µs), 2.4 times for 200 of them and 2.9 times for 500 narrow event rows.
 */

import { statSync } from "node:fs";
import { AppError } from "../errors.ts";
import { systemClock } from "../lib/clock.ts";
import { asPlace, sentence } from "../lib/shown-text.ts";
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

/** Why cached values may be wrong: this connection rolled back, or another one has committed. */
export type Invalidation = "rollback" | "foreign write";

/** One connection to a record. The code that opened it closes it. */
export interface RecordDb {
  readonly file: string;
  readonly isReadOnly: boolean;
  readonly sqlite: Database;
  /** A sentence for the user when a damaged file was moved aside on opening, else null. */
  readonly notice: string | null;
  /** The statement of this text, prepared at its first use and cached. */
  prepare<Row, Params extends SQLQueryBindings[]>(sql: string): Statement<Row, Params>;
  /** A value that lives as long as the connection; `make` runs at the first call with this key. */
  perConnection<T>(key: string, make: () => T): T;
  /**
   * `drop` is called when cached values may be wrong: after a rollback, which undoes writes that this connection may have
   * read, and when another connection has written.
   */
  onInvalidate(drop: (why?: Invalidation) => void): void;
  invalidate(why?: Invalidation): void;
  /** Called in each write transaction, at its begin and before its end. When it throws, nothing is written. */
  guard: (() => void) | null;
  close(): void;
}

/** Storing new events touches the newest pages only, so a larger cache does not help. */
const ORDINARY_PRAGMAS = ["PRAGMA cache_size = -8192", "PRAGMA wal_autocheckpoint = 4000"];
/** A backfill touches pages everywhere: with these values it takes an eighth less CPU time and writes a third fewer pages. */
const BULK_PRAGMAS = ["PRAGMA cache_size = -65536", "PRAGMA wal_autocheckpoint = 16000"];
const WRITER_PRAGMAS = [
  "PRAGMA synchronous = NORMAL",
  "PRAGMA temp_store = MEMORY",
  "PRAGMA journal_size_limit = 67108864",
  ...ORDINARY_PRAGMAS,
];
/** The operating system caches the file's pages anyway: a much larger cache makes no answer faster. */
const READER_PRAGMAS = ["PRAGMA cache_size = -4096", "PRAGMA temp_store = MEMORY", "PRAGMA query_only = 1"];

/** How long a connection waits for a lock of another one. Writers run in a Worker, so a waiting writer blocks no request. */
const WRITER_WAIT_MS = 30_000;
const READER_WAIT_MS = 5_000;

/**
 * Opens a record (`:memory:` is allowed for writing). "write" creates folder and file and migrates older files; a
 * damaged or incomplete file is moved aside and replaced by a new one (`notice` says so). "read" changes nothing.
 * Throws AppError: `not_found` when there is no record to read yet, `invalid_config` for a file of a newer program
 * version (the file is not touched), `unavailable` when the disk is full, read-only or failing, or when a file to be
 * read is damaged.
 */
export function openRecord(file: string, mode: "write" | "read"): RecordDb {
  try {
    return mode === "write" ? openWriter(file) : openReader(file);
  } catch (error) {
    throw toStoreError(error, file);
  }
}

/**
 * Runs `work` in a write transaction (BEGIN IMMEDIATE), or as part of the transaction that is already open. When `work` throws,
 * everything is rolled back. Database errors are thrown as AppError `unavailable`, other errors of `work` unchanged.
 */
export function inTransaction<T>(db: RecordDb, work: () => T): T {
  if (db.sqlite.inTransaction) return work();
  try {
    db.prepare("BEGIN IMMEDIATE").run();
    dropStaleCaches(db);
    db.guard?.();
    const result = work();
    db.guard?.();
    db.prepare("COMMIT").run();
    return result;
  } catch (error) {
    if (db.sqlite.inTransaction) db.sqlite.run("ROLLBACK");
    db.invalidate("rollback");
    throw toStoreError(error, db.file);
  }
}

/** Runs `work` in one read transaction, so that all its statements see the same state of the database. */
export function inSnapshot<T>(db: RecordDb, work: () => T): T {
  if (db.sqlite.inTransaction) return work();
  try {
    beginSnapshot(db);
    return work();
  } catch (error) {
    throw toStoreError(error, db.file);
  } finally {
    endSnapshot(db);
  }
}

/** Begins a read transaction; from now on all statements see the present state of the database. Throws AppError `unavailable`. */
export function beginSnapshot(db: RecordDb): void {
  if (db.sqlite.inTransaction) return;
  try {
    db.prepare("BEGIN").run();
    dropStaleCaches(db);
  } catch (error) {
    endSnapshot(db);
    throw toStoreError(error, db.file);
  }
}

/** Ends the read transaction, if there is one. */
export function endSnapshot(db: RecordDb): void {
  if (db.sqlite.inTransaction) db.prepare("COMMIT").run();
}

/**
 * The result of `read`, cached until another connection commits: for the few rows that every answer needs. Only read-only
 * connections cache, because a connection's own commits do not change its `data_version`. Callers must not modify the value.
 */
export function whileUnchanged<T>(db: RecordDb, key: string, read: () => T): T {
  if (!db.isReadOnly) return read();
  const cache = db.perConnection("while-unchanged", () => ({ version: -1, values: new Map<string, unknown>() }));
  const version = dataVersion(db);
  if (version !== cache.version || cache.values.size >= CACHED_VALUES) cache.values.clear();
  cache.version = version;
  if (!cache.values.has(key)) cache.values.set(key, read());
  return cache.values.get(key) as T;
}

/** Keys contain ids of runs, so a record that does not change could otherwise collect one value for each run. */
const CACHED_VALUES = 500;

/** During a backfill the writer caches more pages and checkpoints less often; afterwards it releases the memory. */
export function setBulkWriting(db: RecordDb, isFilling: boolean): void {
  for (const pragma of isFilling ? BULK_PRAGMAS : ORDINARY_PRAGMAS) db.sqlite.run(pragma);
}

/** Closes `db`, moves its file aside and opens a new record. For damage (`isDamage`) that shows after opening. */
export function rebuildRecord(db: RecordDb, why: string): RecordDb {
  db.close();
  return withSetupLock(db.file, () => {
    const notice = moveDamagedAside(db.file, why);
    return connectWriter(db.file, notice);
  });
}

/** True when the file was replaced or removed after this connection opened it: the record must be opened again. */
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

/** Several processes may open a new, old or damaged file at once: they create, migrate or replace it one after the other. */
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
    return; // It cannot be read: opening it for writing throws the error that says why.
  }
  if (version > RECORD_VERSION) throw newerRecordError(file, version);
}

function moveDamagedAside(file: string, why: string): string {
  const stamp = formatIsoUs(systemClock.nowUs()).replaceAll(/[-:]|\.\d+/g, "");
  const target = moveAside(file, stamp);
  return `The record ${file} could not be used (${why}). It was moved to ${target} and a new one was created.`;
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
  if (!isPresent(file)) throw noRecordError(file);
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

/** Throws for a path that cannot be looked at, because then it is unknown whether there is a record. */
function isPresent(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}

function noRecordError(file: string): AppError {
  return new AppError("not_found", sentence`There is no record at ${asPlace(file)} yet.`, {
    hint: "The first sync creates it: start the server with Prefect reachable, or run `prefect-mcp-bun sync`.",
  });
}

function wrap(sqlite: Database, file: string, isReadOnly: boolean, notice: string | null): RecordDb {
  const statements = new Map<string, Statement<unknown, SQLQueryBindings[]>>();
  const locals = new Map<string, unknown>();
  const drops: ((why?: Invalidation) => void)[] = [];
  const db: RecordDb = {
    file,
    isReadOnly,
    sqlite,
    notice,
    guard: null,
    prepare<Row, Params extends SQLQueryBindings[]>(sql: string) {
      let statement = statements.get(sql);
      if (!statement) {
        statement = sqlite.prepare<unknown, SQLQueryBindings[]>(sql);
        statements.set(sql, statement);
        const oldest = statements.size > CACHED_STATEMENTS ? statements.keys().next().value : undefined;
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
      if (!isReadOnly) checkpoint(sqlite);
      // true: statements that are still referenced are finalized too; otherwise the file would stay open.
      sqlite.close(true);
    },
  };
  if (file !== ":memory:") db.perConnection("file-identity", () => fileIdentity(file));
  return db;
}

/** Filters produce any number of different statements. A statement that leaves the cache can still be used by its holder. */
const CACHED_STATEMENTS = 500;

/** Empties the WAL, unless a reader prevents it. */
function checkpoint(sqlite: Database): void {
  try {
    sqlite.run("PRAGMA busy_timeout = 100");
    sqlite.query("PRAGMA wal_checkpoint(TRUNCATE)").all();
  } catch {
    // A full disk or a damaged file: the WAL stays, and the next connection reads it.
  }
}

/** A number that changes when another connection commits; this connection's own commits leave it as it is. About 3 µs. */
export function dataVersion(db: RecordDb): number {
  return db.prepare<{ data_version: number }, []>("PRAGMA data_version").get()?.data_version ?? 0;
}

/** Call it inside a transaction: outside of one, another connection may commit right after the comparison. */
function dropStaleCaches(db: RecordDb): void {
  const seen = db.perConnection("data-version", () => ({ version: -1 }));
  const version = dataVersion(db);
  if (version !== seen.version && seen.version !== -1) db.invalidate("foreign write");
  seen.version = version;
}
