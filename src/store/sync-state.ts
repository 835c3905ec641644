import type { ErrorCode } from "../errors.ts";
import type { LocalUs, ServerUs } from "../lib/time.ts";
import type { SnapshotKind } from "../model/objects.ts";
import { type RecordDb, whileUnchanged } from "./database.ts";

/**
 * Facts about the sync that the engine stores for readers. Times are microseconds of the local clock unless stated
 * otherwise.
 */
export interface SyncFacts {
  readonly instance: {
    readonly url: string;
    readonly version: string | null;
    readonly retentionUs: number | null;
    readonly createdUs: LocalUs;
    /** Whether the server's database sorts missing values as the largest, as PostgreSQL does. Absent: no answer has shown it. */
    readonly areNullsLargest?: boolean;
  };
  /** The process that syncs. It writes `heartbeatUs` every 2 s; a heartbeat older than 6 s means that it has ended. */
  readonly syncer: {
    readonly pid: number;
    readonly host: string;
    readonly sinceUs: LocalUs;
    readonly heartbeatUs: LocalUs;
    /** As in `clock`: a heartbeat with another value than the present one was written by a clock that was set since. */
    readonly bootedUs?: LocalUs;
    /** The longest time between two catch-ups, milliseconds. */
    readonly pollMs?: number;
  };
  readonly connection: {
    readonly reachable: boolean;
    readonly sinceUs: LocalUs;
    /** When Prefect last answered a request or sent a websocket frame. */
    readonly lastContactUs: LocalUs;
    readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint: string | null } | null;
  };
  readonly stream: { readonly state: "off" | "connecting" | "open" | "refused"; readonly sinceUs: LocalUs };
  /** `throughUs`: start of the last completed catch-up, server clock. */
  readonly catchup: { readonly throughUs: ServerUs; readonly atUs: LocalUs };
  readonly backfill: { readonly goalUs: ServerUs; readonly reachedUs: ServerUs; readonly done: boolean };
  readonly requests: { readonly total: number; readonly lastMinute: number };
  readonly lastError: { readonly atUs: LocalUs; readonly code: ErrorCode; readonly message: string };
  /**
   * Another server answers at the URL than the one whose record this is. Present until the record is aside, or until its own server
   * answers again.
   */
  readonly otherServer: { readonly sinceUs: LocalUs };
  /** The record came into use in place of that of another server at the same URL. */
  readonly serverChanged: { readonly sinceUs: LocalUs };
  /**
   * `skewMs`: server clock minus local clock, as of `measuredUs`. It holds as long as `bootedUs` does, the moment at which
   * the machine was started by its wall clock: that changes when the wall clock is set.
   */
  readonly clock: { readonly skewMs: number; readonly measuredUs?: LocalUs; readonly bootedUs?: LocalUs };
  /** `readUs`: start of the last reading of all flow runs that had not ended, however long ago they began. */
  readonly "read:unfinished": { readonly readUs: LocalUs };
}

/** When a snapshot was last read whole (microseconds, local clock), and how many objects it had. */
export interface SnapshotReading {
  readonly readUs: LocalUs;
  readonly count: number;
}

/** The last reading of the newest page of a list that is too long to be held. */
export interface NewestReading extends SnapshotReading {
  /** `updated` of the oldest object of the page: all that were updated later were on it. */
  readonly sinceUs: ServerUs;
}

type ReadKey = `read:${SnapshotKind}`;
type NewestKey = `newest:${SnapshotKind}`;
type NamesKey = `names:${SnapshotKind}`;

/** Whether the server returned a list, of the names that it still has, in the order of their code points. */
export interface NameOrder {
  readonly isByCodePoint: boolean;
}

/**
 * `read:<kind>`: the last whole reading of a list. `newest:<kind>`: that of its newest page, while it is longer than that.
 * `names:<kind>`: see `objects/name-order.ts`.
 */
export type FactKey = keyof SyncFacts | ReadKey | NewestKey | NamesKey;
export type Fact<K extends FactKey> = K extends keyof SyncFacts
  ? SyncFacts[K]
  : K extends NewestKey
    ? NewestReading
    : K extends NamesKey
      ? NameOrder
      : SnapshotReading;

/** A published fact, or null when it was never stored. */
export function findFact<K extends FactKey>(db: RecordDb, key: K): Fact<K> | null {
  return whileUnchanged(db, `fact:${key}`, () => findStateJson(db, key)) as Fact<K> | null;
}

/** Stores a fact; `null` removes it. `atUs`: now, local clock. */
export function putFact<K extends FactKey>(db: RecordDb, key: K, value: Fact<K> | null, atUs: LocalUs): void {
  putStateJson(db, key, value, atUs);
}

/** Removes the readings of all snapshots, and of unfinished runs: they may have changed in any way. */
export function removeReadings(db: RecordDb): void {
  db.prepare<unknown, []>("DELETE FROM sync_state WHERE key LIKE 'read:%'").run();
}

/**
 * State key of the retention floor: events that occurred before it were dropped from the record on purpose, and are not
 * fetched again. Records in use hold this value, so it stays although the name in the code has changed.
 */
export const RETENTION_FLOOR_KEY = "retention.kept-from";

/** State key of the moment at which the server was recognised last. */
export const PROVEN_KEY = "server.proven";

/** A moment on both clocks. */
export interface MomentOnBothClocks {
  readonly localUs: LocalUs;
  readonly serverUs: ServerUs;
}

/** A fact that only the engine itself reads. Its key contains a dot, so it never equals the key of a published fact. */
export function findStateJson(db: RecordDb, key: string): unknown {
  const row = db.prepare<{ value: string }, [string]>("SELECT value FROM sync_state WHERE key = ?").get(key);
  return row ? JSON.parse(row.value) : null;
}

/** Stores the value as JSON; `null` removes it. `atUs`: now, local clock. */
export function putStateJson(db: RecordDb, key: string, value: unknown, atUs: LocalUs): void {
  if (value === null) db.prepare<unknown, [string]>("DELETE FROM sync_state WHERE key = ?").run(key);
  else {
    db.prepare<unknown, [string, string, number]>(
      "INSERT INTO sync_state(key, value, at_us) VALUES (?, ?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value, at_us = excluded.at_us",
    ).run(key, JSON.stringify(value), atUs);
  }
}
