/** One process of the product: its clock and its timers, and how it is killed. */
import { type Clock, createClock } from "../../src/lib/clock.ts";
import type { Prng } from "./prng.ts";
import type { SimMachine } from "./sim-clocks.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Thrown at the write at which a process is killed. None of its timers runs afterwards. */
export class Killed extends Error {}

export class SimProcess {
  isDead = false;
  diedMs = Number.POSITIVE_INFINITY;
  /** Writes until it is killed; 0 = never. */
  writesLeft = 0;
  onDeath: (() => void) | null = null;
  private frozenUntilMs = 0;
  private readonly time: VirtualTime;

  readonly clock: Clock;

  constructor(time: VirtualTime, machine: SimMachine) {
    this.time = time;
    this.clock = { ...createClock(machine.clocks), sleep: (ms, signal) => this.sleep(ms, signal) };
  }

  private sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (this.isDead) return new Promise(() => {});
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const cancel = this.later(ms, done);
      signal?.addEventListener("abort", done, { once: true });
    });
  }

  /** Runs `run` later, unless the process was killed by then. While the machine sleeps, it waits. */
  later(ms: number, run: () => void): () => void {
    // As real timers: a shorter wait might not move a time of days at all.
    let cancel = this.time.after(Math.ceil(Math.max(0, ms)), () => fire());
    const fire = () => {
      if (this.isDead) return;
      if (this.time.nowMs < this.frozenUntilMs) cancel = this.time.at(this.frozenUntilMs, () => fire());
      else run();
    };
    return () => cancel();
  }

  freeze(untilMs: number): void {
    this.frozenUntilMs = Math.max(this.frozenUntilMs, untilMs);
  }

  kill(): void {
    if (this.isDead) return;
    this.isDead = true;
    this.diedMs = this.time.nowMs;
    this.onDeath?.();
  }
}

/** Latency in one direction, milliseconds. */
export function travelMs(random: Prng, isSlow: boolean): number {
  return isSlow ? random.int(200, 3_000) : random.int(1, 25);
}
