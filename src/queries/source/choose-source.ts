/**
 * Record or Prefect? Pure: three things decide, whether the ledger contains the asked window, how old its end is, and
 * whether the stored columns can answer the filter.
 */
import type { Coverage, TimeRange } from "../../model/freshness.ts";
import { gapsIn, mergeRanges } from "../../model/freshness.ts";

/** What the record says about the process that feeds it. */
export interface SyncView {
  /** A syncing process is alive and has caught up since it began. */
  readonly following: boolean;
  /** Set while Prefect is known not to answer: since when (microseconds). Null: reachable, or nobody knows. */
  readonly unreachableSinceUs: number | null;
  /** Last good answer of Prefect that any process recorded, microseconds. */
  readonly lastContactUs: number | null;
}

/** Nobody syncs and nobody has heard of Prefect. */
export const NO_SYNC: SyncView = { following: false, unreachableSinceUs: null, lastContactUs: null };

/** A range of the ledger; `verifiedUs` is the start of the reading that proved it, our clock. */
export interface CoveredPart extends TimeRange {
  readonly verifiedUs: number;
}

interface Ask {
  /** Server's clock, like all times but those of the ledger's readings. */
  readonly nowUs: number;
  /** Server's clock minus ours. */
  readonly skewUs: number;
  readonly freshMs: number;
  /** The caller wants Prefect's own answer. */
  readonly fresh: boolean;
  /** The stored columns can answer the filter. */
  readonly answerable: boolean;
  readonly sync: SyncView;
}

export interface WindowAsk extends Ask {
  readonly window: TimeRange;
  /** The whole ledger of the kind, any order. */
  readonly covered: readonly CoveredPart[];
}

/** A question about the present state of a whole list ("which deployments are there"). */
export interface SnapshotAsk extends Ask {
  /** When the whole list was read last, or null. */
  readonly readUs: number | null;
  /** What was read then cannot change any more: its age does not matter. */
  readonly settled?: boolean;
  /** Whatever its age, it is known to be behind: Prefect is asked while it can be. */
  readonly stale?: boolean;
}

export type SourceChoice =
  | { readonly source: "record"; readonly asOfUs: number; readonly coverage: Coverage }
  /** Prefect for the whole window. */
  | { readonly source: "live" }
  /** The record holds a part; these closed ranges are asked of Prefect. */
  | { readonly source: "mixed"; readonly gaps: readonly TimeRange[] };

/** Most parts that are fetched one by one; beyond, one request over all of them. */
const MAX_PARTS = 3;

/** Where a question about a window of time is answered from. */
export function chooseForWindow(ask: WindowAsk): SourceChoice {
  if (ask.fresh || !ask.answerable) return { source: "live" };
  const merged = mergeRanges(ask.covered);
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

/**
 * A question that reaches to now counts as covered up to the record's end when that end is fresh, when a process
 * follows Prefect, or when Prefect cannot be asked. Otherwise the asked end stands.
 */
function toleratedEnd(ask: WindowAsk, endUs: number): number {
  const freshUs = ask.freshMs * 1000;
  const reachesNow = ask.window.toUs >= ask.nowUs - freshUs;
  if (!reachesNow || endUs >= ask.window.toUs) return ask.window.toUs;
  const isTolerated = endUs >= ask.nowUs - freshUs || ask.sync.following || ask.sync.unreachableSinceUs !== null;
  return isTolerated ? endUs : ask.window.toUs;
}

/** What the record can say about `window`, with its gaps; `ask.window` where nothing of it is tolerated. */
export function recordedPart(ask: WindowAsk, window: TimeRange): SourceChoice & { source: "record" } {
  const merged = mergeRanges(ask.covered);
  const isEmpty = window.toUs < window.fromUs;
  const gaps = isEmpty ? [ask.window] : gapsIn(window, merged);
  const held = isEmpty ? [] : ask.covered.filter((part) => part.fromUs <= window.toUs && part.toUs >= window.fromUs);
  const inside = mergeRanges(held);
  const first = inside[0];
  const last = inside.at(-1);
  return {
    source: "record",
    asOfUs: recordAsOf(ask, merged.at(-1)?.toUs ?? null),
    coverage: {
      complete: gaps.length === 0,
      fromUs: first ? Math.max(first.fromUs, window.fromUs) : null,
      toUs: last ? Math.min(last.toUs, window.toUs) : null,
      gaps,
      verifiedUs: held.length > 0 ? Math.min(...held.map((part) => part.verifiedUs)) + ask.skewUs : null,
      notes: offlineNotes(ask.sync),
    },
  };
}

/** Never later than now, nor than the moment the connection was lost. */
function recordAsOf(ask: Ask, endUs: number | null): number {
  const lostUs = ask.sync.unreachableSinceUs ?? ask.nowUs;
  return Math.min(endUs ?? ask.sync.lastContactUs ?? lostUs, lostUs, ask.nowUs);
}

/** Where a question about the present state of a whole list is answered from. */
export function chooseForSnapshot(ask: SnapshotAsk): SourceChoice {
  const isOffline = ask.sync.unreachableSinceUs !== null;
  if (ask.fresh || !ask.answerable || ask.readUs === null) return { source: "live" };
  // Stamped by a clock that has been set back since: its age is unknown.
  const isOld =
    ask.stale === true ||
    ask.readUs > ask.nowUs + ask.freshMs * 1000 ||
    (ask.settled !== true && ask.readUs < ask.nowUs - ask.freshMs * 1000);
  return isOld && !isOffline ? { source: "live" } : recordedSnapshot(ask, ask.readUs);
}

/** The list as it was read at `readUs`. */
export function recordedSnapshot(ask: Ask, readUs: number): SourceChoice & { source: "record" } {
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

function offlineNotes(sync: SyncView): string[] {
  if (sync.unreachableSinceUs === null) return [];
  return [
    "Prefect is unreachable: this is what was recorded before the connection was lost, later changes are unknown.",
  ];
}
