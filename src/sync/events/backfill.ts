import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { gapsIn, type TimeRange } from "../../model/freshness.ts";
import { coveredRanges } from "../../store/coverage.ts";
import { setFilling } from "../../store/database.ts";
import { type EngineContext, horizonUs } from "../context/engine-context.ts";
import { retentionFloorUs } from "../context/retention-floor.ts";
import { storeWalk } from "../walks/store-walk.ts";

/** Events that one window should hold: a walk that an interruption does not cost much. */
const WINDOW_EVENTS = 2_000;
const FIRST_WINDOW_US = HOUR_US;
const SMALLEST_WINDOW_US = MINUTE_US;
const LARGEST_WINDOW_US = DAY_US;
/** Gaps at the far edge that come from a goal that moves, not from anything missing. */
const EDGE_US = 5 * SECOND_US;

export interface BackfillOptions {
  readonly goalUs: number;
  readonly signal: AbortSignal;
  readonly onPage?: (events: readonly PrefectEvent[]) => void;
}

/** `blocked`: a window was read, but the server's clock is unknown, so nothing could be claimed. */
export interface BackfillStep {
  readonly state: "more" | "done" | "blocked";
  /** Nothing newer than this is missing. */
  readonly reachedUs: number;
}

/**
 * Fetches what lies between the goal and the end of what is covered and is not covered: the newest window first, each window
 * oldest first. It keeps no position of its own: the ledger says what is missing, so any interruption is resumed by calling
 * again.
 */
export class Backfill {
  private readonly ctx: EngineContext;
  private windowUs = FIRST_WINDOW_US;
  private isFilling = false;

  constructor(ctx: EngineContext) {
    this.ctx = ctx;
  }

  /** Uncovered ranges within reach, ascending. */
  gaps(goalUs: number): TimeRange[] {
    const { db } = this.ctx;
    const covered = coveredRanges(db, "event", "");
    const last = covered.at(-1);
    if (!last) return [];
    const fromUs = Math.ceil(Math.max(goalUs, horizonUs(this.ctx), retentionFloorUs(db)));
    return gapsIn({ fromUs, toUs: last.toUs }, covered).filter(
      (gap) => gap.fromUs > fromUs || gap.toUs - fromUs > EDGE_US,
    );
  }

  async step({ goalUs, signal, onPage }: BackfillOptions): Promise<BackfillStep> {
    const gap = this.gaps(goalUs).at(-1);
    this.fill(gap !== undefined);
    if (!gap) return { state: "done", reachedUs: goalUs };
    const range = { fromUs: Math.max(gap.fromUs, gap.toUs - this.windowUs + 1), toUs: gap.toUs };
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

  private fill(isFilling: boolean): void {
    if (isFilling === this.isFilling) return;
    this.isFilling = isFilling;
    setFilling(this.ctx.db, isFilling);
  }

  private adapt(range: TimeRange, events: number): void {
    const spanUs = range.toUs - range.fromUs + 1;
    const factor = Math.min(4, Math.max(0.25, WINDOW_EVENTS / Math.max(1, events)));
    // A small gap says little about how large a window may be, unless it was full.
    const wanted = factor < 1 ? spanUs * factor : Math.max(this.windowUs, spanUs * factor);
    this.windowUs = Math.round(Math.min(LARGEST_WINDOW_US, Math.max(SMALLEST_WINDOW_US, wanted)));
  }
}
