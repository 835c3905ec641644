/** Counts over the record's own event rows: in SQL where the narrow columns tell, else event by event. */
import { HOUR_US, parseIsoUs } from "../../lib/time.ts";
import { type PrefectEvent, RESOURCE_ID, RESOURCE_NAME, splitResourceId } from "../../model/events/event.ts";
import { compileNameFilter, type EventFilter, restrictsNames } from "../../model/events/event-filter.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { RecordDb } from "../../store/database.ts";
import { eventNames } from "../../store/events/dictionaries.ts";
import { largestShift } from "../../store/events/event-times.ts";
import { type EventCursor, findEventSummaries, findEvents } from "../../store/events/events.ts";
import { addGroup, type Buckets, bucketStart, type EventGroup, type Grouping, toStates } from "./event-tally.ts";

type Tally = Map<string, EventGroup>;

/** Counts of the events with `occurred` in the closed range, by group. */
export function countRecorded(
  db: RecordDb,
  range: TimeRange,
  filter: EventFilter,
  by: Grouping,
  buckets: Buckets,
): Tally {
  if (by === "state") return toStates(countRecorded(db, range, filter, "event", buckets));
  if (!isByNameOnly(filter)) return countEach(db, range, filter, by, buckets);
  const isWholeHours = by === "time" && buckets.stepUs % HOUR_US === 0;
  return isWholeHours ? countHours(db, range, filter, buckets) : countRows(db, range, filter, by, buckets);
}

function isByNameOnly(filter: EventFilter): boolean {
  const { event: _, ...others } = filter;
  return Object.values(others).every((part) => part === undefined || (Array.isArray(part) && part.length === 0));
}

interface CountRow {
  readonly key: number;
  readonly count: number;
  readonly firstUs: number;
  readonly lastUs: number;
}

const DEPLOYMENTS =
  "SELECT id FROM resource WHERE resource_id >= 'prefect.deployment.' AND resource_id < 'prefect.deployment/'";

/** Numbers of the event names that match; null: all do. */
function matchingNames(db: RecordDb, filter: EventFilter): number[] | null {
  if (!restrictsNames(filter.event)) return null;
  const matches = compileNameFilter(filter.event);
  return [...eventNames(db)].flatMap(([id, name]) => (matches(name) ? [id] : []));
}

/** Whole hours from the counts per hour, which triggers keep exact; the rest of the range from its rows. */
function countHours(db: RecordDb, range: TimeRange, filter: EventFilter, buckets: Buckets): Tally {
  const first = Math.ceil(range.fromUs / HOUR_US);
  const end = Math.floor((range.toUs + 1) / HOUR_US);
  if (end <= first) return countRows(db, range, filter, "time", buckets);
  const ids = matchingNames(db, filter);
  const named = ids === null ? "" : " AND name_id IN (SELECT value FROM json_each(?))";
  const rows = db
    .prepare<{ hour: number; count: number }, (number | string)[]>(
      `SELECT hour, sum(n) AS count FROM event_hour WHERE hour >= ? AND hour < ?${named} GROUP BY hour`,
    )
    .all(first, end, ...(ids === null ? [] : [JSON.stringify(ids)]));
  const tally: Tally = new Map();
  for (const { hour, count } of rows) {
    const key = String(bucketStart(hour * HOUR_US, buckets.stepUs));
    addGroup(tally, { key, label: null, count, firstUs: null, lastUs: null });
  }
  const edges = [
    { fromUs: range.fromUs, toUs: first * HOUR_US - 1 },
    { fromUs: end * HOUR_US, toUs: range.toUs },
  ];
  for (const edge of edges.filter(({ fromUs, toUs }) => fromUs <= toUs)) {
    for (const group of countRows(db, edge, filter, "time", buckets).values()) addGroup(tally, group);
  }
  return tally;
}

