/** Retention: by age and by disk space, oldest first, in steps that do not hold up anybody. */
import { dropBefore, giveBackSpace, oldestStep, scrubDropped, usedBytes } from "../store/retention/retention.ts";
import type { EngineContext } from "./context/engine-context.ts";

const EVERY_MS = 10 * 60_000;
const SOON_MS = 30_000;
/** Between two steps, for everybody else. */
const PAUSE_MS = 20;
/** Once the limit is passed, this share of it is aimed at, so that not every new event drops an old one. */
const AIM = 0.97;

/** Drops what is too old or too much. Answers the milliseconds until it is worth looking again. */
export async function retentionIteration(ctx: EngineContext, signal: AbortSignal): Promise<number> {
  const { retentionUs, retentionBytes } = ctx.settings;
  // Ages are on the server's clock; a guess at it could drop everything.
  if (ctx.serverClock.skewMs === null) return SOON_MS;
  if (retentionUs > 0) {
    const beforeUs = Math.floor(ctx.serverClock.estimateUs() - retentionUs);
    const oldestUs = oldestStep(ctx.db, 1);
    if (oldestUs !== null && oldestUs <= beforeUs) await dropAll(ctx, beforeUs, signal);
  }
  if (retentionBytes > 0 && usedBytes(ctx.db) > retentionBytes) {
    while (!signal.aborted && usedBytes(ctx.db) > retentionBytes * AIM) {
      const stepUs = oldestStep(ctx.db);
      // A sender's clock may be ahead: what is not yet past must stay claimable.
      const beforeUs = stepUs === null ? null : Math.min(stepUs, Math.floor(ctx.serverClock.estimateUs()));
      if (beforeUs === null || (await dropAll(ctx, beforeUs, signal)).rows === 0) break;
    }
  }
  return EVERY_MS;
}

/** Removes what occurred before a moment (microseconds, server's clock), to the last trace. Answers the number of events. */
export async function forgetBefore(ctx: EngineContext, beforeUs: number, signal: AbortSignal): Promise<number> {
  const { events } = await dropAll(ctx, beforeUs, signal);
  for (let at: number | null = 0; at !== null && !signal.aborted; ) {
    at = scrubDropped(ctx.db, at);
    await ctx.clock.sleep(0, signal);
  }
  while (!signal.aborted && giveBackSpace(ctx.db)) await ctx.clock.sleep(0, signal);
  return events;
}

interface Dropped {
  readonly events: number;
  /** Events, log lines and runs. */
  readonly rows: number;
}

async function dropAll(ctx: EngineContext, beforeUs: number, signal: AbortSignal): Promise<Dropped> {
  let [events, rows] = [0, 0];
  while (!signal.aborted) {
    const step = ctx.ingest.drop(beforeUs, (db) => dropBefore(db, beforeUs));
    events += step.events;
    rows += step.events + step.logs + step.runs;
    if (!step.more) break;
    await ctx.clock.sleep(PAUSE_MS, signal);
  }
  return { events, rows };
}
