import { uuidToBytes } from "../../lib/uuid.ts";
import { EVENT_SOURCES, type EventSource } from "../../model/events/event.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { RecordDb } from "../database.ts";
import { largestShift } from "./event-times.ts";

const STREAM = EVENT_SOURCES.stream;

/**
 * Notes that REST showed events which so far were known from the socket only. What REST never showed may have been lost by
 * the server, so it must not stand for anything when counts are compared. Call inside a transaction.
 */
export function confirmEvents(db: RecordDb, ids: Iterable<string>, source: Exclude<EventSource, "stream">): void {
  const confirm = db.prepare<unknown, [number, Uint8Array, number]>(
    "UPDATE event SET src = ? WHERE id = ? AND src = ?",
  );
  for (const id of ids) confirm.run(EVENT_SOURCES[source], uuidToBytes(id), STREAM);
}

/** Events of a range of `occurred` that REST has shown at some time. */
export function countConfirmedEvents(db: RecordDb, range: TimeRange): number {
  return (
    db
      .prepare<{ n: number }, [number, number, number, number, number]>(
        "SELECT count(*) AS n FROM event WHERE t BETWEEN ? AND ? AND t - shift BETWEEN ? AND ? AND src <> ?",
      )
      .get(range.fromUs, range.toUs + largestShift(db), range.fromUs, range.toUs, STREAM)?.n ?? 0
  );
}

export interface ConfirmedEvent {
  readonly id: Uint8Array;
  readonly occurredUs: number;
  readonly receivedUs: number;
}

/** The oldest event at or after `fromUs` that REST has shown, or null. */
export function findConfirmedEvent(db: RecordDb, fromUs: number): ConfirmedEvent | null {
  return db
    .prepare<ConfirmedEvent, [number, number]>(
      `SELECT id, t - shift AS occurredUs, t - shift + recv AS receivedUs
       FROM event WHERE t >= ? AND src <> ? ORDER BY t LIMIT 1`,
    )
    .get(fromUs, STREAM);
}
