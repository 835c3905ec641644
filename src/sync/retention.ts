/**
 * Retention by age and by disk space: deletes the oldest rows first, in steps so short that no other writer waits
 * noticeably.
 */
import { addUs, earliestUs, floorUs, onServerClock, type ServerUs } from "../lib/time.ts";
import {
  dropBefore,
  endOfOldestStep,
  eraseDropped,
  releaseFreePages,
  usedBytes,
} from "../store/retention/retention.ts";
import type { EngineContext } from "./context/engine-context.ts";

const EVERY_MS = 10 * 60_000;
const SOON_MS = 30_000;
/** Pause between two steps, in which other work of the writer can run. */
const PAUSE_MS = 20;
/** Above the limit, rows are deleted down to this share of it, so that not every new event deletes an old one. */
const TARGET_SHARE = 0.97;

/** Deletes rows that exceed age or size. Returns the milliseconds until the next check. */
export async function retentionIteration(ctx: EngineContext, signal: AbortSignal): Promise<number> {
  const { retentionUs, retentionBytes } = ctx.settings;
  if (!ctx.serverClock.isKnown) return SOON_MS;
  if (retentionUs > 0) {
    const beforeUs = addUs(nowUs(ctx), -retentionUs);
    const oldestUs = endOfOldestStep(ctx.db, 1);
    if (oldestUs !== null && oldestUs <= beforeUs) await dropAll(ctx, beforeUs, signal);
  }
  if (retentionBytes > 0 && usedBytes(ctx.db) > retentionBytes) {
    while (!signal.aborted && usedBytes(ctx.db) > retentionBytes * TARGET_SHARE) {
      const stepUs = endOfOldestStep(ctx.db);
      // A client's clock may be ahead, so rows may lie in the future. The retention floor must not: what occurs before
      // it is never claimed.
      const beforeUs = stepUs === null ? null : earliestUs(stepUs, nowUs(ctx));
      if (beforeUs === null || (await dropAll(ctx, beforeUs, signal)).rows === 0) break;
    }
  }
  return EVERY_MS;
}

/**
 * The earlier of both clocks. What is deleted cannot be brought back, and one clock that was set years ahead, even for a
 * minute, must not delete everything.
 */
function nowUs({ serverClock, clock }: EngineContext): ServerUs {
  return floorUs(earliestUs(serverClock.settledUs(), onServerClock(clock.nowUs(), 0)));
}

/**
 * Deletes everything that occurred before a moment (microseconds, server clock), also from blocks that hold later
 * events too, and returns free pages to the disk. Returns the number of events.
 */
export async function forgetBefore(ctx: EngineContext, beforeUs: ServerUs, signal: AbortSignal): Promise<number> {
  const { events } = await dropAll(ctx, beforeUs, signal);
  for (let at: number | null = 0; at !== null && !signal.aborted; ) {
    at = eraseDropped(ctx.db, at);
    await ctx.clock.sleep(0, signal);
  }
  while (!signal.aborted && releaseFreePages(ctx.db)) await ctx.clock.sleep(0, signal);
  return events;
}

interface Dropped {
  readonly events: number;
  /** Events, log lines and runs. */
  readonly rows: number;
}

async function dropAll(ctx: EngineContext, beforeUs: ServerUs, signal: AbortSignal): Promise<Dropped> {
  let [events, rows] = [0, 0];
  while (!signal.aborted) {
    const step = ctx.ingest.drop(beforeUs, (db) => dropBefore(db, beforeUs));
    events += step.events;
    rows += step.events + step.logs + step.runs;
    if (!step.hasMore) break;
    await ctx.clock.sleep(PAUSE_MS, signal);
  }
  return { events, rows };
}
