import { AppError } from "../../errors.ts";
import { parseIsoUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { type EventFilter, occurredWithin } from "../../model/events/event-filter.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { EventPage } from "../api.ts";

/** The two questions a walk asks. Both throw AppError. */
export interface EventReader {
  filter(filter: EventFilter, limit: number): Promise<EventPage>;
  next(token: string): Promise<EventPage>;
}

export interface WalkOptions {
  readonly pageSize: number;
  /** Whether `total` is exact, as on every self-hosted server; a closed one is believed in its next-page links only. */
  readonly exactTotals: boolean;
}

export interface WalkStep {
  /** Events of the walk not given before, ascending by `occurred`. */
  readonly events: readonly PrefectEvent[];
  /** Everything that Prefect held up to here, inclusive, when the walk began has been given. */
  readonly provenToUs: number;
}

/** How often one page or one instant is read again before the server's contradictions are taken as an error. */
const READINGS = 3;
/** Readings of one instant in a row that bring nothing new although its total says that something is missing. */
const FRUITLESS = 8;

/**
 * Reads every event of a closed range of `occurred`, ascending. Prefect pages by offset over moving data, so each page is a
 * fresh question that begins at the last time stamp seen, inclusive; only inside an instant that fills a page the token of
 * the next page is followed, and the result compared with a fresh total.
 * Throws AppError: what Prefect answers, or `unavailable` when its pages contradict each other (then nothing more is proven).
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
      yield { events: fresh.map((row) => row.event), provenToUs: last.atUs - 1 };
      known = new Set(stamped.filter((row) => row.atUs === last.atUs).map((row) => row.event.id));
      fromUs = last.atUs;
      continue;
    }
    const instant = await readInstant(reader, fromUs, options);
    yield { events: instant.filter((event) => !known.has(event.id)), provenToUs: fromUs };
    known = new Set();
    fromUs += 1;
  }
}

interface Stamped {
  readonly event: PrefectEvent;
  readonly atUs: number;
}

/** The first page of a range; all of it when it is shorter than a page. */
async function readPage(reader: EventReader, range: TimeRange, options: WalkOptions): Promise<Stamped[]> {
  const filter: EventFilter = { occurred: occurredWithin(range), order: "ASC" };
  for (let reading = 1; ; reading += 1) {
    const page = await reader.filter(filter, options.pageSize);
    const stamped = inOrder(page.events, range);
    const isFull = stamped.length >= options.pageSize;
    // Count and rows are two queries of the server: once, a deletion may lie between them.
    const isWhole = isFull || (page.nextToken === null && (!options.exactTotals || page.total <= stamped.length));
    if (stamped.length > options.pageSize)
      throw contradiction(`a page of ${stamped.length} where ${options.pageSize} were asked`);
    if (isWhole) return stamped;
    if (reading >= READINGS)
      throw contradiction(`${stamped.length} events of ${page.total} on a page that should hold more`);
  }
}

/**
 * Every event of one instant, over as many pages as it takes. Some databases give ties in another order with each page, so
 * readings are added up until they reach a fresh total.
 */
async function readInstant(reader: EventReader, atUs: number, options: WalkOptions): Promise<PrefectEvent[]> {
  const range = { fromUs: atUs, toUs: atUs };
  const filter: EventFilter = { occurred: occurredWithin(range), order: "ASC" };
  const found = new Map<string, PrefectEvent>();
  for (let fruitless = 0; fruitless < FRUITLESS; ) {
    const before = found.size;
    let page = await reader.filter(filter, options.pageSize);
    let pagesLeft = Math.ceil(page.total / options.pageSize) + 2;
    for (;;) {
      for (const row of inOrder(page.events, range)) found.set(row.event.id, row.event);
      if (page.nextToken === null) break;
      pagesLeft -= 1;
      if (pagesLeft <= 0) throw contradiction(`more pages than its total of ${page.total} allows`);
      if (page.events.length === 0) throw contradiction("an empty page with a link to the next one");
      page = await reader.next(page.nextToken);
    }
    const { total } = await reader.filter(filter, 0);
    if (found.size >= total) return [...found.values()];
    if (found.size === before) fruitless += 1;
  }
  throw contradiction(`${found.size} events of one instant, fewer than its total`);
}

function inOrder(events: readonly PrefectEvent[], range: TimeRange): Stamped[] {
  let previousUs = range.fromUs;
  return events.map((event) => {
    const atUs = parseIsoUs(event.occurred);
    if (atUs === undefined) throw contradiction(`an event at ${event.occurred}, which is no time`);
    if (atUs < range.fromUs || atUs > range.toUs)
      throw contradiction(`an event at ${event.occurred}, outside of what was asked`);
    if (atUs < previousUs) throw contradiction("events out of order");
    previousUs = atUs;
    return { event, atUs };
  });
}

function contradiction(what: string): AppError {
  return new AppError("unavailable", `Prefect's event pages contradict each other: ${what}.`, {
    hint: "Nothing was taken as complete; it is tried again by itself. Something between here and Prefect may answer from a cache.",
  });
}
