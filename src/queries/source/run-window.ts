/** Which part of the ledger a question about runs needs. */
import { MINUTE_US, parseIsoUs } from "../../lib/time.ts";
import type { Freshness, TimeRange } from "../../model/freshness.ts";
import { mergeRanges } from "../../model/freshness.ts";
import type { SnapshotKind } from "../../model/objects.ts";
import { coveredRanges } from "../../store/coverage.ts";
import type { RecordDb } from "../../store/database.ts";
import { findOldestFlowUs } from "../../store/objects/objects.ts";
import type { QueryContext } from "./context.ts";
import { futureNote, oldestReading, readSyncView } from "./freshness.ts";

/** A filter of runs as far as it bounds time. */
interface TimeFilter {
  readonly operator?: string;
  readonly start_time?: Bounds | null;
  readonly expected_start_time?: Bounds | null;
  readonly id?: { readonly any_?: readonly string[] | null } | null;
}
interface Bounds {
  readonly after_?: string | null;
  readonly before_?: string | null;
}

/** A process that follows Prefect reads each list anew within this, unless it cannot. */
const KEPT_UP_US = 30 * MINUTE_US;

/** The bounds that a filter sets on when a run began or was due; open ends are null. */
export function boundsOf(filter: unknown): { fromUs: number | null; toUs: number | null } {
  const { operator, start_time, expected_start_time } = (filter ?? {}) as TimeFilter;
  if (operator === "or_") return { fromUs: null, toUs: null };
  const times = [start_time, expected_start_time];
  const us = (text: string | null | undefined) => (text ? (parseIsoUs(text) ?? null) : null);
  const from = times.map((one) => us(one?.after_)).filter((one) => one !== null);
  const to = times.map((one) => us(one?.before_)).filter((one) => one !== null);
  return {
    fromUs: from.length > 0 ? Math.max(...from) : null,
    toUs: to.length > 0 ? Math.min(...to) : null,
  };
}

/** An answer about runs that are due later is of what is planned as of its moment: it covers no time, and says so. */
export function asOfPlans(freshness: Freshness, filter: unknown, nowUs: number): Freshness {
  const { fromUs } = boundsOf(filter);
  if (fromUs === null || fromUs <= nowUs) return freshness;
  const { coverage } = freshness;
  const notes = [futureNote(nowUs), ...coverage.notes];
  return { ...freshness, coverage: { ...coverage, fromUs: null, toUs: null, notes } };
}

/** The ids that a filter restricts to, or null. */
export function idsOf(filter: unknown): readonly string[] | null {
  const { operator, id } = (filter ?? {}) as TimeFilter;
  return operator === "or_" ? null : (id?.any_ ?? null);
}

/**
 * The window of a question. `reachUs`: the page is full and reaches back to here, so nothing older matters. Without any bound
 * everything since the workspace began is asked: a record that begins last week cannot say that there is nothing older.
 */
export function askedWindow(db: RecordDb | null, filter: unknown, nowUs: number, reachUs: number | null): TimeRange {
  const { fromUs, toUs } = boundsOf(filter);
  const endUs = Math.min(toUs ?? nowUs, nowUs);
  const beginUs = fromUs ?? reachUs ?? (db === null ? null : findOldestFlowUs(db)) ?? 0;
  return { fromUs: Math.min(Math.max(beginUs, reachUs ?? 0), endUs), toUs: endUs };
}

/** The present: the newest covered range up to now, whatever its age. For what does not depend on how far back is held. */
export function presentWindow(db: RecordDb | null, kind: string, nowUs: number): TimeRange {
  const newest = db ? mergeRanges(coveredRanges(db, kind, "")).at(-1) : undefined;
  return { fromUs: Math.min(newest?.fromUs ?? nowUs, nowUs), toUs: nowUs };
}

/** These lists are held and tell the present: read a moment ago, or kept up by a process that follows Prefect. */
export function hasLists(ctx: QueryContext, db: RecordDb | null, kinds: readonly SnapshotKind[]): boolean {
  if (kinds.length === 0) return true;
  const readUs = db ? oldestReading(db, kinds) : null;
  if (db === null || readUs === null) return false;
  const nowUs = ctx.clock.nowUs();
  const ageUs = nowUs - readUs;
  return ageUs <= ctx.freshMs * 1000 || (ageUs <= KEPT_UP_US && readSyncView(db, nowUs).following);
}

/** Prefect is known not to answer. */
export function isOffline(ctx: QueryContext, db: RecordDb | null): boolean {
  return db !== null && readSyncView(db, ctx.clock.nowUs()).unreachableSinceUs !== null;
}
