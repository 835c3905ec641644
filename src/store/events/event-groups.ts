/** Counts of events in groups, computed by SQL from the narrow columns alone. Only names of events may be filtered. */
import { HOUR_US, type ServerUs } from "../../lib/time.ts";
import type { EventFilter } from "../../model/events/event-filter.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { inSnapshot, type RecordDb, type SQLQueryBindings } from "../database.ts";
import { findEventNames, findMatchingNames } from "./dictionaries.ts";
import { keyBounds } from "./event-counts.ts";
import { largestShift } from "./event-times.ts";

type NameFilter = EventFilter["event"];

interface Group {
  readonly count: number;
  /** First and last `occurred` of the group, microseconds. */
  readonly firstUs: ServerUs;
  readonly lastUs: ServerUs;
}

export interface NamedGroup extends Group {
  /** Event name, or `prefect.resource.id`. */
  readonly key: string;
  /** Newest known name of the resource; null for groups by event name. */
  readonly label: string | null;
}

/**
 * Events per hour of `occurred` (`hourUs`: its start), hours without events left out, ascending, from `event_hour`.
 * `fromUs` and `endUs` (exclusive) must be whole hours.
 */
export function countEventsPerHour(
  db: RecordDb,
  hours: { readonly fromUs: ServerUs; readonly endUs: ServerUs },
  filter?: NameFilter,
): { hourUs: ServerUs; count: number }[] {
  return inSnapshot(db, () => {
    const names = onlyNames(db, filter, "name_id");
    return db
      .prepare<{ hour: number; count: number }, SQLQueryBindings[]>(
        `SELECT hour, sum(n) AS count FROM event_hour WHERE hour >= ? AND hour < ?${names.condition}
         GROUP BY hour HAVING sum(n) > 0 ORDER BY hour`,
      )
      .all(hours.fromUs / HOUR_US, hours.endUs / HOUR_US, ...names.bindings)
      .map(({ hour, count }) => ({ hourUs: hour * HOUR_US, count }));
  });
}

/** Events per bucket of `stepUs` counted from `baseUs`, which is not later than the range; `startUs`: start of the bucket. */
export function countEventsPerBucket(
  db: RecordDb,
  range: TimeRange,
  { baseUs, stepUs }: { readonly baseUs: number; readonly stepUs: number },
  filter?: NameFilter,
): (Group & { readonly startUs: ServerUs })[] {
  return inSnapshot(db, () =>
    count(db, range, { key: "(e.t - e.shift - ?) / ?", from: "event e", bindings: [baseUs, stepUs] }, filter).map(
      ({ key, ...group }) => ({ ...group, startUs: baseUs + key * stepUs }),
    ),
  );
}

/**
 * Events per name in whole hours, from `event_hour`. `range`: what the hours are a part of; in it the first and the last event of each
 * name are looked up, also where the hours have none of them. Bounds as in `countEventsPerHour`.
 */
export function countHoursPerName(
  db: RecordDb,
  hours: { readonly fromUs: ServerUs; readonly endUs: ServerUs },
  range: TimeRange,
  filter?: NameFilter,
): NamedGroup[] {
  return inSnapshot(db, () => {
    const only = onlyNames(db, filter, "name_id");
    const names = findEventNames(db);
    return db
      .prepare<{ id: number; count: number }, SQLQueryBindings[]>(
        `SELECT name_id AS id, sum(n) AS count FROM event_hour WHERE hour >= ? AND hour < ?${only.condition}
         GROUP BY name_id HAVING sum(n) > 0`,
      )
      .all(hours.fromUs / HOUR_US, hours.endUs / HOUR_US, ...only.bindings)
      .map(({ id, count }) => ({ count, ...endsOfName(db, id, range), key: names.get(id) ?? "", label: null }));
  });
}

/** First and last `occurred` of a name in the range, which has such an event. */
function endsOfName(db: RecordDb, nameId: number, range: TimeRange): Pick<Group, "firstUs" | "lastUs"> {
  const [lo, hi, fromUs, toUs] = keyBounds(db, range);
  const rows =
    "FROM event INDEXED BY event_name_t WHERE name_id = ? AND t BETWEEN ? AND ? AND t - shift BETWEEN ? AND ?";
  type Params = [number, number, number, number, number];
  const end = (sql: string, from: number, to: number): number | null =>
    db.prepare<{ us: number | null }, Params>(sql).get(nameId, from, to, fromUs, toUs)?.us ?? null;
  const firstKey = end(`SELECT t AS us ${rows} ORDER BY t LIMIT 1`, lo, hi) ?? lo;
  const lastKey = end(`SELECT t AS us ${rows} ORDER BY t DESC LIMIT 1`, lo, hi) ?? hi;
  // A key lies up to the largest shift after its `occurred`, so the order of keys is that of times only beyond it.
  const shift = largestShift(db);
  return {
    firstUs: end(`SELECT min(t - shift) AS us ${rows}`, firstKey, Math.min(hi, firstKey + shift)) ?? fromUs,
    lastUs: end(`SELECT max(t - shift) AS us ${rows}`, Math.max(lo, lastKey - shift), lastKey) ?? toUs,
  };
}

