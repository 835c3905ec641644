/** Times of a zone's clock without its offset, as microseconds since 1970 as if they were UTC, and the moments that they mean. */
import { SECOND_US, type ServerUs } from "../../lib/time.ts";

export type WallUs = number;

/** The wall clock of the zone at a moment. Throws RangeError for a zone that does not exist. */
export function wallOf(us: ServerUs, zone: string): WallUs {
  return us + offsetUs(us, zone);
}

/**
 * The moment at which the zone's clock shows this. Of a time that it shows twice the first is meant. A time that it skips is read with
 * the offset of `skipped`: with that before the change it lies behind the gap, with that after it before the gap.
 */
export function momentOf(wallUs: WallUs, zone: string, skipped: "before" | "after"): ServerUs {
  // The offset before any change that is near.
  const before = wallUs - offsetUs(wallUs - DAY_US, zone);
  const after = wallUs - offsetUs(wallUs + DAY_US, zone);
  if (before === after) return before as ServerUs;
  const isBefore = offsetUs(before, zone) === wallUs - before;
  const isAfter = offsetUs(after, zone) === wallUs - after;
  if (isBefore && isAfter) return Math.min(before, after) as ServerUs;
  if (isBefore || isAfter) return (isBefore ? before : after) as ServerUs;
  return (skipped === "before" ? before : after) as ServerUs;
}

const DAY_US = 86_400 * SECOND_US;

function offsetUs(us: number, zone: string): number {
  if (zone === "UTC") return 0;
  const moment = Temporal.Instant.fromEpochMilliseconds(Math.floor(us / 1000));
  return moment.toZonedDateTimeISO(zone).offsetNanoseconds / 1000;
}
