import { type Clock, markMoment } from "../../lib/clock.ts";
import {
  addUs,
  earliestUs,
  type LocalUs,
  onServerClock,
  SECOND_US,
  type ServerUs,
  type SteadyMs,
} from "../../lib/time.ts";
import type { PrefectApi } from "../../prefect/api.ts";
import {
  markServerClock,
  middleMs,
  type OffsetBounds,
  type ServerOffset,
  skewMsOf,
  withDrift,
} from "../../prefect/transport/server-offset.ts";

/** Measurements of an unchanged clock differ by less: the bounds of one answer are 2.2 s apart. */
const SET_MS = 3_000;
/** A stamp of Prefect that lies further in the future was written before its clock was set back. */
const CLIENT_AHEAD_US = 60 * SECOND_US;
/**
 * For this long after the server clock was set forward, the time since something happened is not taken from its stamps: longer than
 * anything that is waited for (`model/runs/server-delays.ts`).
 */
const UNSURE_MS = 11 * 60_000;

/** Whether the bounds of now lie within those of before. After a long time without an answer these are wide. */
function agree(before: OffsetBounds & { observedMs: SteadyMs }, now: ServerOffset): boolean {
  const { lowMs, highMs } = withDrift(before, now.observedMs - before.observedMs);
  return now.lowMs >= lowMs - 0.001 && now.highMs <= highMs + 0.001;
}

/** The server clock was set, or it is known for the first time. */
export interface ServerClockChange {
  /** By how much, milliseconds; null when it was unknown before. */
  readonly byMs: number | null;
  /**
   * What was claimed until the change was noticed reaches at most to here. After it was set back, this is where it was when the last
   * answer before the change arrived: what it passes from there on happens now, although it has been there before.
   */
  readonly untilUs: ServerUs;
}

export interface ServerClockHooks {
  readonly onChange: (change: ServerClockChange) => void;
  /** An answer shows an earlier time than those before it: whether the server clock was set back is not known yet. */
  readonly onDispute: () => void;
  /** Called before a moment of the wall clock is taken. */
  readonly beforeMark: () => void;
}

/**
 * The server clock, as far as it is known. Coverage ranges are on the server clock, and only a moment that it has certainly reached may
 * be claimed as covered. It is extrapolated from the answers with the steady clock, so setting the clock of this machine changes nothing.
 */
export class ServerClock {
  private readonly api: PrefectApi;
  private readonly clock: Clock;
  private readonly hooks: ServerClockHooks;
  private last: (OffsetBounds & { readonly observedMs: SteadyMs }) | null = null;
  /** The earliest time that an answer has shown since `last`, as a lower bound: the server clock may have been set back to it. */
  private disputedLowMs: number | null = null;
  /** Earlier measurements, and until when each was valid. Ascending in both. */
  private earlier: { readonly untilMs: SteadyMs; readonly middleMs: number }[] = [];

  constructor(api: PrefectApi, clock: Clock, hooks: ServerClockHooks) {
    this.api = api;
    this.clock = clock;
    this.hooks = hooks;
  }

  /** To be called after each answer: notices when the server clock was set. */
  answered(): void {
    const { offset, last } = this;
    if (offset === null) return;
    if (offset.disputed !== null) {
      this.addEarlier(offset.observedMs, middleMs(offset.disputed));
      this.disputedLowMs = Math.min(offset.disputed.lowMs, this.disputedLowMs ?? Number.POSITIVE_INFINITY);
      this.hooks.onDispute();
      return;
    }
    const { disputedLowMs } = this;
    this.disputedLowMs = null;
    this.last = offset;
    const byMs = last === null ? null : middleMs(offset) - middleMs(last);
    if (last !== null && byMs !== null && (Math.abs(byMs) < SET_MS || agree(last, offset))) return;
    if (last !== null) this.addEarlier(offset.observedMs, middleMs(last));
    const isBack = last !== null && byMs !== null && byMs < 0;
    const untilMs = isBack ? last.observedMs + offset.lowMs : this.clock.steadyMs() + offset.highMs;
    // It may have been set back and then forward, or the machine was suspended before another answer confirmed that it was set back.
    const backMs = last === null || disputedLowMs === null ? Number.POSITIVE_INFINITY : last.observedMs + disputedLowMs;
    this.hooks.onChange({ byMs, untilUs: Math.floor(Math.min(untilMs, backMs) * 1000) });
  }

