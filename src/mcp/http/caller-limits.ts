/** Rate and concurrency per caller. Time comes in as an argument: milliseconds of any steady clock. */
export interface CallerLimitSettings {
  readonly requestsPerSecond: number;
  /** Requests that may come at once before the rate counts. */
  readonly burst: number;
  readonly maxConcurrent: number;
  /** Callers remembered; the one unused longest is forgotten first. */
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

export class CallerLimits {
  private readonly callers = new Map<string, Caller>();
  private readonly settings: CallerLimitSettings;

  constructor(settings: CallerLimitSettings) {
    this.settings = settings;
  }

  /**
   * `cost`: messages in the request; `places`: how many of them are held until the answer is out. Call `release` once when it
   * is.
   */
  admit(id: string, nowMs: number, cost = 1, places = cost): Admission {
    const { requestsPerSecond, burst, maxConcurrent } = this.settings;
    const caller = this.callers.get(id) ?? { tokens: burst, atMs: nowMs, running: 0 };
    this.callers.delete(id);
    this.callers.set(id, caller);
    this.forgetOldest();
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

  private forgetOldest(): void {
    for (const [id, caller] of this.callers) {
      if (this.callers.size <= this.settings.maxCallers) return;
      if (caller.running === 0) this.callers.delete(id);
    }
  }
}
