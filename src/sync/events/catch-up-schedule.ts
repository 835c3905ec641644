/** When to catch up: regularly, and at the moments at which something is known to be missing or late. */
export class CatchUpSchedule {
  private wanted: number[] = [];
  private lastMs = Number.NEGATIVE_INFINITY;

  /** Our clock, ms. A catch-up that begins then or later will do. */
  want(atMs: number): void {
    this.wanted.push(atMs);
  }

  /** Milliseconds until the next one, which is at most `intervalMs` whatever happens to our clock. */
  waitMs(nowMs: number, intervalMs: number): number {
    this.lastMs = Math.min(this.lastMs, nowMs);
    const next = Math.min(this.lastMs + intervalMs, ...this.wanted);
    return Math.min(intervalMs, Math.max(0, next - nowMs));
  }

  /** One that began at `startedMs` has been completed. */
  done(startedMs: number): void {
    this.lastMs = startedMs;
    this.wanted = this.wanted.filter((atMs) => atMs > startedMs);
  }
}
