/**
 * Decides whether the record or Prefect answers a question. Pure functions of three facts: whether the coverage ledger contains
 * the window of the question, how old the end of the coverage is, and whether the stored columns can answer the filter.
 */
import { own, type Sentence, sentence } from "../../lib/shown-text.ts";
import {
  earliestOf,
  earliestUs,
  formatIsoSeconds,
  type LocalUs,
  latestUs,
  onServerClock,
  SECOND_US,
  type ServerUs,
} from "../../lib/time.ts";
import type { Coverage, TimeRange } from "../../model/freshness.ts";
import { gapsIn, mergeRanges } from "../../model/freshness.ts";

/** What the record says about the process that syncs it. */
export interface SyncView {
  /** A process syncs the record and has completed a catch-up since it started. */
  readonly isFollowing: boolean;
  /** Since when Prefect does not answer, server clock, microseconds. Null: it answers, or that is unknown. */
  readonly unreachableSinceUs: ServerUs | null;
  /** Last successful answer of Prefect to any process that syncs, server clock, microseconds. */
  readonly lastContactUs: ServerUs | null;
}

/** No process syncs the record. */
export const NO_SYNC: SyncView = { isFollowing: false, unreachableSinceUs: null, lastContactUs: null };

/** A coverage range; `verifiedUs` is when the reading that proved it started, local clock. */
export interface CoveredPart extends TimeRange {
  readonly verifiedUs: LocalUs;
}

/** A question, and what decides where its answer comes from. */
interface Ask {
  /** Server clock, as are all times but `verifiedUs`. */
  readonly nowUs: ServerUs;
  /** False: a clock may have been set since the server clock was measured, so `nowUs` is a guess. */
  readonly isNowKnown: boolean;
  /** Server clock minus local clock, as it was recorded with the times of readings. */
  readonly skewUs: number;
  readonly freshMs: number;
  /** The caller wants an answer of Prefect itself. */
  readonly wantsFresh: boolean;
  /** The stored columns can answer the filter. */
  readonly isAnswerable: boolean;
  readonly sync: SyncView;
}

export interface WindowAsk extends Ask {
  readonly window: TimeRange;
  /** All coverage ranges of the kind, in any order. */
  readonly covered: readonly CoveredPart[];
  /** While a process follows Prefect, the end of the coverage may be this old: how late changes of this kind reach the record. */
  readonly followedUs: number;
}

/** A question about the present state of a whole list ("which deployments are there"). */
export interface SnapshotAsk extends Ask {
  /** When the whole list was last read, or null. */
  readonly readUs: ServerUs | null;
  /** What was read has not changed since, as the record shows, so its age does not matter. */
  readonly isSettled?: boolean;
  /** The record is known to be out of date, whatever its age. Prefect is asked unless it is unreachable. */
  readonly isStale?: boolean;
}

export type SourceChoice =
  | { readonly source: "record"; readonly asOfUs: ServerUs; readonly coverage: Coverage }
  /** Prefect for the whole window. */
  | { readonly source: "live" }
  /** The record has a part; Prefect is asked for these closed ranges. */
  | { readonly source: "mixed"; readonly gaps: readonly TimeRange[] };

/** Most gaps that are fetched one by one; more of them are fetched as one range. */
const MAX_PARTS = 3;

/** The source for a question about a window of time. */
export function chooseForWindow(ask: WindowAsk): SourceChoice {
  if (ask.wantsFresh || !ask.isAnswerable) return { source: "live" };
  const merged = mergeRanges(ask.covered);
  if (isNowDoubtful(ask, merged.at(-1)?.toUs ?? null) && ask.sync.unreachableSinceUs === null)
    return { source: "live" };
  const endUs = merged.findLast((range) => range.fromUs <= ask.window.toUs)?.toUs ?? null;
  if (endUs === null || (endUs < ask.window.fromUs && ask.sync.unreachableSinceUs === null)) {
    return ask.sync.unreachableSinceUs !== null && merged.length > 0
      ? recordedPart(ask, ask.window)
      : { source: "live" };
  }
  const window = { fromUs: ask.window.fromUs, toUs: toleratedEnd(ask, endUs) };
  const gaps = window.toUs < window.fromUs ? [ask.window] : gapsIn(window, merged);
  if (gaps.length === 0 || ask.sync.unreachableSinceUs !== null) return recordedPart(ask, window);
  const [first, last] = [gaps[0], gaps.at(-1)];
  if (!first || !last || (first.fromUs <= window.fromUs && first.toUs >= window.toUs)) return { source: "live" };
  return { source: "mixed", gaps: gaps.length <= MAX_PARTS ? gaps : [{ fromUs: first.fromUs, toUs: last.toUs }] };
}