  private addEarlier(untilMs: SteadyMs, middleMs: number): void {
    this.earlier = this.earlier.filter((one) => one.middleMs < middleMs);
    this.earlier.push({ untilMs, middleMs });
  }

  get isKnown(): boolean {
    return this.offset !== null;
  }

  /** See `ServerClockHooks.onDispute`. */
  get isDisputed(): boolean {
    return (this.offset?.disputed ?? null) !== null;
  }

  /** Server clock minus local clock as of now, milliseconds: for readers, so the lower one during a dispute. Null before the first answer. */
  get skewMs(): number | null {
    const { offset } = this;
    return offset === null ? null : skewMsOf(offset, this.clock);
  }

  /** When the last answer with a `Date` header arrived; null before the first. */
  get measuredMs(): SteadyMs | null {
    return this.offset?.observedMs ?? null;
  }

  /** Marks this moment, before a request. The mark later gives a lower bound of the server clock at this moment. */
  mark(): ClockMark {
    this.hooks.beforeMark();
    const reachedUs = markServerClock(() => this.offset, this.clock);
    const momentUs = markMoment(this.clock);
    return {
      get atUs() {
        return momentUs();
      },
      atMs: this.clock.steadyMs(),
      reachedUs,
      settledUs: () => {
        const us = reachedUs();
        return us === null ? null : addUs(us, -this.unsureUs());
      },
    };
  }

  /** Best estimate of the server clock now, whole microseconds: for choosing what to ask, never for a claim. */
  estimateUs(): ServerUs {
    const { offset } = this;
    if (offset === null) return onServerClock(this.clock.nowUs(), 0);
    return Math.floor((this.clock.steadyMs() + middleMs(offset)) * 1000) as ServerUs;
  }

  /** The same, without what it was set forward lately: so much time has certainly passed since a stamp of Prefect. */
  settledUs(): ServerUs {
    return addUs(this.estimateUs(), -this.unsureUs());
  }

  /** Best estimate of the server clock at a past moment of the local clock; null while it is unknown. */
  toServerUs(localUs: LocalUs): ServerUs | null {
    if (this.offset === null) return null;
    const skewUs = this.estimateUs() - this.clock.nowUs();
    // The local clock may have been set back since that moment.
    return earliestUs(onServerClock(localUs, skewUs), this.estimateUs());
  }

  /** The same, without what the server clock was set forward lately. */
  toSettledUs(localUs: LocalUs): ServerUs | null {
    const us = this.toServerUs(localUs);
    return us === null ? null : addUs(us, -this.unsureUs());
  }

  /** Prefect's own stamps are not later than this; null while the server clock is unknown. */
  aheadUs(): ServerUs | null {
    return this.isKnown ? addUs(this.estimateUs(), CLIENT_AHEAD_US) : null;
  }

  /** By how much the server clock was set forward within the last minutes, microseconds. */
  unsureUs(): number {
    const { offset } = this;
    const sinceMs = this.clock.steadyMs() - UNSURE_MS;
    this.earlier = this.earlier.filter(({ untilMs }) => untilMs > sinceMs);
    const [lowest] = this.earlier;
    return offset === null || lowest === undefined ? 0 : Math.max(0, middleMs(offset) - lowest.middleMs) * 1000;
  }

  private get offset(): ServerOffset | null {
    return this.api.serverOffset ?? null;
  }
}

/** A past moment: `atMs` on the steady clock, and lower bounds of the server clock at that moment. */
export interface ClockMark {
  /** On the local clock, as that shows it now: see `markMoment`. */
  readonly atUs: LocalUs;
  readonly atMs: SteadyMs;
  /** What the server clock had certainly reached. Null while that is unknown: then nothing may be claimed. */
  reachedUs(): ServerUs | null;
  /** The same for judging how long something has been over: without what the server clock was set forward lately. */
  settledUs(): ServerUs | null;
}
