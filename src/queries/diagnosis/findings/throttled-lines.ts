import type { RunFacts } from "./types.ts";

const THROTTLED = /\b429\b|too many requests|rate.?limit/i;

/** A log or state message that reports requests refused by a rate limit. */
export function reportsThrottling(message: string): boolean {
  return THROTTLED.test(message);
}

/** Lines of a run's log that report requests refused by a rate limit. */
export function throttledLines(run: RunFacts): readonly string[] {
  return (run.logs ?? []).map((log) => log.message).filter(reportsThrottling);
}
