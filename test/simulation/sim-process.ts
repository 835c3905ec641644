/** One process of the product: its clock, its life, and its death. */
import type { Clock } from "../../src/lib/clock.ts";
import type { Prng } from "./prng.ts";
import { EPOCH_US } from "./sim-server.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Thrown at the write at which a process dies. Nothing of the process happens afterwards. */
export class Killed extends Error {}

export class SimProcess {
  isDead = false;
  diedMs = Number.POSITIVE_INFINITY;
  /** Writes until it dies; 0 = not planned. */
  writesLeft = 0;
  onDeath: (() => void) | null = null;
  private frozenUntilMs = 0;
  private readonly time: VirtualTime;
  private readonly skewMs: number;

  constructor(time: VirtualTime, skewMs: number) {
    this.time = time;
    this.skewMs = skewMs;
  }

  readonly clock: Clock = {
    nowMs: () => Math.floor(this.nowUs() / 1000),
    nowUs: () => this.nowUs(),
    sleep: (ms, signal) => {
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
    },
  };

  /** Runs later, unless the process is dead by then; a sleeping machine runs it when it wakes. */
  later(ms: number, run: () => void): () => void {
    let cancel = this.time.after(Math.max(0, ms), () => fire());
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

  nowUs(): number {
    return EPOCH_US + Math.round((this.time.nowMs + this.skewMs) * 1000);
  }
}

/** Latency of one way, milliseconds. */
export function travelMs(chance: Prng, isSlow: boolean): number {
  return isSlow ? chance.int(200, 3_000) : chance.int(1, 25);
}
