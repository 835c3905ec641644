import { LRUCache } from "lru-cache";
import type { SteadyMs } from "../../lib/time.ts";

export interface CallerLimitSettings {
  readonly requestsPerSecond: number;
  /** Size of the token bucket: requests that may arrive at once. */
  readonly burst: number;
  readonly maxConcurrent: number;
  /** Callers held in memory; the least recently used is dropped first. */
  readonly maxCallers: number;
}

export type Admission =
  | { readonly isAdmitted: true; readonly release: () => void }
  | { readonly isAdmitted: false; readonly retryAfterSeconds: number; readonly reason: "rate" | "concurrency" };

interface Caller {
  tokens: number;
  atMs: SteadyMs;
  running: number;
}

/** A token bucket and a limit of concurrent requests per caller. Time is passed in. */
export class CallerLimits {
  private readonly callers: LRUCache<string, Caller>;
  /** Callers that were dropped while they had running requests: these still count. */
  private readonly dropped = new Map<string, Caller>();
  private readonly settings: CallerLimitSettings;

  constructor(settings: CallerLimitSettings) {
    this.settings = settings;
    this.callers = new LRUCache({
      max: settings.maxCallers,
      dispose: (caller, id, reason) => {
        if (reason === "evict" && caller.running > 0) this.dropped.set(id, caller);
      },
    });
  }

  /**
   * `cost`: messages in the request. `running`: how many of them count as running until `release` is called, which happens once, when
   * the answer is complete.
   */
  admit(id: string, nowMs: SteadyMs, cost = 1, running = cost): Admission {
    const { requestsPerSecond, burst, maxConcurrent } = this.settings;
    const caller = this.callers.get(id) ?? this.recall(id, nowMs);
    const earned = (Math.max(0, nowMs - caller.atMs) / 1000) * requestsPerSecond;
    caller.tokens = Math.min(burst, caller.tokens + earned);
    caller.atMs = nowMs;
    if (running > 0 && caller.running + running > maxConcurrent)
      return { isAdmitted: false, retryAfterSeconds: 1, reason: "concurrency" };
    if (caller.tokens < cost) {
      const seconds = Math.max(1, Math.ceil((cost - caller.tokens) / requestsPerSecond));
      return { isAdmitted: false, retryAfterSeconds: seconds, reason: "rate" };
    }
    caller.tokens -= cost;
    caller.running += running;
    let isReleased = false;
    return {
      isAdmitted: true,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        caller.running -= running;
        if (caller.running === 0 && this.dropped.size > 0) this.dropped.delete(id);
      },
    };
  }

  private recall(id: string, nowMs: SteadyMs): Caller {
    const caller = this.dropped.get(id) ?? { tokens: this.settings.burst, atMs: nowMs, running: 0 };
    this.dropped.delete(id);
    this.callers.set(id, caller);
    return caller;
  }
}
