/**
 * When and how long Prefect's own client waits before another try; pure.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/client/base.py
 */
export interface RetryRules {
  readonly jitterFactor: number;
  readonly extraCodes: readonly number[];
  readonly random: () => number;
}

const RETRIED = new Set([408, 429, 502, 503]);

export function isRetriedStatus(status: number, rules: RetryRules): boolean {
  return RETRIED.has(status) || rules.extraCodes.includes(status);
}

/**
 * Milliseconds before the next try. `tries`: failed tries so far, this one included unless it was a maintenance answer.
 * A `Retry-After` is never undercut; without one it is 2^tries seconds, spread both ways.
 */
export function retryWaitMs(tries: number, retryAfterMs: number | undefined, rules: RetryRules): number {
  const spread = rules.jitterFactor * rules.random();
  if (retryAfterMs !== undefined) return Math.round(retryAfterMs * (1 + spread));
  const plain = 1000 * 2 ** Math.min(tries, 20);
  return Math.max(0, Math.round(plain * (1 - rules.jitterFactor + 2 * spread)));
}

/** Milliseconds of a `Retry-After` header: seconds, or a date against `nowMs`. Undefined when there is none to read. */
export function parseRetryAfterMs(header: string | null, nowMs: number): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
