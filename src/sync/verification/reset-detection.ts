import { DAY_US, earliestUs, latestUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import { bytesToUuid } from "../../lib/uuid.ts";
import { occurredWithin } from "../../model/events/event-filter.ts";
import type { RecordDb } from "../../store/database.ts";
import { findConfirmedEvent } from "../../store/events/confirmed-events.ts";
import { findStateJson } from "../../store/sync-state.ts";
import { type EngineContext, horizonUs } from "../context/engine-context.ts";
import { MARKER_EVENT_KEY, type MarkerEvent } from "../context/marker-event.ts";
import { eventReader } from "../context/store-walk.ts";
import type { Priority } from "../server/request-budget.ts";

const DOUBT_KEY = "canary.doubt";

/**
 * Clients' clocks may be ahead: events in the record may have occurred up to this much after the moment at which a
 * reset is noticed.
 */
const AHEAD_US = 2 * DAY_US;

/**
 * Detects by the marker event that the server's database was reset or restored. While the server has that event, the
 * other confirmed events came from the same database. After a reset ("the same URL, but empty") no range up to that
 * moment may be verified by count.
 */
export class ResetDetector {
  private readonly ctx: EngineContext;

  constructor(ctx: EngineContext) {
    this.ctx = ctx;
  }

  /** Ranges that begin at or before this (server clock) must be read, not counted. */
  static doubtedUntilUs(db: RecordDb): number {
    return (findStateJson(db, DOUBT_KEY) as { untilUs: ServerUs } | null)?.untilUs ?? Number.NEGATIVE_INFINITY;
  }

  /**
   * Whether the server still has the marker event; false also when there is none, or none that is young enough to be
   * asked for. A younger successor replaces a marker that is older than half the retention, before the server deletes
   * it by age.
   */
  async isSameDatabase(priority: Priority, signal: AbortSignal): Promise<boolean> {
    const marker = findStateJson(this.ctx.db, MARKER_EVENT_KEY) as MarkerEvent | null;
    const horizon = horizonUs(this.ctx);
    if (marker === null || marker.occurredUs <= horizon) return this.recordDoubt();
    const successor = this.findSuccessor(marker, horizon);
    const wanted = successor ? [marker, successor] : [marker];
    const stamps = wanted.map((one) => one.occurredUs);
    const occurred = occurredWithin({ fromUs: earliestUs(...stamps), toUs: latestUs(...stamps) });
    const filter = { occurred, id: { id: wanted.map((one) => one.id) }, order: "ASC" as const };
    const page = await eventReader(this.ctx, priority, signal).filter(filter, wanted.length);
    const isThere = (one: MarkerEvent) =>
      page.events.some((event) => event.id === one.id && parseIsoUs(event.received) === one.receivedUs);
    if (!isThere(marker)) return this.recordDoubt();
    if (successor && isThere(successor)) this.ctx.ingest.putState(MARKER_EVENT_KEY, successor);
    return true;
  }

  private findSuccessor(marker: MarkerEvent, horizon: number): MarkerEvent | null {
    const nowUs = this.ctx.serverClock.estimateUs();
    const isYoung = !Number.isFinite(horizon) || marker.occurredUs - horizon > (nowUs - horizon) / 2;
    if (isYoung) return null;
    const row = findConfirmedEvent(this.ctx.db, Math.round((horizon + 3 * nowUs) / 4));
    return row && row.occurredUs > marker.occurredUs ? { ...row, id: bytesToUuid(row.id) } : null;
  }

  private recordDoubt(): boolean {
    const untilUs = Math.round(this.ctx.serverClock.estimateUs()) + AHEAD_US;
    this.ctx.ingest.putState(DOUBT_KEY, { untilUs }, MARKER_EVENT_KEY);
    this.ctx.logger.warn(
      "Prefect no longer has events that it returned before; ranges are read again instead of counted",
      {},
    );
    return false;
  }
}
