/** Simulated time: one heap of timers, and all promises are settled after each timer. No real timer runs. */
import { drainMicrotasks } from "bun:jsc";

interface Timer {
  readonly atMs: number;
  readonly seq: number;
  run: (() => void) | null;
}

/** True time at which schedules begin, microseconds. */
export const EPOCH_US = 1_795_348_800_000_000;
/** Most timers at one moment: more means that a loop runs without waiting. */
const MAX_AT_ONCE = 20_000;

export type Cancel = () => void;

export class VirtualTime {
  /** Milliseconds since the schedule began. */
  nowMs = 0;
  private readonly heap: Timer[] = [];
  private seq = 0;

  /** Runs `run` at `atMs`, or now when that is past. Timers of one moment run in the order in which they were set. */
  at(atMs: number, run: () => void): Cancel {
    const timer: Timer = { atMs: Math.max(this.nowMs, atMs), seq: this.seq, run };
    this.seq += 1;
    this.push(timer);
    return () => {
      timer.run = null;
    };
  }

  after(ms: number, run: () => void): Cancel {
    return this.at(this.nowMs + ms, run);
  }

  /** Runs all timers until `untilMs`. `check` is called after each. */
  runUntil(untilMs: number, check: () => void): void {
    drainMicrotasks();
    let atOnce = 0;
    for (;;) {
      const next = this.heap[0];
      if (!next || next.atMs > untilMs) break;
      this.pop();
      if (next.run === null) continue;
      atOnce = next.atMs > this.nowMs ? 0 : atOnce + 1;
      if (atOnce > MAX_AT_ONCE) throw new Error(`time does not advance at ${this.nowMs} ms`);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
      drainMicrotasks();
      check();
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }

  private push(timer: Timer): void {
    const { heap } = this;
    let i = heap.length;
    heap.push(timer);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as Timer;
      if (!isBefore(timer, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = timer;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop() as Timer;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Timer, heap[child] as Timer)) child += 1;
      if (!isBefore(heap[child] as Timer, last)) break;
      heap[i] = heap[child] as Timer;
      i = child;
    }
    heap[i] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.seq < b.seq);
}
