import { AppError, toAppError } from "../../errors.ts";
import { Backoff } from "../../lib/backoff.ts";
import { isDamage } from "../../store/store-error.ts";
import type { EngineContext } from "./engine-context.ts";
import type { Signal } from "./signal.ts";

export interface Loop {
  readonly name: string;
  /** Rung when there may be something to do before the time is up. */
  readonly workReady: Signal;
  /** One turn; answers the milliseconds to the next. */
  readonly iterate: (signal: AbortSignal) => Promise<number> | number;
}

/** The file that is written is not the one that others read: it was removed or replaced. */
export class RecordReplacedError extends AppError {
  constructor() {
    super("unavailable", "The record's file was removed or replaced; it is opened anew.");
  }
}

/**
 * Turns a loop until `signal` aborts. A failed turn is reported and tried again, at most `retryMaxMs` later; only a record
 * that is damaged or was replaced ends the loop, by throwing: it has to be opened anew.
 */
export async function runLoop(ctx: EngineContext, loop: Loop, signal: AbortSignal): Promise<void> {
  const { changes, clock, random, tuning } = ctx;
  const backoff = new Backoff({ firstMs: tuning.retryFirstMs, maxMs: tuning.retryMaxMs, random });
  while (!signal.aborted) {
    try {
      const waitMs = await loop.iterate(signal);
      backoff.reset();
      changes.publish("success", { part: loop.name });
      await loop.workReady.wait(clock, waitMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (isDamage(error) || error instanceof RecordReplacedError) throw error;
      changes.publish("failure", { part: loop.name, error: toAppError(error) });
      await clock.sleep(backoff.next(), signal);
    }
  }
}
