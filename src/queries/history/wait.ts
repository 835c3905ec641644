/** Waits for a state of a run or for an event: watches the record, and asks Prefect where the record is behind. */

import { toAppError } from "../../errors.ts";
import { asName, type Sentence, sentence } from "../../lib/shown-text.ts";
import {
  addMs,
  addUs,
  earliestUs,
  formatIsoSeconds,
  latestUs,
  onServerClock,
  parseIsoUs,
  SECOND_US,
  type ServerUs,
} from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import type { EventFilter } from "../../model/events/event-filter.ts";
import type { Freshness } from "../../model/freshness.ts";
import type { FlowRun } from "../../model/objects.ts";
import { isTerminal } from "../../model/state.ts";
import type { RecordDb } from "../../store/database.ts";
import { findEvents } from "../../store/events/events.ts";
import { type FlowRunRow, findFlowRunRow, toFlowRun } from "../../store/runs/flow-runs.ts";
import { findFact } from "../../store/sync-state.ts";
import { readLiveEvents } from "../events/live-events.ts";
import { deletedError, deletionNote, readDeletedRun } from "../runs/deleted-run.ts";
import { readFlowRun } from "../runs/read-flow-run.ts";
import { type QueryContext, withLimits } from "../source/context.ts";
import { type LiveReader, openLive } from "../source/live.ts";
import { clockSkewUs, serverNowUs } from "../source/server-time.ts";
import { readSyncView } from "../source/sync-view.ts";

export interface WaitOptions {
  readonly timeoutMs: number;
  /** Called at the start and every few seconds with the seconds waited and what was seen last. */
  progress(waitedSeconds: number, message: Sentence): void;
}

export interface WaitResult<T> {
  readonly value: T;
  readonly isReached: boolean;
  readonly waitedMs: number;
  readonly freshness: Freshness;
}

/** Interval of reading the record, which is one indexed row. */
const LOOK_MS = 300;
/** Interval of asking Prefect while no process follows it, or the websocket is not open. */
const ASK_MS = 2_000;
/** Interval of asking Prefect while the websocket is open, since a lost connection may go unnoticed for a while. */
const CHECK_MS = 15_000;
const PROGRESS_MS = 3_000;
/** Time limit of one request to Prefect, so that the next one is not delayed. */
const REQUEST_MS = 5_000;

/** What one reading of the record or of Prefect found. */
interface Observation<T> {
  readonly value: T;
  readonly isReached: boolean;
  readonly message: Sentence;
  /** Since when this is so, server clock, microseconds: the answer is at least as recent. */
  readonly sinceUs: ServerUs | undefined;
}

/** The best observation so far, with its source: the answer if the wait ended now. */
interface Sourced<T> {
  readonly seen: Observation<T>;
  readonly source: "record" | "live";
  /** Server clock. */
  readonly asOfUs: ServerUs;
}

interface Watch<T> {
  /** Undefined: the record has nothing of it. */
  record(db: RecordDb): Observation<T> | undefined;
  live(ctx: QueryContext): Promise<Observation<T>>;
}

/**
 * Waits until the run is in one of the `targets` (types or names of states in upper case; none: any terminal state) or ends in
 * another state. Throws AppError `not_found`, or that of the last request when Prefect never answered and nothing is recorded.
 */
export async function waitForRun(
  ctx: QueryContext,
  id: string,
  targets: readonly string[],
  options: WaitOptions,
): Promise<WaitResult<FlowRun>> {
  const see = (run: FlowRun): Observation<FlowRun> => {
    const type = run.state_type ?? null;
    const isTarget = targets.some((state) => state === type || state === (run.state_name ?? "").toUpperCase());
    const isReached = targets.length === 0 ? isTerminal(type) : isTarget;
    const sinceUs = parseIsoUs(run.state?.timestamp ?? run.end_time ?? "");
    return {
      value: run,
      isReached,
      message: sentence`${asName(run.name ?? run.id)} is ${asName(run.state_name ?? type ?? "unknown")}`,
      sinceUs,
    };
  };
  const seeRow = (row: FlowRunRow): Observation<FlowRun> => {
    if (row.deleted_us !== null && !isTerminal(row.state_type)) throw deletedError(row, "it will not continue");
    return see(toFlowRun({ ...row, doc: null }));
  };
  const waited = await watch<FlowRun>(
    ctx,
    options,
    (seen) => seen.isReached || isTerminal(seen.value.state_type ?? null),
    {
      record(db) {
        const row = findFlowRunRow(db, id);
        return row ? seeRow(row) : undefined;
      },
      async live(limited) {
        try {
          return see(await readFlowRun(ctx, openWithoutRetries(limited), id));
        } catch (error) {
          const deleted = toAppError(error).code === "not_found" ? readDeletedRun(ctx, id) : null;
          if (deleted) return seeRow(deleted);
          throw error;
        }
      },
    },
  );
  const deleted = readDeletedRun(ctx, id);
  if (!deleted) return waited;
  const { coverage } = waited.freshness;
  const notes = [...coverage.notes, deletionNote(deleted)];
  return { ...waited, freshness: { ...waited.freshness, coverage: { ...coverage, notes } } };
}

