/** Events of a window: covered parts from the record, the others from Prefect. */
import { sentence } from "../../lib/shown-text.ts";
import { addUs, DAY_US, earliestUs, latestUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import type { EventFilter } from "../../model/events/event-filter.ts";
import type { Freshness, TimeRange } from "../../model/freshness.ts";
import { gapsIn, mergeRanges } from "../../model/freshness.ts";
import { coveredRanges } from "../../store/coverage.ts";
import type { RecordDb } from "../../store/database.ts";
import { findEvents } from "../../store/events/events.ts";
import { findFact } from "../../store/sync-state.ts";
import type { LiveValue } from "../source/answer.ts";
import { answerWindow } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import { eventRetentionUs, type LiveGaps, reachOf } from "../source/event-reach.ts";
import type { LiveReader } from "../source/live.ts";
import { serverNowUs } from "../source/server-time.ts";
import { gapsOf, readLiveEvents } from "./live-events.ts";

/** The last event of a page. */
export interface EventPosition {
  readonly occurredUs: ServerUs;
  readonly id: string;
}

export interface EventsQuestion {
  /** Without `occurred` and `order`, which are members of the question. */
  readonly filter: EventFilter;
  /** Given bounds. `eventWindow` fills in absent ones. */
  readonly sinceUs?: ServerUs | undefined;
  readonly untilUs?: ServerUs | undefined;
  readonly order: "asc" | "desc";
  readonly limit: number;
  readonly after?: EventPosition | undefined;
  /** Number of matches to skip, for `resource.distinct`, where an event is no position. */
  readonly skip?: number | undefined;
  readonly fresh?: boolean | undefined;
  /** Time of the call, server clock. Absent: now. */
  readonly nowUs?: ServerUs | undefined;
}

export interface EventsPage {
  readonly events: readonly PrefectEvent[];
  readonly hasMore: boolean;
  /** The window that was searched. */
  readonly window: TimeRange;
  readonly freshness: Freshness;
}

/** How far back to search when the server's retention is unknown: as far as Prefect searches by default. */
const DEFAULT_REACH_US = 180 * DAY_US;

/**
 * Lists matching events. Without bounds it searches as far back as the record covers, with gaps that Prefect can fill, or as Prefect
 * keeps events.
 * Throws AppError when Prefect fails and the record has nothing of the window.
 */
export async function listEvents(ctx: QueryContext, question: EventsQuestion): Promise<EventsPage> {
  const nowUs = question.nowUs ?? serverNowUs(ctx);
  const window = await eventWindow(ctx, question, nowUs);
  const search = { ...question, window, nowUs };
  const { value, freshness } = await answerWindow<Found>(
    ctx,
    { kind: "event", what: "events", window, fresh: question.fresh },
    {
      record: (db) => collectSync(search, fromRecord(db, search, window)),
      live: (live) => fromLive(ctx, live, search),
      mixed: (db, live, gaps) => fromBoth(ctx, db, live, gaps, search),
      isEmpty: (found) => found.events.length === 0,
    },
  );
  return { events: value.events, hasMore: value.hasMore, window, freshness };
}

/** The given bounds. Open ones are filled in: up to now, and back to where the record (or Prefect) begins. */
export async function eventWindow(
  ctx: QueryContext,
  { sinceUs, untilUs }: Pick<EventsQuestion, "sinceUs" | "untilUs">,
  nowUs: ServerUs,
): Promise<TimeRange> {
  const toUs = untilUs ?? latestUs(nowUs, sinceUs ?? nowUs);
  if (sinceUs !== undefined) return { fromUs: sinceUs, toUs };
  const db = ctx.record();
  const covered = db ? coveredRanges(db, "event", "") : [];
  const ranges = mergeRanges(covered).filter((range) => range.fromUs <= toUs);
  const newest = ranges.at(-1);
  const backfill = db ? findFact(db, "backfill") : null;
  // Without a backfill, only live answers were stored, and where these begin says nothing about what Prefect has.
  if (!newest || backfill === null) {
    const reachUs = addUs(nowUs, -((await eventRetentionUs(ctx)) ?? DEFAULT_REACH_US));
    return { fromUs: earliestUs(reachUs, toUs, newest?.fromUs ?? reachUs), toUs };
  }
  const fromUs = await firstWithoutLoss(ctx, ranges, nowUs);
  return { fromUs: backfill.done ? fromUs : earliestUs(fromUs, backfill.goalUs), toUs };
}

/**
 * The begin of the oldest range from which on Prefect has what the record lacks: after a pause of this program the newest range is
 * short, until catch-up has read the events in between. `ranges`: ascending, at least one.
 */
async function firstWithoutLoss(ctx: QueryContext, ranges: readonly TimeRange[], nowUs: ServerUs): Promise<ServerUs> {
  let fromUs = ranges.at(-1)?.fromUs ?? nowUs;
  for (const range of ranges.toReversed().slice(1)) {
    const { lost } = await reachOf(ctx, [{ fromUs: addUs(range.toUs, 1), toUs: addUs(fromUs, -1) }], nowUs);
    if (lost.gaps) break;
    fromUs = range.fromUs;
  }
  return fromUs;
}

interface Search extends EventsQuestion {
  readonly window: TimeRange;
  readonly nowUs: ServerUs;
}

interface Found {
  readonly events: readonly PrefectEvent[];
  readonly hasMore: boolean;
}

function isDistinct(search: Search): boolean {
  return search.filter.resource?.distinct === true;
}

/**
 * Collects a page from ordered events: skips matches, takes a resource once if asked to, and one event more than the page shows.
 */
class Collector {
  private readonly events: PrefectEvent[] = [];
  private readonly resources = new Set<string>();
  private left: number;
  private readonly search: Search;

  constructor(search: Search) {
    this.search = search;
    this.left = search.skip ?? 0;
  }

  get isFull(): boolean {
    return this.events.length > this.search.limit;
  }

  /** Matches that are still needed, including the one that shows whether there are more. */
  get wanted(): number {
    return this.search.limit + 1 - this.events.length + this.left;
  }

  add(event: PrefectEvent): void {
    if (isDistinct(this.search)) {
      const resource = event.resource["prefect.resource.id"] ?? "";
      if (this.resources.has(resource)) return;
      this.resources.add(resource);
    }
    if (this.left > 0) this.left -= 1;
    else this.events.push(event);
  }

  found(): Found {
    return { events: this.events.slice(0, this.search.limit), hasMore: this.isFull };
  }
}

function collectSync(search: Search, events: Iterable<PrefectEvent>): Found {
  const collector = new Collector(search);
  for (const event of events) {
    collector.add(event);
    if (collector.isFull) break;
  }
  return collector.found();
}

/** Recorded matches in `range`, in the order of the answer. */
function* fromRecord(db: RecordDb, search: Search, range: TimeRange): Generator<PrefectEvent> {
  const { order } = search;
  let after = search.after;
  for (let limit = search.limit + 1; ; limit = 500) {
    const page = findEvents(db, { ...range, order, limit, filter: search.filter, ...(after ? { after } : {}) });
    yield* page.events;
    const last = page.events.at(-1);
    if (!page.hasMore || !last) return;
    after = { occurredUs: parseIsoUs(last.occurred) ?? 0, id: last.id };
  }
}

function fromLive(ctx: QueryContext, live: LiveReader, search: Search): Promise<LiveValue<Found>> {
  return fromBoth(ctx, null, live, [search.window], search);
}

/** Reads the window in the order of the answer until the page is full: covered parts from the record, gaps from Prefect. */
async function fromBoth(
  ctx: QueryContext,
  db: RecordDb | null,
  live: LiveReader,
  gaps: readonly TimeRange[],
  search: Search,
): Promise<LiveValue<Found>> {
  const collector = new Collector(search);
  const { readable, lost } = await reachOf(ctx, gaps, search.nowUs);
  const parts = [
    ...readable.map((range) => ({ range, isGap: true })),
    ...gapsIn(search.window, gaps).map((range) => ({ range, isGap: false })),
  ].sort((a, b) => (search.order === "asc" ? 1 : -1) * (a.range.fromUs - b.range.fromUs));
  let isRecordOnly = true;
  let unread = lost;
  for (const { range, isGap } of parts) {
    if (collector.isFull) break;
    if (isPast(search, range)) continue;
    if (isGap) {
      isRecordOnly = false;
      unread = joinGaps(unread, await addLive(ctx, live, search, range, collector));
    } else if (db) {
      for (const event of fromRecord(db, search, range)) {
        collector.add(event);
        if (collector.isFull) break;
      }
    }
  }
  return { value: collector.found(), isRecordOnly, ...unread };
}

/** The page continues after this part. */
function isPast({ after, order }: Search, range: TimeRange): boolean {
  if (!after) return false;
  return order === "asc" ? range.toUs < after.occurredUs : range.fromUs > after.occurredUs;
}

async function addLive(
  ctx: QueryContext,
  live: LiveReader,
  search: Search,
  range: TimeRange,
  collector: Collector,
): Promise<LiveGaps> {
  const { order, filter, after } = search;
  const read = await readLiveEvents(ctx, live, { range, order, filter, after, wanted: collector.wanted });
  for (const event of read.events) {
    collector.add(event);
    if (collector.isFull) break;
  }
  const slow = sentence`Prefect was too slow to read everything within ${Math.round(ctx.liveDeadlineMs / 1000)} s; ask for a smaller window.`;
  return gapsOf(collector.isFull ? { ...read, unread: null } : read, slow);
}

export function joinGaps(a: LiveGaps, b: LiveGaps): LiveGaps {
  if (!b.gaps) return a;
  return {
    gaps: mergeRanges([...(a.gaps ?? []), ...b.gaps]),
    notes: [...new Set([...(a.notes ?? []), ...(b.notes ?? [])])],
  };
}

/** The position of an event, for the next page. */
export function positionOf(event: PrefectEvent): EventPosition {
  return { occurredUs: parseIsoUs(event.occurred) ?? 0, id: event.id };
}
