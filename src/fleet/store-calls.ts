import { type Clock, nextTask } from "../lib/clock.ts";

export interface StoreCallsOptions {
  readonly clock: Clock;
  readonly withinMs: number;
  /** After so many calls without an answer their connections to the database are replaced. */
  readonly maxUnanswered: number;
  reconnect(): void;
}

/** Calls to the fleet's database that fail when they are not answered in time. */
export class StoreCalls {
  private readonly options: StoreCallsOptions;
  /** Calls without an answer, on the connections of now and since the last answer. */
  private unanswered = 0;
  /** Grows when the connections are replaced. */
  private round = 0;

  constructor(options: StoreCallsOptions) {
    this.options = options;
  }

  async ask<T>(call: () => Promise<T>): Promise<T> {
    const { round } = this;
    const answered = new AbortController();
    const { clock, withinMs } = this.options;
    const late = clock.sleep(withinMs, answered.signal).then(async () => {
      // On a busy node the answer may have arrived and not be read yet.
      if (!answered.signal.aborted) await nextTask();
      if (!answered.signal.aborted) this.countLate(round);
      throw new Error("the fleet's database does not answer");
    });
    const running = call();
    // Of the one that loses the race, nothing is of interest any more.
    late.catch(() => undefined);
    running.catch(() => undefined);
    try {
      const result = await Promise.race([running, late]);
      this.unanswered = 0;
      return result;
    } finally {
      answered.abort();
    }
  }

  /** An error is an answer. A call of earlier connections, which failed because they were replaced, must not replace the new ones. */
  private countLate(round: number): void {
    if (round !== this.round) return;
    this.unanswered += 1;
    if (this.unanswered < this.options.maxUnanswered) return;
    this.unanswered = 0;
    this.round += 1;
    this.options.reconnect();
  }
}
