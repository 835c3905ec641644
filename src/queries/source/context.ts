import type { AppError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Sentence } from "../../lib/shown-text.ts";
import type { SteadyMs } from "../../lib/time.ts";
import type { LiveBatch } from "../../model/events/live-batch.ts";
import type { Log } from "../../model/objects.ts";
import type { LineOrder } from "../../model/runs/line-order.ts";
import type { PrefectApi } from "../../prefect/api.ts";
import type { RecordDb } from "../../store/database.ts";

/** The record for one call: every `record()` of it has the same contents. */
export interface HeldRecord {
  record(): RecordDb | null;
  /** The call has ended. */
  release(): void;
}

/** What one call knows about an outage of Prefect. */
export interface Outage {
  /** Prefect has just answered, whatever the record says. */
  readonly isOver: boolean;
  /** The answer depends on the outage. */
  matters: boolean;
}

declare const sealed: unique symbol;

/** What changes in Prefect need. Sealed here, so that code that answers questions cannot write: only `acting/` opens it. */
export interface ChangeAccess {
  readonly [sealed]: never;
}

export interface PastMoment {
  /** The argument `at`: cursors of other moments are refused. */
  readonly at: string;
  /** Kinds of objects of which nothing is recorded of that moment. */
  readonly missing: ReadonlySet<string>;
}

/** What a query may use. Each request of a tenant has one. */
export interface QueryContext {
  /** Read-only connection to the record, or null while there is no record. */
  record(): RecordDb | null;
  /** Why `record()` is null although there may be a record: its file cannot be read. Absent or null: there is none yet. */
  readonly recordProblem?: (() => AppError | null) | undefined;
  /** Absent: there is one connection, which sees what others have written in between. Used by `runTool`. */
  readonly holdRecord?: (() => HeldRecord) | undefined;
  /** Prefect's API. Throws AppError `invalid_config` when the settings name no Prefect. */
  api(): PrefectApi;
  readonly clock: Clock;
  /** Hands a live batch to the writer and returns at once. The writer logs it when it cannot store the batch. */
  saveLive(batch: LiveBatch): void;
  /** Replaces secrets that are spread over several log lines, when these came in several answers. Absent: nothing is replaced. */
  readonly redactLogs?: ((lines: readonly Log[]) => readonly Log[]) | undefined;
  /** Coverage that ends at most this long ago is enough for questions that reach to now. `PREFECT_MCP_FRESH_SECONDS`. */
  readonly freshMs: number;
  /** How long all live reading of one call may take, milliseconds. `PREFECT_MCP_LIVE_DEADLINE_SECONDS`. */
  readonly liveDeadlineMs: number;
  /** Base URL of Prefect's UI without trailing slash, or null. */
  readonly uiUrl: string | null;
  /** URL of the MCP server of Prefect's documentation, or null. Only the docs tools use it. */
  readonly docsUrl?: string | null | undefined;
  /** Normalised API URL of the Prefect server. */
  readonly instance: string;
  /** The question is about a past moment. */
  readonly past?: PastMoment | undefined;
  /** The order of log lines with one timestamp, for as long as the record does not have them. Absent: it is not remembered. */
  readonly lineOrder?: LineOrder | undefined;
  /** Changes in this workspace. Absent: none are allowed. */
  readonly changes?: ChangeAccess | undefined;
  /** Why the record is not used at all, in a fleet; every answer says it. Absent: it is used. */
  readonly liveOnly?: Sentence | undefined;
  /** Aborts when the client cancels the call. Set by `runTool`. */
  readonly signal?: AbortSignal | undefined;
  /** End of the time in which the call may ask Prefect, however many requests it makes. Set by `runTool`. */
  readonly liveUntilMs?: SteadyMs | undefined;
  /** Set by `withOutageCheck`. Absent: an outage that the record states is not checked. */
  readonly outage?: Outage | undefined;
}

/** Each member defaults to that of the context. */
export interface CallLimits {
  readonly liveUntilMs?: SteadyMs;
  readonly signal?: AbortSignal;
  readonly outage?: Outage;
  /** Null: the docs tools send no request. */
  readonly docsUrl?: null;
  record?(): RecordDb | null;
  saveLive?(batch: LiveBatch): void;
}

/**
 * The same context with limits of its own. Every member is passed on by name: a prototype or a spread would drop some of them
 * silently in one of the next copies. A new member of `QueryContext` does not compile until it is passed on here.
 */
export function withLimits(ctx: QueryContext, limits: CallLimits): QueryContext {
  const all: { readonly [K in keyof Required<QueryContext>]: QueryContext[K] } = {
    record: () => (limits.record ? limits.record() : ctx.record()),
    recordProblem: ctx.recordProblem,
    holdRecord: ctx.holdRecord,
    api: () => ctx.api(),
    clock: ctx.clock,
    saveLive: (batch) => (limits.saveLive ? limits.saveLive(batch) : ctx.saveLive(batch)),
    redactLogs: ctx.redactLogs,
    freshMs: ctx.freshMs,
    liveDeadlineMs: ctx.liveDeadlineMs,
    uiUrl: ctx.uiUrl,
    docsUrl: limits.docsUrl === null ? null : ctx.docsUrl,
    instance: ctx.instance,
    past: ctx.past,
    lineOrder: ctx.lineOrder,
    changes: ctx.changes,
    liveOnly: ctx.liveOnly,
    signal: limits.signal ?? ctx.signal,
    liveUntilMs: limits.liveUntilMs ?? ctx.liveUntilMs,
    outage: limits.outage ?? ctx.outage,
  };
  return all;
}
