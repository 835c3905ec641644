import type { Clock } from "../../lib/clock.ts";
import { type LocalUs, onServerClock, SECOND_US, type ServerUs } from "../../lib/time.ts";
import type { PrefectApi } from "../../prefect/api.ts";

/**
 * The skew is measured with `Date` headers, which have whole seconds, are renewed once a second, and take time to
 * arrive. So claims end this much plus half the shortest round trip before the measured server clock.
 */
const MARGIN_US = 1.5 * SECOND_US;
/** Number of round trips that are remembered. */
const MAX_ROUND_TRIPS = 20;

/**
 * The server clock, as far as it is known. Coverage ranges are on the server clock, times of readings on the local
 * clock, and both may be wrong. Only a moment that the server clock has certainly reached may be claimed as covered.
 */
export class ServerClock {
  private readonly api: PrefectApi;
  private readonly clock: Clock;
  private readonly roundTripsUs: number[] = [];

  constructor(api: PrefectApi, clock: Clock) {
    this.api = api;
    this.clock = clock;
  }

  /** A request was answered after this time. */
  answered(durationUs: number): void {
    this.roundTripsUs.push(Math.max(0, durationUs));
    if (this.roundTripsUs.length > MAX_ROUND_TRIPS) this.roundTripsUs.shift();
  }

  /** Server clock minus local clock, milliseconds; null before the first answer. */
  get skewMs(): number | null {
    return this.api.skewMs ?? null;
  }

  /**
   * Marks this moment, before a request. The mark later gives a lower bound of the server clock that holds for the skew
   * before and after.
   */
  mark(): ClockMark {
    const atUs = this.clock.nowUs();
    const before = this.skewMs;
    return {
      atUs,
      reachedUs: () => {
        const skews = [before, this.skewMs].filter((skew) => skew !== null);
        return skews.length === 0 ? null : onServerClock(atUs, Math.min(...skews) * 1000 - this.marginUs());
      },
    };
  }

  /** Lower bound of the server clock at a moment of the local clock; null while the skew is unknown. */
  reachedAtUs(localUs: LocalUs): ServerUs | null {
    return this.skewMs === null ? null : onServerClock(localUs, this.skewMs * 1000 - this.marginUs());
  }

  /** Best estimate of the server clock now, for choosing what to ask; never for a claim. */
  estimateUs(): ServerUs {
    return onServerClock(this.clock.nowUs(), (this.skewMs ?? 0) * 1000);
  }

  /** Best estimate of the server clock at a moment of the local clock; null while the skew is unknown. */
  toServerUs(localUs: LocalUs): ServerUs | null {
    return this.skewMs === null ? null : onServerClock(localUs, this.skewMs * 1000);
  }

  private marginUs(): number {
    return MARGIN_US + (this.roundTripsUs.length > 0 ? Math.min(...this.roundTripsUs) / 2 : 0);
  }
}

/** A past moment: `atUs` on the local clock, and a lower bound of the server clock at that moment. */
export interface ClockMark {
  readonly atUs: LocalUs;
  /** Null while the skew is unknown: then nothing may be claimed. */
  reachedUs(): ServerUs | null;
}
