import { LRUCache } from "lru-cache";

export interface CallerLimitSettings {
  readonly requestsPerSecond: number;
  /** Size of the token bucket: requests that may arrive at once. */
  readonly burst: number;
  readonly maxConcurrent: number;
  /** Callers without a running request that are held in memory; the least recently used is dropped first. */
  readonly maxCallers: number;
}

export type Admission =
  | { readonly admitted: true; readonly release: () => void }
  | { readonly admitted: false; readonly retryAfterSeconds: number; readonly reason: "rate" | "concurrency" };

interface Caller {
  tokens: number;
  atMs: number;
  running: number;
}

/** A token bucket and a limit of concurrent requests per caller. Times are passed in: milliseconds of one steady clock. */
export class CallerLimits {
  /** Callers with running requests are never dropped, so that these still count. */
  private readonly busy = new Map<string, Caller>();
  private readonly idle: LRUCache<string, Caller>;
  private readonly settings: CallerLimitSettings;

  constructor(settings: CallerLimitSettings) {
    this.settings = settings;
    this.idle = new LRUCache({ max: settings.maxCallers });
  }

  /**
   * `cost`: messages in the request. `places`: how many of them count as running until `release` is called, which happens once, when
   * the answer is complete.
   */
  admit(id: string, nowMs: number, cost = 1, places = cost): Admission {
    const { requestsPerSecond, burst, maxConcurrent } = this.settings;
    const caller = this.busy.get(id) ?? this.idle.get(id) ?? { tokens: burst, atMs: nowMs, running: 0 };
    const earned = (Math.max(0, nowMs - caller.atMs) / 1000) * requestsPerSecond;
    caller.tokens = Math.min(burst, caller.tokens + earned);
    caller.atMs = nowMs;
    let refused: Admission | null = null;
    if (places > 0 && caller.running + places > maxConcurrent) {
      refused = { admitted: false, retryAfterSeconds: 1, reason: "concurrency" };
    } else if (caller.tokens < cost) {
      const seconds = Math.max(1, Math.ceil((cost - caller.tokens) / requestsPerSecond));
      refused = { admitted: false, retryAfterSeconds: seconds, reason: "rate" };
    } else {
      caller.tokens -= cost;
      caller.running += places;
    }
    this.track(id, caller);
    if (refused) return refused;
    let isReleased = false;
    return {
      admitted: true,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        caller.running -= places;
        this.track(id, caller);
      },
    };
  }

  private track(id: string, caller: Caller): void {
    if (caller.running > 0) {
      this.busy.set(id, caller);
      this.idle.delete(id);
    } else {
      this.busy.delete(id);
      this.idle.set(id, caller);
    }
  }
}
