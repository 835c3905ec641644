import { AppError, toAppError } from "../../errors.ts";
import { Backoff } from "../../lib/backoff.ts";
import { sentence } from "../../lib/shown-text.ts";
import { isDamage } from "../../store/file/store-error.ts";
import type { EngineContext } from "./engine-context.ts";
import type { Signal } from "./signal.ts";

export interface Loop {
  readonly name: string;
  /** Notified when there may be something to do before the wait is over. */
  readonly workReady: Signal;
  /** Notified when a failed iteration should be repeated at once. */
  readonly retryNow?: Signal;
  /** One iteration. Returns the milliseconds until the next one. */
  readonly iterate: (signal: AbortSignal) => Promise<number> | number;
}

/**
 * The record's path no longer leads to the file that this connection has open: readers would not see what is written.
 */
export class RecordReplacedError extends AppError {
  constructor() {
    super("unavailable", sentence`The record's file was removed or replaced; it is opened again.`);
  }
}

/**
 * The server has nothing of what the record has confirmed: it is another one, or its database was reset. Nothing that it returns
 * may be stored in this record.
 */
export class OtherServerError extends AppError {
  constructor() {
    super("unavailable", sentence`At this URL another server answers than the one that is recorded.`, {
      hint: sentence`The syncing process puts the record aside and begins that of the other server. Ask again in a moment.`,
    });
  }
}

/**
 * Runs a loop until `signal` aborts. A failed iteration is published and repeated, at most `retryMaxMs` later. Throws
 * only when the record is damaged or was replaced, or when it is that of another server: then another file has to be opened.
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
      if (isDamage(error) || error instanceof RecordReplacedError || error instanceof OtherServerError) throw error;
      changes.publish("failure", { part: loop.name, error: toAppError(error) });
      if (loop.retryNow) await loop.retryNow.wait(clock, backoff.next(), signal);
      else await clock.sleep(backoff.next(), signal);
    }
  }
}
