import { AppError } from "../../errors.ts";
import { asReason, type Checked, counted, own, sentence } from "../../lib/shown-text.ts";
import { addUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { type EventFilter, occurredWithin } from "../../model/events/event-filter.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { type InstantReader, readInstant } from "./event-instant.ts";

/** The calls that a walk makes. All throw AppError. */
export type EventReader = InstantReader;

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
  /** Present: Prefect counts more events of this instant than it lists. Later steps prove only what is after it. */
  readonly unlisted?: { readonly atUs: ServerUs; readonly total: number; readonly listed: number };
}

/** How often a page is read before a contradiction between its events and its total is an error. */
const MAX_READINGS = 3;

/**
 * Reads every event of a closed range of `occurred`, ascending. Prefect pages by offset while rows are added and deleted, so each
 * page is a new question that begins at the last time stamp seen, inclusive. Only when one instant fills a page, it is read by itself
 * (`readInstant`); what Prefect cannot list of it is left out and stated, and the walk continues after it. A page that has nothing of
 * what it shares with the page before comes from another database: a server may have been replaced in between.
 * Throws AppError: those of the calls, or `unavailable` when the pages contradict each other; nothing more is proven then.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/storage/database.py
 */
export async function* walkEvents(
  reader: EventReader,
  range: TimeRange,
  options: WalkOptions,
): AsyncGenerator<WalkStep, void, undefined> {
  let fromUs = range.fromUs;
  /** Events of the last page at `fromUs`, which the next page has too. */
  let known: ReadonlySet<string> = new Set();
  while (fromUs <= range.toUs) {
    const stamped = await readPage(reader, { fromUs, toUs: range.toUs }, options);
    const fresh = stamped.filter((row) => !known.has(row.event.id));
    const last = stamped.at(-1);
    const isOneInstant = last?.atUs === fromUs && stamped.length === options.pageSize;
    if (known.size > 0 && !isOneInstant && fresh.length === stamped.length)
      throw contradiction("a page without the events that the page before ended with");
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
    const atUs = fromUs;
    const instant = await readInstant(reader, { atUs, filter: {}, pageSize: options.pageSize }, (events) => {
      inOrder(events, { fromUs: atUs, toUs: atUs });
    });
    const events = instant.events.filter((event) => !known.has(event.id));
    const listed = instant.events.length;
    if (listed >= instant.total) yield { events, provenToUs: atUs };
    else yield { events, provenToUs: addUs(atUs, -1), unlisted: { atUs, total: instant.total, listed } };
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
      throw contradiction(
        sentence`${counted(stamped.length, "event")} of ${page.total} on a page that should hold more`,
      );
  }
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
