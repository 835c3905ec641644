/** Waiting for a run to get somewhere or for an event to happen: the record is watched, Prefect is asked where it is behind. */
import { AppError, toAppError } from "../../errors.ts";
import { parseIsoUs, SECOND_US } from "../../lib/time.ts";
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
import { type QueryContext, withLimits } from "../source/context.ts";
import { clockSkewUs, readSyncView, serverNowUs } from "../source/freshness.ts";
import { type LiveReader, openLive } from "../source/live.ts";

export interface WaitOptions {
  readonly timeoutMs: number;
  /** Told at the start and every few seconds: seconds waited, and what is seen. */
  progress(waitedSeconds: number, message: string): void;
}

export interface WaitResult<T> {
  readonly value: T;
  readonly isReached: boolean;
  readonly waitedMs: number;
  readonly freshness: Freshness;
}

/** The record is looked at this often: one indexed row. */
const LOOK_MS = 300;
/** Prefect is asked this often while nobody follows it, or its socket is not open … */
const ASK_MS = 2_000;
/** … and this often while the record comes over the socket, which may be dead without having said so. */
const CHECK_MS = 15_000;
const PROGRESS_MS = 3_000;
/** One question to Prefect may take this long; the next one is not kept waiting by it. */
const QUESTION_MS = 5_000;

/** What is seen of the thing waited for. */
interface Sight<T> {
  readonly value: T;
  readonly isReached: boolean;
  readonly message: string;
  /** When what is seen came about: the answer holds at least for then. Microseconds, server's clock. */
  readonly sinceUs: number | undefined;
}

interface Watch<T> {
  /** Undefined: the record says nothing of it. */
  record(db: RecordDb): Sight<T> | undefined;
  live(ctx: QueryContext): Promise<Sight<T>>;
}

/**
 * Until the run is in one of `targets` (state types or names, upper case; none: any terminal state). Ends too when the run ended
 * elsewhere. Throws AppError `not_found`, or of the last question when Prefect never answered and nothing is recorded.
 */
export async function waitForRun(
  ctx: QueryContext,
  id: string,
  targets: readonly string[],
  options: WaitOptions,
): Promise<WaitResult<FlowRun>> {
  const see = (run: FlowRun): Sight<FlowRun> => {
    const type = run.state_type ?? null;
    const isTarget = targets.some((state) => state === type || state === (run.state_name ?? "").toUpperCase());
    const isReached = targets.length === 0 ? isTerminal(type) : isTarget;
    const sinceUs = parseIsoUs(run.state?.timestamp ?? run.end_time ?? "");
    return { value: run, isReached, message: `${run.name} is ${run.state_name ?? type ?? "unknown"}`, sinceUs };
  };
  const seeRow = (row: FlowRunRow): Sight<FlowRun> => {
    if (row.deleted_us !== null && !isTerminal(row.state_type)) throw deletedError(row, "it will not go on");
    return see(toFlowRun({ ...row, doc: null }));
  };
  const waited = await watch<FlowRun>(
    ctx,
    options,
    (sight) => sight.isReached || isTerminal(sight.value.state_type ?? null),
    {
      record(db) {
        const row = findFlowRunRow(db, id);
        return row ? seeRow(row) : undefined;
      },
      async live(asking) {
        const live = openOnce(asking);
        try {
          const run = await live.api.readFlowRun(id, live.options());
          ctx.saveLive({ kind: "flow_run", rows: [run], readUs: live.startedUs });
          return see(run);
        } catch (error) {
          const cause = toAppError(error);
          if (cause.code !== "not_found") throw cause;
          ctx.saveLive({ kind: "flow_run", rows: [], readUs: live.startedUs, missing: [id] });
          const gone = readDeletedRun(ctx, id);
          if (gone) return seeRow(gone);
          throw new AppError("not_found", `no flow run ${id} in this workspace`, {
            hint: "get_flow_runs lists runs with their ids and names.",
            cause,
          });
        }
      },
    },
  );
  const gone = readDeletedRun(ctx, id);
  if (!gone) return waited;
  const { coverage } = waited.freshness;
  const notes = [...coverage.notes, deletionNote(gone)];
  return { ...waited, freshness: { ...waited.freshness, coverage: { ...coverage, notes } } };
}

