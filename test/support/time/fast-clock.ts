import { type Clock, systemClock } from "../../../src/lib/clock.ts";

/** A clock that runs `factor` times as fast as the real one, from now: waits of seconds pass in milliseconds. */
export function fastClock(factor: number): Clock & { readonly slept: number[] } {
  const startUs = systemClock.nowUs();
  const startMs = systemClock.steadyMs();
  const slept: number[] = [];
  const nowUs = () => Math.round(startUs + (systemClock.nowUs() - startUs) * factor);
  return {
    /** Every wait that was asked for, in milliseconds of this clock. */
    slept,
    nowUs,
    steadyMs: () => (systemClock.steadyMs() - startMs) * factor,
    bootedUs: () => startUs,
    sleep: (ms, signal) => {
      slept.push(ms);
      return systemClock.sleep(ms / factor, signal);
    },
  };
}