/** Waits for the first matching event that occurs at `sinceUs` (server clock) or later. */
export async function waitForEvent(
  ctx: QueryContext,
  filter: EventFilter,
  sinceUs: ServerUs,
  options: WaitOptions,
): Promise<WaitResult<PrefectEvent | null>> {
  const see = (event: PrefectEvent | undefined): Observation<PrefectEvent | null> =>
    event
      ? { value: event, isReached: true, message: asName(event.event), sinceUs: parseIsoUs(event.occurred) }
      : { value: null, isReached: false, message: sentence`no such event yet`, sinceUs: undefined };
  const range = () => ({ fromUs: sinceUs, toUs: addUs(latestUs(sinceUs, serverNowUs(ctx)), 60 * SECOND_US) });
  const waited = await watch<PrefectEvent | null>(ctx, options, (seen) => seen.isReached, {
    record: (db) => see(findEvents(db, { ...range(), order: "asc", limit: 1, filter }).events[0]),
    async live(limited) {
      const question = { range: range(), order: "asc", filter, wanted: 1 } as const;
      const { events } = await readLiveEvents(limited, openWithoutRetries(limited), question);
      return see(events[0]);
    },
  });
  const { asOfUs, coverage } = waited.freshness;
  if (waited.isReached || asOfUs >= sinceUs) return waited;
  // What was seen ends before the time that was asked about.
  const note = sentence`The time since ${formatIsoSeconds(asOfUs)} has not been read yet: the event may have occurred.`;
  const unproven = { ...coverage, complete: false, notes: [...coverage.notes, note] };
  return { ...waited, freshness: { ...waited.freshness, coverage: unproven } };
}

/** A live reading without retries, since the wait repeats its requests anyway. */
function openWithoutRetries(ctx: QueryContext): LiveReader {
  const live = openLive(ctx);
  return { ...live, options: () => ({ ...live.options(), retries: 0 }) };
}

async function watch<T>(
  ctx: QueryContext,
  { timeoutMs, progress }: WaitOptions,
  isOver: (seen: Observation<T>) => boolean,
  subject: Watch<T>,
): Promise<WaitResult<T>> {
  const { clock, signal } = ctx;
  const startMs = clock.steadyMs();
  const waited = () => clock.steadyMs() - startMs;
  let best: Sourced<T> | null = null;
  let failure: unknown = null;
  let askedMs: number | null = null;
  let reportedMs: number | null = null;
  for (;;) {
    const db = ctx.record();
    const feed = feedOf(ctx, db);
    const recorded = db ? subject.record(db) : undefined;
    // While no process syncs, recorded rows may be older than the last answer of Prefect.
    if (recorded && db && (feed !== "none" || best?.source !== "live")) {
      best = { seen: recorded, source: "record", asOfUs: recordedUntil(ctx, db, feed) };
    }
    const everyMs = feed === "socket" ? CHECK_MS : ASK_MS;
    const isDue = askedMs === null ? feed === "none" || !recorded : waited() - askedMs >= everyMs;
    if (isDue && !(feed !== "none" && best && isOver(best.seen))) {
      askedMs = waited();
      const asOfUs = serverNowUs(ctx);
      try {
        best = { seen: await subject.live(forOneRequest(ctx, timeoutMs - waited())), source: "live", asOfUs };
        failure = null;
      } catch (error) {
        // Prefect may become reachable again in time. Other errors will not change.
        if (!toAppError(error).retryable) throw error;
        failure = error;
      }
    } else askedMs ??= waited();
    if ((best && isOver(best.seen)) || waited() >= timeoutMs || signal?.aborted) break;
    if (reportedMs === null || waited() - reportedMs >= PROGRESS_MS) {
      reportedMs = waited();
      progress(Math.round(reportedMs / 1000), best?.seen.message ?? sentence`Prefect does not answer`);
    }
    await clock.sleep(Math.min(LOOK_MS, Math.max(1, timeoutMs - waited())), signal);
  }
  if (best === null) throw failure ?? toAppError("nothing was seen");
  const notes =
    failure === null ? [] : [sentence`Prefect did not answer when asked (${toAppError(failure).sentence}).`];
  // What was seen may have begun after the last contact with Prefect. The answer is then as recent as its beginning.
  const at = latestUs(best.asOfUs, best.seen.sinceUs ?? 0);
  const coverage = { complete: failure === null, fromUs: at, toUs: at, gaps: [], verifiedUs: at, notes };
  const freshness = { source: best.source, asOfUs: at, coverage };
  return { value: best.seen.value, isReached: best.seen.isReached, waitedMs: waited(), freshness };
}

/** How changes reach the record: over the websocket at once, by polling, or not at all. */
function feedOf(ctx: QueryContext, db: RecordDb | null): "socket" | "polling" | "none" {
  if (db === null || !readSyncView(db, ctx.clock).isFollowing) return "none";
  return findFact(db, "stream")?.state === "open" ? "socket" : "polling";
}

function recordedUntil(ctx: QueryContext, db: RecordDb, feed: string): ServerUs {
  const nowUs = serverNowUs(ctx);
  const connection = findFact(db, "connection");
  if (connection) return earliestUs(nowUs, onServerClock(connection.lastContactUs, clockSkewUs(db)));
  return feed === "none" ? (findFact(db, "catchup")?.throughUs ?? nowUs) : nowUs;
}

/** Limits one request to its own time, within the rest of the wait. */
function forOneRequest(ctx: QueryContext, leftMs: number): QueryContext {
  const ms = Math.max(500, Math.min(REQUEST_MS, leftMs));
  return withLimits(ctx, { liveUntilMs: addMs(ctx.clock.steadyMs(), ms) });
}
