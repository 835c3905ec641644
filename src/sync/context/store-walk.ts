import { approximateChars } from "../../lib/json-size.ts";
import { addUs, earliestUs, formatIsoUs, latestUs, type ServerUs } from "../../lib/time.ts";
import type { EventSource, PrefectEvent } from "../../model/events/event.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { type EventReader, walkEvents } from "../../prefect/paging/event-walk.ts";
import { countConfirmedEvents } from "../../store/events/confirmed-events.ts";
import type { Priority } from "../server/request-budget.ts";
import type { ClockMark } from "../server/server-clock.ts";
import { type EngineContext, horizonUs } from "./engine-context.ts";
import type { FactUpdates } from "./ingest.ts";
import { checkReading } from "./recognition.ts";

export interface StoreWalkOptions {
  readonly range: TimeRange;
  readonly source: Exclude<EventSource, "stream">;
  readonly priority: Priority;
  readonly signal: AbortSignal;
  /**
   * The range is covered up to here already: single pages before this are not claimed again, only the whole range at
   * the end.
   */
  readonly coveredToUs?: number;
  /** Facts to write together with the last claim, which ends at `claimedToUs`. */
  readonly facts?: (claimedToUs: ServerUs, mark: ClockMark) => FactUpdates;
  readonly onPage?: (events: readonly PrefectEvent[]) => void;
}

export interface StoreWalkResult {
  /** Ids of all events that Prefect returned. */
  readonly ids: ReadonlySet<string>;
  /** Number of events that were new in the record or corrected. */
  readonly gained: number;
  /** Start of the reading. */
  readonly mark: ClockMark;
  /** End of the claim; null when nothing was claimed. */
  readonly claimedToUs: ServerUs | null;
  /** Instants of which Prefect counts more events than it lists; they are not claimed. */
  readonly unlistedUs: readonly ServerUs[];
}

/** Reads event pages through the engine's requests. */
export function eventReader(ctx: EngineContext, priority: Priority, signal: AbortSignal): EventReader {
  return {
    filter: (filter, limit) =>
      ctx.requests.call(priority, signal, (api, options) => api.filterEvents(filter, limit, options)),
    next: (token) => ctx.requests.call(priority, signal, (api, options) => api.nextEvents(token, options)),
    // Prefect checks the unit of time here too, although it uses none.
    count: (by, filter) =>
      ctx.requests.call(priority, signal, (api, options) =>
        api.countEvents(by, { filter, time_unit: "week" }, options),
      ),
  };
}

/**
 * Reads and stores all events of a range, oldest first. Each transaction claims what the walk has proven so far, as of
 * the walk's start, so an interrupted walk leaves a correct claim over its first part, and the rest remains a gap.
 *
 * Before anything is stored, the marker events of that part must be among what was read. Where one of them is not, the database is
 * checked: what another server returns is not stored.
 */
export async function storeWalk(ctx: EngineContext, options: StoreWalkOptions): Promise<StoreWalkResult> {
  const { range, source, priority, signal } = options;
  const { eventPage, batchEvents, batchChars } = ctx.tuning;
  const mark = ctx.serverClock.mark();
  const received = new Map<string, string>();
  let gained = 0;
  let claimedToUs: ServerUs | null = null;
  let batch: PrefectEvent[] = [];
  let chars = 0;
  let { fromUs: uncheckedUs, fromUs: unprovenUs } = range;
  const unlistedUs: ServerUs[] = [];
  const commit = async (provenToUs: ServerUs) => {
    const part = { fromUs: uncheckedUs, toUs: earliestUs(provenToUs, range.toUs) };
    await checkReading(ctx, { mark, part, received, events: batch }, priority, signal);
    uncheckedUs = addUs(provenToUs, 1);
    const isLast = provenToUs >= range.toUs;
    const reachedUs = mark.reachedUs();
    const fromUs = latestUs(unprovenUs, horizonUs(ctx));
    const toUs = reachedUs === null ? Number.NEGATIVE_INFINITY : earliestUs(provenToUs, range.toUs, reachedUs);
    const isNewClaim = isLast || toUs > (options.coveredToUs ?? Number.NEGATIVE_INFINITY);
    const claim = toUs < fromUs || !isNewClaim ? null : { fromUs, toUs, source, verifiedUs: mark.atUs };
    const facts = claim && isLast ? options.facts?.(toUs, mark) : undefined;
    const stored = ctx.ingest.events(batch, source, claim, facts);
    gained += stored.gained;
    if (claim) claimedToUs = toUs;
    batch = [];
    chars = 0;
  };
  const walkOptions = { pageSize: eventPage, hasExactTotals: !ctx.requests.api.isCloud };
  for await (const step of walkEvents(eventReader(ctx, priority, signal), range, walkOptions)) {
    for (const event of step.events) {
      received.set(event.id, event.received);
      batch.push(event);
      chars += approximateChars(event);
    }
    options.onPage?.(step.events);
    const isFull = batch.length >= batchEvents || chars >= batchChars;
    if (isFull || step.unlisted || step.provenToUs >= range.toUs) await commit(step.provenToUs);
    if (step.unlisted) {
      const { atUs, total, listed } = step.unlisted;
      ctx.logger.warn("Prefect lists fewer events of one instant than it counts", {
        instant: formatIsoUs(atUs),
        total,
        listed,
      });
      unlistedUs.push(atUs);
      // It may have been claimed when it had fewer events.
      const instant = { fromUs: atUs, toUs: atUs };
      if (countConfirmedEvents(ctx.db, instant) < total) ctx.ingest.claims([], instant);
      uncheckedUs = addUs(atUs, 1);
      unprovenUs = addUs(atUs, 1);
    }
  }
  return { ids: new Set(received.keys()), gained, mark, claimedToUs, unlistedUs };
}
