/** Counts of recorded events: in SQL where the filter is by event name only, otherwise event by event. */
import { addUs, HOUR_US, parseIsoUs } from "../../lib/time.ts";
import { type PrefectEvent, RESOURCE_ID, RESOURCE_NAME, splitResourceId } from "../../model/events/event.ts";
import type { EventFilter } from "../../model/events/event-filter.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { RecordDb } from "../../store/database.ts";
import {
  countEventsPerBucket,
  countEventsPerDeployment,
  countEventsPerHour,
  countEventsPerName,
  countEventsPerResource,
  countEventsWithDeployment,
  countHoursPerName,
} from "../../store/events/event-groups.ts";
import { type EventCursor, findEventSummaries, findEvents } from "../../store/events/events.ts";
import {
  addGroup,
  type Buckets,
  bucketStart,
  countOnly,
  type EventGroup,
  type Grouping,
  NO_GROUP,
  REPEATED,
  toStates,
} from "./event-tally.ts";

type Tally = Map<string, EventGroup>;

/** Counts of events with `occurred` in the closed range, by group. */
export function countRecorded(
  db: RecordDb,
  range: TimeRange,
  filter: EventFilter,
  by: Grouping,
  buckets: Buckets,
): Tally {
  if (by === "state") return toStates(countRecorded(db, range, filter, "event", buckets));
  if (!isByNameOnly(filter)) return countEach(db, range, filter, by, buckets);
  const isByHours = by === "event" || (by === "time" && buckets.stepUs % HOUR_US === 0);
  return isByHours ? countHours(db, range, filter, by, buckets) : countRows(db, range, filter, by, buckets);
}

function isByNameOnly(filter: EventFilter): boolean {
  const { event: _, ...others } = filter;
  return Object.values(others).every((part) => part === undefined || (Array.isArray(part) && part.length === 0));
}

/** Whole hours come from the stored counts per hour, the ends of the range from its rows. */
function countHours(
  db: RecordDb,
  range: TimeRange,
  filter: EventFilter,
  by: "event" | "time",
  buckets: Buckets,
): Tally {
  const fromUs = Math.ceil(range.fromUs / HOUR_US) * HOUR_US;
  const endUs = Math.floor((range.toUs + 1) / HOUR_US) * HOUR_US;
  if (endUs <= fromUs) return countRows(db, range, filter, by, buckets);
  const tally: Tally = new Map();
  const hours = { fromUs, endUs };
  if (by === "event") for (const group of countHoursPerName(db, hours, range, filter.event)) addGroup(tally, group);
  else {
    for (const { hourUs, count } of countEventsPerHour(db, hours, filter.event)) {
      const key = String(bucketStart(hourUs, buckets.stepUs));
      addGroup(tally, { key, label: null, count, firstUs: null, lastUs: null });
    }
  }
  const edges = [
    { fromUs: range.fromUs, toUs: addUs(fromUs, -1) },
    { fromUs: endUs, toUs: range.toUs },
  ];
  for (const edge of edges.filter(({ fromUs, toUs }) => fromUs <= toUs)) {
    for (const group of countRows(db, edge, filter, by, buckets).values()) addGroup(tally, group);
  }
  return tally;
}

function countRows(
  db: RecordDb,
  range: TimeRange,
  filter: EventFilter,
  by: Exclude<Grouping, "state">,
  buckets: Buckets,
): Tally {
  const { event: names } = filter;
  const tally: Tally = new Map();
  const add = (groups: readonly EventGroup[]) => {
    for (const group of groups) addGroup(tally, group);
  };
  if (by === "event") add(countEventsPerName(db, range, names));
  else if (by === "resource") add(countEventsPerResource(db, range, names));
  else if (by === "deployment") {
    const groups = countEventsPerDeployment(db, range, names);
    add(groups.map((group) => ({ ...group, key: splitResourceId(group.key).key })));
    const all = [...countRecorded(db, range, filter, "event", buckets).values()];
    const withDeployment = countEventsWithDeployment(db, range, names);
    add([
      countOnly(NO_GROUP, sumOfCounts(all) - withDeployment),
      countOnly(REPEATED, sumOfCounts(groups) - withDeployment),
    ]);
  } else {
    const groups = countEventsPerBucket(db, range, buckets, names);
    add(groups.map(({ startUs, ...group }) => ({ ...group, key: String(startUs), label: null })));
  }
  return tally;
}

function sumOfCounts(groups: readonly { readonly count: number }[]): number {
  return groups.reduce((sum, { count }) => sum + count, 0);
}

const CHUNK = 2_000;

function countEach(db: RecordDb, range: TimeRange, filter: EventFilter, by: Grouping, buckets: Buckets): Tally {
  const tally: Tally = new Map();
  let after: EventCursor | undefined;
  for (;;) {
    const query = { ...range, order: "asc", limit: CHUNK, filter, ...(after ? { after } : {}) } as const;
    if (by === "deployment") {
      const { events, hasMore } = findEvents(db, query);
      for (const event of events) tallyEvent(tally, event, by, buckets);
      const last = events.at(-1);
      if (!hasMore || !last) return tally;
      after = { occurredUs: parseIsoUs(last.occurred) ?? 0, id: last.id };
    } else {
      const { events, hasMore } = findEventSummaries(db, query);
      for (const { occurredUs: us, event, resourceId, resourceName } of events) {
        const key = by === "time" ? String(bucketStart(us, buckets.stepUs)) : by === "event" ? event : resourceId;
        addGroup(tally, { key, label: by === "resource" ? resourceName : null, count: 1, firstUs: us, lastUs: us });
      }
      const last = events.at(-1);
      if (!hasMore || !last) return tally;
      after = { occurredUs: last.occurredUs, id: last.id };
    }
  }
}

/** Adds an event to its group. By deployment there may be none (`NO_GROUP`) or several (`REPEATED`). */
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
    addGroup(tally, countOnly(NO_GROUP, found.size === 0 ? 1 : 0));
    addGroup(tally, countOnly(REPEATED, Math.max(0, found.size - 1)));
  } else add(event.event);
}
