import { addUs, earliestUs, formatIsoUs, latestUs } from "../../lib/time.ts";
import type { EventSource } from "../../model/events/event.ts";
import { occurredWithin } from "../../model/events/event-filter.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { countConfirmedEvents } from "../../store/events/confirmed-events.ts";
import { countEventsBetween, findEventIdsBetween } from "../../store/events/events.ts";
import type { EventClaim } from "../context/claim-writer.ts";
import { checkDatabase } from "../context/database-check.ts";
import { doubtedUntilUs } from "../context/doubt.ts";
import { type EngineContext, horizonUs } from "../context/engine-context.ts";
import { findAbsentEvents, lastMarkers, newestMarkers } from "../context/marker-events.ts";
import { isJustRecognised, serverRecognised } from "../context/recognition.ts";
import { storeWalk } from "../context/store-walk.ts";
import type { Priority } from "../server/request-budget.ts";
import type { ClockMark } from "../server/server-clock.ts";

export interface VerifyOptions {
  readonly source: Exclude<EventSource, "stream">;
  /** Priority of the first request, and of the requests that a difference causes. */
  readonly ask: Priority;
  readonly repair: Priority;
  readonly signal: AbortSignal;
  /** Compare all ids: read all events again, also where counts agree. */
  readonly comparesIds?: boolean;
}

export interface VerifyResult {
  /** Events that Prefect has in the range. */
  readonly server: number;
  /** Events that were missing or different in the record and are now as Prefect has them. */
  readonly repaired: number;
  /** Events that Prefect returned and that are still not in the record. */
  readonly missing: number;
  /** Whether all ids of the range were compared, not only counts. */
  readonly areIdsCompared: boolean;
}

/** A part of the range whose counts agree. It may be claimed once the server is known not to have been reset. */
export interface AgreedRange extends TimeRange {
  readonly mark: ClockMark;
  readonly count: number;
}

/** A range of at most this many pages is read, not divided further. */
const WALK_PAGES = 2;

/**
 * Compares the record with Prefect over a range, fetches again what differs, and claims the range.
 *
 * Equal counts prove equal sets only because confirmed events are counted in the record: the server keeps those within
 * its retention, so they are a subset of what it has, and a subset with the same count is the whole set. The record is
 * counted first, so that events that arrive in between can only make the counts differ. A restored database breaks this
 * premise: it may have as many other events. So marker events of each range are asked for too, and where the server does not have
 * them, ranges are read instead of counted.
 */
export async function verifyRange(ctx: EngineContext, range: TimeRange, options: VerifyOptions): Promise<VerifyResult> {
  const agreed: AgreedRange[] = [];
  const sum: Sum = { server: 0, repaired: 0, missing: 0 };
  await compare(ctx, range, options, options.ask, agreed, sum);
  const unsettled = await claimAgreed(ctx, agreed, options);
  for (const part of unsettled) {
    sum.server -= part.count;
    await walk(ctx, part, options, options.repair, sum);
  }
  if (sum.repaired + sum.missing > 0) {
    const { repaired, missing } = sum;
    const [from, to] = [formatIsoUs(range.fromUs), formatIsoUs(range.toUs)];
    ctx.logger.debug("sync: a covered range differed", { from, to, repaired, missing, source: options.source });
  }
  return { ...sum, areIdsCompared: unsettled.length === agreed.length };
}

type Sum = { -readonly [K in Exclude<keyof VerifyResult, "areIdsCompared">]: VerifyResult[K] };

async function compare(
  ctx: EngineContext,
  range: TimeRange,
  options: VerifyOptions,
  ask: Priority,
  agreed: AgreedRange[],
  sum: Sum,
): Promise<void> {
  const held = countConfirmedEvents(ctx.db, range);
  const isSmall = held < ctx.tuning.eventPage;
  if (options.comparesIds || isSmall || !isCountable(ctx, range)) return walk(ctx, range, options, ask, sum);
  const mark = ctx.serverClock.mark();
  const total = await readTotal(ctx, range, ask, options.signal);
  if (total === held) {
    agreed.push({ ...range, mark, count: total });
    sum.server += total;
    return;
  }
  const isOneInstant = range.fromUs === range.toUs;
  if (isOneInstant || total <= WALK_PAGES * ctx.tuning.eventPage || isCheaperToWalk(ctx, total, held)) {
    return walk(ctx, range, options, options.repair, sum);
  }
  const middleUs = Math.floor((range.fromUs + range.toUs) / 2);
  await compare(ctx, { fromUs: range.fromUs, toUs: middleUs }, options, options.repair, agreed, sum);
  await compare(ctx, { fromUs: addUs(middleUs, 1), toUs: range.toUs }, options, options.repair, agreed, sum);
}

