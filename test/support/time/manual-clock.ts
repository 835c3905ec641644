import { type Clock, systemClock } from "../../../src/lib/clock.ts";

export interface ManualClock extends Clock {
  advance(ms: number): Promise<void>;
}

/** A clock that stands still until `advance`, which ends the waits that are over by then. `startMs`: what its steady clock shows first. */
export function manualClock(startMs = 0): ManualClock {
  const startUs = systemClock.nowUs();
  let passedMs = 0;
  const waits = new Set<{ readonly untilMs: number; end(): void }>();
  return {
    nowUs: () => startUs + passedMs * 1000,
    steadyMs: () => startMs + passedMs,
    bootedUs: () => startUs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const wait = {
          untilMs: passedMs + ms,
          end: () => {
            waits.delete(wait);
            resolve();
          },
        };
        waits.add(wait);
        signal?.addEventListener("abort", wait.end, { once: true });
        if (signal?.aborted) wait.end();
      }),
    async advance(ms) {
      passedMs += ms;
      for (const wait of waits) if (wait.untilMs <= passedMs) wait.end();
      await Promise.resolve();
      await Promise.resolve();
    },
  };
}
