/** Watches what a change did: in Prefect, and in the record. */
import { asName, type Sentence, sentence } from "../lib/shown-text.ts";
import { addMs, type LocalUs } from "../lib/time.ts";
import { type QueryContext, withLimits } from "../queries/source/context.ts";
import { type LiveReader, openLive } from "../queries/source/live.ts";
import { readSyncView } from "../queries/source/sync-view.ts";
import type { ChangePlan, Observation, RecordedAs, Step } from "./plan.ts";
import { findRecorded, type RecordedChange, saveReading } from "./recorded.ts";
import type { SentStep } from "./send.ts";

/** What was seen of one step. */
export interface Effect {
  /** Null: Prefect did not answer when it was asked. */
  readonly observation: Observation | null;
  /** Null: the record has not seen the change, or there is none. */
  readonly recorded: RecordedChange | null;
}

export interface SettledStep extends SentStep {
  readonly effect: Effect | null;
}

export interface Watching {
  /** Before the first request was sent, local clock. */
  readonly sentUs: LocalUs;
  readonly waitMs: number;
  readonly signal: AbortSignal;
  progress(message: Sentence): void;
}

const ASK_MS = 1_000;
const LOOK_MS = 200;
/** How long a reading of the record is waited for after the effect was seen: the one that is saved may be refused by the writer. */
const RECORD_MS = 3_000;
const REQUEST_MS = 5_000;
/** A step without an answer is looked for at least this long: Prefect may still be working on it. */
const SETTLE_MS = 15_000;

/**
 * Reads each changed object until it is as it was asked for, at most `waitMs`. A step whose outcome is unknown is settled by this: it
 * was done when its effect is there. Nothing is sent again.
 */
export async function watchEffect(
  ctx: QueryContext,
  plan: ChangePlan,
  sent: readonly SentStep[],
  { sentUs, waitMs, signal, progress }: Watching,
): Promise<SettledStep[]> {
  const watched = plan.steps.map((step, index) => watchedStep(step, sent[index]));
  const isUnknown = watched.some((one) => one.sent.outcome === "unknown");
  const startMs = ctx.clock.steadyMs();
  const limitMs = isUnknown ? Math.max(waitMs, SETTLE_MS) : waitMs;
  let askedMs: number | null = null;
  let reachedMs: number | null = null;
  const saved = new Set<string>();
  for (;;) {
    const waitedMs = ctx.clock.steadyMs() - startMs;
    if (askedMs === null || waitedMs - askedMs >= ASK_MS) {
      askedMs = waitedMs;
      const live = oneReading(ctx);
      for (const one of watched) if (one.isWatched && !isOver(one)) await observe(one, live);
      await saveReadings(ctx, live, watched, saved);
      const [open] = watched.filter((one) => one.isWatched && !isOver(one));
      if (open) progress(sentence`waiting: ${asName(open.effect.observation?.state ?? "not seen yet")}`);
    }
    for (const one of watched) look(ctx, one, sentUs);
    const nowMs = ctx.clock.steadyMs() - startMs;
    if (watched.every((one) => !one.isWatched || isOver(one))) {
      reachedMs ??= nowMs;
      const afterMs = nowMs - reachedMs;
      if (!watched.some((one) => one.isWatched && mayBeRecorded(ctx, one, afterMs))) break;
    }
    if (signal.aborted || nowMs >= limitMs) break;
    await ctx.clock.sleep(LOOK_MS, signal);
  }
  return watched.map(({ sent: step, isWatched, effect }) => {
    const isSettled = step.outcome === "unknown" && effect.observation?.isReached === true;
    return { ...step, ...(isSettled ? { outcome: "done" as const } : {}), effect: isWatched ? effect : null };
  });
}

interface WatchedStep {
  readonly step: Step;
  readonly sent: SentStep;
  readonly isWatched: boolean;
  effect: Effect;
}

const NOT_SENT: SentStep = { outcome: "not_sent", reason: null, answer: undefined };

function watchedStep(step: Step, sent: SentStep = NOT_SENT): WatchedStep {
  // Prefect may refuse a request because what it asks for is already so, or is done in another way.
  const isWatched = sent.outcome !== "not_sent";
  return { step, sent, isWatched, effect: { observation: null, recorded: null } };
}

function isOver({ sent, effect }: WatchedStep): boolean {
  const { observation } = effect;
  if (observation === null) return false;
  return observation.isReached || (sent.outcome !== "unknown" && (observation.isFinal || sent.outcome === "refused"));
}

async function observe(one: WatchedStep, live: LiveReader): Promise<void> {
  try {
    one.effect = { ...one.effect, observation: await one.step.observe(live, one.sent.answer) };
  } catch {
    // Asked again: the object may not be there yet, or Prefect may not answer. The answer says what was not seen.
  }
}

/** Once for each object whose change is in force. */
async function saveReadings(
  ctx: QueryContext,
  live: LiveReader,
  watched: readonly WatchedStep[],
  saved: Set<string>,
): Promise<void> {
  if (ctx.record() === null) return;
  for (const { effect } of watched) {
    const recorded = effect.observation?.isReached === true ? effect.observation.recorded : null;
    if (recorded === null || !("kind" in recorded) || saved.has(recorded.id)) continue;
    saved.add(recorded.id);
    try {
      await saveReading(ctx, live, recorded.kind, recorded.id);
    } catch {
      // The record reads the list by itself, later.
    }
  }
}

function look(ctx: QueryContext, one: WatchedStep, sentUs: LocalUs): void {
  const recordedAs = recordedOf(one);
  const db = ctx.record();
  if (recordedAs === null || one.effect.recorded !== null || db === null) return;
  one.effect = { ...one.effect, recorded: findRecorded(db, recordedAs, sentUs) };
}

/** Of a request that did nothing, the newest event or reading shows something else. */
function recordedOf({ sent, effect: { observation } }: WatchedStep): RecordedAs {
  const isOwn = sent.outcome === "done" || observation?.isReached === true;
  return isOwn && observation !== null ? observation.recorded : null;
}

/** The record is still to see it: the event through a process that follows Prefect, the reading because it was handed over. */
function mayBeRecorded(ctx: QueryContext, one: WatchedStep, afterMs: number): boolean {
  const recordedAs = recordedOf(one);
  if (one.sent.outcome === "refused" || recordedAs === null || one.effect.recorded !== null) return false;
  const db = ctx.record();
  if (!("eventId" in recordedAs)) return db !== null && afterMs < RECORD_MS;
  return db !== null && readSyncView(db, ctx.clock).isFollowing;
}

function oneReading(ctx: QueryContext): LiveReader {
  return openLive(withLimits(ctx, { liveUntilMs: addMs(ctx.clock.steadyMs(), REQUEST_MS) }));
}
