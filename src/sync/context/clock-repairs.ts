import type { Clock } from "../../lib/clock.ts";
import { earliestUs, floorUs, latestUs, type ServerUs } from "../../lib/time.ts";
import { retentionHorizonUs } from "../../prefect/event-retention.ts";
import { coverageEnd } from "../../store/coverage.ts";
import { inTransaction, type RecordDb } from "../../store/database.ts";
import { isDamage } from "../../store/file/store-error.ts";
import { cutClaims, cutProvenMoment, redateReadings } from "../../store/future-times.ts";
import { findFact, putStateJson, RETENTION_FLOOR_KEY } from "../../store/sync-state.ts";
import type { ServerClock } from "../server/server-clock.ts";
import { retentionFloorUs } from "./retention-floor.ts";

/**
 * Repairs of the record after a clock was set. They are made in the next transaction, because the disk may be full when the change is
 * noticed, and nothing may be claimed before them.
 */
export class ClockRepairs {
  private readonly db: RecordDb;
  private readonly clock: Clock;
  private readonly serverClock: ServerClock;
  private cutAtUs: ServerUs | null = null;
  private redating: { readonly byUs: number | null } | null = null;

  constructor(db: RecordDb, clock: Clock, serverClock: ServerClock) {
    this.db = db;
    this.clock = clock;
    this.serverClock = serverClock;
  }

  /** The server clock was set, or is known for the first time: see ServerClockChange. */
  serverClockChanged(untilUs: ServerUs): void {
    this.cutAtUs = earliestUs(this.cutAtUs ?? untilUs, untilUs);
    this.tryNow();
  }

  /** The local clock was set back; `byUs` null: by an unknown time, before this process started. */
  localClockSetBack(byUs: number | null): void {
    this.redating = { byUs: this.redating === null ? byUs : null };
    this.tryNow();
  }

  /** Runs `work` in a transaction, after the repairs that are pending. */
  transaction<T>(work: () => T): T {
    const { cutAtUs, redating } = this;
    if (cutAtUs === null && redating === null) return inTransaction(this.db, work);
    const result = inTransaction(this.db, () => {
      if (cutAtUs !== null) this.cut(cutAtUs);
      if (redating !== null) this.redate(redating.byUs);
      return work();
    });
    this.cutAtUs = null;
    this.redating = null;
    return result;
  }

  private tryNow(): void {
    try {
      this.transaction(() => undefined);
    } catch (error) {
      if (isDamage(error)) throw error;
    }
  }

  private cut(untilUs: ServerUs): void {
    const { db } = this;
    const endUs = coverageEnd(db, "event", "");
    cutClaims(db, untilUs);
    cutProvenMoment(db, untilUs, this.clock.nowUs());
    const floorUs = retentionFloorUs(db);
    // While its clock was ahead, the server may have deleted events that are not old by the present clock.
    const retentionUs = findFact(db, "instance")?.retentionUs ?? null;
    const deletedUs = endUs === null || endUs <= untilUs ? floorUs : retentionHorizonUs(endUs, retentionUs);
    // A floor in the future would never be passed: what was dropped while the server clock was ahead would not be claimed again.
    const nowUs = latestUs(untilUs, this.serverClock.estimateUs());
    const us = earliestUs(nowUs, latestUs(floorUs, deletedUs));
    if (us !== floorUs) putStateJson(db, RETENTION_FLOOR_KEY, { us: Math.ceil(us) }, this.clock.nowUs());
  }

  private redate(byUs: number | null): void {
    const { skewMs } = this.serverClock;
    const skewUs = skewMs === null ? null : skewMs * 1000;
    redateReadings(this.db, { nowUs: floorUs(this.clock.nowUs()), skewUs, byUs });
  }
}
