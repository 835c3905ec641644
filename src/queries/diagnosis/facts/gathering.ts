import { AppError } from "../../../errors.ts";
import type { Freshness } from "../../../model/freshness.ts";
import { type QueryContext, withLimits } from "../../source/context.ts";
import { readSyncView } from "../../source/freshness.ts";
import { type LiveReader, openLive } from "../../source/live.ts";

/** A frozen server must not hold the answer up: what it does not say in this time is said to be unchecked. */
const LIVE_MS = 3_000;

/** What gathering leaves behind beside its facts. */
export interface Gathering {
  readonly freshness: Freshness[];
  readonly unchecked: string[];
  /** Our clock, microseconds: what only the server knows is asked until then, by all questions together. */
  readonly liveUntilUs: number;
}

export function startGathering(ctx: QueryContext): Gathering {
  const untilUs = ctx.clock.nowUs() + LIVE_MS * 1000;
  return { freshness: [], unchecked: [], liveUntilUs: Math.min(ctx.liveUntilUs ?? Number.POSITIVE_INFINITY, untilUs) };
}

/** One question that only the server can answer. Not asked where the record knows that Prefect is unreachable. */
export async function askLive<T>(
  ctx: QueryContext,
  gathering: Gathering,
  what: string,
  fallback: T,
  read: (live: LiveReader) => Promise<T>,
): Promise<T> {
  const db = ctx.record();
  if (db && readSyncView(db, ctx.clock.nowUs()).unreachableSinceUs !== null) {
    gathering.unchecked.push(`${what} (Prefect is unreachable)`);
    return fallback;
  }
  const limited = withLimits(ctx, { liveUntilUs: gathering.liveUntilUs });
  return attempt(gathering, what, fallback, () => read(openLive(limited)));
}

/** Runs `read`; a failure that is not the question's own becomes a sentence under "could not check". */
export async function attempt<T>(gathering: Gathering, what: string, fallback: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    gathering.unchecked.push(`${what} (${error.message.replace(/\.$/, "")})`);
    return fallback;
  }
}
