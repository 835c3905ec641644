/**
 * Events of one instant. Prefect orders events by `occurred` alone and pages by offset, so that on PostgreSQL the pages of an instant
 * may repeat some events and leave out others, in the same way each time.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/storage/database.py
 */
import { parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { type EventFilter, occurredWithin } from "../../model/events/event-filter.ts";
import type { CountBucket, EventPage } from "../api.ts";

/** The calls that reading an instant makes. All throw AppError. */
export interface InstantReader {
  filter(filter: EventFilter, limit: number): Promise<EventPage>;
  next(token: string): Promise<EventPage>;
  /** How many events there are of each name, or of each resource. */
  count(by: "event" | "resource", filter: EventFilter): Promise<readonly CountBucket[]>;
}

export interface Instant {
  readonly events: readonly PrefectEvent[];
  /** What Prefect counted last. It cannot list all of them when there are fewer events. */
  readonly total: number;
}

/** Readings in a row, in alternating order, that give no new event although the total is higher. */
const MAX_FRUITLESS_READINGS = 2;
/** Most resources that are asked for one by one. */
const MAX_PARTS = 500;

/** Called for each page; throws when the page cannot be right. */
export type CheckPage = (events: readonly PrefectEvent[]) => void;

/**
 * Reads every event of one instant that matches. `filter` has neither `occurred` nor `order`. First all pages, in both directions, until
 * as many events are found as are counted; then events of one name each, and of one name and resource each, which fit on a page.
 */
export async function readInstant(
  reader: InstantReader,
  { atUs, filter, pageSize }: { readonly atUs: ServerUs; readonly filter: EventFilter; readonly pageSize: number },
  check: CheckPage = () => undefined,
): Promise<Instant> {
  const occurred = occurredWithin({ fromUs: atUs, toUs: atUs });
  const found = new Map<string, PrefectEvent>();
  const readPages = async (part: EventFilter, order: "ASC" | "DESC") => {
    let page = await reader.filter({ ...part, occurred, order }, pageSize);
    for (let left = Math.ceil(page.total / pageSize) + 2; ; left -= 1) {
      check(page.events);
      for (const event of page.events) found.set(event.id, event);
      if (page.nextToken === null || page.events.length === 0 || left <= 0) return;
      page = await reader.next(page.nextToken);
    }
  };
  const countAll = async () => (await reader.filter({ ...filter, occurred, order: "ASC" }, 0)).total;

  let total = Number.POSITIVE_INFINITY;
  for (let fruitless = 0, reading = 0; fruitless < MAX_FRUITLESS_READINGS; reading += 1) {
    const before = found.size;
    await readPages(filter, reading % 2 === 0 ? "ASC" : "DESC");
    total = await countAll();
    if (found.size >= total) return { events: [...found.values()], total };
    fruitless = found.size === before ? fruitless + 1 : 0;
  }
  const countFound = (name: string) => [...found.values()].filter((event) => event.event === name).length;
  let parts = 0;
  for (const { value: name, count } of await reader.count("event", { ...filter, occurred })) {
    const ofName = { ...filter, event: { ...filter.event, name: [name] } };
    if (countFound(name) >= count) continue;
    await readPages(ofName, "ASC");
    if (countFound(name) < count) await readPages(ofName, "DESC");
    if (countFound(name) >= count) continue;
    for (const { value: id } of await reader.count("resource", { ...ofName, occurred })) {
      parts += 1;
      if (parts > MAX_PARTS || countFound(name) >= count) break;
      await readPages({ ...ofName, resource: { ...filter.resource, id: [id] } }, parts % 2 === 0 ? "ASC" : "DESC");
    }
  }
  total = await countAll();
  return { events: [...found.values()], total };
}

/** An instant that goes over the end of a page, with the number of its events on the pages. */
export interface SplitInstant {
  readonly atUs: ServerUs;
  readonly count: number;
}

/** Follows which instant the pages of a reading are in, and whether one goes over the end of a page. */
export class InstantTracker {
  private atUs: ServerUs | null = null;
  private readonly ids = new Set<string>();
  private isSplit = false;

  /**
   * To be called with each event in the order of the pages, `isFirst` for the first one of a page that continues another. Returns the instant that ended before
   * this event and that was on more than one page.
   */
  next(event: PrefectEvent, isFirst: boolean): SplitInstant | null {
    const atUs = parseIsoUs(event.occurred) ?? null;
    if (atUs === this.atUs) {
      if (isFirst) this.isSplit = true;
      this.ids.add(event.id);
      return null;
    }
    const ended = this.end();
    this.atUs = atUs;
    this.isSplit = false;
    this.ids.clear();
    this.ids.add(event.id);
    return ended;
  }

  /** The last instant, if it was on more than one page. */
  end(): SplitInstant | null {
    return this.isSplit && this.atUs !== null ? { atUs: this.atUs, count: this.ids.size } : null;
  }
}
