/**
 * The event routes: pages with tokens, and counts.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/events.py
 */
import { DAY_US, formatIsoUs, HOUR_US, MINUTE_US, parseIsoUs, SECOND_US } from "../lib/time.ts";
import { type PrefectEvent, RESOURCE_ID, RESOURCE_NAME } from "../model/events/event.ts";
import { compileEventFilter, type EventFilter } from "../model/events/event-filter.ts";
import type { Json, JsonObject } from "../model/objects.ts";
import { RefusalError, requestModelError } from "./refusal-error.ts";
import type { Replay, StoredEvent } from "./replay.ts";

const MAX_PAGE = 50;

const RELATED = ["id", "role", "resources_in_roles", "labels"];
const ANY = ["id", "id_prefix", "labels"];
const KEYS: Readonly<Record<string, readonly string[]>> = {
  occurred: ["since", "until"],
  event: ["prefix", "exclude_prefix", "name", "exclude_name"],
  resource: ["id", "id_prefix", "labels", "distinct"],
  related: RELATED,
  any_resource: ANY,
  id: ["id"],
  text: ["query"],
  order: [],
};

/** The filter with its defaults. Throws RefusalError for what Prefect's request model refuses. `path`: of the filter in the body. */
export function readEventFilter(
  given: Json | undefined,
  body: Json,
  path: readonly string[],
  nowUs: number,
): EventFilter {
  const filter = (given ?? {}) as { [key: string]: Json };
  for (const [key, value] of Object.entries(filter)) {
    const known = KEYS[key];
    if (!known) throw requestModelError("extra_forbidden", [...path, key], "Extra inputs are not permitted", body);
    const isRequired = key === "occurred" || key === "id" || key === "order";
    if (value === null && isRequired) throw notAnObject([...path, key], body);
    const parts = key === "order" || value === null ? [] : Array.isArray(value) ? value : [value];
    for (const part of parts) {
      if (typeof part !== "object" || part === null) throw notAnObject([...path, key], body);
      const unknown = Object.keys(part).find((name) => !known.includes(name));
      if (unknown)
        throw requestModelError("extra_forbidden", [...path, key, unknown], "Extra inputs are not permitted", body);
    }
  }
  const { occurred, order } = filter as unknown as EventFilter;
  for (const name of ["since", "until"] as const) {
    if (occurred?.[name] && parseIsoUs(occurred[name]) === undefined) {
      throw requestModelError(
        "datetime_from_date_parsing",
        [...path, "occurred", name],
        "Input should be a valid datetime",
        body,
      );
    }
  }
  const since = occurred?.since ?? formatIsoUs(Math.floor(nowUs / DAY_US) * DAY_US - 180 * DAY_US);
  return {
    ...(filter as unknown as EventFilter),
    occurred: { since, until: occurred?.until ?? formatIsoUs(nowUs) },
    order: order ?? "DESC",
  };
}

function notAnObject(path: readonly string[], body: Json): RefusalError {
  const message = "Input should be a valid dictionary or object to extract fields from";
  return requestModelError("model_attributes_type", path, message, body);
}

/** All matching events, in the filter's order. */
export function selectEvents(replay: Replay, filter: EventFilter): PrefectEvent[] {
  const sinceUs = parseIsoUs(filter.occurred?.since ?? "") ?? 0;
  const untilUs = parseIsoUs(filter.occurred?.until ?? "") ?? Number.MAX_SAFE_INTEGER;
  const matches = compileEventFilter(filter);
  const within = (stored: StoredEvent) => stored.occurredUs >= sinceUs && stored.occurredUs <= untilUs;
  const found = replay.events.filter((stored) => within(stored) && matches(stored.event)).map((stored) => stored.event);
  if (filter.order !== "ASC") found.reverse();
  if (!filter.resource?.distinct) return found;
  return [...Map.groupBy(found, (event) => event.resource[RESOURCE_ID]).values()].flatMap((group) => group.slice(0, 1));
}

interface PageToken {
  readonly filter: EventFilter;
  readonly count: number;
  readonly page_size: number;
  readonly offset: number;
}

/** POST /events/filter. `baseUrl`: start of the link to the next page. */
export function filterEvents(replay: Replay, body: JsonObject, baseUrl: string, nowUs: number): JsonObject {
  const limit = Number(body.limit ?? MAX_PAGE);
  if (limit > MAX_PAGE) {
    throw requestModelError("less_than_equal", ["limit"], `Input should be less than or equal to ${MAX_PAGE}`, body);
  }
  if (limit < 0)
    throw requestModelError("greater_than_equal", ["limit"], "Input should be greater than or equal to 0", body);
  const filter = readEventFilter(body.filter ?? undefined, body, ["filter"], nowUs);
  const found = selectEvents(replay, filter);
  return page(found, { filter, count: found.length, page_size: limit, offset: 0 }, baseUrl);
}

