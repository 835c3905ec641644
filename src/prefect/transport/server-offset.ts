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
  /** What the newest answer says where that is below the bounds: the server clock was set back, or the header was old. */
  readonly disputed: OffsetBounds | null;
}

export interface OffsetBounds {
  readonly lowMs: number;
  readonly highMs: number;
}

export interface ServerOffsetMeasure {
  /**
   * An answer with this `Date` header arrived at `receivedMs` to a request that was sent at `sentMs`. `wallMs`: by `wallMinusSteadyMs`.
   */
  observe(date: string | null, sentMs: SteadyMs, receivedMs: SteadyMs, wallMs: number): void;
  /** Null before the first usable header. */
  read(nowMs: SteadyMs): ServerOffset | null;
}

/**
 * Largest age of a header when it is sent: a second of truncation, a second between updates, and 0.2 s for a busy server. While a server is
 * blocked its headers may be much older, because uvicorn makes a new one every tenth time that its loop wakes up. Such an age is not a
 * property of the clock, so an earlier time than before is only believed when another answer confirms it (`confirms`).
 * https://github.com/Kludex/uvicorn/blob/main/uvicorn/server.py
 */
const STALE_MS = 2_200;
/** How long after a dispute has begun another request can settle it: until then, the same old header may be sent again. */
export const DISPUTE_MS = 4_000;

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
export function middleMs({ lowMs, highMs }: OffsetBounds): number {
  return (lowMs + highMs) / 2;
}

interface Dispute extends OffsetBounds {
  /** When the first answer of the dispute arrived. */
  readonly sinceMs: SteadyMs;
}

interface Answer extends OffsetBounds {
  readonly sentMs: SteadyMs;
  readonly receivedMs: SteadyMs;
}

/**
 * Headers have whole seconds and uvicorn updates them once a second, so one answer bounds the offset to about two seconds; the bounds of
 * many answers are intersected. A lower bound is always true. An upper bound may be too low, because a blocked server sends old headers.
 */
export function measureServerOffset(): ServerOffsetMeasure {
  let last: ServerOffset | null = null;
  let dispute: Dispute | null = null;
  const at = (nowMs: SteadyMs): ServerOffset | null => {
    return last === null ? null : { ...last, ...withDrift(last, nowMs - last.observedMs) };
  };
  const boundsWith = (answer: Answer, before: OffsetBounds): OffsetBounds => {
    if (answer.highMs >= before.lowMs) {
      dispute = null;
      // The server clock was set forward, or the steady clock stood still during a suspend: start again.
      return intersection(answer, before) ?? answer;
    }
    const same = dispute === null ? null : intersection(answer, dispute);
    if (dispute !== null && same !== null && confirms(answer, dispute)) {
      dispute = null;
      return same;
    }
    dispute = { ...(same ?? answer), sinceMs: same === null || dispute === null ? answer.receivedMs : dispute.sinceMs };
    return before;
  };
  return {
    read: at,
    observe(date, sentMs, receivedMs, wallMs) {
      const serverMs = date === null ? Number.NaN : Date.parse(date);
      if (Number.isNaN(serverMs)) return;
      // The server sent the header between `sentMs` and `receivedMs`, when it was at most STALE_MS old.
      const answer = { lowMs: serverMs - receivedMs, highMs: serverMs + STALE_MS - sentMs, sentMs, receivedMs };
      const before = at(receivedMs);
      const { lowMs, highMs } = before === null ? answer : boundsWith(answer, before);
      const disputed = dispute === null ? null : { lowMs: dispute.lowMs, highMs: dispute.highMs };
      last = { lowMs, highMs, newestLowMs: answer.lowMs, observedMs: receivedMs, wallMs, disputed };
    },
  };
}

/** The bounds after so much time without an answer. */
export function withDrift({ lowMs, highMs }: OffsetBounds, ms: number): OffsetBounds {
  const driftMs = DRIFT * Math.max(0, ms);
  return { lowMs: lowMs - driftMs, highMs: highMs + driftMs };
}

function intersection(a: OffsetBounds, b: OffsetBounds): OffsetBounds | null {
  const bounds = { lowMs: Math.max(a.lowMs, b.lowMs), highMs: Math.min(a.highMs, b.highMs) };
  return bounds.lowMs > bounds.highMs ? null : bounds;
}

/** Whether the answer was asked for so late that an old header, sent again, would contradict the dispute. */
function confirms({ sentMs }: Answer, { sinceMs }: Dispute): boolean {
  return sentMs - sinceMs >= DISPUTE_MS;
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

/**
 * The server clock minus the wall clock of this machine, now: milliseconds, best estimate. During a dispute it is the lower one: an answer
 * that calls an earlier moment now is not wrong where it is later.
 */
export function skewMsOf(offset: ServerOffset, clock: Clock): number {
  return middleMs(offset.disputed ?? offset) + clock.steadyMs() - clock.nowUs() / 1000;
}

/**
 * Marks this moment, before a request. The returned function gives what the server clock had certainly reached then: by the bounds of
 * then, and by those of the newest answer, since the server clock may be set in between. Null without an answer since then.
 */
export function markServerClock(read: () => ServerOffset | null, clock: Clock): () => ServerUs | null {
  const atMs = clock.steadyMs();
  const before = read();
  // The newest answer counts too: the server clock may have been set back a moment ago, and forward again before the answer arrives.
  const beforeMs = before === null ? Number.POSITIVE_INFINITY : Math.min(before.lowMs, before.newestLowMs);
  return () => {
    const now = read();
    if (now === null || now.observedMs < atMs) return null;
    return ((atMs + Math.min(beforeMs, now.newestLowMs)) * 1000) as ServerUs;
  };
}
