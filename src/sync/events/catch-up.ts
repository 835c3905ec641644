import { DAY_US, MINUTE_US, SECOND_US } from "../../lib/time.ts";
import { coverageEnd } from "../../store/coverage.ts";
import { countConfirmedEvents } from "../../store/events/confirmed-events.ts";
import { type EngineContext, horizonUs } from "../context/engine-context.ts";
import { retentionFloorUs } from "../context/retention-floor.ts";
import { verifyRange } from "../verification/verify.ts";
import { storeWalk } from "../walks/store-walk.ts";

/** After a longer absence only this much is caught up at once; backfill fetches the rest, newest first. */
const LONGEST_US = 10 * MINUTE_US;
/** Of what was read before, this much is read again; what is older is compared by its number, where that is less work. */
const FRESH_US = 20 * SECOND_US;
/** Senders' clocks may be ahead: their events are stored with a later time than now. */
const AHEAD_US = DAY_US;

export interface CatchUpResult {
  /** Events that the record lacked. */
  readonly gained: number;
  /** How far the record is complete now (server's clock); null when that could not be said. */
  readonly throughUs: number | null;
  /** Whether it began anew, so that there may be a hole to fill. */
  readonly leavesGap: boolean;
}

/**
 * Reads everything that occurred since a little before the end of what is covered, and claims it up to the server's clock
 * at the start of this reading. Throws AppError.
 */
export async function catchUp(ctx: EngineContext, signal: AbortSignal): Promise<CatchUpResult> {
  const nowUs = Math.floor(ctx.serverClock.estimateUs());
  const overlapUs = ctx.settings.overlapMs * 1000;
  const coveredUs = coverageEnd(ctx.db, "event", "");
  const endUs = Math.min(coveredUs ?? nowUs, nowUs);
  const floorUs = Math.ceil(Math.max(horizonUs(ctx), retentionFloorUs(ctx.db)));
  // After a long absence the newest part comes at once, and backfill sees a gap. What was stored late just before the absence
  // lies outside of that gap: it is looked at here, and first, because afterwards nobody knows where the absence began.
  const nearUs = nowUs - Math.max(LONGEST_US, overlapUs);
  const freshUs = Math.max(endUs - Math.min(overlapUs, FRESH_US), nearUs, floorUs);
  const before = { fromUs: Math.max(endUs - overlapUs, floorUs), toUs: Math.min(endUs, freshUs - 1) };
  const isLittle = freshUs > nearUs && countConfirmedEvents(ctx.db, before) < ctx.tuning.eventPage / 2;
  const after = { fromUs: isLittle ? Math.min(before.fromUs, freshUs) : freshUs, toUs: nowUs + AHEAD_US };
  let gained = 0;
  if (!isLittle && before.fromUs <= before.toUs) {
    gained += (await verifyRange(ctx, before, { source: "catch-up", ask: "catch-up", repair: "catch-up", signal }))
      .repaired;
  }
  const walk = await storeWalk(ctx, {
    range: after,
    source: "catch-up",
    priority: "catch-up",
    signal,
    coveredToUs: endUs,
    facts: (throughUs, mark) => ({ catchup: { throughUs, atUs: mark.atUs } }),
  });
  const throughUs = walk.claimedToUs;
  return { gained: gained + walk.gained, throughUs, leavesGap: coveredUs === null || after.fromUs > coveredUs };
}
