/** Pages of events by the server's page tokens: fewer requests than a walk and any filter, but no proof of completeness. */
import { addUs, earliestUs, latestUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { type EventFilter, occurredWithin } from "../../model/events/event-filter.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { CallOptions, PrefectApi } from "../api.ts";
import { EVENTS_PER_PAGE } from "../transport/page-sizes.ts";

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
}

/**
 * Follows the tokens of the next pages. Their number follows from the total of the first page, and they are read by offset: an event
 * that arrives late moves others behind the last page. When events are missing from the total, they are asked for with a new
 * question from the last event on, again and again while that gives new events.
 * `options` is called for each request. Throws AppError.
 */
export async function* eventPages(
  api: Pick<PrefectApi, "filterEvents" | "nextEvents">,
  { range, order, filter, firstPage }: EventPagesQuestion,
  options: () => CallOptions,
): AsyncGenerator<EventPagesStep, void, undefined> {
  const ask = (part: TimeRange, limit: number) =>
    api.filterEvents(
      { ...filter, occurred: occurredWithin(part), order: order === "asc" ? "ASC" : "DESC" },
      limit,
      options(),
    );
  const seen = new Set<string>();
  let last: PrefectEvent | undefined;
  let page = await ask(range, firstPage);
  const { total } = page;
  let seenBefore = -1;
  for (;;) {
    const events = page.events.filter(({ id }) => !seen.has(id));
    for (const { id } of events) seen.add(id);
    last = events.at(-1) ?? last;
    const isEnd = page.nextToken === null;
    const isShort = isEnd && seen.size < total && seen.size > seenBefore && seen.size > 0;
    const isWhole = isEnd && seen.size >= total;
    const isLast = isEnd && !isShort;
    yield { events, read: isWhole ? range : readBefore(range, order, last), isLast };
    if (isLast) return;
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

/** Up to the last event, exclusive: more events may have its time stamp. */
function readBefore(range: TimeRange, order: EventOrder, last: PrefectEvent | undefined): TimeRange {
  const atUs = last ? (parseIsoUs(last.occurred) ?? range.fromUs) : null;
  if (atUs === null) return { fromUs: range.toUs, toUs: range.toUs };
  return order === "asc"
    ? { fromUs: range.fromUs, toUs: addUs(atUs, -1) }
    : { fromUs: addUs(atUs, 1), toUs: range.toUs };
}
