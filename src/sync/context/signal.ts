import type { Clock } from "../../lib/clock.ts";

/** A bell for one sleeper: `wait` ends early when it is rung, also when it was rung since the last wait. */
export class Signal {
  private isNotified = false;
  private finish: (() => void) | undefined;

  notify(): void {
    this.isNotified = true;
    this.finish?.();
  }

  /** Resolves after `ms`, when rung, or when `signal` aborts, whichever is first. Never rejects. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (!this.isNotified && !signal.aborted && ms > 0) {
      const timer = new AbortController();
      const rung = new Promise<void>((resolve) => {
        this.finish = resolve;
      });
      const stop = () => this.finish?.();
      signal.addEventListener("abort", stop, { once: true });
      await Promise.race([clock.sleep(ms, timer.signal), rung]);
      signal.removeEventListener("abort", stop);
      this.finish = undefined;
      timer.abort();
    }
    this.isNotified = false;
  }
}
