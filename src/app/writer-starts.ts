import type { Clock } from "../lib/clock.ts";

/** A Worker that has not opened its record after this time does not keep others waiting any longer: its disk may not answer. */
const START_LIMIT_MS = 15_000;

/** Gives the place back. Has no effect when repeated. */
export type EndStart = () => void;

/**
 * Bounds how many Workers of one process start at once. Each loads the program and opens its record, about a second of processor time;
 * started all together, the tenants of a busy server would leave the main thread none to answer with, or to renew its session in a fleet.
 */
export class WriterStarts {
  private readonly clock: Clock;
  private readonly max: number;
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  constructor(clock: Clock, max: number) {
    this.clock = clock;
    this.max = max;
  }

  /** Calls `start` when there is a place, perhaps at once. The returned function gives the place back, or stops waiting for it. */
  add(start: () => void): EndStart {
    const ended = new AbortController();
    const begin = () => {
      this.running += 1;
      ended.signal.addEventListener("abort", () => this.endOne(), { once: true });
      void this.clock.sleep(START_LIMIT_MS, ended.signal).then(() => ended.abort());
      start();
    };
    if (this.running < this.max) begin();
    else this.waiting.push(begin);
    return () => {
      const index = this.waiting.indexOf(begin);
      if (index >= 0) this.waiting.splice(index, 1);
      ended.abort();
    };
  }

  private endOne(): void {
    this.running -= 1;
    if (this.running < this.max) this.waiting.shift()?.();
  }
}
