import { addUs, ceilUs, DAY_US, HOUR_US, latestUs, MINUTE_US, SECOND_US, type ServerUs } from "../../lib/time.ts";
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
      (gap) => gap.fromUs > fromUs || gap.toUs - fromUs > EDGE_US,
    );
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
    return { state: walk.claimedToUs === null ? "blocked" : "more", reachedUs: range.fromUs };
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
