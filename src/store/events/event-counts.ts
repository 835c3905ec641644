import { bytesToUuid } from "../../lib/uuid.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { inSnapshot, type RecordDb } from "../database.ts";
import { largestShift } from "./event-times.ts";

/** SQL condition on `event`: `occurred` lies in a closed range. Its placeholders take `keyBounds`. */
const IN_RANGE = "t BETWEEN ? AND ? AND t - shift BETWEEN ? AND ?";
type InRange = [number, number, number, number];

/** The range for keys, then for `occurred`: a key lies at most the largest shift after its `occurred`. */
export function keyBounds(db: RecordDb, { fromUs, toUs }: TimeRange): InRange {
  const from = Math.max(Number.MIN_SAFE_INTEGER, fromUs);
  const to = Math.min(Number.MAX_SAFE_INTEGER, toUs);
  return [from, Math.min(Number.MAX_SAFE_INTEGER, to + largestShift(db)), from, to];
}

/** Number of events with `occurred` in the range, counted from their rows. */
export function countEventsBetween(db: RecordDb, range: TimeRange): number {
  return inSnapshot(db, () => {
    const count = db.prepare<{ n: number }, InRange>(`SELECT count(*) AS n FROM event WHERE ${IN_RANGE}`);
    return count.get(...keyBounds(db, range))?.n ?? 0;
  });
}

/** Ids of the events with `occurred` in the range, in the order of their keys. */
export function findEventIdsBetween(db: RecordDb, range: TimeRange): string[] {
  return inSnapshot(db, () => {
    const read = db.prepare<{ id: Uint8Array }, InRange>(`SELECT id FROM event WHERE ${IN_RANGE} ORDER BY t`);
    return read.all(...keyBounds(db, range)).map((row) => bytesToUuid(row.id));
  });
}

interface Ends {
  readonly first: number | null;
  readonly last: number | null;
}

/** The largest key (`event.t`, microseconds near `occurred`), or null when there are no events. */
export function findNewestEventKey(db: RecordDb): number | null {
  return db.prepare<{ t: number | null }, []>("SELECT max(t) AS t FROM event").get()?.t ?? null;
}

/** Oldest and newest `occurred` in the record and the number of events, or null when there are none. */
export function findEventRange(db: RecordDb): (TimeRange & { readonly count: number }) | null {
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
