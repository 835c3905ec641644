import { smallest } from "../../lib/lists.ts";
import { NEVER_MS, type SteadyMs } from "../../lib/time.ts";

/** Decides when to catch up: at a regular interval, and at requested moments, when events may be missing or late. */
export class CatchUpSchedule {
  private requested: SteadyMs[] = [];
  private lastMs = NEVER_MS;

  /** Requests a catch-up that begins at this moment or later. */
  request(atMs: SteadyMs): void {
    this.requested.push(atMs);
  }

  /** Milliseconds until the next catch-up: at most `intervalMs`. */
  waitMs(nowMs: SteadyMs, intervalMs: number): number {
    const next = smallest([this.lastMs + intervalMs, ...this.requested]);
    return Math.min(intervalMs, Math.max(0, next - nowMs));
  }

  /** A catch-up that began at `startedMs` has finished. */
  completed(startedMs: SteadyMs): void {
    this.lastMs = startedMs;
    this.requested = this.requested.filter((atMs) => atMs > startedMs);
  }
}
