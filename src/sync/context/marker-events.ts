/**
 * Marker events: confirmed events that are asked for again. A server that no longer has one of them, although it cannot have
 * deleted it by age, answers from another database than before.
 */

import { AppError } from "../../errors.ts";
import { append } from "../../lib/lists.ts";
import {
  addUs,
  ceilUs,
  DAY_US,
  earliestOf,
  earliestUs,
  floorUs,
  latestOf,
  latestUs,
  parseIsoUs,
  SECOND_US,
  type ServerUs,
} from "../../lib/time.ts";
import { occurredWithin } from "../../model/events/event-filter.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { EVENTS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import {
  type ConfirmedEvent,
  findConfirmedEvents,
  findLastReceivedEvents,
  findNewestConfirmedEvents,
  findOldestConfirmedEvents,
} from "../../store/events/confirmed-events.ts";
import type { Priority } from "../server/request-budget.ts";
import { type EngineContext, surelyKeptSinceUs } from "./engine-context.ts";
import { retentionFloorUs } from "./retention-floor.ts";

/** Clocks of Prefect's clients may be ahead by this much: events may have a later `occurred` than now. */
export const CLIENT_AHEAD_US = DAY_US;
/**
 * Events that Cloud received less than this ago are no markers: several machines answer, and one of them may not have them yet. A
 * server has one database, so it returns what it has returned before.
 */
const SETTLED_CLOUD_US = 120 * SECOND_US;
/** The newest events by `occurred` among which those are chosen that the server received last. */
const RECENT = 200;
/** Markers of the whole history: the newest event, the second newest, the 4th, the 8th, and so on, and the oldest ones. */
const SPREAD = 24;
const OLDEST = 8;

/**
 * The part of a range in which each confirmed event is a marker event. Null when there is none, and while the server clock is unknown:
 * by that clock, the server may have deleted any of them by age.
 */
function markedRange(ctx: EngineContext, range: TimeRange): TimeRange | null {
  if (!ctx.serverClock.isKnown) return null;
  const fromUs = latestUs(range.fromUs, keptSinceUs(ctx));
  const toUs = floorUs(earliestUs(range.toUs, addUs(ctx.serverClock.estimateUs(), CLIENT_AHEAD_US)));
  return fromUs <= toUs ? { fromUs, toUs } : null;
}

/** All marker events in a range of `occurred`, oldest first. */
export function markersWithin(ctx: EngineContext, range: TimeRange): ConfirmedEvent[] {
  const marked = markedRange(ctx, range);
  return marked === null ? [] : settled(ctx, findConfirmedEvents(ctx.db, marked));
}

/**
 * Those marker events in a range that the server received last, newest first. A restored database lacks what was received last, so
 * a server that has them has the others too.
 */
export function lastMarkers(ctx: EngineContext, range: TimeRange, limit: number): ConfirmedEvent[] {
  const marked = markedRange(ctx, range);
  return marked === null ? [] : settled(ctx, findLastReceivedEvents(ctx.db, marked, limit));
}

/** The marker events that the server received last, newest first. */
export function newestMarkers(ctx: EngineContext, limit: number): ConfirmedEvent[] {
  return settled(ctx, newestEvents(ctx, RECENT)).slice(0, limit);
}

/** The confirmed events that the server received last, newest first; also those that are too young to be markers. */
export function newestEvents(ctx: EngineContext, limit: number): ConfirmedEvent[] {
  if (!ctx.serverClock.isKnown) return [];
  return findNewestConfirmedEvents(ctx.db, wholeRange(ctx), RECENT)
    .sort((a, b) => b.receivedUs - a.receivedUs)
    .slice(0, limit);
}

/**
 * Marker events of the whole history, closer together the newer they are, the oldest ones, and a page of the newest: where a clock was
 * set back, those that a backup has may be anywhere among them.
 */
export function spreadMarkers(ctx: EngineContext): ConfirmedEvent[] {
  if (!ctx.serverClock.isKnown) return [];
  const range = wholeRange(ctx);
  const found = findOldestConfirmedEvents(ctx.db, range, OLDEST);
  append(found, findNewestConfirmedEvents(ctx.db, range, EVENTS_PER_PAGE));
  for (let skip = 0, count = 0; count < SPREAD; count += 1, skip = 2 * skip + 1) {
    const [event] = findNewestConfirmedEvents(ctx.db, range, 1, skip);
    if (event === undefined) break;
    found.push(event);
  }
  return settled(ctx, found);
}

/** The retention floor also follows from where the server clock was before it was set back. */
function keptSinceUs(ctx: EngineContext): ServerUs {
  return ceilUs(latestUs(surelyKeptSinceUs(ctx), retentionFloorUs(ctx.db)));
}

function wholeRange(ctx: EngineContext): TimeRange {
  const fromUs = keptSinceUs(ctx);
  return { fromUs, toUs: floorUs(addUs(latestUs(ctx.serverClock.estimateUs(), fromUs), CLIENT_AHEAD_US)) };
}

function settled(ctx: EngineContext, events: readonly ConfirmedEvent[]): ConfirmedEvent[] {
  if (!ctx.requests.api.isCloud) return [...events];
  const untilUs = addUs(ctx.serverClock.estimateUs(), -SETTLED_CLOUD_US);
  return events.filter((event) => event.receivedUs <= untilUs);
}

/**
 * Asks the server for events by id. Returns those that it does not have. A sender may send an event again to a server that lost
 * it; that copy has a later `received`, and does not count. Throws AppError, `unavailable` for an answer that contradicts itself.
 */
export async function findAbsentEvents(
  ctx: EngineContext,
  events: readonly ConfirmedEvent[],
  priority: Priority,
  signal: AbortSignal,
): Promise<ConfirmedEvent[]> {
  const absent: ConfirmedEvent[] = [];
  for (let start = 0; start < events.length; start += EVENTS_PER_PAGE) {
    const asked = events.slice(start, start + EVENTS_PER_PAGE);
    const stamps = asked.map((event) => event.occurredUs);
    const filter = {
      occurred: occurredWithin({ fromUs: earliestOf(stamps), toUs: latestOf(stamps) }),
      id: { id: asked.map((event) => event.id) },
      order: "ASC" as const,
    };
    const page = await ctx.requests.call(priority, signal, (api, options) =>
      api.filterEvents(filter, asked.length, options),
    );
    const received = new Map(page.events.map((event) => [event.id, parseIsoUs(event.received)]));
    const ids = new Set(filter.id.id);
    if (page.total > page.events.length || [...received.keys()].some((id) => !ids.has(id))) {
      throw new AppError("unavailable", "Prefect's answer about single events contradicts itself.", {
        hint: "It will be asked again. A proxy between here and Prefect may answer from a cache.",
      });
    }
    append(
      absent,
      asked.filter((event) => received.get(event.id) !== event.receivedUs),
    );
  }
  return absent;
}
