/**
 * Counts from Prefect: by its count routes, and where these are inexact by totals of `/events/filter` or by reading the events.
 */

import { AppError } from "../../errors.ts";
import { append } from "../../lib/lists.ts";
import { sentence } from "../../lib/shown-text.ts";
import { addUs, DAY_US, earliestUs, HOUR_US, latestUs, MINUTE_US, parseIsoUs, SECOND_US } from "../../lib/time.ts";
import { type EventFilter, occurredWithin } from "../../model/events/event-filter.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { resourceId } from "../../model/kinds.ts";
import type { CountBucket } from "../../prefect/api.ts";
import { ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import type { LiveValue } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";
import { serverNowUs } from "../source/server-time.ts";
import { tallyEvent } from "./count-recorded.ts";
import { withResource } from "./event-filter.ts";
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
import { gapsOf, isFilterRefused, readLiveEvents, withoutRefusedParts, withoutUnreliableParts } from "./live-events.ts";

export type LiveCount = LiveValue<Map<string, EventGroup>>;

interface Ask {
  readonly ctx: QueryContext;
  readonly live: LiveReader;
  readonly filter: EventFilter;
  readonly by: Grouping;
  readonly buckets: Buckets;
}

/** Counts in the closed range. `gaps`: parts that were not counted because time was over. */
export async function countLive(ask: Ask, range: TimeRange): Promise<LiveCount> {
  const { by } = ask;
  if (by === "state") {
    const { value, ...rest } = await countLive({ ...ask, by: "event" }, range);
    return { value: toStates(value), ...rest };
  }
  if (by === "deployment") return countDeployments(ask, range);
  if ((await withoutUnreliableParts(ask.live, ask.filter)) !== ask.filter) return countByReading(ask, range);
  try {
    return await (by === "time" ? countTimes(ask, range) : countKeys(ask, range, by));
  } catch (error) {
    // Prefect also answers 500 to buckets after the current unit of time.
    const isRefused = isFilterRefused(error) && withoutRefusedParts(ask.filter) !== null;
    if (!isRefused && !(error instanceof AppError && error.status === 500)) throw error;
    return by === "time" && !isRefused && bucketsIn(ask, range).length <= MAX_TOTALS
      ? countTotals(ask, range)
      : countByReading(ask, range);
  }
}

async function countKeys({ live, filter }: Ask, range: TimeRange, by: "event" | "resource"): Promise<LiveCount> {
  // Prefect checks the number of buckets here too, although it uses none.
  const body = { filter: within(filter, range), time_unit: "week" } as const;
  const rows = await live.api.countEvents(by, body, live.options());
  const tally = new Map<string, EventGroup>();
  for (const row of rows) addGroup(tally, toGroup(row, row.value, row.label === row.value ? null : row.label));
  return { value: tally };
}

function toGroup(row: CountBucket, key: string, label: string | null): EventGroup {
  const [firstUs, lastUs] = [parseIsoUs(row.start_time) ?? null, parseIsoUs(row.end_time) ?? null];
  return { key, label, count: row.count, firstUs, lastUs };
}

const UNITS = [
  ["week", 7 * DAY_US],
  ["day", DAY_US],
  ["hour", HOUR_US],
  ["minute", MINUTE_US],
  ["second", SECOND_US],
] as const;

/**
 * Prefect lists buckets up to now and fails on later events, and it omits a bucket that begins at the very end of the range: both
 * are counted separately. A server on SQLite computes buckets in whole seconds, rounded in old versions, so small steps are
 * counted by totals.
 */
async function countTimes(ask: Ask, range: TimeRange): Promise<LiveCount> {
  const { ctx, live, filter, buckets } = ask;
  const { stepUs } = buckets;
  if (stepUs < MINUTE_US && bucketsIn(ask, range).length <= MAX_TOTALS) return countTotals(ask, range);
  const nowUs = serverNowUs(ctx);
  const lastUs = earliestUs(range.toUs, nowUs);
  const endUs = bucketStart(lastUs, stepUs) === lastUs ? addUs(lastUs, -1) : lastUs;
  const tally = new Map<string, EventGroup>();
  if (endUs > range.fromUs) {
    const [unit, sizeUs] = UNITS.find(([, size]) => stepUs % size === 0) ?? ["second", SECOND_US];
    const time = { time_unit: unit, time_interval: stepUs / sizeUs } as const;
    const body = { filter: within(filter, { fromUs: range.fromUs, toUs: endUs }), ...time };
    for (const row of await live.api.countEvents("time", body, live.options())) {
      const key = String(parseIsoUs(row.start_time) ?? 0);
      addGroup(tally, { key, label: null, count: row.count, firstUs: null, lastUs: null });
    }
  }
  const rest = { fromUs: latestUs(range.fromUs, addUs(endUs, 1)), toUs: range.toUs };
  if (rest.fromUs > rest.toUs) return { value: tally };
  const { value, ...unread } = await countByReading(ask, rest);
  for (const group of value.values()) addGroup(tally, group);
  return { value: tally, ...unread };
}

/** Most requests for totals in one answer. */
const MAX_TOTALS = 100;
const AT_ONCE = 4;

function bucketsIn({ buckets }: Ask, range: TimeRange): TimeRange[] {
  const parts: TimeRange[] = [];
  const { stepUs } = buckets;
  for (
    let us = bucketStart(range.fromUs, stepUs);
    us <= range.toUs && parts.length <= MAX_TOTALS;
    us = addUs(us, stepUs)
  ) {
    parts.push({ fromUs: latestUs(us, range.fromUs), toUs: earliestUs(addUs(us, stepUs - 1), range.toUs) });
  }
  return parts;
}

/** The total of each bucket: exact, one small request per bucket. */
async function countTotals(ask: Ask, range: TimeRange): Promise<LiveCount> {
  const parts = bucketsIn(ask, range);
  const totals = await totalsOf(
    ask,
    parts.map((part) => within(ask.filter, part)),
  );
  const tally = new Map<string, EventGroup>();
  for (const [index, part] of parts.entries()) {
    const key = String(bucketStart(part.fromUs, ask.buckets.stepUs));
    addGroup(tally, { key, label: null, count: totals[index] ?? 0, firstUs: null, lastUs: null });
  }
  return { value: tally };
}

async function totalsOf({ live }: Ask, filters: readonly EventFilter[]): Promise<number[]> {
  const totals: number[] = [];
  for (let at = 0; at < filters.length; at += AT_ONCE) {
    const pages = filters.slice(at, at + AT_ONCE).map((filter) => live.api.filterEvents(filter, 0, live.options()));
    append(
      totals,
      (await Promise.all(pages)).map((page) => page.total),
    );
  }
  return totals;
}

/**
 * Prefect does not count by deployment, so this takes one total per deployment and one of all. Deleted deployments are not listed:
 * their events are in no group.
 */
async function countDeployments(ask: Ask, range: TimeRange): Promise<LiveCount> {
  const { live, ctx } = ask;
  const rows = await live.api.filterObjects("deployment", { limit: ROWS_PER_PAGE, sort: "NAME_ASC" }, live.options());
  ctx.saveLive({ kind: "deployment", rows, readUs: live.startedUs, isWhole: rows.length < ROWS_PER_PAGE });
  const shown = rows.slice(0, MAX_TOTALS);
  const filters = shown.map(({ id }) =>
    within(withResource(ask.filter, { id: [resourceId("deployment", id)] }), range),
  );
  const [all = 0, ...totals] = await totalsOf(ask, [within(ask.filter, range), ...filters]);
  const tally = new Map<string, EventGroup>();
  for (const [index, { id, name }] of shown.entries()) {
    addGroup(tally, { key: id, label: name, count: totals[index] ?? 0, firstUs: null, lastUs: null });
  }
  const rest = all - totals.reduce((sum, count) => sum + count, 0);
  if (rest > 0) addGroup(tally, countOnly(NO_GROUP, rest));
  if (rest < 0) addGroup(tally, countOnly(REPEATED, -rest));
  if (rows.length <= shown.length) return { value: tally };
  return {
    value: tally,
    gaps: [range],
    notes: [sentence`Only the first ${MAX_TOTALS} deployments by name were counted.`],
  };
}

/** Reads the events and counts them here. */
async function countByReading(ask: Ask, range: TimeRange): Promise<LiveCount> {
  const { ctx, live, filter, by, buckets } = ask;
  const question = { range, order: "asc", filter, wanted: Number.MAX_SAFE_INTEGER } as const;
  const read = await readLiveEvents(ctx, live, question);
  const tally = new Map<string, EventGroup>();
  for (const event of read.events) tallyEvent(tally, event, by, buckets);
  const slow = sentence`Prefect was too slow to count everything; ask for a smaller window.`;
  return { value: tally, ...gapsOf(read, slow) };
}

function within(filter: EventFilter, range: TimeRange): EventFilter {
  return { ...filter, occurred: occurredWithin(range) };
}
