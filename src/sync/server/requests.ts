import { type AppError, toAppError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { SteadyMs } from "../../lib/time.ts";
import type { CallOptions, PrefectApi } from "../../prefect/api.ts";
import type { Connectivity } from "./connectivity.ts";
import type { IdleWork, Priority, RequestBudget } from "./request-budget.ts";
import type { ServerClock } from "./server-clock.ts";

/** A request that takes longer than this is aborted. */
const DEADLINE_MS = 30_000;
/** Waits before further tries, one entry per try. */
const RETRY_MS = [500, 1_500];

/**
 * Sends all requests of one engine: within its budget, repeated after retryable failures, each outcome reported to
 * `Connectivity`.
 */
export class Requests {
  readonly api: PrefectApi;
  private readonly budget: RequestBudget;
  private readonly connectivity: Connectivity;
  private readonly clock: Clock;
  private readonly serverClock: ServerClock;
  private readonly sent: SteadyMs[] = [];
  private count = 0;

  constructor(options: {
    api: PrefectApi;
    budget: RequestBudget;
    connectivity: Connectivity;
    clock: Clock;
    serverClock: ServerClock;
  }) {
    this.api = options.api;
    this.budget = options.budget;
    this.connectivity = options.connectivity;
    this.clock = options.clock;
    this.serverClock = options.serverClock;
  }

  /** See RequestBudget: 0 when this work may begin now. */
  idleWaitMs(work: IdleWork): number {
    return this.budget.idleWaitMs(work);
  }

  /** See RequestBudget. */
  awaitIdle(work: IdleWork): void {
    this.budget.awaitIdle(work);
  }

  /** See RequestBudget. */
  spendIdle(requests: number): void {
    this.budget.spendIdle(requests);
  }

  /** `tries`: how often a retryable failure is repeated. Throws AppError, or the reason of an aborted `signal`. */
  async call<T>(
    priority: Priority,
    signal: AbortSignal,
    send: (api: PrefectApi, options: CallOptions) => Promise<T>,
    tries = RETRY_MS.length,
  ): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      await this.budget.take(priority, signal);
      signal.throwIfAborted();
      this.countRequest();
      try {
        const answer = await send(this.api, { signal, deadlineMs: DEADLINE_MS, retries: 0 });
        this.connectivity.answered();
        this.serverClock.answered();
        return answer;
      } catch (error) {
        signal.throwIfAborted();
        const failure = toAppError(error);
        this.applyRetryAfter(failure);
        const waitMs = RETRY_MS[attempt];
        const isLast = !failure.retryable || attempt >= tries || waitMs === undefined;
        // Several routes answer 500 for reasons of their own. Only the route of catch-ups, on which all syncing
        // depends, shows that Prefect fails as a whole.
        const meansLost =
          failure.status === undefined || (isLast && (failure.status === 401 || priority === "catch-up"));
        if (meansLost) this.connectivity.failed(failure);
        if (isLast) throw failure;
        await this.clock.sleep(waitMs, signal);
      }
    }
  }

  /** Number of requests sent by this engine, and of those in the last minute. */
  get counts(): { total: number; lastMinute: number } {
    const since = this.clock.steadyMs() - 60_000;
    while (this.sent.length > 0 && (this.sent[0] ?? 0) < since) this.sent.shift();
    return { total: this.count, lastMinute: this.sent.length };
  }

  private countRequest(): void {
    this.count += 1;
    this.sent.push(this.clock.steadyMs());
  }

  private applyRetryAfter(failure: AppError): void {
    if (failure.retryAfterMs !== undefined) this.budget.pause(failure.retryAfterMs);
    else if (failure.code === "rate_limited") this.budget.pause(5_000);
  }
}
