import { counted, type Sentence, sentence } from "../lib/shown-text.ts";
import type { PrefectWriter } from "../prefect/write-api.ts";
import type { ChangePlan } from "./plan.ts";

/**
 * What became of one step. `done`: Prefect carried it out. `refused`: it answered that it does not. `unknown`: it was sent, and no answer
 * came. `not_sent`: it never left, or an earlier step ended the change.
 */
export type StepOutcome = "done" | "refused" | "unknown" | "not_sent";

export interface SentStep {
  readonly outcome: StepOutcome;
  /** Why it was refused, is unknown or was not sent; null when it was done. */
  readonly reason: string | null;
  /** Prefect's answer; undefined without one. */
  readonly answer: unknown;
}

/** Time for one request. Prefect's slowest changes wait for the database. */
const SEND_MS = 30_000;

export interface Sending {
  readonly writer: PrefectWriter;
  /** Aborts when the client cancels: the request in progress is finished, no further one begins. */
  readonly signal: AbortSignal;
  progress(done: number, total: number, message: Sentence): void;
}

/**
 * Sends each request of the plan once, in order. After a failure that would meet the others too, or one that leaves open what happened,
 * no further one is sent.
 */
export async function sendPlan(plan: ChangePlan, { writer, signal, progress }: Sending): Promise<SentStep[]> {
  const sent: SentStep[] = [];
  let stop: string | null = null;
  for (const [index, step] of plan.steps.entries()) {
    if (stop === null && signal.aborted) stop = "the call was cancelled";
    if (stop !== null) {
      sent.push({ outcome: "not_sent", reason: stop, answer: undefined });
      continue;
    }
    const outcome = await writer.send(step.request, SEND_MS);
    if (outcome.kind === "answered") {
      const { isAccepted, reason } = step.judge?.(outcome.answer) ?? { isAccepted: true, reason: null };
      sent.push({ outcome: isAccepted ? "done" : "refused", reason, answer: outcome.answer });
    } else {
      const { error, kind } = outcome;
      sent.push({ outcome: kind, reason: error.message, answer: undefined });
      const isOfOneTarget = kind === "refused" && (error.code === "invalid_input" || error.code === "not_found");
      if (!isOfOneTarget) stop = "an earlier request of this change failed";
    }
    progress(index + 1, plan.steps.length, sentence`${index + 1} of ${counted(plan.steps.length, "request")} sent`);
  }
  return sent;
}
