import { AppError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import { addMs, NEVER_MS, type SteadyMs } from "../lib/time.ts";
import type { HeldRecord } from "../queries/source/context.ts";
import { beginSnapshot, endSnapshot, isReplaced, openRecord, type RecordDb } from "../store/database.ts";
import { walBytes } from "../store/file/record-file.ts";
import { currentRecordFile } from "../store/file/server-records.ts";

/** The read-only connections of the thread that answers. */
export interface RecordReader {
  /** The record, or null while there is none or it cannot be read. Throws AppError `invalid_config` for a newer program's file. */
  current(): RecordDb | null;
  /** The record for one call, which sees it as it was at its first look although others write it. */
  hold(): HeldRecord;
  /** Why a file that may be there cannot be read, as found by the last look; null when it can, or when there is none yet. */
  problem(): AppError | null;
  /** Closes for good: there is no record from then on. */
  close(): void;
}

/** A query asks for the record several times, and checking the file takes 10 µs. */
const CHECK_EVERY_MS = 100;

/**
 * A call that waits for Prefect keeps its view of the record for this long; then it continues with the newest one. While a view is kept,
 * the write-ahead log cannot be emptied beyond it.
 */
export const MAX_HOLD_MS = 2_000;
/** The same while the log is larger than this: so calls that always overlap cannot make it grow without end. */
const LARGE_WAL_BYTES = 64 * 1024 * 1024;
const SHORT_HOLD_MS = 20;

/** Connections for calls at the same time; further calls share the view of the last one. Each may cache some megabytes. */
const MAX_CONNECTIONS = 4;
/** Connections that stay open without a call. */
const MAX_IDLE = 2;

/** A connection for calls. */
interface Lease {
  readonly db: RecordDb;
  /** Calls that use it. */
  users: number;
  /** Since when a view is kept. Null: none is. */
  viewMs: SteadyMs | null;
  /** The wait for the end of the time that views are kept, and when it ends. Null: nothing waits. */
  wait: { readonly stop: AbortController; readonly untilMs: SteadyMs } | null;
  /** The file was replaced, or is not in use any more: it is closed after its last call. */
  isStale: boolean;
}

/**
 * Opens the file in use when it exists, and again after it was replaced, or put aside for the record of another server. `first`: the
 * file of the first server of the URL.
 */
export function createRecordReader(first: string, clock: Clock, logger: Logger): RecordReader {
  let db: RecordDb | null = null;
  let leases: Lease[] = [];
  let checkedMs = NEVER_MS;
  let holdMs = MAX_HOLD_MS;
  let problem: AppError | null = null;
  let isClosed = false;

  const open = (): RecordDb | null => {
    try {
      const opened = openRecord(currentRecordFile(first), "read");
      problem = null;
      return opened;
    } catch (error) {
      if (!(error instanceof AppError) || error.code === "invalid_config") throw error;
      const isNew = error.code !== "not_found" && error.message !== problem?.message;
      problem = error.code === "not_found" ? null : error;
      if (isNew) logger.warn(`the record cannot be read: ${error.message}`, { hint: error.hint });
      return null;
    }
  };

  const close = (lease: Lease): void => {
    lease.wait?.stop.abort();
    leases = leases.filter((other) => other !== lease);
    lease.db.close();
  };

  /** Closes what belongs to a file that is not in use any more. */
  const checkFile = (): void => {
    const nowMs = clock.steadyMs();
    if (nowMs - checkedMs < CHECK_EVERY_MS) return;
    checkedMs = nowMs;
    const file = currentRecordFile(first);
    const isOld = (one: RecordDb) => one.file !== file || isReplaced(one);
    holdMs = walBytes(file) > LARGE_WAL_BYTES ? SHORT_HOLD_MS : MAX_HOLD_MS;
    if (db && isOld(db)) {
      db.close();
      db = null;
    }
    for (const lease of leases) {
      if (!isOld(lease.db)) continue;
      lease.isStale = true;
      if (lease.users === 0) close(lease);
    }
  };

  const take = (): Lease | null => {
    checkFile();
    const fresh = leases.filter((lease) => !lease.isStale);
    let lease = fresh.find(({ users }) => users === 0) ?? (fresh.length >= MAX_CONNECTIONS ? fresh.at(-1) : undefined);
    if (!lease) {
      const opened = open();
      if (!opened) return null;
      lease = { db: opened, users: 0, viewMs: null, wait: null, isStale: false };
    }
    lease.users += 1;
    // The last one in the list has the newest view.
    leases = [...leases.filter((other) => other !== lease), lease];
    return lease;
  };

  const keepView = (lease: Lease): void => {
    if (lease.viewMs !== null) return;
    beginSnapshot(lease.db);
    lease.viewMs = clock.steadyMs();
    const untilMs = addMs(lease.viewMs, holdMs);
    if (lease.wait !== null && lease.wait.untilMs <= untilMs) return;
    lease.wait?.stop.abort();
    void dropLater(lease, untilMs);
  };

  /** Drops views that are kept too long. One wait serves all calls of these seconds: a timer for each would take as long as a query. */
  const dropLater = async (lease: Lease, untilMs: SteadyMs): Promise<void> => {
    const stop = new AbortController();
    lease.wait = { stop, untilMs };
    await clock.sleep(untilMs - clock.steadyMs(), stop.signal);
    if (stop.signal.aborted) return;
    lease.wait = null;
    if (lease.viewMs === null) return;
    const nextMs = addMs(lease.viewMs, holdMs);
    if (nextMs <= clock.steadyMs()) dropView(lease);
    else void dropLater(lease, nextMs);
  };

  const dropView = (lease: Lease): void => {
    lease.viewMs = null;
    endSnapshot(lease.db);
  };

  const giveBack = (lease: Lease): void => {
    lease.users -= 1;
    if (lease.users > 0 || isClosed) return;
    dropView(lease);
    const idle = leases.filter(({ users, isStale }) => users === 0 && !isStale).length;
    if (lease.isStale || idle > MAX_IDLE) close(lease);
  };

  return {
    current() {
      if (isClosed) return null;
      checkFile();
      db ??= open();
      return db;
    },
    hold() {
      let lease: Lease | null | undefined;
      return {
        record() {
          if (isClosed) return null;
          // A call that found no record keeps to that.
          if (lease === undefined) lease = take();
          if (lease === null) return null;
          keepView(lease);
          return lease.db;
        },
        release() {
          if (lease) giveBack(lease);
          lease = null;
        },
      };
    },
    problem: () => problem,
    close() {
      isClosed = true;
      for (const lease of leases) close(lease);
      db?.close();
      db = null;
    },
  };
}
