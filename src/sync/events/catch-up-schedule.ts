/** When to catch up: regularly, and at the moments at which something is known to be missing or late. */
export class CatchUpSchedule {
  private requested: number[] = [];
  private lastMs = Number.NEGATIVE_INFINITY;

  /** Our clock, ms. A catch-up that begins then or later will do. */
  request(atMs: number): void {
    this.requested.push(atMs);
  }

  /** Milliseconds until the next one, which is at most `intervalMs` whatever happens to our clock. */
  waitMs(nowMs: number, intervalMs: number): number {
    this.lastMs = Math.min(this.lastMs, nowMs);
    const next = Math.min(this.lastMs + intervalMs, ...this.requested);
    return Math.min(intervalMs, Math.max(0, next - nowMs));
  }

  /** One that began at `startedMs` has been completed. */
  completed(startedMs: number): void {
    this.lastMs = startedMs;
    this.requested = this.requested.filter((atMs) => atMs > startedMs);
  }
}