/** By event name. */
export function countEventsPerName(db: RecordDb, range: TimeRange, filter?: NameFilter): NamedGroup[] {
  return inSnapshot(db, () => {
    const names = findEventNames(db);
    const groups = count(db, range, { key: "e.name_id", from: "event e", bindings: [] }, filter);
    return groups.map((group) => ({ ...group, key: names.get(group.key) ?? "", label: null }));
  });
}

/** By the resource that an event is about. */
export function countEventsPerResource(db: RecordDb, range: TimeRange, filter?: NameFilter): NamedGroup[] {
  return inSnapshot(db, () =>
    withResources(db, count(db, range, { key: "e.res_id", from: "event e", bindings: [] }, filter)),
  );
}

const DEPLOYMENTS =
  "SELECT id FROM resource WHERE resource_id >= 'prefect.deployment.' AND resource_id < 'prefect.deployment/'";

/** By the deployments that an event is about or related to: one event may count in several groups, or in none. */
export function countEventsPerDeployment(db: RecordDb, range: TimeRange, filter?: NameFilter): NamedGroup[] {
  const from = `(SELECT res_id, t FROM related WHERE res_id IN (${DEPLOYMENTS})
    UNION SELECT res_id, t FROM event WHERE res_id IN (${DEPLOYMENTS})) x JOIN event e ON e.t = x.t`;
  return inSnapshot(db, () => withResources(db, count(db, range, { key: "x.res_id", from, bindings: [] }, filter)));
}

/** How many events are about or related to at least one deployment. */
export function countEventsWithDeployment(db: RecordDb, range: TimeRange, filter?: NameFilter): number {
  const [lo, hi, ...occurred] = keyBounds(db, range);
  const where = `WHERE t BETWEEN ? AND ? AND res_id IN (${DEPLOYMENTS})`;
  return inSnapshot(db, () => {
    const names = onlyNames(db, filter, "e.name_id");
    const row = db
      .prepare<{ count: number }, SQLQueryBindings[]>(
        `SELECT count(*) AS count FROM event e
         WHERE e.t IN (SELECT t FROM related ${where} UNION SELECT t FROM event ${where})
         AND e.t - e.shift BETWEEN ? AND ?${names.condition}`,
      )
      .get(lo, hi, lo, hi, ...occurred, ...names.bindings);
    return row?.count ?? 0;
  });
}

interface Grouping {
  /** SQL expression of the group's number. */
  readonly key: string;
  readonly from: string;
  /** Values of the placeholders in `key`. */
  readonly bindings: readonly number[];
}

function count(
  db: RecordDb,
  range: TimeRange,
  { key, from, bindings }: Grouping,
  filter: NameFilter,
): (Group & { readonly key: number })[] {
  const names = onlyNames(db, filter, "e.name_id");
  return db
    .prepare<Group & { readonly key: number }, SQLQueryBindings[]>(
      `SELECT ${key} AS key, count(*) AS count, min(e.t - e.shift) AS firstUs, max(e.t - e.shift) AS lastUs
       FROM ${from} WHERE e.t BETWEEN ? AND ? AND e.t - e.shift BETWEEN ? AND ?${names.condition} GROUP BY 1`,
    )
    .all(...bindings, ...keyBounds(db, range), ...names.bindings);
}

function onlyNames(db: RecordDb, filter: NameFilter, column: string): { condition: string; bindings: string[] } {
  const names = findMatchingNames(db, filter);
  if (names === null) return { condition: "", bindings: [] };
  return {
    condition: ` AND ${column} IN (SELECT value FROM json_each(?))`,
    bindings: [JSON.stringify([...names])],
  };
}

function withResources(db: RecordDb, groups: readonly (Group & { readonly key: number })[]): NamedGroup[] {
  const find = db.prepare<{ id: string; name: string | null }, [number]>(
    "SELECT resource_id AS id, name FROM resource WHERE id = ?",
  );
  return groups.map(({ key, ...group }) => {
    const { id = "", name = null } = find.get(key) ?? {};
    return { ...group, key: id, label: name };
  });
}

/** How often each event name occurs in the whole record, from `event_hour`, without a pass over the events. */
export function countRecordedNames(db: RecordDb): Map<string, number> {
  return inSnapshot(db, () => {
    const names = findEventNames(db);
    const rows = db
      .prepare<{ name_id: number; count: number }, []>(
        "SELECT name_id, sum(n) AS count FROM event_hour GROUP BY name_id HAVING sum(n) > 0",
      )
      .all();
    return new Map(rows.map(({ name_id, count }) => [names.get(name_id) ?? "", count]));
  });
}
