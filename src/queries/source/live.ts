import { markMoment } from "../../lib/clock.ts";
import type { LocalUs, ServerUs } from "../../lib/time.ts";
import type { CallOptions, PrefectApi } from "../../prefect/api.ts";
import { markServerClock } from "../../prefect/transport/server-offset.ts";
import type { QueryContext } from "./context.ts";

/** The API for one live reading, which must end within the time of the call. */
export interface LiveReader {
  readonly api: PrefectApi;
  /** Local clock at the start, microseconds: the moment for which the answer is true. See `markMoment`. */
  readonly startedUs: LocalUs;
  /** What the server clock had certainly reached at the start, after an answer; null while it is unknown. */
  reachedUs(): ServerUs | null;
  /** Options for the next request: the client's signal, the remaining time, one retry. */
  options(): CallOptions;
  /** Remaining milliseconds, at least 0. */
  remainingMs(): number;
}

/** Starts a live reading. Throws AppError `invalid_config` when the settings name no Prefect. */
export function openLive(ctx: QueryContext): LiveReader {
  const startedUs = markMoment(ctx.clock);
  const untilMs = Math.min(ctx.liveUntilMs ?? Number.POSITIVE_INFINITY, ctx.clock.steadyMs() + ctx.liveDeadlineMs);
  const remainingMs = () => Math.max(0, untilMs - ctx.clock.steadyMs());
  const api = ctx.api();
  return {
    api,
    get startedUs() {
      return startedUs();
    },
    reachedUs: markServerClock(() => api.serverOffset ?? null, ctx.clock),
    remainingMs,
    options: () => ({
      deadlineMs: Math.max(1, remainingMs()),
      retries: 1,
      ...(ctx.signal ? { signal: ctx.signal } : {}),
    }),
  };
}
