/**
 * Estimates how far the server clock is ahead of the local clock, from `Date` headers. They have whole seconds and uvicorn updates
 * them once a second, so one answer bounds the skew to about two seconds; the bounds of many answers are intersected.
 */
export interface ClockSkew {
  /** `sentMs`, `receivedMs`: local clock before and after the request. */
  observe(date: string | null, sentMs: number, receivedMs: number): void;
  /** Server clock minus local clock, milliseconds; null before the first usable header. */
  read(): number | null;
}

/** Largest age of a header when it is sent: a second of truncation, a second between updates, and 0.2 s for a busy server. */
const STALE_MS = 2_200;

/**
 * The part of a measured skew that is certain: 0 where the clocks may agree, otherwise the bound closest to 0. Used for times in
 * answers: with the estimate in the middle of the bounds, a server on the same machine could show times in the future.
 */
export function certainSkewMs(skewMs: number): number {
  const ms = Math.abs(skewMs) - STALE_MS / 2;
  return ms <= 0 ? 0 : Math.sign(skewMs) * ms;
}

export function createClockSkew(): ClockSkew {
  let low = Number.NEGATIVE_INFINITY;
  let high = Number.POSITIVE_INFINITY;
  return {
    observe(date, sentMs, receivedMs) {
      const serverMs = date === null ? Number.NaN : Date.parse(date);
      if (Number.isNaN(serverMs)) return;
      // The server sent the header between `sentMs` and `receivedMs`, when it was at most STALE_MS old.
      const from = serverMs - receivedMs;
      const to = serverMs + STALE_MS - sentMs;
      low = Math.max(low, from);
      high = Math.min(high, to);
      // The bounds contradict each other: one of the clocks was changed. Start again.
      if (low > high) [low, high] = [from, to];
    },
    read: () => (Number.isFinite(low) ? Math.round((low + high) / 2) : null),
  };
}
