import { DAY_US, MINUTE_US } from "../lib/time.ts";
import type { TimeRange } from "../model/freshness.ts";
import { coverageEnd, coveredRanges } from "../store/coverage.ts";
import { findStateJson } from "../store/sync-state.ts";
import { type EngineContext, horizonUs } from "./engine-context.ts";
import { keptFromUs } from "./kept-from.ts";
import { verifyRange } from "./verify.ts";
import { dueVerification, type VerifyCursors } from "./verify-schedule.ts";

/** State key. */
const CURSORS = "verify.cursors";
const EVERY_MS = 60_000;
/** What arrived late is compared once the server has stored the rest of it. */
const SETTLE_MS = 6_000;
/** Late arrivals that lie further apart than this are left to the schedule. */
const WIDEST_US = DAY_US;

/** Compares again what was complete once: on a widening schedule, and at once where late arrivals are seen. */
export class Verifier {
  private readonly ctx: EngineContext;
  private late: TimeRange | null = null;
  private lateMs = 0;

  constructor(ctx: EngineContext) {
    this.ctx = ctx;
  }

  /** Late events were stored. Looked at some seconds after the first note, however many follow. */
  note(late: TimeRange): void {
    if (this.late === null) this.lateMs = this.ctx.clock.nowMs();
    this.late = {
      fromUs: Math.min(this.late?.fromUs ?? late.fromUs, late.fromUs),
      toUs: Math.max(this.late?.toUs ?? late.toUs, late.toUs),
    };
  }

  /** Answers the milliseconds until it is worth looking again. */
  async turn(signal: AbortSignal): Promise<number> {
    if (this.late !== null) {
      const waitMs = Math.min(SETTLE_MS, this.lateMs + SETTLE_MS - this.ctx.clock.nowMs());
      if (waitMs > 0) return waitMs;
      await this.verifyLate(signal);
    }
    const { ranges, cursors, before } = this.due();
    for (const range of ranges) {
      const idleMs = this.ctx.requests.idleWaitMs(1);
      if (idleMs > 0) return idleMs;
      await this.verify(range, signal);
    }
    if (JSON.stringify(cursors) !== JSON.stringify(before)) this.ctx.ingest.state(CURSORS, cursors);
    return EVERY_MS;
  }

  private due(): { ranges: readonly TimeRange[]; cursors: VerifyCursors; before: VerifyCursors } {
    const { ctx } = this;
    const covered = coveredRanges(ctx.db, "event", "").map((range) => ({
      ...range,
      verifiedUs: Math.floor(ctx.serverClock.toServerUs(range.verifiedUs) ?? range.verifiedUs),
    }));
    const before = (findStateJson(ctx.db, CURSORS) as VerifyCursors | null) ?? {};
    const due = dueVerification(covered, before, Math.floor(ctx.serverClock.guessUs()), this.floorUs());
    return { ...due, before };
  }

  private async verifyLate(signal: AbortSignal): Promise<void> {
    const { late } = this;
    if (late === null) return;
    this.late = null;
    const fromUs = Math.max(this.floorUs(), late.fromUs - MINUTE_US);
    // The newest part is read again by every catch-up.
    const endUs = (coverageEnd(this.ctx.db, "event", "") ?? 0) - this.ctx.settings.overlapMs * 1000;
    const toUs = Math.min(late.toUs + MINUTE_US, endUs);
    if (toUs < fromUs || toUs - fromUs > WIDEST_US) return;
    try {
      // Only what is claimed can be wrong; what is not is fetched anyway.
      for (const range of coveredRanges(this.ctx.db, "event", "", { fromUs, toUs })) await this.verify(range, signal);
    } catch (error) {
      this.note(late);
      throw error;
    }
  }

  private async verify(range: TimeRange, signal: AbortSignal): Promise<void> {
    await verifyRange(this.ctx, range, { source: "audit", ask: "verify", repair: "verify", signal });
  }

  private floorUs(): number {
    return Math.ceil(Math.max(horizonUs(this.ctx), keptFromUs(this.ctx.db)));
  }
}
