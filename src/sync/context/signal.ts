import type { Clock } from "../../lib/clock.ts";

/** How long a loop waits that has nothing to do before its signal notifies it. */
export const UNTIL_NOTIFIED_MS = 3_600_000;

/** Ends the wait of one loop early. A notification that comes while the loop is working ends its next wait at once. */
export class Signal {
  private isNotified = false;
  private finish: (() => void) | undefined;

  notify(): void {
    this.isNotified = true;
    this.finish?.();
  }

  /** Resolves after `ms`, when notified, or when `signal` aborts, whichever is first. Never rejects. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (!this.isNotified && !signal.aborted && ms > 0) {
      const timer = new AbortController();
      const notified = new Promise<void>((resolve) => {
        this.finish = resolve;
      });
      const stop = () => this.finish?.();
      signal.addEventListener("abort", stop, { once: true });
      await Promise.race([clock.sleep(ms, timer.signal), notified]);
      signal.removeEventListener("abort", stop);
      this.finish = undefined;
      timer.abort();
    }
    this.isNotified = false;
  }
}
