/** When the server was last recognised as the one of this record. */
import { floorUs, parseIsoUs, SECOND_US, type ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { coveredRanges } from "../../store/coverage.ts";
import type { RecordDb } from "../../store/database.ts";
import { findFact, findStateJson, type MomentOnBothClocks, PROVEN_KEY } from "../../store/sync-state.ts";
import type { IdleWork, Priority } from "../server/request-budget.ts";
import type { ClockMark } from "../server/server-clock.ts";
import { recordBlockTypes } from "./block-types.ts";
import { checkDatabase } from "./database-check.ts";
import type { EngineContext } from "./engine-context.ts";
import { findAbsentEvents, markersWithin, newestEvents, newestMarkers } from "./marker-events.ts";

/**
 * Where the record has no marker event, the server is asked this often for something else that it has returned before, and whenever a
 * connection was lost.
 */
const ASK_EVERY_MS = 150_000;

/** For so long what is read is taken to come from the server that was recognised. */
const PROVEN_FOR_MS = 5_000;
/** Idle work begins at most this long after the server was recognised. */
const IDLE_WITHIN_MS = 4_000;
/** Longest time until the next catch-up notifies idle work. */
const NEXT_CATCH_UP_MS = 60_000;
/** Marker events that are asked for. */
const ASKED = 2;
/** A busy server stores events at most this long after it has received them. */
const STORED_LATE_US = 30 * SECOND_US;

/** Null: never, or by a version of this program that did not record it. */
export function findProvenMoment(db: RecordDb): MomentOnBothClocks | null {
  return findStateJson(db, PROVEN_KEY) as MomentOnBothClocks | null;
}

/** A reading that began at `mark` has shown that the right server answers. */
export async function serverRecognised(ctx: EngineContext, mark: ClockMark, signal: AbortSignal): Promise<void> {
  ctx.server.recognisedMs = ctx.clock.steadyMs();
  if (ctx.requests.api.isCloud) return;
  // An earlier moment withdraws too much, a later one too little.
  const reachedUs = mark.reachedUs() ?? findProvenMoment(ctx.db)?.serverUs ?? Number.MIN_SAFE_INTEGER;
  const serverUs: ServerUs = floorUs(reachedUs);
  ctx.ingest.putState(PROVEN_KEY, { localUs: floorUs(mark.atUs), serverUs } satisfies MomentOnBothClocks);
  if (findFact(ctx.db, "otherServer") !== null) ctx.ingest.putFact("otherServer", null);
  await recordBlockTypes(ctx, "catch-up", signal);
}

/** A part of a walk. */
export interface WalkPart {
  readonly mark: ClockMark;
  readonly part: TimeRange;
  /** `received` of all events that the walk has returned so far, by id. */
  readonly received: ReadonlyMap<string, string>;
  /** Events that will be stored now. */
  readonly events: readonly PrefectEvent[];
}

/**
 * Whether what was read may be stored: checks, for one part of a reading, the marker events in it that were not returned. Where it
 * has none, the server has to be recognised by other means. Throws as `checkDatabase`.
 */
export async function checkReading(
  ctx: EngineContext,
  reading: WalkPart,
  priority: Priority,
  signal: AbortSignal,
): Promise<void> {
  const markers = markersWithin(ctx, reading.part);
  // A sender may have sent an event again to a server that lost it: that copy has a later `received`.
  const lost = markers.filter(({ id, receivedUs }) => parseIsoUs(reading.received.get(id) ?? "") !== receivedUs);
  if (lost.length > 0) await checkDatabase(ctx, lost, priority, signal);
  else if (markers.length > 0) ctx.server.recognisedMs = ctx.clock.steadyMs();
  else {
    if (hasNoEvents(ctx) && contradictsClaims(ctx, reading.events)) {
      ctx.ingest.withdrawClaims(reading.mark.atUs);
      ctx.changes.publish("databaseRestored", {});
    }
    // A record without events, and a server that has none: if that is another one, its first event will show it.
    const isEmpty = hasNoEvents(ctx);
    const isNothing = reading.events.length === 0 && isEmpty;
    // The first events become the markers: those of another server would make the record that server's.
    const isFirst = isEmpty && ctx.serverClock.isKnown;
    if (!isNothing) await proveServer(ctx, priority, signal, isFirst ? 0 : PROVEN_FOR_MS);
  }
}

/** Whether the server was recognised less than `withinMs` ago. */
export function isJustRecognised(ctx: EngineContext, withinMs = PROVEN_FOR_MS): boolean {
  const { recognisedMs } = ctx.server;
  return recognisedMs !== null && ctx.clock.steadyMs() - recognisedMs < withinMs;
}

/**
 * To be called before something is stored by which the server cannot be recognised: it is asked for marker events, unless it was
 * recognised less than `provenForMs` ago. Throws as `checkDatabase`.
 */
export async function proveServer(
  ctx: EngineContext,
  priority: Priority,
  signal: AbortSignal,
  provenForMs = PROVEN_FOR_MS,
): Promise<void> {
  if (ctx.requests.api.isCloud || isJustRecognised(ctx, provenForMs)) return;
  const markers = newestMarkers(ctx, ASKED);
  if (markers.length === 0) {
    await recogniseWithoutEvents(ctx, signal, provenForMs);
    return;
  }
  const mark = ctx.serverClock.mark();
  const absent = await findAbsentEvents(ctx, markers, priority, signal);
  if (absent.length > 0) await checkDatabase(ctx, absent, priority, signal);
  await serverRecognised(ctx, mark, signal);
}

/**
 * Milliseconds until idle work may begin; 0 when it may begin now, and its requests were taken from the idle allowance.
 * It follows catch-ups, which recognise the server, because otherwise each reading would need one more request for that.
 */
export function idleDelayMs(ctx: EngineContext, work: IdleWork): number {
  const { requests } = ctx;
  if (isJustRecognised(ctx, IDLE_WITHIN_MS) || requests.api.isCloud) return requests.idleWaitMs(work);
  if (newestMarkers(ctx, 1).length === 0) return requests.idleWaitMs({ ...work, cost: work.cost + 1 });
  requests.awaitIdle(work);
  return NEXT_CATCH_UP_MS;
}

/** The record has no confirmed event that the server cannot have deleted by age. */
export function hasNoEvents(ctx: EngineContext): boolean {
  return newestEvents(ctx, 1).length === 0;
}

/**
 * Whether the server had one of these events long before its time was read and found empty: another server answered then, of which
 * nothing was recorded, or the event was stored very late.
 */
function contradictsClaims(ctx: EngineContext, events: readonly PrefectEvent[]): boolean {
  const claims = coveredRanges(ctx.db, "event", "");
  return events.some((event) => {
    const occurredUs = parseIsoUs(event.occurred);
    const receivedUs = parseIsoUs(event.received);
    if (occurredUs === undefined || receivedUs === undefined) return false;
    const claim = claims.find((one) => one.fromUs <= occurredUs && one.toUs >= occurredUs);
    const readUs = claim === undefined ? null : ctx.serverClock.toServerUs(claim.verifiedUs);
    return readUs !== null && receivedUs + STORED_LATE_US < readUs;
  });
}

/**
 * Recognises the server where the record has no marker event, unless that was done within `everyMs`. Throws as `checkDatabase`.
 */
export async function recogniseWithoutEvents(
  ctx: EngineContext,
  signal: AbortSignal,
  everyMs = ASK_EVERY_MS,
): Promise<void> {
  const { recognisedMs } = ctx.server;
  if (recognisedMs !== null && ctx.clock.steadyMs() - recognisedMs < everyMs) return;
  if (everyMs === ASK_EVERY_MS && recognisedMs !== null) ctx.requests.spendIdle(1);
  const mark = ctx.serverClock.mark();
  const state = await checkDatabase(ctx, [], "catch-up", signal);
  ctx.server.recognisedMs = ctx.clock.steadyMs();
  // Events that are too young to be markers would not have been asked for.
  if (state !== "unknown" || hasNoEvents(ctx)) await serverRecognised(ctx, mark, signal);
}
