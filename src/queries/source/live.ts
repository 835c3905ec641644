import type { CallOptions, PrefectApi } from "../../prefect/api.ts";
import type { QueryContext } from "./context.ts";

/** One live reading: the API with what is left of the time an answer may take. */
export interface LiveReader {
  readonly api: PrefectApi;
  /** Our clock at the start, microseconds: the answer is true as of this. */
  readonly startedUs: number;
  /** Options for the next request: the client's signal, the time left, one further try. */
  options(): CallOptions;
  /** Milliseconds left, at least 0. */
  remainingMs(): number;
}

/** Starts the clock of a live answer. Throws AppError `invalid_config` when the settings give no API. */
export function openLive(ctx: QueryContext): LiveReader {
  const startedUs = ctx.clock.nowUs();
  const untilUs = Math.min(ctx.liveUntilUs ?? Number.POSITIVE_INFINITY, startedUs + ctx.liveDeadlineMs * 1000);
  const remainingMs = () => Math.max(0, (untilUs - ctx.clock.nowUs()) / 1000);
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
