/** Decides when to catch up: at a regular interval, and at requested moments, when events may be missing or late. */
export class CatchUpSchedule {
  private requested: number[] = [];
  private lastMs = Number.NEGATIVE_INFINITY;

  /** Requests a catch-up that begins at this moment (local clock, ms) or later. */
  request(atMs: number): void {
    this.requested.push(atMs);
  }

  /** Milliseconds until the next catch-up: at most `intervalMs`, also when the local clock is set. */
  waitMs(nowMs: number, intervalMs: number): number {
    this.lastMs = Math.min(this.lastMs, nowMs);
    const next = Math.min(this.lastMs + intervalMs, ...this.requested);
    return Math.min(intervalMs, Math.max(0, next - nowMs));
  }

  /** A catch-up that began at `startedMs` (local clock) has finished. */
  completed(startedMs: number): void {
    this.lastMs = startedMs;
    this.requested = this.requested.filter((atMs) => atMs > startedMs);
  }
}
