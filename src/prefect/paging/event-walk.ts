import { AppError } from "../../errors.ts";
import { asReason, type Checked, own, sentence } from "../../lib/shown-text.ts";
import { addUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { type EventFilter, occurredWithin } from "../../model/events/event-filter.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { EventPage } from "../api.ts";

/** The two calls that a walk makes. Both throw AppError. */
export interface EventReader {
  filter(filter: EventFilter, limit: number): Promise<EventPage>;
  next(token: string): Promise<EventPage>;
}

export interface WalkOptions {
  readonly pageSize: number;
  /** Whether `total` is exact, as on every self-hosted server. Of Prefect Cloud, only the links to the next page are relied on. */
  readonly hasExactTotals: boolean;
}

export interface WalkStep {
  /** Events that no earlier step had, ascending by `occurred`. */
  readonly events: readonly PrefectEvent[];
  /** Up to here, inclusive, the steps so far have all events that Prefect held when the walk began. */
  readonly provenToUs: ServerUs;
}

/** How often a page is read before a contradiction between its events and its total is an error. */
const MAX_READINGS = 3;
/** Readings of one instant, in a row, that give no new event although the total is higher; then it is an error. */
const MAX_FRUITLESS_READINGS = 8;

/**
 * Reads every event of a closed range of `occurred`, ascending. Prefect pages by offset while rows are added and deleted, so each
 * page is a new question that begins at the last time stamp seen, inclusive. Only when one instant fills a page, the token of the
 * next page is followed, and the result compared with the total, which is asked for again.
 * Throws AppError: those of the calls, or `unavailable` when the pages contradict each other; nothing more is proven then.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/storage/database.py
 */
export async function* walkEvents(
  reader: EventReader,
  range: TimeRange,
  options: WalkOptions,
): AsyncGenerator<WalkStep, void, undefined> {
  let fromUs = range.fromUs;
  let known: ReadonlySet<string> = new Set();
  while (fromUs <= range.toUs) {
    const stamped = await readPage(reader, { fromUs, toUs: range.toUs }, options);
    const fresh = stamped.filter((row) => !known.has(row.event.id));
    const last = stamped.at(-1);
    if (last === undefined || stamped.length < options.pageSize) {
      yield { events: fresh.map((row) => row.event), provenToUs: range.toUs };
      return;
    }
    if (last.atUs > fromUs) {
      yield { events: fresh.map((row) => row.event), provenToUs: addUs(last.atUs, -1) };
      known = new Set(stamped.filter((row) => row.atUs === last.atUs).map((row) => row.event.id));
      fromUs = last.atUs;
      continue;
    }
    const instant = await readInstant(reader, fromUs, options);
    yield { events: instant.filter((event) => !known.has(event.id)), provenToUs: fromUs };
    known = new Set();
    fromUs = addUs(fromUs, 1);
  }
}

interface Stamped {
  readonly event: PrefectEvent;
  readonly atUs: ServerUs;
}

/** The first page of a range; all of it when it is shorter than a page. */
async function readPage(reader: EventReader, range: TimeRange, options: WalkOptions): Promise<Stamped[]> {
  const filter: EventFilter = { occurred: occurredWithin(range), order: "ASC" };
  for (let reading = 1; ; reading += 1) {
    const page = await reader.filter(filter, options.pageSize);
    const stamped = inOrder(page.events, range);
    const isFull = stamped.length >= options.pageSize;
    // Total and rows are two queries on the server: an event may have been deleted between them.
    const isWhole = isFull || (page.nextToken === null && (!options.hasExactTotals || page.total <= stamped.length));
    if (stamped.length > options.pageSize)
      throw contradiction(sentence`a page of ${stamped.length} where ${options.pageSize} were asked`);
    if (isWhole) return stamped;
    if (reading >= MAX_READINGS)
      throw contradiction(sentence`${stamped.length} events of ${page.total} on a page that should hold more`);
  }
}

/**
 * Every event of one instant, on as many pages as there are. The order of ties may differ from page to page, so the results of several
 * readings are united until they have as many events as the total.
 */
async function readInstant(reader: EventReader, atUs: ServerUs, options: WalkOptions): Promise<PrefectEvent[]> {
  const range = { fromUs: atUs, toUs: atUs };
  const filter: EventFilter = { occurred: occurredWithin(range), order: "ASC" };
  const found = new Map<string, PrefectEvent>();
  for (let fruitless = 0; fruitless < MAX_FRUITLESS_READINGS; ) {
    const before = found.size;
    let page = await reader.filter(filter, options.pageSize);
    let pagesLeft = Math.ceil(page.total / options.pageSize) + 2;
    for (;;) {
      for (const row of inOrder(page.events, range)) found.set(row.event.id, row.event);
      if (page.nextToken === null) break;
      pagesLeft -= 1;
      if (pagesLeft <= 0) throw contradiction(sentence`more pages than its total of ${page.total} allows`);
      if (page.events.length === 0) throw contradiction("an empty page with a link to the next one");
      page = await reader.next(page.nextToken);
    }
    const { total } = await reader.filter(filter, 0);
    if (found.size >= total) return [...found.values()];
    if (found.size === before) fruitless += 1;
  }
  throw contradiction(sentence`${found.size} events of one instant, fewer than its total`);
}

function inOrder(events: readonly PrefectEvent[], range: TimeRange): Stamped[] {
  let previousUs = range.fromUs;
  return events.map((event) => {
    const atUs = parseIsoUs(event.occurred);
    if (atUs === undefined) throw contradiction(sentence`an event at ${asReason(event.occurred)}, which is not a time`);
    if (atUs < range.fromUs || atUs > range.toUs)
      throw contradiction(sentence`an event at ${asReason(event.occurred)}, outside of what was asked`);
    if (atUs < previousUs) throw contradiction("events out of order");
    previousUs = atUs;
    return { event, atUs };
  });
}

function contradiction<const Text extends string>(what: Text & Checked<Text>): AppError {
  return new AppError("unavailable", sentence`Prefect's event pages contradict each other: ${own<Text>(what)}.`, {
    hint: "Nothing was recorded as complete, and the range will be read again. A proxy between here and Prefect may answer from a cache.",
  });
}
