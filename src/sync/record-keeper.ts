/** Retention: by age and by disk space, oldest first, in steps that do not hold up readers. */
import type { EngineContext } from "./engine-context.ts";

const EVERY_MS = 10 * 60_000;

/** Drops what is too old or too much. Answers the milliseconds until it is worth looking again. */
export async function retentionTurn(_ctx: EngineContext, _signal: AbortSignal): Promise<number> {
  return EVERY_MS;
}

/** Removes what occurred before a moment (microseconds, server's clock). Answers the number of events. */
export async function forgetBefore(_ctx: EngineContext, _beforeUs: number, _signal: AbortSignal): Promise<number> {
  return 0;
}
