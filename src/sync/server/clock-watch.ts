import type { Clock } from "../../lib/clock.ts";
import type { LocalUs, SteadyMs } from "../../lib/time.ts";

/** The wall clock was set when it gains or loses as much within a second; NTP slews it by less. */
const SET_MS = 500;

/** Notices that the wall clock of this machine was set, or that a suspend passed which the steady clock does not count. */
export class ClockWatch {
  private readonly clock: Clock;
  private readonly onSet: (byMs: number) => void;
  private last: { readonly wallUs: LocalUs; readonly steadyMs: SteadyMs };

  /** `onSet` gets by how much, milliseconds. */
  constructor(clock: Clock, onSet: (byMs: number) => void) {
    this.clock = clock;
    this.onSet = onSet;
    this.last = this.now();
  }

  /** Compares the clocks with those of the last call. To be called each second, and before a moment of the wall clock is stored. */
  check(): void {
    const { last } = this;
    const now = this.now();
    this.last = now;
    const byMs = (now.wallUs - last.wallUs) / 1000 - (now.steadyMs - last.steadyMs);
    if (Math.abs(byMs) >= SET_MS) this.onSet(byMs);
  }

  private now() {
    return { wallUs: this.clock.nowUs(), steadyMs: this.clock.steadyMs() };
  }
}
