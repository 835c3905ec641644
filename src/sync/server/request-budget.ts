import type { Clock } from "../../lib/clock.ts";

/** What a request is for, most urgent first. */
export type Priority = "catch-up" | "reconcile" | "backfill" | "verify";

/** Share of the minute's requests that a priority leaves to the more urgent ones. */
const RESERVE: Record<Priority, number> = { "catch-up": 0, reconcile: 0.1, backfill: 0.25, verify: 0.4 };

/** Idle work that may go at once after a while without any. */
const IDLE_AT_ONCE = 3;

/** Most that a server can make us wait by `Retry-After`. */
const MAX_PAUSE_MS = 3_600_000;

export interface BudgetOptions {
  readonly clock: Clock;
  /** Requests per minute over everything; a whole minute's worth may go at once. */
  readonly perMinute: number;
  /** Of these, for what nobody waits for while nothing happens. */
  readonly idlePerMinute: number;
}

/** Token buckets over all background requests of one instance. */
export class RequestBudget {
  private readonly clock: Clock;
  private readonly all: Bucket;
  private readonly idle: Bucket;
  private pausedUntilMs = 0;

  constructor(options: BudgetOptions) {
    this.clock = options.clock;
    const nowMs = options.clock.nowMs();
    this.all = new Bucket(options.perMinute, Math.max(1, options.perMinute), Math.max(1, options.perMinute), nowMs);
    // Begins empty: what is wanted at the start is not idle work.
    this.idle = new Bucket(options.idlePerMinute, IDLE_AT_ONCE, 0, nowMs);
  }

  /** Waits until a request of this priority may be sent, and spends it. Returns without spending when `signal` aborts. */
  async take(priority: Priority, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = this.waitMs(priority);
      if (waitMs <= 0) {
        this.all.spend(1);
        return;
      }
      await this.clock.sleep(waitMs, signal);
    }
  }

  /**
   * Asks for `requests` out of the idle allowance. 0: granted and spent, so that what is looked at again without need costs an
   * idle workspace little, however much there is of it. Otherwise the milliseconds until it is worth asking again.
   */
  idleWaitMs(requests: number): number {
    const waitMs = this.idle.waitMs(this.clock.nowMs(), Math.min(requests, IDLE_AT_ONCE));
    if (waitMs === 0) this.idle.spend(requests);
    return waitMs;
  }

  /** `Retry-After`: nothing is sent for that long. */
  pause(ms: number): void {
    this.pausedUntilMs = Math.max(this.pausedUntilMs, this.clock.nowMs() + Math.min(ms, MAX_PAUSE_MS));
  }

  private waitMs(priority: Priority): number {
    const nowMs = this.clock.nowMs();
    const pause = this.pausedUntilMs - nowMs;
    // A clock set back must not stretch the pause.
    if (pause > MAX_PAUSE_MS) this.pausedUntilMs = nowMs;
    else if (pause > 0) return pause;
    return this.all.waitMs(nowMs, 1 + RESERVE[priority] * (this.all.capacity - 1));
  }
}

class Bucket {
  readonly capacity: number;
  private readonly perMs: number;
  private tokens: number;
  private atMs: number;

  constructor(perMinute: number, capacity: number, tokens: number, nowMs: number) {
    this.perMs = perMinute / 60_000;
    this.capacity = capacity;
    this.tokens = tokens;
    this.atMs = nowMs;
  }

  /** Until `wanted` tokens are there. */
  waitMs(nowMs: number, wanted: number): number {
    const passedMs = Math.max(0, nowMs - this.atMs);
    this.atMs = nowMs;
    this.tokens = Math.min(this.capacity, this.tokens + passedMs * this.perMs);
    // The hair keeps a rounded-off remainder from costing another turn.
    const missing = wanted - this.tokens - 1e-9;
    return missing <= 0 ? 0 : Math.max(1, Math.ceil(missing / this.perMs));
  }

  spend(tokens: number): void {
    this.tokens -= tokens;
  }
}
