/** POST /events/count-by/{day,time,event,resource}. */
import { DAY_US, formatIsoUs, HOUR_US, MINUTE_US, parseIsoUs, SECOND_US } from "../../../src/lib/time.ts";
import { type EventRules, filterProblems, materialise, selectEvents } from "./events.ts";
import { asDict, type Dict, detail, invalid } from "./problems.ts";
import type { FakeEvents, StoredEvent } from "./workspace.ts";

const UNIT_US: Record<string, number> = {
  week: 7 * DAY_US,
  day: DAY_US,
  hour: HOUR_US,
  minute: MINUTE_US,
  second: SECOND_US,
};
const PIVOT_US = parseIsoUs("2024-04-01T00:00:00Z") ?? 0;

interface Bucket {
  value: string;
  label: string;
  count: number;
  start_time: string;
  end_time: string;
}

export function countBy(events: FakeEvents, countable: string, body: Dict, rules: EventRules): Bucket[] {
  if (body.filter === undefined || body.filter === null) {
    throw invalid([{ type: "missing", loc: ["body", "filter"], msg: "Field required", input: null }], body);
  }
  const problems = filterProblems(body.filter, undefined, rules.isOlder);
  if (problems.length > 0) throw invalid(problems, body);
  const filter = materialise(body.filter, rules.nowUs);
  const stepUs = (UNIT_US[String(body.time_unit ?? "day")] ?? DAY_US) * Number(body.time_interval ?? 1);
  const sinceUs = parseIsoUs(String(asDict(filter.occurred).since)) ?? 0;
  const untilUs = parseIsoUs(String(asDict(filter.occurred).until)) ?? 0;
  const buckets = Math.ceil((untilUs - sinceUs) / stepUs);
  if (buckets > 1000) {
    throw detail(
      422,
      `The given interval would create ${buckets} buckets, which is too many. Please increase the interval or reduce the time range to produce 1000 buckets or fewer.`,
    );
  }
  const rows = selectEvents(events, { ...filter, order: "ASC" }, rules);
  if (countable === "event" || countable === "resource") return countByKey(rows, countable);
  return countByTime(rows, sinceUs, Math.min(untilUs, rules.nowUs), stepUs);
}

function countByKey(rows: readonly StoredEvent[], countable: "event" | "resource"): Bucket[] {
  const counts = new Map<string, Bucket>();
  for (const { event } of rows) {
    const id = event.resource["prefect.resource.id"] ?? "";
    const value = countable === "event" ? event.event : id;
    const label =
      countable === "event" ? value : (event.resource["prefect.resource.name"] ?? event.resource["prefect.name"] ?? id);
    const bucket = counts.get(value) ?? {
      value,
      label,
      count: 0,
      start_time: event.occurred,
      end_time: event.occurred,
    };
    bucket.count += 1;
    bucket.end_time = event.occurred;
    counts.set(value, bucket);
  }
  return [...counts.values()].sort((a, b) => b.count - a.count || (a.label < b.label ? -1 : 1));
}

function countByTime(rows: readonly StoredEvent[], sinceUs: number, endUs: number, stepUs: number): Bucket[] {
  const firstUs = PIVOT_US + Math.floor((sinceUs - PIVOT_US) / stepUs) * stepUs;
  const list: Bucket[] = [];
  for (let startUs = firstUs; startUs <= endUs; startUs += stepUs) {
    list.push({
      value: String(list.length),
      label: formatIsoUs(startUs).replace("Z", "+00:00"),
      count: 0,
      start_time: formatIsoUs(startUs),
      end_time: formatIsoUs(startUs + stepUs - 1),
    });
  }
  for (const row of rows) {
    const bucket = list[Math.floor((row.occurredUs - firstUs) / stepUs)];
    // The real server fails the same way for an event past the end of the current unit.
    if (bucket === undefined) throw new Error("list index out of range");
    bucket.count += 1;
  }
  return list;
}
