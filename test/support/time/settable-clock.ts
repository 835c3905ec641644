import type { Clock } from "../../../src/lib/clock.ts";
import type { LocalUs, SteadyMs } from "../../../src/lib/time.ts";

/** A clock that moves only by the calls below: time passes, or the wall clock is set. */
export class SettableClock implements Clock {
  private us: number;
  private elapsedMs = 0;
  private setUs = 0;
  readonly slept: number[] = [];

  constructor(startUs: number) {
    this.us = startUs;
  }

  readonly nowUs = (): LocalUs => this.us + this.elapsedMs * 1000 + this.setUs;
  readonly steadyMs = (): SteadyMs => this.elapsedMs;
  readonly bootedUs = (): LocalUs => this.us + this.setUs;
  readonly sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    if (signal?.aborted) return Promise.resolve();
    this.slept.push(ms);
    this.pass(ms);
    return Promise.resolve();
  };

  /** Time passes. */
  pass(ms: number): void {
    this.elapsedMs += ms;
  }

  /** The wall clock is set by this much, forwards or backwards. */
  step(ms: number): void {
    this.setUs += ms * 1000;
  }

  /** The machine is suspended on a system whose steady clock does not count that. */
  suspendUncounted(ms: number): void {
    this.us += ms * 1000;
  }
}