/**
 * Finding one missing event costs about one request per halving of the range, so with many of them reading all pages is
 * cheaper.
 */
function isCheaperToWalk(ctx: EngineContext, total: number, held: number): boolean {
  const pages = total / ctx.tuning.eventPage;
  return Math.abs(total - held) * 2 * Math.log2(pages) >= pages;
}

async function walk(
  ctx: EngineContext,
  range: TimeRange,
  options: VerifyOptions,
  priority: Priority,
  sum: Sum,
): Promise<void> {
  const { source, signal } = options;
  const result = await storeWalk(ctx, { range, source, priority, signal });
  const held = new Set(findEventIdsBetween(ctx.db, range));
  sum.server += result.ids.size;
  sum.repaired += result.gained;
  for (const id of result.ids) if (!held.has(id)) sum.missing += 1;
}

/** Marker events that are asked for, of each range, and of the whole record. */
const MARKERS = 2;

/**
 * Claims ranges whose counts agree, where the server has their marker events. Returns the ranges that could not be claimed and
 * have to be read.
 */
export async function claimAgreed(
  ctx: EngineContext,
  agreed: readonly AgreedRange[],
  options: Pick<VerifyOptions, "ask" | "signal" | "source">,
): Promise<readonly AgreedRange[]> {
  if (agreed.length === 0) return [];
  const own = agreed.flatMap((range) => lastMarkers(ctx, range, MARKERS));
  // Idle work follows catch-ups, which have just asked for the newest ones.
  const newest = own.length === 0 && isJustRecognised(ctx) ? [] : newestMarkers(ctx, MARKERS);
  const markers = new Map([...own, ...newest].map((event) => [event.id, event]));
  if (markers.size === 0 && !isJustRecognised(ctx)) return agreed;
  const mark = ctx.serverClock.mark();
  const absent = await findAbsentEvents(ctx, [...markers.values()], options.ask, options.signal);
  if (absent.length > 0) {
    await checkDatabase(ctx, absent, options.ask, options.signal);
    return agreed;
  }
  if (markers.size > 0) await serverRecognised(ctx, mark, options.signal);
  ctx.ingest.claims(joined(agreed).flatMap((part) => claimOf(ctx, part, options.source)));
  return [];
}

/** Merges adjacent ranges of one reading. */
function joined(agreed: readonly AgreedRange[]): AgreedRange[] {
  const parts: AgreedRange[] = [];
  for (const next of [...agreed].sort((a, b) => a.fromUs - b.fromUs)) {
    const last = parts.at(-1);
    if (last && last.toUs + 1 === next.fromUs && last.mark === next.mark) {
      parts[parts.length - 1] = { ...last, toUs: next.toUs, count: last.count + next.count };
    } else parts.push(next);
  }
  return parts;
}

function claimOf(
  ctx: EngineContext,
  { mark, count, ...range }: AgreedRange,
  source: VerifyOptions["source"],
): EventClaim[] {
  const reachedUs = mark.reachedUs();
  if (reachedUs === null) return [];
  const claim = { fromUs: latestUs(range.fromUs, horizonUs(ctx)), toUs: earliestUs(range.toUs, reachedUs) };
  const isWhole = claim.fromUs === range.fromUs && claim.toUs === range.toUs;
  const counts = isWhole ? { serverCount: count, recordCount: countEventsBetween(ctx.db, range) } : {};
  return [{ ...claim, ...counts, source, verifiedUs: mark.atUs }];
}

/** Whether equal counts over this range would mean equal sets. */
export function isCountable(ctx: EngineContext, range: TimeRange): boolean {
  const { retentionUs, shortestRetentionUs } = ctx.server;
  return shortestRetentionUs === retentionUs && range.fromUs > doubtedUntilUs(ctx.db);
}

/** Exact number of events that Prefect has in a range. */
export async function readTotal(
  ctx: EngineContext,
  range: TimeRange,
  priority: Priority,
  signal: AbortSignal,
): Promise<number> {
  const occurred = occurredWithin(range);
  const page = await ctx.requests.call(priority, signal, (api, options) =>
    api.filterEvents({ occurred, order: "ASC" }, 0, options),
  );
  return page.total;
}
