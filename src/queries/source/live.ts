import type { LocalUs } from "../../lib/time.ts";
import type { CallOptions, PrefectApi } from "../../prefect/api.ts";
import type { QueryContext } from "./context.ts";

/** The API for one live reading, which must end within the time of the call. */
export interface LiveReader {
  readonly api: PrefectApi;
  /** Local clock at the start, microseconds: the moment for which the answer is true. */
  readonly startedUs: LocalUs;
  /** Options for the next request: the client's signal, the remaining time, one retry. */
  options(): CallOptions;
  /** Remaining milliseconds, at least 0. */
  remainingMs(): number;
}

/** Starts a live reading. Throws AppError `invalid_config` when the settings name no Prefect. */
export function openLive(ctx: QueryContext): LiveReader {
  const startedUs = ctx.clock.nowUs();
  const untilMs = Math.min(ctx.liveUntilMs ?? Number.POSITIVE_INFINITY, ctx.clock.steadyMs() + ctx.liveDeadlineMs);
  const remainingMs = () => Math.max(0, untilMs - ctx.clock.steadyMs());
  return {
    api: ctx.api(),
    startedUs,
    remainingMs,
    options: () => ({
      deadlineMs: Math.max(1, remainingMs()),
      retries: 1,
      ...(ctx.signal ? { signal: ctx.signal } : {}),
    }),
  };
}
