import {
  addUs,
  ceilUs,
  DAY_US,
  earliestUs,
  floorUs,
  latestUs,
  MINUTE_US,
  SECOND_US,
  type ServerUs,
} from "../../lib/time.ts";
import { coverageEnd } from "../../store/coverage.ts";
import { countConfirmedEvents } from "../../store/events/confirmed-events.ts";
import { type EngineContext, horizonUs } from "../context/engine-context.ts";
import { retentionFloorUs } from "../context/retention-floor.ts";
import { storeWalk } from "../context/store-walk.ts";
import { verifyRange } from "../verification/verify.ts";

/** After a longer absence without syncing a catch-up reads only this much; backfill fetches the rest, newest first. */
const LONGEST_US = 10 * MINUTE_US;
/**
 * This much of the overlap is always read again. The older part is compared by count where that costs fewer requests.
 */
const FRESH_US = 20 * SECOND_US;
/** Clocks of Prefect's clients may be ahead: the server stores their events with a later `occurred` than now. */
const AHEAD_US = DAY_US;

export interface CatchUpResult {
  /** Events that the record lacked. */
  readonly gained: number;
  /** End of the coverage now (server clock); null when nothing could be claimed. */
  readonly throughUs: ServerUs | null;
  /** Whether it began after the end of the coverage, so that backfill has a gap to fetch. */
  readonly leavesGap: boolean;
}

/**
 * Reads the events since a little before the end of the coverage, and claims them up to the server clock at the start
 * of the reading. Throws AppError.
 */
export async function catchUp(ctx: EngineContext, signal: AbortSignal): Promise<CatchUpResult> {
  const nowUs = floorUs(ctx.serverClock.estimateUs());
  const overlapUs = ctx.settings.overlapMs * 1000;
  const coveredUs = coverageEnd(ctx.db, "event", "");
  const endUs = earliestUs(coveredUs ?? nowUs, nowUs);
  const oldestUs = ceilUs(latestUs(horizonUs(ctx), retentionFloorUs(ctx.db)));
  // After a long absence only the newest part is read, and a gap remains for backfill. Events that the server stored
  // late, and that occurred just before the absence, are outside of that gap. They are compared here, before the walk,
  // because after its claim the ledger no longer shows where the absence began.
  const nearUs = addUs(nowUs, -Math.max(LONGEST_US, overlapUs));
  const freshUs = latestUs(addUs(endUs, -Math.min(overlapUs, FRESH_US)), nearUs, oldestUs);
  const before = { fromUs: latestUs(addUs(endUs, -overlapUs), oldestUs), toUs: earliestUs(endUs, addUs(freshUs, -1)) };
  const isSmallOverlap = freshUs > nearUs && countConfirmedEvents(ctx.db, before) < ctx.tuning.eventPage / 2;
  const after = { fromUs: isSmallOverlap ? earliestUs(before.fromUs, freshUs) : freshUs, toUs: addUs(nowUs, AHEAD_US) };
  let gained = 0;
  if (!isSmallOverlap && before.fromUs <= before.toUs) {
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
