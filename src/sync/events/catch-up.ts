import { addUs, ceilUs, earliestUs, floorUs, latestUs, MINUTE_US, SECOND_US, type ServerUs } from "../../lib/time.ts";
import { mergeRanges } from "../../model/freshness.ts";
import { coverageEnd, coveredRanges } from "../../store/coverage.ts";
import { countConfirmedEvents } from "../../store/events/confirmed-events.ts";
import { checkDatabase } from "../context/database-check.ts";
import { type EngineContext, horizonUs } from "../context/engine-context.ts";
import { CLIENT_AHEAD_US, findAbsentEvents, newestMarkers } from "../context/marker-events.ts";
import { hasNoEvents, recogniseWithoutEvents, serverRecognised } from "../context/recognition.ts";
import { retentionFloorUs } from "../context/retention-floor.ts";
import { storeWalk } from "../context/store-walk.ts";
import { verifyRange } from "../verification/verify.ts";

/** After a longer absence without syncing a catch-up reads only this much; backfill fetches the rest, newest first. */
const LONGEST_US = 10 * MINUTE_US;
/**
 * This much of the overlap is always read again. The older part is compared by count where that costs fewer requests.
 */
const FRESH_US = 20 * SECOND_US;
/** Marker events that each catch-up asks for. */
const MARKERS = 3;

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
  const coveredFromUs = newestStart(ctx);
  const endUs = earliestUs(coveredUs ?? nowUs, nowUs);
  const oldestUs = ceilUs(latestUs(horizonUs(ctx), retentionFloorUs(ctx.db)));
  // After a long absence only the newest part is read, and a gap remains for backfill. Events that the server stored
  // late, and that occurred just before the absence, are outside of that gap. They are compared here, before the walk,
  // because after its claim the ledger no longer shows where the absence began.
  const nearUs = addUs(nowUs, -Math.max(LONGEST_US, overlapUs));
  const freshUs = latestUs(addUs(endUs, -Math.min(overlapUs, FRESH_US)), nearUs, oldestUs);
  const before = { fromUs: latestUs(addUs(endUs, -overlapUs), oldestUs), toUs: earliestUs(endUs, addUs(freshUs, -1)) };
  const isSmallOverlap = freshUs > nearUs && countConfirmedEvents(ctx.db, before) < ctx.tuning.eventPage / 2;
  const overlapFromUs = isSmallOverlap ? earliestUs(before.fromUs, freshUs) : freshUs;
  const recognised = await recognise(ctx, coveredUs !== null && freshUs > nearUs ? overlapFromUs : null, signal);
  const after = { fromUs: startOf(recognised, overlapFromUs, oldestUs), toUs: addUs(nowUs, CLIENT_AHEAD_US) };
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
  if (recognised.by !== "nothing") await serverRecognised(ctx, walk.mark, signal);
  const throughUs = walk.claimedToUs;
  return { gained: gained + walk.gained, throughUs, leavesGap: coveredUs === null || newestStart(ctx) > coveredFromUs };
}

/** Start of the newest range without a gap. It becomes later where a gap is left, also when claims were cut during the walk. */
function newestStart(ctx: EngineContext): ServerUs {
  return mergeRanges(coveredRanges(ctx.db, "event", "")).at(-1)?.fromUs ?? Number.NEGATIVE_INFINITY;
}

function startOf(recognised: Recognition, overlapUs: ServerUs, oldestUs: ServerUs): ServerUs {
  return recognised.by === "request" ? overlapUs : latestUs(earliestUs(recognised.fromUs, overlapUs), oldestUs);
}

type Recognition =
  /** The walk has to begin here. */
  | { readonly by: "walk"; readonly fromUs: ServerUs }
  | { readonly by: "request" }
  /** The record has no marker event. */
  | { readonly by: "nothing"; readonly fromUs: ServerUs };

/**
 * Makes sure that the server of this record answers, before anything is read. In a quiet workspace that costs no request: the
 * catch-up, which would begin at `overlapUs`, begins at the newest marker events instead where few others lie between, and the walk
 * misses them when another server answers. Otherwise, and when `overlapUs` is null, they are asked for by id.
 */
async function recognise(ctx: EngineContext, overlapUs: ServerUs | null, signal: AbortSignal): Promise<Recognition> {
  const markers = newestMarkers(ctx, MARKERS);
  if (markers.length === 0) {
    await recogniseWithoutEvents(ctx, signal);
    // A record without any event covers a time in which there was none: another server may have had some.
    const coveredFromUs = hasNoEvents(ctx) ? coveredRanges(ctx.db, "event", "")[0]?.fromUs : undefined;
    return { by: "nothing", fromUs: coveredFromUs ?? Number.POSITIVE_INFINITY };
  }
  if (overlapUs !== null) {
    const most = Math.max(MARKERS, Math.floor(ctx.tuning.eventPage / 2));
    const toUs = addUs(floorUs(ctx.serverClock.estimateUs()), CLIENT_AHEAD_US);
    const starts = markers.map((event) => earliestUs(event.occurredUs, overlapUs)).sort((a, b) => a - b);
    const fromUs = starts.find((startUs) => countConfirmedEvents(ctx.db, { fromUs: startUs, toUs }) <= most);
    if (fromUs !== undefined) return { by: "walk", fromUs };
  }
  const absent = await findAbsentEvents(ctx, markers, "catch-up", signal);
  if (absent.length > 0) await checkDatabase(ctx, absent, "catch-up", signal);
  return { by: "request" };
}