/** Until an event that matches has occurred at `sinceUs` (server's clock) or later; the first one is answered. */
export function waitForEvent(
  ctx: QueryContext,
  filter: EventFilter,
  sinceUs: number,
  options: WaitOptions,
): Promise<WaitResult<PrefectEvent | null>> {
  const see = (event: PrefectEvent | undefined): Sight<PrefectEvent | null> =>
    event
      ? { value: event, isReached: true, message: event.event, sinceUs: parseIsoUs(event.occurred) }
      : { value: null, isReached: false, message: "no such event yet", sinceUs: undefined };
  const range = () => ({ fromUs: sinceUs, toUs: Math.max(sinceUs, serverNowUs(ctx)) + 60 * SECOND_US });
  return watch(ctx, options, (sight) => sight.isReached, {
    record: (db) => see(findEvents(db, { ...range(), order: "asc", limit: 1, filter }).events[0]),
    async live(asking) {
      const question = { range: range(), order: "asc", filter, wanted: 1 } as const;
      const { events } = await readLiveEvents(asking, openOnce(asking), question);
      return see(events[0]);
    },
  });
}

/** Asking goes on anyway: a failed question is not repeated at once. */
function openOnce(ctx: QueryContext): LiveReader {
  const live = openLive(ctx);
  return { ...live, options: () => ({ ...live.options(), retries: 0 }) };
}

async function watch<T>(
  ctx: QueryContext,
  { timeoutMs, progress }: WaitOptions,
  isOver: (sight: Sight<T>) => boolean,
  subject: Watch<T>,
): Promise<WaitResult<T>> {
  const { clock, signal } = ctx;
  const startMs = clock.nowMs();
  const waited = () => clock.nowMs() - startMs;
  let best: { readonly sight: Sight<T>; readonly source: "record" | "live"; readonly asOfUs: number } | null = null;
  let failure: unknown = null;
  let askedMs: number | null = null;
  let toldMs: number | null = null;
  for (;;) {
    const db = ctx.record();
    const feed = feedOf(ctx, db);
    const held = db ? subject.record(db) : undefined;
    // Rows that nobody feeds may be older than what Prefect said a moment ago.
    if (held && db && (feed !== "none" || best?.source !== "live")) {
      best = { sight: held, source: "record", asOfUs: recordedUntil(ctx, db, feed) };
    }
    const everyMs = feed === "socket" ? CHECK_MS : ASK_MS;
    const isDue = askedMs === null ? feed === "none" || !held : waited() - askedMs >= everyMs;
    if (isDue && !(feed !== "none" && best && isOver(best.sight))) {
      askedMs = waited();
      const asOfUs = serverNowUs(ctx);
      try {
        best = { sight: await subject.live(asking(ctx, timeoutMs - waited())), source: "live", asOfUs };
        failure = null;
      } catch (error) {
        // Prefect away: waiting goes on, it may come back in time. Anything else will not change.
        if (!toAppError(error).retryable) throw error;
        failure = error;
      }
    } else askedMs ??= waited();
    if ((best && isOver(best.sight)) || waited() >= timeoutMs || signal?.aborted) break;
    if (toldMs === null || waited() - toldMs >= PROGRESS_MS) {
      toldMs = waited();
      progress(Math.round(toldMs / 1000), best?.sight.message ?? "Prefect does not answer");
    }
    await clock.sleep(Math.min(LOOK_MS, Math.max(1, timeoutMs - waited())), signal);
  }
  if (best === null) throw failure ?? toAppError("nothing was seen");
  const notes = failure === null ? [] : [`Prefect did not answer when asked (${toAppError(failure).message}).`];
  // Prefect was asked, or last heard, shortly before it came about.
  const at = Math.max(best.asOfUs, best.sight.sinceUs ?? 0);
  const coverage = { complete: failure === null, fromUs: at, toUs: at, gaps: [], verifiedUs: at, notes };
  const freshness = { source: best.source, asOfUs: at, coverage };
  return { value: best.sight.value, isReached: best.sight.isReached, waitedMs: waited(), freshness };
}

/** How news reaches the record: at once, by another process's polling, or not at all. */
function feedOf(ctx: QueryContext, db: RecordDb | null): "socket" | "polling" | "none" {
  if (db === null || !readSyncView(db, ctx.clock.nowUs()).following) return "none";
  return findFact(db, "stream")?.state === "open" ? "socket" : "polling";
}

function recordedUntil(ctx: QueryContext, db: RecordDb, feed: string): number {
  const nowUs = serverNowUs(ctx);
  const contact = findFact(db, "connection");
  if (contact) return Math.min(nowUs, contact.lastContactUs + clockSkewUs(db));
  return feed === "none" ? (findFact(db, "catchup")?.throughUs ?? nowUs) : nowUs;
}

/** Each question has its own time, within what is left of the wait. */
function asking(ctx: QueryContext, leftMs: number): QueryContext {
  const ms = Math.max(500, Math.min(QUESTION_MS, leftMs));
  return withLimits(ctx, { liveUntilUs: ctx.clock.nowUs() + ms * 1000 });
}