function countRows(db: RecordDb, range: TimeRange, filter: EventFilter, by: Grouping, buckets: Buckets): Tally {
  const known = eventNames(db);
  const ids = matchingNames(db, filter);
  const named = ids === null ? "" : " AND e.name_id IN (SELECT value FROM json_each(?))";
  const fromUs = Math.max(Number.MIN_SAFE_INTEGER, range.fromUs);
  const toUs = Math.min(Number.MAX_SAFE_INTEGER, range.toUs);
  const where = `e.t BETWEEN ? AND ? AND e.t - e.shift BETWEEN ? AND ?${named}`;
  const source =
    by === "deployment"
      ? `(SELECT res_id, t FROM related WHERE res_id IN (${DEPLOYMENTS})
         UNION SELECT res_id, t FROM event WHERE res_id IN (${DEPLOYMENTS})) x JOIN event e ON e.t = x.t`
      : "event e";
  const key =
    by === "time"
      ? "(e.t - e.shift - ?) / ?"
      : by === "event"
        ? "e.name_id"
        : by === "resource"
          ? "e.res_id"
          : "x.res_id";
  const rows = db
    .prepare<CountRow, (number | string)[]>(
      `SELECT ${key} AS key, count(*) AS count, min(e.t - e.shift) AS firstUs, max(e.t - e.shift) AS lastUs
       FROM ${source} WHERE ${where} GROUP BY 1`,
    )
    .all(
      ...(by === "time" ? [buckets.baseUs, buckets.stepUs] : []),
      ...[fromUs, Math.min(Number.MAX_SAFE_INTEGER, toUs + largestShift(db)), fromUs, toUs],
      ...(ids === null ? [] : [JSON.stringify(ids)]),
    );
  const resource = db.prepare<{ id: string; name: string | null }, [number]>(
    "SELECT resource_id AS id, name FROM resource WHERE id = ?",
  );
  const tally: Tally = new Map();
  for (const { key: n, ...rest } of rows) {
    if (by === "time") addGroup(tally, { ...rest, key: String(buckets.baseUs + n * buckets.stepUs), label: null });
    else if (by === "event") addGroup(tally, { ...rest, key: known.get(n) ?? "", label: null });
    else {
      const { id = "", name = null } = resource.get(n) ?? {};
      addGroup(tally, { ...rest, key: by === "deployment" ? splitResourceId(id).key : id, label: name });
    }
  }
  return tally;
}

const CHUNK = 2_000;

function countEach(db: RecordDb, range: TimeRange, filter: EventFilter, by: Grouping, buckets: Buckets): Tally {
  const tally: Tally = new Map();
  let after: EventCursor | undefined;
  for (;;) {
    const query = { ...range, order: "asc", limit: CHUNK, filter, ...(after ? { after } : {}) } as const;
    if (by === "deployment") {
      const { events, more } = findEvents(db, query);
      for (const event of events) tallyEvent(tally, event, by, buckets);
      const last = events.at(-1);
      if (!more || !last) return tally;
      after = { occurredUs: parseIsoUs(last.occurred) ?? 0, id: last.id };
    } else {
      const { events, more } = findEventSummaries(db, query);
      for (const { occurredUs: us, event, resourceId, resourceName } of events) {
        const key = by === "time" ? String(bucketStart(us, buckets.stepUs)) : by === "event" ? event : resourceId;
        addGroup(tally, { key, label: by === "resource" ? resourceName : null, count: 1, firstUs: us, lastUs: us });
      }
      const last = events.at(-1);
      if (!more || !last) return tally;
      after = { occurredUs: last.occurredUs, id: last.id };
    }
  }
}

/** Adds one event to the groups it belongs to: one, or none or several deployments. */
export function tallyEvent(tally: Tally, event: PrefectEvent, by: Grouping, buckets: Buckets): void {
  const us = parseIsoUs(event.occurred) ?? 0;
  const add = (key: string, label: string | null = null) =>
    addGroup(tally, { key, label, count: 1, firstUs: us, lastUs: us });
  if (by === "time") add(String(bucketStart(us, buckets.stepUs)));
  else if (by === "resource") add(event.resource[RESOURCE_ID] ?? "", event.resource[RESOURCE_NAME] ?? null);
  else if (by === "deployment") {
    const found = new Map<string, string | null>();
    for (const one of [event.resource, ...event.related]) {
      const { kind, key } = splitResourceId(one[RESOURCE_ID] ?? "");
      if (kind === "prefect.deployment") found.set(key, one[RESOURCE_NAME] ?? found.get(key) ?? null);
    }
    for (const [key, label] of found) add(key, label);
  } else add(event.event);
}
