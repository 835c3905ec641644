/**
 * When to retry, and after how long: the rules of Prefect's own client.
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
 * Milliseconds before the next try. `tries`: failed tries so far, without announced maintenance. At least `Retry-After`; without it
 * 2^tries seconds, more or less the jitter.
 */
export function retryWaitMs(tries: number, retryAfterMs: number | undefined, rules: RetryRules): number {
  const spread = rules.jitterFactor * rules.random();
  if (retryAfterMs !== undefined) return Math.round(retryAfterMs * (1 + spread));
  const plain = 1000 * 2 ** Math.min(tries, 20);
  return Math.max(0, Math.round(plain * (1 - rules.jitterFactor + 2 * spread)));
}

/**
 * Milliseconds of the `Retry-After` header, which holds seconds or a date. A date is compared with the `Date` of the same answer: both
 * are on the server clock. Undefined without a valid one.
 */
export function parseRetryAfterMs(headers: Headers): number | undefined {
  const header = headers.get("retry-after");
  if (header === null || header.trim() === "") return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(header);
  const sent = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(date) || Number.isNaN(sent) ? undefined : Math.max(0, date - sent);
}
