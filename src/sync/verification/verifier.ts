import {
  addMs,
  addUs,
  ceilUs,
  DAY_US,
  earliestUs,
  floorUs,
  latestUs,
  MINUTE_US,
  NEVER_MS,
  onServerClock,
  type ServerUs,
  type SteadyMs,
} from "../../lib/time.ts";
import { mergeRanges, type TimeRange } from "../../model/freshness.ts";
import { coverageEnd, coveredRanges } from "../../store/coverage.ts";
import { findStateJson } from "../../store/sync-state.ts";
import { type EngineContext, horizonUs } from "../context/engine-context.ts";
import { idleDelayMs } from "../context/recognition.ts";
import { retentionFloorUs } from "../context/retention-floor.ts";
import { isCountable, verifyRange } from "./verify.ts";
import { dueVerification, type VerifyCursors } from "./verify-schedule.ts";

/** State key. */
const CURSORS_KEY = "verify.cursors";
const EVERY_MS = 60_000;
/** Time until the surroundings of late events are compared: by then the server has stored the rest of them. */
const SETTLE_MS = 6_000;
/** Late events that are further apart than this are left to the schedule. */
const WIDEST_US = DAY_US;
/**
 * Clients may send events that occurred hours ago, which the websocket does not deliver. So the last day is counted
 * this often, in addition to the schedule, which verifies each moment a few times only.
 */
const COUNT_MS = 5 * 60_000;
const COUNTED_US = DAY_US;
/** Usual number of requests of such a count, with the one for marker events. */
const COUNT_COST = 3;

/** Verifies covered ranges: on a schedule with growing intervals, and soon where late events are seen. */
export class Verifier {
  private readonly ctx: EngineContext;
  private late: TimeRange | null = null;
  private lateMs = NEVER_MS;
  /** When a range was last verified because of the schedule. */
  private verifiedMs: SteadyMs;
  private countedMs: SteadyMs;

  constructor(ctx: EngineContext) {
    this.ctx = ctx;
    this.countedMs = ctx.clock.steadyMs();
    this.verifiedMs = this.countedMs;
  }

  /** Late events were stored. Their range is verified some seconds after the first call, however many calls follow. */
  lateEventsStored(late: TimeRange): void {
    if (this.late === null) this.lateMs = this.ctx.clock.steadyMs();
    this.late = {
      fromUs: earliestUs(this.late?.fromUs ?? late.fromUs, late.fromUs),
      toUs: latestUs(this.late?.toUs ?? late.toUs, late.toUs),
    };
  }

  /** Returns the milliseconds until the next iteration. */
  async iterate(signal: AbortSignal): Promise<number> {
    if (this.late !== null) {
      const waitMs = this.lateMs + SETTLE_MS - this.ctx.clock.steadyMs();
      if (waitMs > 0) return waitMs;
      await this.verifyLate(signal);
    }
    // Before the schedule, which nearly always has something left that waits for the idle allowance.
    await this.countLastDay(signal);
    const { ranges, cursors, before } = this.due();
    for (const range of ranges) {
      const idleMs = idleDelayMs(this.ctx, { name: "verification", cost: 1, dueMs: addMs(this.verifiedMs, EVERY_MS) });
      if (idleMs > 0) return idleMs;
      this.verifiedMs = this.ctx.clock.steadyMs();
      await this.verify(range, signal);
    }
    if (JSON.stringify(cursors) !== JSON.stringify(before)) this.ctx.ingest.putState(CURSORS_KEY, cursors);
    return EVERY_MS;
  }

  private async countLastDay(signal: AbortSignal): Promise<void> {
    const { clock, db, serverClock } = this.ctx;
    const nowMs = clock.steadyMs();
    const dueMs = addMs(this.countedMs, COUNT_MS);
    if (nowMs < dueMs || idleDelayMs(this.ctx, { name: "count of events", cost: COUNT_COST, dueMs }) > 0) return;
    this.countedMs = nowMs;
    const fromUs = latestUs(this.oldestUs(), floorUs(addUs(serverClock.estimateUs(), -COUNTED_US)));
    const toUs = this.settledUs();
    if (toUs < fromUs) return;
    for (const range of mergeRanges(coveredRanges(db, "event", "", { fromUs, toUs }))) {
      if (isCountable(this.ctx, range)) await this.verify(range, signal);
    }
  }

  private due(): { ranges: readonly TimeRange[]; cursors: VerifyCursors; before: VerifyCursors } {
    const { ctx } = this;
    const covered = coveredRanges(ctx.db, "event", "").map((range) => ({
      ...range,
      verifiedUs: floorUs(ctx.serverClock.toServerUs(range.verifiedUs) ?? onServerClock(range.verifiedUs, 0)),
    }));
    const before = (findStateJson(ctx.db, CURSORS_KEY) as VerifyCursors | null) ?? {};
    const due = dueVerification(covered, before, floorUs(ctx.serverClock.estimateUs()), this.oldestUs());
    return { ...due, before };
  }

  private async verifyLate(signal: AbortSignal): Promise<void> {
    const { late } = this;
    if (late === null) return;
    this.late = null;
    const fromUs = latestUs(this.oldestUs(), addUs(late.fromUs, -MINUTE_US));
    const toUs = earliestUs(addUs(late.toUs, MINUTE_US), this.settledUs());
    if (toUs < fromUs || toUs - fromUs > WIDEST_US) return;
    try {
      // Only covered ranges need it: gaps are fetched by backfill.
      for (const range of coveredRanges(this.ctx.db, "event", "", { fromUs, toUs })) await this.verify(range, signal);
    } catch (error) {
      this.lateEventsStored(late);
      throw error;
    }
  }

  private async verify(range: TimeRange, signal: AbortSignal): Promise<void> {
    await verifyRange(this.ctx, range, { source: "audit", ask: "verify", repair: "verify", signal });
  }

  /** End of what is verified here (server clock): each catch-up reads the newest part again. */
  private settledUs(): ServerUs {
    return addUs(coverageEnd(this.ctx.db, "event", "") ?? 0, -this.ctx.settings.overlapMs * 1000);
  }

  private oldestUs(): ServerUs {
    return ceilUs(latestUs(horizonUs(this.ctx), retentionFloorUs(this.ctx.db)));
  }
}
