/** Events from Prefect, with the order and the positions that events of the record have. */

import { AppError } from "../../errors.ts";
import { counted, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { earliestUs, formatIsoUs, latestUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import type { EventFilter } from "../../model/events/event-filter.ts";
import { matchesEventFilter } from "../../model/events/event-filter.ts";
import { mergeRanges, type TimeRange } from "../../model/freshness.ts";
import { type EventOrder, eventPages, partFrom, restAfter } from "../../prefect/paging/event-pages.ts";
import { EVENTS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import type { QueryContext } from "../source/context.ts";
import { claimableFromUs, type LiveGaps } from "../source/event-reach.ts";
import type { LiveReader } from "../source/live.ts";

export interface LiveEventsQuestion {
  readonly range: TimeRange;
  readonly order: EventOrder;
  readonly filter: EventFilter;
  readonly after?: { readonly occurredUs: ServerUs; readonly id: string } | undefined;
  /** Reading stops after this many matches. */
  readonly wanted: number;
}

export interface LiveEvents {
  /** Ordered by (occurred, id). */
  readonly events: readonly PrefectEvent[];
  /** The part that was not read because time was over, or null. */
  readonly unread: TimeRange | null;
  /** Instants that Prefect could not list completely. */
  readonly unlisted: readonly TimeRange[];
}

/** The gaps of a reading. `slow`: what to say when time was over. */
export function gapsOf({ unread, unlisted }: LiveEvents, slow: Sentence): LiveGaps {
  const gaps = mergeRanges([...unlisted, ...(unread === null ? [] : [unread])]);
  if (gaps.length === 0) return {};
  const notes = [...(unread === null ? [] : [slow]), ...(unlisted.length === 0 ? [] : [unlistedNote(unlisted)])];
  return { gaps, notes };
}

function unlistedNote([first, ...others]: readonly TimeRange[]): Sentence {
  const at = own(formatIsoUs(first?.fromUs ?? 0));
  const more = others.length === 0 ? "" : sentence` and ${counted(others.length, "further moment")}`;
  return sentence`Prefect lists fewer events of ${at}${more} than it counts: its pages leave out events of the same time.`;
}

/**
 * Reads until `wanted` matches are certain. Prefect orders by `occurred` only, so events of the same microsecond may come in any
 * order: reading continues until all events with the `occurred` of the last match are read. All events that were read are saved.
 */
export async function readLiveEvents(
  ctx: QueryContext,
  live: LiveReader,
  question: LiveEventsQuestion,
): Promise<LiveEvents> {
  const { filter } = question;
  try {
    return await readPages(ctx, live, question, await withoutUnreliableParts(live, filter));
  } catch (error) {
    const simpler = withoutRefusedParts(filter);
    if (simpler === null || !isFilterRefused(error)) throw error;
    return await readPages(ctx, live, question, simpler);
  }
}

/**
 * Whether Prefect cannot evaluate a filter: 500 to every text filter on SQLite before 3.44, and 422 to text filters and to lists of
 * resource filters before Prefect 3.4.25.
 */
export function isFilterRefused(error: unknown): boolean {
  return error instanceof AppError && (error.status === 500 || error.status === 422);
}

/** Up to this version, no event on SQLite matches a label whose name has a dot. */
const FINDS_LABELS_SINCE = "3.2.0";

/**
 * The filter without what the server evaluates wrongly; these criteria have to be checked here.
 * https://github.com/PrefectHQ/prefect/blob/3.0.11/src/prefect/server/events/filters.py
 */
export async function withoutUnreliableParts(live: LiveReader, filter: EventFilter): Promise<EventFilter> {
  const { resource, related, any_resource, ...rest } = filter;
  const hasLabels = [resource, related, any_resource].flat().some((part) => part?.labels !== undefined);
  if (!hasLabels || (await live.api.isServerBefore?.(FINDS_LABELS_SINCE, live.options())) !== true) return filter;
  if (resource === undefined) return rest;
  const { labels: _, ...others } = resource;
  return { ...rest, resource: { ...others, distinct: false } };
}

/** The filter without what some servers refuse; these criteria have to be checked here. Null: it has no such part. */
export function withoutRefusedParts(filter: EventFilter): EventFilter | null {
  const { text, related, any_resource, ...rest } = filter;
  const isKept = (part: unknown) => part !== undefined && !Array.isArray(part);
  if (text === undefined && !Array.isArray(related) && !Array.isArray(any_resource)) return null;
  // Otherwise Prefect would leave out matches whose resource has another event that does not match.
  const resource = rest.resource?.distinct ? { resource: { ...rest.resource, distinct: false } } : {};
  return {
    ...rest,
    ...resource,
    ...(isKept(related) ? { related: related as NonNullable<typeof related> } : {}),
    ...(isKept(any_resource) ? { any_resource: any_resource as NonNullable<typeof any_resource> } : {}),
  };
}

async function readPages(
  ctx: QueryContext,
  live: LiveReader,
  question: LiveEventsQuestion,
  asked: EventFilter,
): Promise<LiveEvents> {
  const { order, after, wanted } = question;
  const range = partFrom(question.range, order, after?.occurredUs);
  const isLocal = asked !== question.filter;
  const firstPage = isLocal ? EVENTS_PER_PAGE : Math.min(EVENTS_PER_PAGE, wanted + 1);
  const rows: PrefectEvent[] = [];
  const matches: PrefectEvent[] = [];
  let read = range;
  let unlisted: readonly TimeRange[] = [];
  let isCutShort = false;
  for await (const step of eventPages(live.api, { range, order, filter: asked, firstPage }, () => live.options())) {
    ({ read, unlisted } = step);
    for (const event of step.events) {
      rows.push(event);
      const isMatch = !isLocal || matchesEventFilter(question.filter, event);
      if (isMatch && isBeyond(event, order, after)) matches.push(event);
    }
    if (step.isLast) break;
    if (isCertain(matches, wanted, rows)) break;
    isCutShort = live.remainingMs() < 50;
    if (isCutShort) break;
  }
  saveRead(ctx, live, asked, rows, unlisted.length === 0 ? read : null);
  return { events: sortEvents(matches, order), unread: isCutShort ? restAfter(range, order, read) : null, unlisted };
}

/** There are enough matches, and a row with another `occurred` than that of the last one wanted. */
function isCertain(matches: readonly PrefectEvent[], wanted: number, rows: readonly PrefectEvent[]): boolean {
  if (matches.length < wanted) return false;
  return rows.at(-1)?.occurred !== matches[wanted - 1]?.occurred;
}

function saveRead(
  ctx: QueryContext,
  live: LiveReader,
  asked: EventFilter,
  rows: readonly PrefectEvent[],
  read: TimeRange | null,
): void {
  const range = {
    fromUs: latestUs(read?.fromUs ?? 0, claimableFromUs(ctx, live)),
    toUs: earliestUs(read?.toUs ?? Number.NEGATIVE_INFINITY, live.reachedUs() ?? Number.NEGATIVE_INFINITY),
  };
  const isEverything = Object.keys(asked).length === 0 && range.fromUs <= range.toUs;
  const covered = isEverything ? { covered: range, reachedUs: live.reachedUs() } : {};
  if (rows.length > 0 || isEverything) ctx.saveLive({ kind: "event", rows, readUs: live.startedUs, ...covered });
}

function isBeyond(event: PrefectEvent, order: EventOrder, after: LiveEventsQuestion["after"]): boolean {
  if (!after) return true;
  const sign = order === "asc" ? 1 : -1;
  const us = parseIsoUs(event.occurred) ?? 0;
  return us === after.occurredUs ? sign * compareText(event.id, after.id) > 0 : sign * (us - after.occurredUs) > 0;
}

function sortEvents(events: readonly PrefectEvent[], order: EventOrder): PrefectEvent[] {
  const sign = order === "asc" ? 1 : -1;
  const keyed = events.map((event) => ({ event, us: parseIsoUs(event.occurred) ?? 0 }));
  keyed.sort((a, b) => sign * (a.us - b.us || compareText(a.event.id, b.event.id)));
  return keyed.map(({ event }) => event);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
