/** Events straight from Prefect, in pages of 50, ordered and continued the way the record does it. */
import { AppError } from "../../errors.ts";
import { formatIsoUs, parseIsoUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import type { EventFilter } from "../../model/events/event-filter.ts";
import { matchesEventFilter } from "../../model/events/event-filter.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { QueryContext } from "../source/context.ts";
import { claimableFromUs } from "../source/event-reach.ts";
import type { LiveReader } from "../source/live.ts";

export interface LiveEventsQuestion {
  readonly range: TimeRange;
  readonly order: "asc" | "desc";
  readonly filter: EventFilter;
  readonly after?: { readonly occurredUs: number; readonly id: string } | undefined;
  /** Stop once this many matches are at hand. */
  readonly wanted: number;
}

export interface LiveEvents {
  /** Ordered by (occurred, id). */
  readonly events: readonly PrefectEvent[];
  /** The part that time did not suffice for, or null. */
  readonly unread: TimeRange | null;
}

const PAGE = 50;

/**
 * Reads until `wanted` matches are known for certain: Prefect orders by `occurred` alone, so a page that ends inside one
 * instant is followed to the end of that instant. Keeps what it read.
 */
export async function readLiveEvents(
  ctx: QueryContext,
  live: LiveReader,
  question: LiveEventsQuestion,
): Promise<LiveEvents> {
  try {
    return await readPages(ctx, live, question, question.filter);
  } catch (error) {
    if (!question.filter.text || !isServerFault(error)) throw error;
    // Prefect on SQLite before 3.44 answers 500 to every text filter: read without it and search here.
    const { text: _, ...rest } = question.filter;
    return await readPages(ctx, live, question, rest);
  }
}

function isServerFault(error: unknown): boolean {
  return error instanceof AppError && error.status === 500;
}

async function readPages(
  ctx: QueryContext,
  live: LiveReader,
  question: LiveEventsQuestion,
  asked: EventFilter,
): Promise<LiveEvents> {
  const { range, order, after, wanted } = question;
  const bounded = narrow(range, order, after?.occurredUs);
  const filter = { ...asked, occurred: isoBounds(bounded), order: order === "asc" ? "ASC" : "DESC" } as const;
  const isLocal = question.filter.text !== undefined && asked.text === undefined;
  const seen = new Map<string, PrefectEvent>();
  let matches: PrefectEvent[] = [];
  let page = await live.api.filterEvents(filter, isLocal ? PAGE : Math.min(PAGE, wanted + 1), live.options());
  const { total } = page;
  let foundBefore = -1;
  for (;;) {
    for (const event of page.events) {
      if (seen.has(event.id)) continue;
      seen.set(event.id, event);
      const isMatch = !isLocal || matchesEventFilter(question.filter, event);
      if (isMatch && isBeyond(event, order, after)) matches.push(event);
    }
    if (isCertain(matches, wanted, seen)) break;
    // Late events before the offset push others off the frozen last page: what is left is asked for from the last row on.
    const isShort = page.nextToken === null && seen.size < total && seen.size > foundBefore && seen.size > 0;
    if (page.nextToken === null && !isShort) break;
    if (live.remainingMs() < 50) return finish(ctx, live, question, asked, seen, matches, bounded);
    if (page.nextToken !== null) page = await live.api.nextEvents(page.nextToken, live.options());
    else {
      foundBefore = seen.size;
      const lastUs = parseIsoUs([...seen.values()].at(-1)?.occurred ?? "");
      const rest = { ...filter, occurred: isoBounds(narrow(bounded, order, lastUs)) };
      page = await live.api.filterEvents(rest, PAGE, live.options());
    }
  }
  const isWhole = page.nextToken === null && seen.size >= total;
  matches = sortEvents(matches, order);
  keepRead(ctx, live, asked, [...seen.values()], isWhole ? bounded : readPart(bounded, order, [...seen.values()]));
  return { events: matches, unread: null };
}

/** Enough matches, and the last row read lies beyond the instant of the last one wanted. */
function isCertain(matches: readonly PrefectEvent[], wanted: number, seen: ReadonlyMap<string, PrefectEvent>): boolean {
  if (matches.length < wanted) return false;
  const last = [...seen.values()].at(-1);
  return last?.occurred !== matches[wanted - 1]?.occurred;
}

function finish(
  ctx: QueryContext,
  live: LiveReader,
  { order }: LiveEventsQuestion,
  asked: EventFilter,
  seen: ReadonlyMap<string, PrefectEvent>,
  matches: readonly PrefectEvent[],
  bounded: TimeRange,
): LiveEvents {
  const read = readPart(bounded, order, [...seen.values()]);
  keepRead(ctx, live, asked, [...seen.values()], read);
  const unread =
    order === "asc" ? { fromUs: read.toUs + 1, toUs: bounded.toUs } : { fromUs: bounded.fromUs, toUs: read.fromUs - 1 };
  return { events: sortEvents(matches, order), unread };
}

/** What has been read for certain when the reading stopped at the last row: its own instant may have more. */
function readPart(range: TimeRange, order: "asc" | "desc", rows: readonly PrefectEvent[]): TimeRange {
  const last = rows.at(-1);
  const atUs = last ? (parseIsoUs(last.occurred) ?? range.fromUs) : null;
  if (atUs === null) return { fromUs: range.toUs, toUs: range.toUs };
  return order === "asc" ? { fromUs: range.fromUs, toUs: atUs - 1 } : { fromUs: atUs + 1, toUs: range.toUs };
}

function keepRead(
  ctx: QueryContext,
  live: LiveReader,
  asked: EventFilter,
  rows: readonly PrefectEvent[],
  read: TimeRange,
): void {
  const range = {
    fromUs: Math.max(read.fromUs, claimableFromUs(ctx, live)),
    toUs: Math.min(read.toUs, live.startedUs),
  };
  const isEverything = Object.keys(asked).length === 0 && range.fromUs <= range.toUs;
  const covered = isEverything ? { covered: range } : {};
  if (rows.length > 0 || isEverything) ctx.saveLive({ kind: "event", rows, readUs: live.startedUs, ...covered });
}

function narrow(range: TimeRange, order: "asc" | "desc", afterUs: number | undefined): TimeRange {
  if (afterUs === undefined) return range;
  return order === "asc"
    ? { fromUs: Math.max(range.fromUs, afterUs), toUs: range.toUs }
    : { fromUs: range.fromUs, toUs: Math.min(range.toUs, afterUs) };
}

function isoBounds(range: TimeRange): { since: string; until: string } {
  return { since: formatIsoUs(range.fromUs), until: formatIsoUs(range.toUs) };
}

function isBeyond(event: PrefectEvent, order: "asc" | "desc", after: LiveEventsQuestion["after"]): boolean {
  if (!after) return true;
  const sign = order === "asc" ? 1 : -1;
  const us = parseIsoUs(event.occurred) ?? 0;
  return us === after.occurredUs ? sign * compareText(event.id, after.id) > 0 : sign * (us - after.occurredUs) > 0;
}

function sortEvents(events: readonly PrefectEvent[], order: "asc" | "desc"): PrefectEvent[] {
  const sign = order === "asc" ? 1 : -1;
  const keyed = events.map((event) => ({ event, us: parseIsoUs(event.occurred) ?? 0 }));
  keyed.sort((a, b) => sign * (a.us - b.us || compareText(a.event.id, b.event.id)));
  return keyed.map(({ event }) => event);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
