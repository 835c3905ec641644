import { AppError } from "../../../errors.ts";
import { type Sentence, sentence, withoutPeriod } from "../../../lib/shown-text.ts";
import { addMs, type SteadyMs } from "../../../lib/time.ts";
import type { Freshness } from "../../../model/freshness.ts";
import { isUnsupportedVersion } from "../../../prefect/older-servers/server-version.ts";
import { type QueryContext, withLimits } from "../../source/context.ts";
import { type LiveReader, openLive } from "../../source/live.ts";
import { findOutage } from "../../source/outage.ts";

/** Time for live questions: a server that does not answer must not delay the diagnosis. What it left open is named as unchecked. */
const LIVE_MS = 3_000;
/** Beside a record so many of them are asked; what is asked further away in a chain is answered by the record. */
const MAX_LIVE = 3;

/** What collecting facts leaves beside the facts themselves. */
export interface Gathering {
  readonly freshness: Freshness[];
  readonly unchecked: Sentence[];
  /** Facts that can only be read from a record, and were not read because no current one exists. */
  readonly unread: Sentence[];
  /** For the freshness of the answer. */
  readonly notes: Sentence[];
  /** Questions that Prefect was asked because the record is too old for them. */
  liveAsked: number;
  /** End of the time for all live questions together. */
  readonly liveUntilMs: SteadyMs;
}

export function startGathering(ctx: QueryContext): Gathering {
  const untilMs = addMs(ctx.clock.steadyMs(), LIVE_MS);
  return {
    freshness: [],
    unchecked: [],
    unread: [],
    notes: [],
    liveAsked: 0,
    liveUntilMs: Math.min(ctx.liveUntilMs ?? Number.POSITIVE_INFINITY, untilMs),
  };
}

/** Asks Prefect what only it knows, unless the record shows that Prefect is unreachable. */
export async function askLive<T>(
  ctx: QueryContext,
  gathering: Gathering,
  what: Sentence,
  fallback: T,
  read: (live: LiveReader) => Promise<T>,
): Promise<T> {
  const db = ctx.record();
  if (findOutage(ctx, db)) {
    gathering.unchecked.push(sentence`${what} (Prefect is unreachable)`);
    return fallback;
  }
  if (db && gathering.liveAsked >= MAX_LIVE) {
    gathering.unread.push(what);
    return fallback;
  }
  gathering.liveAsked += 1;
  const limited = withLimits(ctx, { liveUntilMs: gathering.liveUntilMs });
  return attempt(gathering, what, fallback, () => read(openLive(limited)));
}

/** Runs `read`. An AppError becomes an entry under `could_not_check`, and `fallback` is the result. */
export async function attempt<T>(
  gathering: Gathering,
  what: Sentence,
  fallback: T,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof AppError) || isUnsupportedVersion(error)) throw error;
    gathering.unchecked.push(sentence`${what} (${withoutPeriod(error.sentence)})`);
    return fallback;
  }
}
