/**
 * The audit: Prefect and the record compared hour by hour. Hours that differ are fetched again; what still differs then
 * is explained or counted as unexplained.
 */
import { AppError } from "../errors.ts";
import {
  addUs,
  ceilUs,
  earliestUs,
  floorUs,
  formatIsoUs,
  HOUR_US,
  latestUs,
  parseIsoUs,
  type ServerUs,
} from "../lib/time.ts";
import { occurredWithin } from "../model/events/event-filter.ts";
import type { TimeRange } from "../model/freshness.ts";
import { coveredRanges } from "../store/coverage.ts";
import { countConfirmedEvents } from "../store/events/confirmed-events.ts";
import { auditEventHours } from "../store/events/event-hours.ts";
import { countEventsBetween } from "../store/events/events.ts";
import { auditRunHours } from "../store/runs/run-hours.ts";
import { auditRunNames } from "../store/runs/run-names.ts";
import { type EngineContext, horizonUs } from "./context/engine-context.ts";
import { catchUp } from "./events/catch-up.ts";
import type { ClockMark } from "./server/server-clock.ts";
import {
  type AgreedRange,
  claimAgreed,
  isCountable,
  readTotal,
  type VerifyResult,
  verifyRange,
} from "./verification/verify.ts";

export interface AuditOptions {
  /** Start of the range, microseconds; default: the start of the coverage. */
  readonly sinceUs?: ServerUs;
  /** Compare the ids of each bucket. */
  readonly deep?: boolean;
  readonly onProgress?: (done: number, of: number) => void;
}

/**
 * `equal`: the same events on both sides. `repaired`: the record lacked some and has them now. `record_holds_more`: the
 * record has all that Prefect has, and also events that Prefect streamed but never stored, or lost. `server_retention`:
 * Prefect has deleted events by age. `unexplained`: Prefect has events that the record does not have after they were
 * fetched.
 */
export type AuditVerdict = "equal" | "repaired" | "record_holds_more" | "server_retention" | "unexplained";

/** One hour of `occurred` time, or less at the ends. */
export interface AuditBucket {
  readonly from: string;
  readonly to: string;
  readonly server: number;
  readonly record: number;
  readonly repaired: number;
  readonly verdict: AuditVerdict;
  /** All ids were compared, not only the counts. */
  readonly ids_compared: boolean;
}

export interface AuditReport {
  readonly instance: string;
  readonly from: string;
  readonly to: string;
  /** Start of the comparison, local clock. */
  readonly verified_at: string;
  readonly deep: boolean;
  /** Number of buckets whose ids were compared, and of all buckets. */
  readonly sample: { readonly buckets: number; readonly of: number };
  readonly server: number;
  readonly record: number;
  readonly repaired: number;
  readonly unexplained: number;
  readonly buckets: readonly AuditBucket[];
}

/** Number of random buckets whose ids are compared without `deep`, and the most events that such a bucket may have. */
const SAMPLE = 5;
const SAMPLE_EVENTS = 5_000;
/** Hours per request: Prefect limits the buckets of an answer, and Cloud counts at most 14 days. */
const COUNTED_HOURS = 14 * 24;

const PRIORITIES = { source: "audit", ask: "verify", repair: "verify" } as const;

