import type { ServerUs } from "../../lib/time.ts";
import { uuidToBytes } from "../../lib/uuid.ts";
import { EVENT_SOURCES, type EventSource } from "../../model/events/event.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { RecordDb } from "../database.ts";
import { largestShift } from "./event-times.ts";

const STREAM = EVENT_SOURCES.stream;

/**
 * Marks events as confirmed that only the websocket had delivered before. The server may have lost an event that REST never
 * returned, so only confirmed events count when counts are compared. Call it inside a transaction.
 */
export function confirmEvents(db: RecordDb, ids: Iterable<string>, source: Exclude<EventSource, "stream">): void {
  const confirm = db.prepare<unknown, [number, Uint8Array, number]>(
    "UPDATE event SET src = ? WHERE id = ? AND src = ?",
  );
  for (const id of ids) confirm.run(EVENT_SOURCES[source], uuidToBytes(id), STREAM);
}

/** Number of confirmed events with `occurred` in the range. */
export function countConfirmedEvents(db: RecordDb, range: TimeRange): number {
  return (
    db
      .prepare<{ n: number }, [number, number, number, number, number]>(
        "SELECT count(*) AS n FROM event WHERE t BETWEEN ? AND ? AND t - shift BETWEEN ? AND ? AND src <> ?",
      )
      .get(range.fromUs, range.toUs + largestShift(db), range.fromUs, range.toUs, STREAM)?.n ?? 0
  );
}

/** Times in microseconds, server clock. */
export interface ConfirmedEvent {
  readonly id: Uint8Array;
  readonly occurredUs: ServerUs;
  readonly receivedUs: ServerUs;
}

/** The oldest confirmed event at or after `fromUs`, or null. */
export function findConfirmedEvent(db: RecordDb, fromUs: ServerUs): ConfirmedEvent | null {
  return db
    .prepare<ConfirmedEvent, [number, number]>(
      `SELECT id, t - shift AS occurredUs, t - shift + recv AS receivedUs
       FROM event WHERE t >= ? AND src <> ? ORDER BY t LIMIT 1`,
    )
    .get(fromUs, STREAM);
}
