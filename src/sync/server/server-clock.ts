import type { Clock } from "../../lib/clock.ts";
import { SECOND_US } from "../../lib/time.ts";
import type { PrefectApi } from "../../prefect/api.ts";

/**
 * The skew is read off `Date` headers, which have whole seconds and are renewed once a second, and an answer travels for a
 * while: what is claimed stays this far behind the measured clock, and half the shortest travel seen.
 */
const MARGIN_US = 1.5 * SECOND_US;
/** Travels that are remembered. */
const MAX_ROUND_TRIPS = 20;

/**
 * The server's clock as far as it is known. Ranges of the ledger are on the server's clock, readings are stamped with ours,
 * and neither is right: only a moment that the server has certainly reached may be claimed as covered.
 */
export class ServerClock {
  private readonly api: PrefectApi;
  private readonly clock: Clock;
  private readonly roundTripsUs: number[] = [];

  constructor(api: PrefectApi, clock: Clock) {
    this.api = api;
    this.clock = clock;
  }

  /** A request was answered after that long. */
  answered(durationUs: number): void {
    this.roundTripsUs.push(Math.max(0, durationUs));
    if (this.roundTripsUs.length > MAX_ROUND_TRIPS) this.roundTripsUs.shift();
  }

  /** Server's clock minus ours, or null before the first answer. */
  get skewMs(): number | null {
    return this.api.skewMs ?? null;
  }

  /** Notes a moment now, before a request; asked again after answers came, it gives a bound that both measurements allow. */
  mark(): ClockMark {
    const atUs = this.clock.nowUs();
    const before = this.skewMs;
    return {
      atUs,
      reachedUs: () => {
        const skews = [before, this.skewMs].filter((skew) => skew !== null);
        return skews.length === 0 ? null : atUs + Math.min(...skews) * 1000 - this.marginUs();
      },
    };
  }

  /** What the server's clock had certainly reached at a moment of ours; null while that is unknown. */
  reachedAtUs(oursUs: number): number | null {
    return this.skewMs === null ? null : oursUs + this.skewMs * 1000 - this.marginUs();
  }

  /** Best guess of the server's clock, for choosing what to ask; never for a claim. */
  estimateUs(): number {
    return this.clock.nowUs() + (this.skewMs ?? 0) * 1000;
  }

  /** A moment of our clock on the server's, as a best guess; null while nothing is known of it. */
  toServerUs(oursUs: number): number | null {
    return this.skewMs === null ? null : oursUs + this.skewMs * 1000;
  }

  private marginUs(): number {
    return MARGIN_US + (this.roundTripsUs.length > 0 ? Math.min(...this.roundTripsUs) / 2 : 0);
  }
}

/** A moment of the past: `atUs` on our clock, and what the server's clock had certainly reached then. */
export interface ClockMark {
  readonly atUs: number;
  /** Null while nothing is known of the server's clock: then nothing may be claimed, neither how far nor how far back. */
  reachedUs(): number | null;
}