/** Throws AppError when Prefect does not answer, and `not_found` when nothing is covered yet. */
export async function audit(ctx: EngineContext, options: AuditOptions, signal: AbortSignal): Promise<AuditReport> {
  const startedUs = ctx.clock.nowUs();
  const wrong = { hours: ctx.ingest.mend(auditRunHours), names: ctx.ingest.mend(auditRunNames) };
  if (wrong.hours + wrong.names > 0)
    ctx.logger.error("counts per hour or names of runs were wrong and have been made again", wrong);
  const before = countsBefore(ctx, options);
  await catchUp(ctx, signal);
  const range = auditedRange(ctx, options);
  const hours = hoursOf(range);
  const wrongHours = hours.reduce((sum, { fromUs, toUs }) => {
    const start = Math.floor(fromUs / HOUR_US) * HOUR_US;
    const end = (Math.floor(toUs / HOUR_US) + 1) * HOUR_US - 1;
    return sum + ctx.ingest.mend((db) => auditEventHours(db, { fromUs: start, toUs: end }));
  }, 0);
  if (wrongHours > 0) ctx.logger.error("counts of events per hour were wrong and have been made again", { wrongHours });
  const verdicts = new Map<number, VerifyResult>();
  const figures = await countHours(ctx, hours, signal);
  const isSampled = sample(ctx, hours, figures);
  const agreed: AgreedRange[] = [];
  let isPreviousSuspect = false;
  // Newest first: a server that rounds counts an event in the next hour, so after a wrong figure the previous hour is
  // suspect too.
  for (const [index, hour] of [...hours.entries()].reverse()) {
    options.onProgress?.(hours.length - index, hours.length);
    if (hour.toUs < horizonUs(ctx)) continue;
    const figure = figures.get(hour.fromUs);
    const comparesIds = options.deep === true || isSampled.has(hour.fromUs);
    if (!comparesIds && !isPreviousSuspect && figure && figure.count === figure.held && isCountable(ctx, hour)) {
      agreed.push({ ...hour, mark: figure.mark, count: figure.count });
      continue;
    }
    const verified = await verifyRange(ctx, hour, { ...PRIORITIES, comparesIds, signal });
    verdicts.set(hour.fromUs, verified);
    isPreviousSuspect = figure !== undefined && verified.server !== figure.count;
  }
  for (const hour of await claimAgreed(ctx, agreed, { ...PRIORITIES, signal })) {
    verdicts.set(hour.fromUs, await verifyRange(ctx, hour, { ...PRIORITIES, comparesIds: true, signal }));
  }
  const buckets: AuditBucket[] = [];
  for (const hour of hours)
    buckets.push(await bucketOf(ctx, hour, verdicts.get(hour.fromUs), figures.get(hour.fromUs), before, signal));
  const sum = (pick: (bucket: AuditBucket) => number) => buckets.reduce((total, bucket) => total + pick(bucket), 0);
  const report = {
    instance: ctx.requests.api.url,
    from: formatIsoUs(range.fromUs),
    to: formatIsoUs(range.toUs),
    verified_at: formatIsoUs(startedUs),
    deep: options.deep === true,
    sample: { buckets: buckets.filter((bucket) => bucket.ids_compared).length, of: buckets.length },
    server: sum((bucket) => bucket.server),
    record: sum((bucket) => bucket.record),
    repaired: sum((bucket) => bucket.repaired),
    unexplained: sum((bucket) => missingEvents(bucket, verdicts)),
    buckets,
  };
  const { server, record, repaired, unexplained } = report;
  ctx.ingest.putState("audit.last", { atUs: startedUs, ...range, server, record, repaired, unexplained });
  return report;
}

/** Events that Prefect has and the record lacks. */
function missingEvents(bucket: AuditBucket, verdicts: ReadonlyMap<number, VerifyResult>): number {
  if (bucket.verdict !== "unexplained") return 0;
  const missing = verdicts.get(parseIsoUs(bucket.from) ?? 0)?.missing ?? 0;
  return Math.max(missing, bucket.server - bucket.record);
}

function auditedRange(ctx: EngineContext, options: AuditOptions): TimeRange {
  const covered = coveredRanges(ctx.db, "event", "");
  const fromUs = options.sinceUs ?? covered[0]?.fromUs;
  const last = covered.at(-1);
  if (fromUs === undefined || !last) {
    throw new AppError("not_found", "Nothing is recorded yet, so there is nothing to compare.", {
      hint: "Run `prefect-mcp-bun sync --once` first.",
    });
  }
  return { fromUs: ceilUs(fromUs), toUs: latestUs(floorUs(ctx.serverClock.estimateUs()), last.toUs) };
}

/** How many events of a covered hour the record had before this audit sent its first request. */
interface CountBefore {
  readonly range: TimeRange;
  readonly count: number;
}

/**
 * By hours since 1970. The catch-up at the start of an audit may repair the newest hours, and that must count as
 * repaired.
 */
function countsBefore(ctx: EngineContext, options: AuditOptions): ReadonlyMap<number, CountBefore> {
  const covered = coveredRanges(ctx.db, "event", "");
  const [first, last] = [covered[0], covered.at(-1)];
  if (!first || !last) return new Map();
  const range = { fromUs: ceilUs(latestUs(options.sinceUs ?? first.fromUs, first.fromUs)), toUs: last.toUs };
  return new Map(
    hoursOf(range).map((hour) => [hourOf(hour), { range: hour, count: countEventsBetween(ctx.db, hour) }]),
  );
}

function hourOf(hour: TimeRange): number {
  return Math.floor(hour.fromUs / HOUR_US);
}

