import type { ServerUs } from "../../lib/time.ts";
import { bytesToUuid, isUuid, uuidToBytes } from "../../lib/uuid.ts";
import { type PrefectEvent, RESOURCE_NAME } from "../../model/events/event.ts";
import { compileEventFilter, type EventFilter } from "../../model/events/event-filter.ts";
import { inSnapshot, type RecordDb } from "../database.ts";
import type { ResourceRow } from "../schema/event.ts";
import { findEventAt } from "./blocks.ts";
import { findEventNames } from "./dictionaries.ts";
import { matchingRows } from "./event-matches.ts";
import type { EventCursor, EventRow, Order } from "./event-rows.ts";

export { countEventsBetween, findEventIdsBetween, findEventRange, findNewestEventKey } from "./event-counts.ts";
export type { EventCursor } from "./event-rows.ts";
export { createEventWriter, type EventWriter, type InsertResult } from "./event-writer.ts";

export interface EventQuery {
  /** Closed range of `occurred`, microseconds. */
  readonly fromUs: ServerUs;
  readonly toUs: ServerUs;
  readonly order: Order;
  readonly limit: number;
  /** Only events after this position in the order. */
  readonly after?: EventCursor;
  /** Its `occurred`, `order` and `resource.distinct` are ignored. */
  readonly filter?: EventFilter;
}

/** An event without its JSON. */
export interface EventSummary {
  readonly id: string;
  readonly occurredUs: ServerUs;
  readonly event: string;
  readonly resourceId: string;
  /** Name of the resource in this event, or its newest known name if the event has none. */
  readonly resourceName: string | null;
}

/**
 * Events in exact order (`occurred`, then id), filtered as Prefect does it over REST. `more`: the range has further
 * matches.
 */
export function findEvents(db: RecordDb, query: EventQuery): { events: PrefectEvent[]; hasMore: boolean } {
  return inSnapshot(db, () => {
    const { found, hasMore } = take(db, query, true);
    return { events: found.flatMap(({ event }) => event ?? []), hasMore };
  });
}

/** As `findEvents`, but the JSON is read only if the filter or a renamed resource needs it. */
export function findEventSummaries(db: RecordDb, query: EventQuery): { events: EventSummary[]; hasMore: boolean } {
  return inSnapshot(db, () => {
    const { found, hasMore } = take(db, query, false);
    const names = findEventNames(db);
    const resources = new Map<number, NamedResource>();
    return { events: found.map((match) => toSummary(db, match, names, resources)), hasMore };
  });
}

/** One event by its id, in any case; null when it is not recorded or the id is no UUID. */
export function findEventById(db: RecordDb, id: string): PrefectEvent | null {
  if (!isUuid(id)) return null;
  return inSnapshot(db, () => {
    const place = db
      .prepare<{ blk: number; ofs: number }, [Uint8Array]>("SELECT blk, ofs FROM event WHERE id = ?")
      .get(uuidToBytes(id));
    return place ? (findEventAt(db, place) ?? null) : null;
  });
}

interface Match {
  readonly row: EventRow;
  readonly event: PrefectEvent | undefined;
}

function take(db: RecordDb, query: EventQuery, withEvents: boolean): { found: Match[]; hasMore: boolean } {
  const { limit, filter = {} } = query;
  const found: Match[] = [];
  const { rows, unanswered } = matchingRows(db, query, filter, limit + 1);
  const matches = unanswered && compileEventFilter(unanswered);
  for (const row of rows) {
    let event = row.event;
    if (matches || withEvents) event ??= findEventAt(db, row);
    if ((matches || withEvents) && !event) continue;
    if (matches && event && !row.event && !matches(event)) continue;
    if (found.length === limit) return { found, hasMore: true };
    found.push({ row, event });
  }
  return { found, hasMore: false };
}

type NamedResource = Pick<ResourceRow, "resource_id" | "name" | "renamed">;

function toSummary(
  db: RecordDb,
  { row, event }: Match,
  names: ReadonlyMap<number, string>,
  resources: Map<number, NamedResource>,
): EventSummary {
  const resource = resources.get(row.res_id) ?? readResource(db, row.res_id);
  resources.set(row.res_id, resource);
  const known = event ?? (resource.renamed ? findEventAt(db, row) : undefined);
  return {
    id: bytesToUuid(row.id),
    occurredUs: row.t - row.shift,
    event: names.get(row.name_id) ?? "",
    resourceId: resource.resource_id,
    resourceName: known?.resource[RESOURCE_NAME] ?? resource.name,
  };
}

function readResource(db: RecordDb, id: number): NamedResource {
  const read = db.prepare<NamedResource, [number]>("SELECT resource_id, name, renamed FROM resource WHERE id = ?");
  return read.get(id) ?? { resource_id: "", name: null, renamed: 0 };
}
