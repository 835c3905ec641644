import type { Clock } from "../../lib/clock.ts";
import type { LiveBatch } from "../../model/events/live-batch.ts";
import type { PrefectApi } from "../../prefect/api.ts";
import type { RecordDb } from "../../store/database.ts";

/** What a query may use. One per tenant and request; cheap to make. */
export interface QueryContext {
  /** Read-only connection to the record, or null while there is none. Asked anew for each query. */
  record(): RecordDb | null;
  /** The live API. Throws AppError (`invalid_config`) when the settings give none. */
  api(): PrefectApi;
  readonly clock: Clock;
  /** Hands a live answer to the writer. Returns at once; a failure to store it is logged there, never here. */
  saveLive(batch: LiveBatch): void;
  /** A record that ends at most this long ago covers questions that reach to now. `PREFECT_MCP_FRESH_SECONDS`. */
  readonly freshMs: number;
  /** Whole time a live answer may take, milliseconds (8,000). */
  readonly liveDeadlineMs: number;
  /** `https://…` base of UI links without trailing slash, or null. */
  readonly uiUrl: string | null;
  /** The MCP server of Prefect's documentation, or null. Only the docs tools ask it. */
  readonly docsUrl?: string | null | undefined;
  /** Normalised API URL of the instance. */
  readonly instance: string;
  /** Ends the call when the client gives up. Set by `runTool` from the tool's context. */
  readonly signal?: AbortSignal | undefined;
  /** End of the time in which the call may ask Prefect, however many requests it makes. Local clock, microseconds. Set by `runTool`. */
  readonly liveUntilUs?: number | undefined;
}

export interface CallLimits {
  readonly liveUntilUs: number;
  /** Default: the signal of the context. */
  readonly signal?: AbortSignal;
}

/**
 * The same context with limits of its own. Every member is passed on by name: a prototype or a spread would drop some of them silently
 * in one of the next copies. A new member of `QueryContext` does not compile until it is passed on here.
 */
export function withLimits(ctx: QueryContext, limits: CallLimits): QueryContext {
  const all: { readonly [K in keyof Required<QueryContext>]: QueryContext[K] } = {
    record: () => ctx.record(),
    api: () => ctx.api(),
    clock: ctx.clock,
    saveLive: (batch) => ctx.saveLive(batch),
    freshMs: ctx.freshMs,
    liveDeadlineMs: ctx.liveDeadlineMs,
    uiUrl: ctx.uiUrl,
    docsUrl: ctx.docsUrl,
    instance: ctx.instance,
    signal: limits.signal ?? ctx.signal,
    liveUntilUs: limits.liveUntilUs,
  };
  return all;
}
