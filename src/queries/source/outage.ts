/**
 * Prefect is asked once more before an answer says that it is unreachable: what the process that syncs has found out may be some seconds
 * old, as after a suspend of the machine or a restart of Prefect. A call that the record covers does not wait for that.
 */
import { AppError, toAppError } from "../../errors.ts";
import { addMs, NEVER_MS, type SteadyMs } from "../../lib/time.ts";
import type { RecordDb } from "../../store/database.ts";
import type { SourceChoice, SyncView } from "./choose-source.ts";
import { type QueryContext, withLimits } from "./context.ts";
import { proveAccess } from "./prove-access.ts";
import { readSyncView } from "./sync-view.ts";

/** Longest time of the question, with its second try. */
const ASK_WITHIN_MS = 1_000;
/** For so long the result holds, for all calls. */
const HOLDS_MS = 2_000;
/** The first try may meet a connection that the other side closed during a suspend. */
const TRIES = 2;

interface LastAsked {
  atMs: SteadyMs;
  isReached: boolean;
}

/**
 * Which process syncs the record, as this call knows it: an outage that is over is left out. Use `findOutage` where the answer
 * depends on the outage.
 */
export function syncViewOf(ctx: QueryContext, db: RecordDb): SyncView {
  const view = readSyncView(db, ctx.clock);
  return ctx.outage?.isOver === true ? withoutOutage(view) : view;
}

function withoutOutage(view: SyncView): SyncView {
  return { ...view, unreachableSinceUs: null };
}

/** Whether Prefect is unreachable, where this decides what is answered: then it is asked again before the answer is given. */
export function findOutage(ctx: QueryContext, db: RecordDb | null): boolean {
  const isLost = db !== null && syncViewOf(ctx, db).unreachableSinceUs !== null;
  if (isLost) noteOutage(ctx);
  return isLost;
}

/** The answer of this call depends on the outage. */
function noteOutage({ outage }: QueryContext): void {
  if (outage) outage.matters = true;
}

/** What covers the question without the outage is answered without mention of it. Else the outage matters. */
export function checkOutage(ctx: QueryContext, sync: SyncView, choose: (sync: SyncView) => SourceChoice): SourceChoice {
  const choice = choose(sync);
  if (sync.unreachableSinceUs === null || choice.source !== "record") return choice;
  const withoutIt = choose(withoutOutage(sync));
  if (withoutIt.source !== "record") noteOutage(ctx);
  return withoutIt.source === "record" ? { ...choice, coverage: withoutIt.coverage } : choice;
}

/**
 * Runs a query. When its answer, or its error, depends on an outage that the record states, Prefect is asked once more, and when it
 * answers the query runs again as if there were none. Throws what `run` throws.
 */
export async function withOutageCheck<T>(ctx: QueryContext, run: (ctx: QueryContext) => Promise<T>): Promise<T> {
  const outage = { isOver: wasReached(ctx), matters: false };
  const runAgain = () => run(withLimits(ctx, { outage: { isOver: true, matters: false } }));
  const isOver = async () => outage.matters && !outage.isOver && (await isReachedNow(ctx));
  let answer: T;
  try {
    answer = await run(withLimits(ctx, { outage }));
  } catch (error) {
    if (error instanceof AppError && (await isOver())) return runAgain();
    throw error;
  }
  return (await isOver()) ? runAgain() : answer;
}

function lastAsked(ctx: QueryContext): LastAsked | null {
  return ctx.record()?.perConnection<LastAsked>("outage", () => ({ atMs: NEVER_MS, isReached: false })) ?? null;
}

function isHolding(ctx: QueryContext, last: LastAsked): boolean {
  return ctx.clock.steadyMs() < addMs(last.atMs, HOLDS_MS);
}

function wasReached(ctx: QueryContext): boolean {
  const last = lastAsked(ctx);
  return last?.isReached === true && isHolding(ctx, last);
}

async function isReachedNow(ctx: QueryContext): Promise<boolean> {
  const last = lastAsked(ctx);
  if (last === null || isHolding(ctx, last)) return last?.isReached === true;
  const untilMs = addMs(ctx.clock.steadyMs(), ASK_WITHIN_MS);
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    const failure = await failureOf(withLimits(ctx, { liveUntilMs: untilMs }));
    ctx.signal?.throwIfAborted();
    last.atMs = ctx.clock.steadyMs();
    last.isReached = failure === null;
    if (failure?.code !== "unavailable" || last.atMs >= untilMs) break;
  }
  return last.isReached;
}

async function failureOf(ctx: QueryContext): Promise<AppError | null> {
  try {
    await proveAccess(ctx);
    return null;
  } catch (error) {
    return toAppError(error);
  }
}
