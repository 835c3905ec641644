import type { Clock } from "../lib/clock.ts";
import type { FleetStore } from "./fleet-store.ts";

/** After so many calls without an answer the connections to the database are replaced. */
const MAX_UNANSWERED = 2;

/** Calls to the fleet's database that fail when they are not answered in time. */
export class StoreCalls {
  private readonly store: FleetStore;
  private readonly clock: Clock;
  private readonly withinMs: number;
  private unanswered = 0;

  constructor(store: FleetStore, clock: Clock, withinMs: number) {
    this.store = store;
    this.clock = clock;
    this.withinMs = withinMs;
  }

  async ask<T>(call: () => Promise<T>): Promise<T> {
    const answered = new AbortController();
    const late = this.clock.sleep(this.withinMs, answered.signal).then(() => {
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
    } catch (error) {
      this.unanswered += 1;
      if (this.unanswered >= MAX_UNANSWERED) {
        this.unanswered = 0;
        this.store.reconnect();
      }
      throw error;
    } finally {
      answered.abort();
    }
  }
}