/** A claim cannot reach further than this into the future, by the precision of the clocks. */
export const AHEAD_US = 5 * SECOND_US;

/**
 * Whether now is a guess, or claims reach into the future (`endUs`: the end of the coverage): the server clock was set back, and passes
 * again what is claimed.
 */
export function isNowDoubtful(ask: Ask, endUs: ServerUs | null): boolean {
  return !ask.isNowKnown || (endUs !== null && endUs > ask.nowUs + AHEAD_US);
}

/**
 * The end up to which a window has to be covered. For a window that reaches to now, the end of the coverage is enough when it is
 * recent, or when Prefect is unreachable.
 */
function toleratedEnd(ask: WindowAsk, endUs: ServerUs): ServerUs {
  const freshUs = ask.freshMs * 1000;
  const reachesNow = ask.window.toUs >= ask.nowUs - freshUs;
  if (!reachesNow || endUs >= ask.window.toUs) return ask.window.toUs;
  return isEndRecent(ask, endUs) || ask.sync.unreachableSinceUs !== null ? endUs : ask.window.toUs;
}

/** Coverage that ends at `endUs` is taken to reach to now. */
export function isEndRecent(ask: WindowAsk, endUs: ServerUs): boolean {
  const ageUs = ask.nowUs - endUs;
  return ageUs <= ask.freshMs * 1000 || (ask.sync.isFollowing && ageUs <= ask.followedUs);
}

/** What the record has of `window`, with its gaps. An empty `window` makes all of `ask.window` a gap. */
export function recordedPart(ask: WindowAsk, window: TimeRange): SourceChoice & { source: "record" } {
  const merged = mergeRanges(ask.covered);
  const isEmpty = window.toUs < window.fromUs;
  const gaps = isEmpty ? [ask.window] : gapsIn(window, merged);
  const parts = isEmpty ? [] : ask.covered.filter((part) => part.fromUs <= window.toUs && part.toUs >= window.fromUs);
  const inside = mergeRanges(parts);
  const first = inside[0];
  const last = inside.at(-1);
  return {
    source: "record",
    asOfUs: recordAsOf(ask, merged.at(-1)?.toUs ?? null),
    coverage: {
      complete: gaps.length === 0,
      fromUs: first ? latestUs(first.fromUs, window.fromUs) : null,
      toUs: last ? earliestUs(last.toUs, window.toUs) : null,
      gaps,
      verifiedUs: parts.length > 0 ? onServerClock(earliestOf(parts.map((part) => part.verifiedUs)), ask.skewUs) : null,
      notes: offlineNotes(ask.sync),
    },
  };
}

/** Never later than now, nor than the moment at which the connection was lost. */
function recordAsOf(ask: Ask, endUs: ServerUs | null): ServerUs {
  const lostUs = ask.sync.unreachableSinceUs ?? ask.nowUs;
  return earliestUs(endUs ?? ask.sync.lastContactUs ?? lostUs, lostUs, ask.nowUs);
}

/** The source for a question about the present state of a whole list. */
export function chooseForSnapshot(ask: SnapshotAsk): SourceChoice {
  const isOffline = ask.sync.unreachableSinceUs !== null;
  if (ask.wantsFresh || !ask.isAnswerable || ask.readUs === null) return { source: "live" };
  // A reading time in the future was stamped before the clock was set back: its age is unknown.
  const isOld =
    ask.isStale === true ||
    ask.readUs > ask.nowUs + AHEAD_US ||
    (!ask.isNowKnown && ask.isSettled !== true) ||
    (ask.isSettled !== true && ask.readUs < ask.nowUs - ask.freshMs * 1000);
  return isOld && !isOffline ? { source: "live" } : recordedSnapshot(ask, ask.readUs);
}

/** The list as of `readUs`. */
export function recordedSnapshot(ask: Ask, readUs: ServerUs): SourceChoice & { source: "record" } {
  const asOfUs = recordAsOf(ask, readUs);
  return {
    source: "record",
    asOfUs,
    coverage: {
      complete: true,
      fromUs: asOfUs,
      toUs: asOfUs,
      gaps: [],
      verifiedUs: readUs,
      notes: offlineNotes(ask.sync),
    },
  };
}

function offlineNotes(sync: SyncView): Sentence[] {
  if (sync.unreachableSinceUs === null) return [];
  return [
    sentence`Prefect is unreachable (no answer since ${own(formatIsoSeconds(sync.unreachableSinceUs))}): this is what was recorded before the connection was lost, later changes are unknown.`,
  ];
}
