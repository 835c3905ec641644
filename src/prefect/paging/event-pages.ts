/** Pages of events by the server's page tokens: fewer requests than a walk and any filter, but no proof of completeness. */
import { addUs, earliestUs, latestUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { type EventFilter, occurredWithin } from "../../model/events/event-filter.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { CallOptions, PrefectApi } from "../api.ts";
import { EVENTS_PER_PAGE } from "../transport/page-sizes.ts";
import { type InstantReader, InstantTracker, readInstant, type SplitInstant } from "./event-instant.ts";

export type EventOrder = "asc" | "desc";

export interface EventPagesQuestion {
  readonly range: TimeRange;
  readonly order: EventOrder;
  /** Without `occurred` and `order`. */
  readonly filter: EventFilter;
  /** Events of the first page, at most 50; the server keeps the size for the pages that follow. */
  readonly firstPage: number;
}

export interface EventPagesStep {
  /** Events not given before, in the server's order: by `occurred`, without a tie-break. */
  readonly events: readonly PrefectEvent[];
  /** The part of the range of which all events have been given. */
  readonly read: TimeRange;
  readonly isLast: boolean;
  /** Instants up to here, or the end of the range, of which Prefect counts more matches than it lists. */
  readonly unlisted: readonly TimeRange[];
}

/**
 * Follows the tokens of the next pages. Their number follows from the total of the first page, and they are read by offset: an event
 * that arrives late moves others behind the last page. When events are missing from the total, they are asked for with a new
 * question from the last event on, again and again while that gives new events. An instant that goes over the end of a page is counted,
 * and read by itself when some of its events are missing.
 * `options` is called for each request. Throws AppError.
 */
export async function* eventPages(
  api: Pick<PrefectApi, "filterEvents" | "nextEvents" | "countEvents">,
  { range, order, filter, firstPage }: EventPagesQuestion,
  options: () => CallOptions,
): AsyncGenerator<EventPagesStep, void, undefined> {
  const ask = (part: TimeRange, limit: number) =>
    api.filterEvents(
      { ...filter, occurred: occurredWithin(part), order: order === "asc" ? "ASC" : "DESC" },
      limit,
      options(),
    );
  const reader: InstantReader = {
    filter: (part, limit) => api.filterEvents(part, limit, options()),
    next: (token) => api.nextEvents(token, options()),
    count: (by, part) => api.countEvents(by, { filter: part, time_unit: "week" }, options()),
  };
  const seen = new Set<string>();
  const tracker = new InstantTracker();
  const unlisted: TimeRange[] = [];
  let last: PrefectEvent | undefined;
  let page = await ask(range, firstPage);
  const { total } = page;
  let seenBefore = -1;
  /** The page continues the one before; other pages begin with all events of their first instant. */
  let isNext = false;

  /** Events of an instant that the pages have left out. */
  async function restOf(ended: SplitInstant | null): Promise<readonly PrefectEvent[]> {
    if (ended === null || filter.resource?.distinct === true) return [];
    const instant = { fromUs: ended.atUs, toUs: ended.atUs };
    if ((await ask(instant, 0)).total <= ended.count) return [];
    const read = await readInstant(reader, { atUs: ended.atUs, filter, pageSize: EVENTS_PER_PAGE });
    if (read.events.length < read.total) unlisted.push(instant);
    return read.events;
  }

  for (;;) {
    const split: SplitInstant[] = [];
    for (const [index, event] of page.events.entries()) {
      const ended = tracker.next(event, isNext && index === 0);
      if (ended !== null) split.push(ended);
    }
    last = page.events.findLast(({ id }) => !seen.has(id)) ?? last;
    const isEnd = page.nextToken === null;
    const atEnd = isEnd ? tracker.end() : null;
    const rest = (await Promise.all([...split, ...(atEnd ? [atEnd] : [])].map(restOf))).flat();
    const events = [...rest, ...page.events].filter(({ id }) => !seen.has(id) && seen.add(id));
    const isShort = isEnd && seen.size < total && seen.size > seenBefore && seen.size > 0 && unlisted.length === 0;
    const isLast = isEnd && !isShort;
    // Events may have been deleted since the first page.
    const isWhole = isEnd && (seen.size >= total || (isLast && seen.size >= (await ask(range, 0)).total));
    const read = isWhole ? range : readBefore(range, order, last);
    if (isLast && !isWhole && unlisted.length === 0) unlisted.push(restAfter(range, order, read));
    yield { events, read, isLast, unlisted: [...unlisted] };
    if (isLast) return;
    isNext = page.nextToken !== null;
    if (page.nextToken !== null) page = await api.nextEvents(page.nextToken, options());
    else {
      seenBefore = seen.size;
      page = await ask(partFrom(range, order, parseIsoUs(last?.occurred ?? "")), EVENTS_PER_PAGE);
    }
  }
}

/** The part of a range that begins, in reading order, at `fromUs` inclusive; all of it where that is undefined. */
export function partFrom(range: TimeRange, order: EventOrder, fromUs: ServerUs | undefined): TimeRange {
  if (fromUs === undefined) return range;
  return order === "asc"
    ? { fromUs: latestUs(range.fromUs, fromUs), toUs: range.toUs }
    : { fromUs: range.fromUs, toUs: earliestUs(range.toUs, fromUs) };
}

/** What follows in reading order after the part that was read. */
export function restAfter(range: TimeRange, order: EventOrder, read: TimeRange): TimeRange {
  return order === "asc"
    ? { fromUs: earliestUs(range.toUs, addUs(read.toUs, 1)), toUs: range.toUs }
    : { fromUs: range.fromUs, toUs: latestUs(range.fromUs, addUs(read.fromUs, -1)) };
}

/** Up to the last event, exclusive: more events may have its time stamp. */
function readBefore(range: TimeRange, order: EventOrder, last: PrefectEvent | undefined): TimeRange {
  const atUs = last ? (parseIsoUs(last.occurred) ?? range.fromUs) : null;
  if (atUs === null) return { fromUs: range.toUs, toUs: range.toUs };
  return order === "asc"
    ? { fromUs: range.fromUs, toUs: addUs(atUs, -1) }
    : { fromUs: addUs(atUs, 1), toUs: range.toUs };
}
