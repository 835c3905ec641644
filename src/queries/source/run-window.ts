/** Which part of the coverage a question about runs needs. */
import { isJsonObject } from "../../lib/exact-json.ts";
import { sentence } from "../../lib/shown-text.ts";
import { earliestOf, earliestUs, latestOf, latestUs, parseIsoUs, SECOND_US, type ServerUs } from "../../lib/time.ts";
import type { Freshness, TimeRange } from "../../model/freshness.ts";
import { mergeRanges } from "../../model/freshness.ts";
import type { RunKind } from "../../model/kinds.ts";
import type { SnapshotKind } from "../../model/objects.ts";
import { coveredRanges } from "../../store/coverage.ts";
import type { RecordDb } from "../../store/database.ts";
import { findOldestFlowUs } from "../../store/objects/objects.ts";
import { findOldestExpectedUs } from "../../store/runs/confirmed-runs.ts";
import { futureNote, oldestReading } from "./answer.ts";
import { AHEAD_US } from "./choose-source.ts";
import type { QueryContext } from "./context.ts";
import { findOutage } from "./outage.ts";
import { isOver } from "./past-window.ts";
import { currentSkew, readingAgeUs } from "./server-time.ts";
import { readSyncView } from "./sync-view.ts";

/** The members of a run filter that bound time. */
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

/**
 * While a client is active, a process that follows Prefect reads these lists every 15 s. Not every change of an object has an event:
 * pausing a deployment has none.
 */
const FOLLOWED_LIST_US = 45 * SECOND_US;

/** The bounds that a filter sets on the start or due time of runs; open ends are null. */
export function boundsOf(filter: unknown): { fromUs: ServerUs | null; toUs: ServerUs | null } {
  const { operator, start_time, expected_start_time } = (filter ?? {}) as TimeFilter;
  if (operator === "or_") return { fromUs: null, toUs: null };
  const times = [start_time, expected_start_time];
  const us = (text: string | null | undefined) => (text ? (parseIsoUs(text) ?? null) : null);
  const from = times.map((one) => us(one?.after_)).filter((one) => one !== null);
  const to = times.map((one) => us(one?.before_)).filter((one) => one !== null);
  return {
    fromUs: from.length > 0 ? latestOf(from) : null,
    toUs: to.length > 0 ? earliestOf(to) : null,
  };
}

/** An answer about runs that are due later shows the schedules of its moment. It covers no time, and a note says so. */
export function asOfSchedules(freshness: Freshness, filter: unknown, nowUs: ServerUs): Freshness {
  const { fromUs } = boundsOf(filter);
  if (fromUs === null || fromUs <= nowUs) return freshness;
  const { coverage } = freshness;
  const notes = [futureNote(nowUs), ...coverage.notes];
  return { ...freshness, coverage: { ...coverage, fromUs: null, toUs: null, notes } };
}

/** In a window that is over, runs are found by the state that they have now, which a later retry or end changed. */
export const STATES_AS_NOW = sentence`The window is over; runs are found by the state that they have now.`;

/** Whether the filter asks for runs of some states in a window that is over. */
export function asksForPastStates(ctx: QueryContext, filter: unknown, nowUs: ServerUs): boolean {
  const { toUs } = boundsOf(filter);
  return toUs !== null && isOver(ctx, { toUs }, nowUs) && isJsonObject(filter) && filter.state !== undefined;
}

/** The ids to which a filter restricts, or null. */
export function idsOf(filter: unknown): readonly string[] | null {
  const { operator, id } = (filter ?? {}) as TimeFilter;
  return operator === "or_" ? null : (id?.any_ ?? null);
}

/** Runs that are asked for by id may be of any time, so where one is not recorded Prefect is asked. True without ids. */
export function areIdsRecorded(ids: readonly string[] | null, isRecorded: (id: string) => boolean): boolean {
  return ids === null || ids.every(isRecorded);
}

/**
 * The window of a question. `reachUs`: the page is full and reaches back to here, so that older runs do not matter. Without any
 * bound the window is all time: a record that starts last week cannot prove that there are no older runs.
 */
export function askedWindow(
  db: RecordDb | null,
  kind: RunKind,
  filter: unknown,
  nowUs: ServerUs,
  reachUs: ServerUs | null,
): TimeRange {
  const { fromUs, toUs } = boundsOf(filter);
  const endUs = earliestUs(toUs ?? nowUs, nowUs);
  const beginUs = fromUs ?? reachUs ?? (db === null ? null : recordedBeginUs(db, kind)) ?? 0;
  return { fromUs: earliestUs(latestUs(beginUs, reachUs ?? 0), endUs), toUs: endUs };
}

/**
 * Where the runs of the workspace begin: with its oldest flow or the run that is expected first, which may be earlier. Null unless all
 * time before is covered. A workspace without flows begins with each reading of their list, which is later than the end of the
 * coverage: it then begins with that end.
 */
export function recordedBeginUs(db: RecordDb, kind: RunKind): ServerUs | null {
  const [first] = mergeRanges(coveredRanges(db, kind, ""));
  if (first === undefined || first.fromUs > 0) return null;
  const times = [findOldestFlowUs(db), findOldestExpectedUs(db, kind)].filter((us) => us !== null);
  // No later than the first gap, which is in the window of each question without a bound.
  return earliestOf([...times, first.toUs]);
}

/** The newest coverage range, extended to now. For questions about the present, which do not depend on older coverage. */
export function presentWindow(db: RecordDb | null, kind: string, nowUs: ServerUs): TimeRange {
  const newest = db ? mergeRanges(coveredRanges(db, kind, "")).at(-1) : undefined;
  return { fromUs: earliestUs(newest?.fromUs ?? nowUs, nowUs), toUs: nowUs };
}

/** These lists are recorded and current: they were read a moment ago, or a process that follows Prefect keeps them so. */
export function hasLists(ctx: QueryContext, db: RecordDb | null, kinds: readonly SnapshotKind[]): boolean {
  if (kinds.length === 0) return true;
  const readUs = db ? oldestReading(db, kinds) : null;
  if (db === null || readUs === null) return false;
  const ageUs = readingAgeUs(ctx, db, readUs);
  // A list from the future was read before the clock was set back: its age is unknown.
  if (ageUs < -AHEAD_US || !currentSkew(ctx).isKnown) return false;
  return ageUs <= ctx.freshMs * 1000 || (ageUs <= FOLLOWED_LIST_US && readSyncView(db, ctx.clock).isFollowing);
}

/** A process that syncs the record found Prefect unreachable, and the answer depends on it. */
export function isOffline(ctx: QueryContext, db: RecordDb | null): boolean {
  return findOutage(ctx, db);
}
