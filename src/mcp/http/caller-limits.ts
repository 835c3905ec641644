export interface CallerLimitSettings {
  readonly requestsPerSecond: number;
  /** Size of the token bucket: requests that may arrive at once. */
  readonly burst: number;
  readonly maxConcurrent: number;
  /** Callers in memory; the least recently used without a running request is dropped first. */
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
  private readonly callers = new Map<string, Caller>();
  private readonly settings: CallerLimitSettings;

  constructor(settings: CallerLimitSettings) {
    this.settings = settings;
  }

  /**
   * `cost`: messages in the request. `places`: how many of them count as running until `release` is called, which happens once, when
   * the answer is complete.
   */
  admit(id: string, nowMs: number, cost = 1, places = cost): Admission {
    const { requestsPerSecond, burst, maxConcurrent } = this.settings;
    const caller = this.callers.get(id) ?? { tokens: burst, atMs: nowMs, running: 0 };
    this.callers.delete(id);
    this.callers.set(id, caller);
    this.dropOldest();
    const earned = (Math.max(0, nowMs - caller.atMs) / 1000) * requestsPerSecond;
    caller.tokens = Math.min(burst, caller.tokens + earned);
    caller.atMs = nowMs;
    if (places > 0 && caller.running + places > maxConcurrent)
      return { admitted: false, retryAfterSeconds: 1, reason: "concurrency" };
    if (caller.tokens < cost) {
      const seconds = Math.max(1, Math.ceil((cost - caller.tokens) / requestsPerSecond));
      return { admitted: false, retryAfterSeconds: seconds, reason: "rate" };
    }
    caller.tokens -= cost;
    caller.running += places;
    let isReleased = false;
    return {
      admitted: true,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        caller.running -= places;
      },
    };
  }

  private dropOldest(): void {
    for (const [id, caller] of this.callers) {
      if (this.callers.size <= this.settings.maxCallers) return;
      if (caller.running === 0) this.callers.delete(id);
    }
  }
}
