import type { ServerUs } from "../../lib/time.ts";
import { bytesToUuid, uuidToBytes } from "../../lib/uuid.ts";
import { EVENT_SOURCES, type EventSource } from "../../model/events/event.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { RecordDb } from "../database.ts";
import { keyBounds } from "./event-counts.ts";
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
  readonly id: string;
  readonly occurredUs: ServerUs;
  readonly receivedUs: ServerUs;
}

type ConfirmedRow = Omit<ConfirmedEvent, "id"> & { readonly id: Uint8Array };

const COLUMNS = "id, t - shift AS occurredUs, t - shift + recv AS receivedUs";

/** All confirmed events with `occurred` in the range, oldest first. */
export function findConfirmedEvents(db: RecordDb, range: TimeRange): ConfirmedEvent[] {
  return db
    .prepare<ConfirmedRow, [number, number, number, number, number]>(
      `SELECT ${COLUMNS} FROM event WHERE t BETWEEN ? AND ? AND t - shift BETWEEN ? AND ? AND src <> ? ORDER BY t`,
    )
    .all(...keyBounds(db, range), STREAM)
    .map(toEvent);
}

/** The confirmed events in the range that the server received last, the last one first. */
export function findLastReceivedEvents(db: RecordDb, range: TimeRange, limit: number): ConfirmedEvent[] {
  return db
    .prepare<ConfirmedRow, [number, number, number, number, number, number]>(
      `SELECT ${COLUMNS} FROM event WHERE t BETWEEN ? AND ? AND t - shift BETWEEN ? AND ? AND src <> ?
       ORDER BY t - shift + recv DESC LIMIT ?`,
    )
    .all(...keyBounds(db, range), STREAM, limit)
    .map(toEvent);
}

/** The newest confirmed events by `occurred` in the range, newest first. `skip`: how many of them to pass over. */
export function findNewestConfirmedEvents(db: RecordDb, range: TimeRange, limit: number, skip = 0): ConfirmedEvent[] {
  return findOrdered(db, range, "DESC", limit, skip);
}

/** The oldest confirmed events by `occurred` in the range, oldest first. */
export function findOldestConfirmedEvents(db: RecordDb, range: TimeRange, limit: number): ConfirmedEvent[] {
  return findOrdered(db, range, "ASC", limit, 0);
}

function findOrdered(
  db: RecordDb,
  range: TimeRange,
  order: "ASC" | "DESC",
  limit: number,
  skip: number,
): ConfirmedEvent[] {
  return db
    .prepare<ConfirmedRow, [number, number, number, number, number, number, number]>(
      `SELECT ${COLUMNS} FROM event WHERE t BETWEEN ? AND ? AND t - shift BETWEEN ? AND ? AND src <> ?
       ORDER BY t ${order} LIMIT ? OFFSET ?`,
    )
    .all(...keyBounds(db, range), STREAM, limit, skip)
    .map(toEvent);
}

function toEvent(row: ConfirmedRow): ConfirmedEvent {
  return { ...row, id: bytesToUuid(row.id) };
}

/** Events that the server no longer has are not confirmed any more. Call it inside a transaction. */
export function unconfirmEvents(db: RecordDb, ids: Iterable<string>): void {
  const unconfirm = db.prepare<unknown, [number, Uint8Array]>("UPDATE event SET src = ? WHERE id = ?");
  for (const id of ids) unconfirm.run(STREAM, uuidToBytes(id));
}

/** The same for all events that the server received after this moment. */
export function unconfirmEventsReceivedAfter(db: RecordDb, receivedUs: ServerUs): void {
  const unconfirm = db.prepare<unknown, [number, number]>("UPDATE event SET src = ? WHERE t - shift + recv > ?");
  unconfirm.run(STREAM, receivedUs);
}