/** GET /events/filter/next: count and upper end are those of the first page; the offset counts the rows of the current moment. */
export function nextEvents(replay: Replay, token: string | null, baseUrl: string): JsonObject {
  if (token === null) throw new RefusalError(422, { detail: "page-token is missing" });
  let read: PageToken;
  try {
    read = JSON.parse(atob(atob(token)));
  } catch {
    throw new RefusalError(403, { detail: "Forbidden" });
  }
  return page(selectEvents(replay, read.filter), read, baseUrl);
}

function page(found: readonly PrefectEvent[], token: PageToken, baseUrl: string): JsonObject {
  const end = token.offset + token.page_size;
  const next = btoa(btoa(JSON.stringify({ ...token, offset: end })));
  return {
    events: found.slice(token.offset, end) as unknown as Json,
    total: token.count,
    next_page: end >= token.count ? null : `${baseUrl}/api/events/filter/next?page-token=${next}`,
  };
}

const UNIT_US: Readonly<Record<string, number>> = {
  week: 7 * DAY_US,
  day: DAY_US,
  hour: HOUR_US,
  minute: MINUTE_US,
  second: SECOND_US,
};
/** Start of the first bucket. */
const PIVOT_US = Date.UTC(2024, 3, 1) * 1000;
const MAX_BUCKETS = 1000;

/** POST /events/count-by/{countable}. */
export function countEvents(replay: Replay, countable: string, body: JsonObject, nowUs: number): Json {
  if (body.filter === undefined || body.filter === null)
    throw requestModelError("missing", ["filter"], "Field required", body);
  const filter = readEventFilter(body.filter, body, ["filter"], nowUs);
  const unitUs = UNIT_US[String(body.time_unit ?? "day")];
  if (!unitUs)
    throw requestModelError("enum", ["time_unit"], "Input should be 'week', 'day', 'hour', 'minute' or 'second'", body);
  const stepUs = countable === "day" ? DAY_US : unitUs * Number(body.time_interval ?? 1);
  const sinceUs = parseIsoUs(filter.occurred?.since ?? "") ?? 0;
  const untilUs = parseIsoUs(filter.occurred?.until ?? "") ?? nowUs;
  const buckets = Math.ceil((untilUs - sinceUs) / stepUs);
  if (buckets > MAX_BUCKETS) {
    const detail = `The given interval would create ${buckets} buckets, which is too many. Please increase the interval or reduce the time range to produce ${MAX_BUCKETS} buckets or fewer.`;
    throw new RefusalError(422, { detail });
  }
  const found = selectEvents(replay, { ...filter, order: "ASC" });
  if (countable === "time" || countable === "day") {
    const endUs = Math.min(untilUs, Math.ceil((nowUs - PIVOT_US) / stepUs) * stepUs + PIVOT_US - 1);
    return countByTime(found, sinceUs, endUs, stepUs);
  }
  if (countable === "event") return countByValue(found, (event) => [event.event, event.event]);
  if (countable === "resource") {
    return countByValue(found, ({ resource }) => {
      const id = resource[RESOURCE_ID] ?? "";
      return [id, resource[RESOURCE_NAME] ?? resource["prefect.name"] ?? id];
    });
  }
  throw new RefusalError(422, { detail: "countable is day, time, event or resource" });
}

function countByTime(events: readonly PrefectEvent[], sinceUs: number, endUs: number, stepUs: number): Json {
  const startUs = Math.floor((sinceUs - PIVOT_US) / stepUs) * stepUs + PIVOT_US;
  const counts = new Map<number, number>();
  for (const event of events) {
    const bucket = Math.floor(((parseIsoUs(event.occurred) ?? 0) - startUs) / stepUs);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  const rows: Json[] = [];
  for (let us = startUs, index = 0; us <= endUs; us += stepUs, index += 1) {
    rows.push({
      value: String(index),
      label: formatIsoUs(us).replace("Z", "+00:00"),
      count: counts.get(index) ?? 0,
      start_time: formatIsoUs(us),
      end_time: formatIsoUs(us + stepUs - 1),
    });
  }
  return rows;
}

function countByValue(
  events: readonly PrefectEvent[],
  of: (event: PrefectEvent) => [value: string, label: string],
): Json {
  const groups = Map.groupBy(events, (event) => of(event)[0]);
  const rows = [...groups].map(([value, group]) => ({
    value,
    label: group[0] ? of(group[0])[1] : value,
    count: group.length,
    start_time: group[0]?.occurred ?? "",
    end_time: group.at(-1)?.occurred ?? "",
  }));
  return rows.sort((a, b) => b.count - a.count || (a.label < b.label ? -1 : 1));
}
