import { HOUR_US } from "../../lib/time.ts";
import { bytesToUuid } from "../../lib/uuid.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { inSnapshot, type RecordDb } from "../database.ts";
import { largestShift } from "./event-times.ts";

/** Rows with `occurred` in a closed range: keys lie at most the largest shift behind. Binds (from, to + shift, from, to). */
const IN_RANGE = "t BETWEEN ? AND ? AND t - shift BETWEEN ? AND ?";
type InRange = [number, number, number, number];

function bounds(db: RecordDb, { fromUs, toUs }: TimeRange): InRange {
  const from = Math.max(Number.MIN_SAFE_INTEGER, fromUs);
  const to = Math.min(Number.MAX_SAFE_INTEGER, toUs);
  return [from, Math.min(Number.MAX_SAFE_INTEGER, to + largestShift(db)), from, to];
}

/** Number of event rows themselves with `occurred` in the range, never a rollup. */
export function countEventsBetween(db: RecordDb, range: TimeRange): number {
  return inSnapshot(db, () => {
    const count = db.prepare<{ n: number }, InRange>(`SELECT count(*) AS n FROM event WHERE ${IN_RANGE}`);
    return count.get(...bounds(db, range))?.n ?? 0;
  });
}

/** The same by hour of `occurred` (`hourUs`: its start), hours without events left out, ascending. */
export function countEventsByHour(db: RecordDb, range: TimeRange): { hourUs: number; n: number }[] {
  return inSnapshot(db, () => {
    const hour = `(t - shift) / ${HOUR_US} - (t - shift < 0 AND (t - shift) % ${HOUR_US} <> 0)`;
    const count = db.prepare<{ hour: number; n: number }, InRange>(
      `SELECT ${hour} AS hour, count(*) AS n FROM event WHERE ${IN_RANGE} GROUP BY 1 ORDER BY 1`,
    );
    return count.all(...bounds(db, range)).map((row) => ({ hourUs: row.hour * HOUR_US, n: row.n }));
  });
}

/** Ids of the events with `occurred` in the range, in order of their keys. */
export function eventIdsBetween(db: RecordDb, range: TimeRange): string[] {
  return inSnapshot(db, () => {
    const read = db.prepare<{ id: Uint8Array }, InRange>(`SELECT id FROM event WHERE ${IN_RANGE} ORDER BY t`);
    return read.all(...bounds(db, range)).map((row) => bytesToUuid(row.id));
  });
}

interface Ends {
  readonly first: number | null;
  readonly last: number | null;
}

/** Oldest and newest `occurred` that are held and the number of events, or null when there are none. */
export function eventRange(db: RecordDb): (TimeRange & { readonly count: number }) | null {
  return inSnapshot(db, () => {
    const ends = db
      .prepare<Ends, []>("SELECT (SELECT min(t) FROM event) AS first, (SELECT max(t) FROM event) AS last")
      .get();
    if (!ends || ends.first === null || ends.last === null) return null;
    const shift = largestShift(db);
    const oldest = db.prepare<{ at: number }, [number]>("SELECT min(t - shift) AS at FROM event WHERE t <= ?");
    const newest = db.prepare<{ at: number }, [number]>("SELECT max(t - shift) AS at FROM event WHERE t >= ?");
    const count = db.prepare<{ n: number }, []>("SELECT count(*) AS n FROM event").get()?.n ?? 0;
    return {
      fromUs: oldest.get(ends.first + shift)?.at ?? ends.first,
      toUs: newest.get(ends.last - shift)?.at ?? ends.last,
      count,
    };
  });
}
