/** Counts of events per hour and name (`event_hour`). */
import { HOUR_US, type ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { inTransaction, type RecordDb } from "../database.ts";
import { keyBounds } from "./event-counts.ts";

/** The counts of the events that a batch inserts, written once for each hour and name. */
export class HourCounts {
  private readonly db: RecordDb;
  /** Hour, then number of the name. */
  private readonly pending = new Map<number, Map<number, number>>();

  constructor(db: RecordDb) {
    this.db = db;
  }

  add(occurredUs: ServerUs, nameId: number): void {
    // Rounded down, also before 1970.
    const hour = Math.floor(occurredUs / HOUR_US);
    let names = this.pending.get(hour);
    if (!names) {
      names = new Map();
      this.pending.set(hour, names);
    }
    names.set(nameId, (names.get(nameId) ?? 0) + 1);
  }

  /** Call it in the transaction of the rows, before a row is deleted and at the end of the batch. */
  flush(): void {
    const write = this.db.prepare<unknown, [number, number, number]>(
      "INSERT INTO event_hour(hour, name_id, n) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
    );
    for (const [hour, names] of this.pending) for (const [nameId, n] of names) write.run(hour, nameId, n);
    this.pending.clear();
  }
}

const HOUR = "(t - shift) / 3600000000 - (t - shift < 0 AND (t - shift) % 3600000000 <> 0)";
const COUNTED = `SELECT ${HOUR} AS hour, name_id, count(*) AS n FROM event
  WHERE t BETWEEN ?1 AND ?2 AND t - shift BETWEEN ?3 AND ?4 GROUP BY 1, 2`;
const HELD = "SELECT hour, name_id, n FROM event_hour WHERE hour >= ?5 AND hour < ?6 AND n <> 0";

/**
 * Compares the counts of whole hours with the rows, and counts again if they differ. `range`: from the start of an hour to the last
 * microsecond of one. Returns the number of counts that were wrong.
 */
export function auditEventHours(db: RecordDb, range: TimeRange): number {
  return inTransaction(db, () => {
    const hours = [Math.floor(range.fromUs / HOUR_US), Math.floor(range.toUs / HOUR_US) + 1] as const;
    const rows = keyBounds(db, range);
    const wrong = db.prepare<{ n: number }, number[]>(
      `SELECT (SELECT count(*) FROM (SELECT * FROM (${COUNTED}) EXCEPT ${HELD})) +
              (SELECT count(*) FROM (${HELD} EXCEPT SELECT * FROM (${COUNTED}))) AS n`,
    );
    const n = wrong.get(...rows, ...hours)?.n ?? 0;
    if (n === 0) return 0;
    db.prepare<unknown, [number, number]>("DELETE FROM event_hour WHERE hour >= ? AND hour < ?").run(...hours);
    db.prepare<unknown, [number, number, number, number]>(`INSERT INTO event_hour(hour, name_id, n) ${COUNTED}`).run(
      ...rows,
    );
    return n;
  });
}
