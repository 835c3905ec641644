import {
  addUs,
  ceilUs,
  DAY_US,
  HOUR_US,
  latestUs,
  MINUTE_US,
  SECOND_US,
  type ServerUs,
  type SteadyMs,
} from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { gapsIn, type TimeRange } from "../../model/freshness.ts";
import { coveredRanges } from "../../store/coverage.ts";
import { setBulkWriting } from "../../store/database.ts";
import { type EngineContext, horizonUs } from "../context/engine-context.ts";
import { retentionFloorUs } from "../context/retention-floor.ts";
import { storeWalk } from "../context/store-walk.ts";

/** Events that one window should contain, so that an interrupted walk loses little. */
const WINDOW_EVENTS = 2_000;
const FIRST_WINDOW_US = HOUR_US;
const SMALLEST_WINDOW_US = MINUTE_US;
const LARGEST_WINDOW_US = DAY_US;
/**
 * A shorter gap at the far end is ignored: it appears because the retention horizon moves, not because events are
 * missing.
 */
const EDGE_US = 5 * SECOND_US;
/** After this time, an instant that Prefect could not list is read again. */
const UNLISTED_RETRY_MS = 30 * 60_000;
/** A longer gap consists of other moments, too. */
const LONGEST_UNLISTED_US = 1_000;

export interface BackfillOptions {
  readonly goalUs: ServerUs;
  readonly signal: AbortSignal;
  readonly onPage?: (events: readonly PrefectEvent[]) => void;
}

/** `blocked`: a window was read, but nothing could be claimed because the server clock is unknown. */
export interface BackfillStep {
  readonly state: "more" | "done" | "blocked";
  /** No gap is left after this moment. */
  readonly reachedUs: ServerUs;
}

/**
 * Fetches the gaps of the coverage after the goal: the newest window first, each window oldest first. It stores no
 * position: the coverage ledger says what is missing, so after any interruption the next step continues.
 */
export class Backfill {
  private readonly ctx: EngineContext;
  private windowUs = FIRST_WINDOW_US;
  private isFilling = false;
  /** When Prefect could not list all events of an instant. */
  private readonly unlisted = new Map<ServerUs, SteadyMs>();

  constructor(ctx: EngineContext) {
    this.ctx = ctx;
  }

  /** Uncovered ranges between the goal and the end of the coverage that the server still has, ascending. */
  gaps(goalUs: ServerUs): TimeRange[] {
    const { db } = this.ctx;
    const covered = coveredRanges(db, "event", "");
    const last = covered.at(-1);
    if (!last) return [];
    const fromUs = ceilUs(latestUs(goalUs, horizonUs(this.ctx), retentionFloorUs(db)));
    return gapsIn({ fromUs, toUs: last.toUs }, covered).filter(
      (gap) => (gap.fromUs > fromUs || gap.toUs - fromUs > EDGE_US) && !this.isUnlisted(gap),
    );
  }

  /** Whether a gap consists of instants that Prefect could not list a while ago. Older gaps must not wait for it. */
  private isUnlisted(gap: TimeRange): boolean {
    if (this.unlisted.size === 0 || gap.toUs - gap.fromUs > LONGEST_UNLISTED_US) return false;
    for (let us = gap.fromUs; us <= gap.toUs; us = addUs(us, 1)) {
      const triedMs = this.unlisted.get(us);
      if (triedMs === undefined || this.ctx.clock.steadyMs() - triedMs > UNLISTED_RETRY_MS) return false;
    }
    return true;
  }

  async step({ goalUs, signal, onPage }: BackfillOptions): Promise<BackfillStep> {
    const gap = this.gaps(goalUs).at(-1);
    this.setFilling(gap !== undefined);
    if (!gap) return { state: "done", reachedUs: goalUs };
    const range = { fromUs: latestUs(gap.fromUs, addUs(gap.toUs, 1 - this.windowUs)), toUs: gap.toUs };
    const walk = await storeWalk(this.ctx, {
      range,
      source: "backfill",
      priority: "backfill",
      signal,
      ...(onPage ? { onPage } : {}),
    });
    this.adapt(range, walk.ids.size);
    for (const us of walk.unlistedUs) this.unlisted.set(us, this.ctx.clock.steadyMs());
    return {
      state: walk.claimedToUs === null && walk.unlistedUs.length === 0 ? "blocked" : "more",
      reachedUs: range.fromUs,
    };
  }

  private setFilling(isFilling: boolean): void {
    if (isFilling === this.isFilling) return;
    this.isFilling = isFilling;
    setBulkWriting(this.ctx.db, isFilling);
  }

  private adapt(range: TimeRange, events: number): void {
    const spanUs = range.toUs - range.fromUs + 1;
    const factor = Math.min(4, Math.max(0.25, WINDOW_EVENTS / Math.max(1, events)));
    // A gap smaller than the window does not show how large a window may be, unless it contained many events.
    const wanted = factor < 1 ? spanUs * factor : Math.max(this.windowUs, spanUs * factor);
    this.windowUs = Math.round(Math.min(LARGEST_WINDOW_US, Math.max(SMALLEST_WINDOW_US, wanted)));
  }
}