function hoursOf(range: TimeRange): TimeRange[] {
  const hours: TimeRange[] = [];
  let fromUs = range.fromUs;
  while (fromUs <= range.toUs) {
    const toUs = earliestUs(range.toUs, (Math.floor(fromUs / HOUR_US) + 1) * HOUR_US - 1);
    hours.push({ fromUs, toUs });
    fromUs = addUs(toUs, 1);
  }
  return hours;
}

interface Figure {
  /** Prefect's count. */
  readonly count: number;
  /** Confirmed events in the record, counted just before. */
  readonly held: number;
  readonly mark: ClockMark;
}

/**
 * Counts by hour in as few requests as possible. Prefect answers 500 in several cases, and rounds times on old SQLite
 * versions: an hour without a figure here is counted with a request of its own.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/counting.py
 */
async function countHours(
  ctx: EngineContext,
  hours: readonly TimeRange[],
  signal: AbortSignal,
): Promise<Map<number, Figure>> {
  const figures = new Map<number, Figure>();
  for (let start = 0; start < hours.length; start += COUNTED_HOURS) {
    const part = hours.slice(start, start + COUNTED_HOURS);
    const [first, last] = [part[0], part.at(-1)];
    if (!first || !last) break;
    const held = part.map((hour) => countConfirmedEvents(ctx.db, hour));
    const mark = ctx.serverClock.mark();
    const counted = await countByHour(ctx, { fromUs: first.fromUs, toUs: last.toUs }, signal);
    if (!counted) continue;
    for (const [index, hour] of part.entries()) {
      const count = counted.get(Math.floor(hour.fromUs / HOUR_US)) ?? 0;
      figures.set(hour.fromUs, { count, held: held[index] ?? 0, mark });
    }
  }
  return figures;
}

/** By hours since 1970; null when Prefect cannot count this range. */
async function countByHour(
  ctx: EngineContext,
  range: TimeRange,
  signal: AbortSignal,
): Promise<Map<number, number> | null> {
  const filter = { occurred: occurredWithin(range) };
  try {
    const buckets = await ctx.requests.call(
      "verify",
      signal,
      (api, call) => api.countEvents("time", { filter, time_unit: "hour", time_interval: 1 }, call),
      0,
    );
    const byHour = new Map<number, number>();
    for (const { start_time, count } of buckets) byHour.set(Math.floor((parseIsoUs(start_time) ?? 0) / HOUR_US), count);
    return byHour;
  } catch (error) {
    signal.throwIfAborted();
    // If Prefect is unreachable, the next request fails too: that route has no such error.
    ctx.logger.debug("count-by failed, counting each hour by itself", { error: String(error) });
    return null;
  }
}

function sample(
  ctx: EngineContext,
  hours: readonly TimeRange[],
  figures: ReadonlyMap<number, Figure>,
): ReadonlySet<number> {
  const candidates = hours
    .map((hour) => hour.fromUs)
    .filter((fromUs) => {
      const count = figures.get(fromUs)?.count ?? 0;
      return count > 0 && count <= SAMPLE_EVENTS;
    });
  const chosen = new Set<number>();
  while (candidates.length > 0 && chosen.size < SAMPLE) {
    for (const fromUs of candidates.splice(Math.floor(ctx.random() * candidates.length), 1)) chosen.add(fromUs);
  }
  return chosen;
}

async function bucketOf(
  ctx: EngineContext,
  hour: TimeRange,
  verified: VerifyResult | undefined,
  figure: Figure | undefined,
  before: ReadonlyMap<number, CountBefore>,
  signal: AbortSignal,
): Promise<AuditBucket> {
  const server = verified?.server ?? figure?.count ?? (await readTotal(ctx, hour, "verify", signal));
  const record = countEventsBetween(ctx.db, hour);
  const isBeyond = hour.toUs < horizonUs(ctx);
  const held = before.get(hourOf(hour));
  const repaired = Math.max(verified?.repaired ?? 0, held ? countEventsBetween(ctx.db, held.range) - held.count : 0);
  const verdict = (): AuditVerdict => {
    if (verified && verified.missing > 0) return "unexplained";
    if (repaired > 0) return "repaired";
    if (record === server) return "equal";
    if (isBeyond) return "server_retention";
    return record > server ? "record_holds_more" : "unexplained";
  };
  return {
    from: formatIsoUs(hour.fromUs),
    to: formatIsoUs(hour.toUs),
    server,
    record,
    repaired,
    verdict: verdict(),
    ids_compared: verified?.areIdsCompared ?? false,
  };
}
