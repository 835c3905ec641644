/**
 * How far the server's clock is ahead of ours, from `Date` headers. Each has whole seconds and uvicorn renews it once a
 * second, so one answer only bounds the skew to some two seconds; the bounds of many answers are cut with each other.
 */
export interface ClockSkew {
  /** `sentMs`, `receivedMs`: our clock around the request. */
  observe(date: string | null, sentMs: number, receivedMs: number): void;
  /** Milliseconds, server minus ours; null before the first usable header. */
  read(): number | null;
}

/** One second of truncation, one of renewal, and a little for a busy server. */
const STALE_MS = 2_200;

/**
 * What is certain of a measured skew: none where the clocks may agree, else the bound that is nearest to that. For moments
 * that are shown: clocks of one machine are equal, and a guess between the bounds would tell of the future.
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
      // The header was true somewhere between sending and receiving, and at most STALE_MS old then.
      const from = serverMs - receivedMs;
      const to = serverMs + STALE_MS - sentMs;
      low = Math.max(low, from);
      high = Math.min(high, to);
      // Bounds that exclude each other: one of the clocks was set. Start again.
      if (low > high) [low, high] = [from, to];
    },
    read: () => (Number.isFinite(low) ? Math.round((low + high) / 2) : null),
  };
}
