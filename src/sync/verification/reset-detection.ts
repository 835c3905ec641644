import { DAY_US, formatIsoUs, parseIsoUs } from "../../lib/time.ts";
import { bytesToUuid } from "../../lib/uuid.ts";
import type { RecordDb } from "../../store/database.ts";
import { findConfirmedEvent } from "../../store/events/confirmed-events.ts";
import { findStateJson } from "../../store/sync-state.ts";
import { type EngineContext, horizonUs } from "../context/engine-context.ts";
import { CANARY, type CanaryEvent } from "../context/marker-event.ts";
import type { Priority } from "../server/request-budget.ts";
import { eventReader } from "../walks/store-walk.ts";

const DOUBT = "canary.doubt";

/** Senders may be ahead of the server: events that we held when a loss was noticed occurred at most this much later. */
const AHEAD_US = 2 * DAY_US;

/**
 * One event that REST has shown: as long as the server has it, its database is the one that showed us all the others. A
 * replaced database ("the same URL, but empty") makes every range doubtful up to the moment it was noticed.
 */
export class Canary {
  private readonly ctx: EngineContext;

  constructor(ctx: EngineContext) {
    this.ctx = ctx;
  }

  /** Ranges that begin at or before this (server's clock) are read, not counted. */
  static doubtedUntilUs(db: RecordDb): number {
    return (findStateJson(db, DOUBT) as { untilUs: number } | null)?.untilUs ?? Number.NEGATIVE_INFINITY;
  }

  /** Whether the server still holds what it showed us. Before the canary gets too old for that, a younger one follows it. */
  async isAlive(priority: Priority, signal: AbortSignal): Promise<boolean> {
    const held = findStateJson(this.ctx.db, CANARY) as CanaryEvent | null;
    const horizon = horizonUs(this.ctx);
    if (held === null || held.occurredUs <= horizon) return this.doubt();
    const heir = this.heir(held, horizon);
    const wanted = heir ? [held, heir] : [held];
    const stamps = wanted.map((one) => one.occurredUs);
    const occurred = { since: formatIsoUs(Math.min(...stamps)), until: formatIsoUs(Math.max(...stamps)) };
    const filter = { occurred, id: { id: wanted.map((one) => one.id) }, order: "ASC" as const };
    const page = await eventReader(this.ctx, priority, signal).filter(filter, wanted.length);
    const isThere = (one: CanaryEvent) =>
      page.events.some((event) => event.id === one.id && parseIsoUs(event.received) === one.receivedUs);
    if (!isThere(held)) return this.doubt();
    if (heir && isThere(heir)) this.ctx.ingest.state(CANARY, heir);
    return true;
  }

  private heir(held: CanaryEvent, horizon: number): CanaryEvent | null {
    const nowUs = this.ctx.serverClock.guessUs();
    const isYoung = !Number.isFinite(horizon) || held.occurredUs - horizon > (nowUs - horizon) / 2;
    if (isYoung) return null;
    const row = findConfirmedEvent(this.ctx.db, Math.round((horizon + 3 * nowUs) / 4));
    return row && row.occurredUs > held.occurredUs ? { ...row, id: bytesToUuid(row.id) } : null;
  }

  private doubt(): boolean {
    const untilUs = Math.round(this.ctx.serverClock.guessUs()) + AHEAD_US;
    this.ctx.ingest.state(DOUBT, { untilUs }, CANARY);
    this.ctx.logger.warn(
      "Prefect no longer holds events that it showed before; ranges are read again instead of counted",
      {},
    );
    return false;
  }
}
