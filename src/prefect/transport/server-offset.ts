/**
 * What the `Date` headers of Prefect's answers say about the server clock. It is compared with the steady clock of this thread, which
 * nothing sets: whatever happens to the wall clock of this machine, the server clock stays known.
 */
import type { Clock } from "../../lib/clock.ts";
import type { ServerUs, SteadyMs } from "../../lib/time.ts";

/** The server clock minus the steady clock, milliseconds. */
export interface ServerOffset {
  /** It lies between these bounds, as of now. They move apart with the time since the last answer. */
  readonly lowMs: number;
  readonly highMs: number;
  /** Lower bound by the newest answer alone, and when that arrived. */
  readonly newestLowMs: number;
  readonly observedMs: SteadyMs;
  /** The wall clock minus the steady clock at that moment, milliseconds: see `isOffsetDoubtful`. */
  readonly wallMs: number;
}

export interface ServerOffsetMeasure {
  /**
   * An answer with this `Date` header arrived at `receivedMs` to a request that was sent at `sentMs`. `wallMs`: by `wallMinusSteadyMs`.
   */
  observe(date: string | null, sentMs: SteadyMs, receivedMs: SteadyMs, wallMs: number): void;
  /** Null before the first usable header. */
  read(nowMs: SteadyMs): ServerOffset | null;
}

/** Largest age of a header when it is sent: a second of truncation, a second between updates, and 0.2 s for a busy server. */
const STALE_MS = 2_200;

/**
 * How much the clocks of two machines may diverge: NTP slews a clock by at most 500 ppm on most systems. Where one is slewed faster, the
 * answers contradict each other soon, and the measurement starts again.
 */
const DRIFT = 0.000_5;

/**
 * The skew for times in answers, which must not lie in the future: 0 where the clocks may agree, otherwise its lower bound, when it is
 * known as well as one answer allows.
 */
export function certainSkewMs(skewMs: number): number {
  return Math.abs(skewMs) <= STALE_MS / 2 ? 0 : skewMs - STALE_MS / 2;
}

/** The best estimate: the middle of the bounds. */
export function middleMs({ lowMs, highMs }: Pick<ServerOffset, "lowMs" | "highMs">): number {
  return (lowMs + highMs) / 2;
}

/**
 * Headers have whole seconds and uvicorn updates them once a second, so one answer bounds the offset to about two seconds; the bounds of
 * many answers are intersected.
 */
export function measureServerOffset(): ServerOffsetMeasure {
  let last: ServerOffset | null = null;
  const at = (nowMs: SteadyMs): ServerOffset | null => {
    if (last === null) return null;
    const driftMs = DRIFT * Math.max(0, nowMs - last.observedMs);
    return { ...last, lowMs: last.lowMs - driftMs, highMs: last.highMs + driftMs };
  };
  return {
    read: at,
    observe(date, sentMs, receivedMs, wallMs) {
      const serverMs = date === null ? Number.NaN : Date.parse(date);
      if (Number.isNaN(serverMs)) return;
      // The server sent the header between `sentMs` and `receivedMs`, when it was at most STALE_MS old.
      const newestLowMs = serverMs - receivedMs;
      const newestHighMs = serverMs + STALE_MS - sentMs;
      const before = at(receivedMs);
      const lowMs = Math.max(before?.lowMs ?? newestLowMs, newestLowMs);
      const highMs = Math.min(before?.highMs ?? newestHighMs, newestHighMs);
      // Bounds that contradict each other: the server clock was set, or the steady clock stood still during a suspend. Start again.
      const bounds = lowMs > highMs ? { lowMs: newestLowMs, highMs: newestHighMs } : { lowMs, highMs };
      last = { ...bounds, newestLowMs, observedMs: receivedMs, wallMs };
    },
  };
}

export function wallMinusSteadyMs(clock: Clock): number {
  return clock.nowUs() / 1000 - clock.steadyMs();
}

/** The wall clock may differ this much from what the steady clock says, besides what NTP slews it. */
const MOVED_MS = 1_000;

/**
 * Whether wall clock and steady clock have moved apart since the last answer. Either the wall clock was set, which does not concern
 * the offset, or a suspend passed that the steady clock does not count, and the offset is wrong by that: only an answer shows which.
 */
export function isOffsetDoubtful(offset: ServerOffset, clock: Clock): boolean {
  const ageMs = Math.max(0, clock.steadyMs() - offset.observedMs);
  return Math.abs(wallMinusSteadyMs(clock) - offset.wallMs) > MOVED_MS + DRIFT * ageMs;
}

/** The server clock minus the wall clock of this machine, now: milliseconds, best estimate. */
export function skewMsOf(offset: ServerOffset, clock: Clock): number {
  return middleMs(offset) + clock.steadyMs() - clock.nowUs() / 1000;
}

/**
 * Marks this moment, before a request. The returned function gives what the server clock had certainly reached then: by the bounds of
 * then, and by those of the newest answer, since the server clock may be set in between. Null without an answer since then.
 */
export function markServerClock(read: () => ServerOffset | null, clock: Clock): () => ServerUs | null {
  const atMs = clock.steadyMs();
  const beforeMs = read()?.lowMs ?? Number.POSITIVE_INFINITY;
  return () => {
    const now = read();
    if (now === null || now.observedMs < atMs) return null;
    return ((atMs + Math.min(beforeMs, now.newestLowMs)) * 1000) as ServerUs;
  };
}
