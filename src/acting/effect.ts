/** Watches what a change did: in Prefect, and in the event record. */
import { asName, type Sentence, sentence } from "../lib/shown-text.ts";
import { addMs } from "../lib/time.ts";
import { type QueryContext, withLimits } from "../queries/source/context.ts";
import { type LiveReader, openLive } from "../queries/source/live.ts";
import { readSyncView } from "../queries/source/sync-view.ts";
import { findEventById } from "../store/events/events.ts";
import type { ChangePlan, Observation, Step } from "./plan.ts";
import type { SentStep } from "./send.ts";

/** What was seen of one step. */
export interface Effect {
  /** Null: Prefect did not answer when it was asked. */
  readonly observation: Observation | null;
  /** When the event record has the event that reports the change, ISO 8601; null: it has not, or was not searched. */
  readonly recordedAt: string | null;
}

export interface SettledStep extends SentStep {
  readonly effect: Effect | null;
}

export interface Watching {
  readonly waitMs: number;
  readonly signal: AbortSignal;
  progress(message: Sentence): void;
}

const ASK_MS = 1_000;
const LOOK_MS = 200;
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
  { waitMs, signal, progress }: Watching,
): Promise<SettledStep[]> {
  const watched = plan.steps.map((step, index) => watchedStep(step, sent[index]));
  const isUnknown = watched.some((one) => one.sent.outcome === "unknown");
  const startMs = ctx.clock.steadyMs();
  const limitMs = isUnknown ? Math.max(waitMs, SETTLE_MS) : waitMs;
  let askedMs: number | null = null;
  for (;;) {
    const waitedMs = ctx.clock.steadyMs() - startMs;
    if (askedMs === null || waitedMs - askedMs >= ASK_MS) {
      askedMs = waitedMs;
      const live = oneReading(ctx);
      for (const one of watched) if (one.isWatched && !isOver(one)) await observe(one, live);
      const [open] = watched.filter((one) => one.isWatched && !isOver(one));
      if (open) progress(sentence`waiting: ${asName(open.effect.observation?.state ?? "not seen yet")}`);
    }
    for (const one of watched) look(ctx, one);
    const isEveryOver = watched.every((one) => !one.isWatched || (isOver(one) && !mayBeRecorded(ctx, one)));
    if (isEveryOver || signal.aborted || ctx.clock.steadyMs() - startMs >= limitMs) break;
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
  return { step, sent, isWatched, effect: { observation: null, recordedAt: null } };
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

function look(ctx: QueryContext, one: WatchedStep): void {
  const eventId = one.effect.observation?.eventId;
  const db = ctx.record();
  // Of a request that did nothing, the newest event reports something else.
  const isOwn = one.sent.outcome === "done" || one.effect.observation?.isReached === true;
  if (!eventId || !isOwn || one.effect.recordedAt !== null || db === null) return;
  const event = findEventById(db, eventId);
  if (event !== null) one.effect = { ...one.effect, recordedAt: event.occurred };
}

/** Its event is still to come, and a process that follows Prefect will record it. */
function mayBeRecorded(ctx: QueryContext, { effect, sent }: WatchedStep): boolean {
  if (sent.outcome === "refused" || !effect.observation?.eventId || effect.recordedAt !== null) return false;
  const db = ctx.record();
  return db !== null && readSyncView(db, ctx.clock).isFollowing;
}

function oneReading(ctx: QueryContext): LiveReader {
  return openLive(withLimits(ctx, { liveUntilMs: addMs(ctx.clock.steadyMs(), REQUEST_MS) }));
}
