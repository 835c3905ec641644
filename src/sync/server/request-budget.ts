import type { Clock } from "../../lib/clock.ts";
import { addMs, NEVER_MS, type SteadyMs } from "../../lib/time.ts";
import { type AccountBudget, MAX_PAUSE_MS } from "../../prefect/transport/account-budget.ts";

/** The purpose of a request, most urgent first. */
export type Priority = "catch-up" | "reconcile" | "backfill" | "verify";

/** Share of the minute's requests that a priority must leave for more urgent ones. */
const RESERVE: Record<Priority, number> = { "catch-up": 0, reconcile: 0.1, backfill: 0.25, verify: 0.4 };

/** Most idle requests that may be sent at once after a time without any. */
const IDLE_AT_ONCE = 3;

/** Idle work that has not asked for this long is not waiting any more. Each loop asks at least once a minute. */
const WAITING_MS = 150_000;
/** Least time until idle work asks again while other work is ahead of it. */
const BEHIND_MS = 5_000;

export interface BudgetOptions {
  readonly clock: Clock;
  /** Requests per minute for all purposes; the requests of a whole minute may be sent at once. */
  readonly perMinute: number;
  /** Of these, requests for work that no one is waiting for, while the workspace is idle. */
  readonly idlePerMinute: number;
  /** The budget that other workspaces of the account share, in place of `perMinute`. */
  readonly account?: AccountBudget;
}

/** Requests that no client and no event asks for. */
export interface IdleWork {
  /** The same for each request for this work. */
  readonly name: string;
  /** Approximate number of requests. */
  readonly cost: number;
  readonly dueMs: SteadyMs;
}

/** Token buckets for all background requests of one engine. */
export class RequestBudget {
  private readonly clock: Clock;
  private readonly all: Bucket;
  private readonly idle: Bucket;
  private readonly account: AccountBudget | null;
  private readonly waiting = new Map<string, IdleWork & { readonly askedMs: SteadyMs }>();
  private pausedUntilMs = NEVER_MS;

  constructor(options: BudgetOptions) {
    this.clock = options.clock;
    this.account = options.account ?? null;
    const nowMs = options.clock.steadyMs();
    this.all = new Bucket(options.perMinute, Math.max(1, options.perMinute), Math.max(1, options.perMinute), nowMs);
    // Begins empty: the requests at the start are not idle work.
    this.idle = new Bucket(options.idlePerMinute, IDLE_AT_ONCE, 0, nowMs);
  }

  /**
   * Waits until a request of this priority may be sent, and takes its token. Returns without taking it when `signal`
   * aborts.
   */
  async take(priority: Priority, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = this.tryTake(priority);
      if (waitMs <= 0) return;
      await this.clock.sleep(waitMs, signal);
    }
  }

  /**
   * Takes the cost of `work` from the idle allowance, which bounds what repeated checks cost an idle workspace, however large it is.
   * Returns 0 when it was taken, otherwise the milliseconds until the next call may succeed. Work that is due longest comes first, so
   * that small work does not take what large work waits for.
   */
  idleWaitMs(work: IdleWork): number {
    this.awaitIdle(work);
    const ahead = this.workAhead(work);
    const wantedAhead = ahead.reduce((sum, one) => sum + one.cost, 0);
    const waitMs = this.idle.waitMs(this.clock.steadyMs(), wantedAhead + Math.min(work.cost, IDLE_AT_ONCE));
    if (ahead.length > 0) return Math.max(BEHIND_MS, waitMs);
    if (waitMs === 0) {
      this.waiting.delete(work.name);
      this.idle.spend(work.cost);
    }
    return waitMs;
  }

  /** From now on later work waits for this one, which cannot begin yet. */
  awaitIdle(work: IdleWork): void {
    this.waiting.set(work.name, { ...work, askedMs: this.clock.steadyMs() });
  }

  private workAhead(work: IdleWork): IdleWork[] {
    const nowMs = this.clock.steadyMs();
    return [...this.waiting.values()].filter(
      (one) => one.name !== work.name && one.dueMs < work.dueMs && nowMs - one.askedMs < WAITING_MS,
    );
  }

  /** Takes requests that have to be sent anyway from the idle allowance: other idle work waits longer for them. */
  spendIdle(requests: number): void {
    this.idle.waitMs(this.clock.steadyMs(), 0);
    this.idle.spend(requests);
  }

  /** Applies a `Retry-After`: no request is sent for that long. */
  pause(ms: number): void {
    this.account?.pause(ms);
    this.pausedUntilMs = Math.max(this.pausedUntilMs, addMs(this.clock.steadyMs(), Math.min(ms, MAX_PAUSE_MS)));
  }

  /** 0 when a request was taken, otherwise the milliseconds until the next try. */
  private tryTake(priority: Priority): number {
    const nowMs = this.clock.steadyMs();
    const pause = Math.max(this.pausedUntilMs - nowMs, this.account?.pausedMs() ?? 0);
    if (pause > 0) return pause;
    if (this.account !== null) return this.account.take(RESERVE[priority] * (this.account.capacity - 1));
    const waitMs = this.all.waitMs(nowMs, 1 + RESERVE[priority] * (this.all.capacity - 1));
    if (waitMs <= 0) this.all.spend(1);
    return waitMs;
  }
}

class Bucket {
  readonly capacity: number;
  private readonly perMs: number;
  private tokens: number;
  private atMs: SteadyMs;

  constructor(perMinute: number, capacity: number, tokens: number, nowMs: SteadyMs) {
    this.perMs = perMinute / 60_000;
    this.capacity = capacity;
    this.tokens = tokens;
    this.atMs = nowMs;
  }

  /** Milliseconds until `wanted` tokens are there. */
  waitMs(nowMs: SteadyMs, wanted: number): number {
    const passedMs = nowMs - this.atMs;
    this.atMs = nowMs;
    this.tokens = Math.min(this.capacity, this.tokens + passedMs * this.perMs);
    // The tolerance avoids a further wait of 1 ms for a rounding error.
    const missing = wanted - this.tokens - 1e-9;
    return missing <= 0 ? 0 : Math.max(1, Math.ceil(missing / this.perMs));
  }

  spend(tokens: number): void {
    this.tokens -= tokens;
  }
}
