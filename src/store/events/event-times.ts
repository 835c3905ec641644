import { parseIsoUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import type { RecordDb } from "../database.ts";
import { findStateJson } from "../sync-state.ts";

/**
 * Keys stay below 2^53 with room for shifts: stamps before 1687 and after 2252 (a sender's "0001-01-01" or "9999-12-31")
 * stand at the edge. Their text is kept as it is.
 */
const EDGE_US = 8_900_000_000_000_000;

export function clampUs(us: number): number {
  return Math.min(EDGE_US, Math.max(-EDGE_US, us));
}

/** Stamps of events as numbers. Most come in Prefect's one form, whose minute is remembered: a third of the price. */
export class TimestampReader {
  private minute = "";
  private minuteUs = 0;

  /** `occurred`; where it cannot be read, `received`, and failing that the time it was seen. */
  occurredUs(event: PrefectEvent, seenUs: number): number {
    return clampUs(this.read(event.occurred) ?? this.read(event.received) ?? seenUs);
  }

  receivedUs(event: PrefectEvent, occurredUs: number): number {
    return clampUs(this.read(event.received) ?? occurredUs);
  }

  private read(text: string): number | undefined {
    if (text.length !== 27 || text[26] !== "Z" || text[19] !== ".") return parseIsoUs(text);
    const minute = text.slice(0, 16);
    if (minute !== this.minute) {
      const minuteUs = parseIsoUs(`${minute}:00Z`);
      if (minuteUs === undefined) return parseIsoUs(text);
      this.minute = minute;
      this.minuteUs = minuteUs;
    }
    const rest = Number(text.slice(17, 26));
    return Number.isNaN(rest) ? parseIsoUs(text) : this.minuteUs + Math.round(rest * 1_000_000);
  }
}

/** State key of the largest `t - occurred` ever given. */
export const LARGEST_SHIFT = "event.largest-shift";

/** An event that occurred at `o` has its key in [o, o + largestShift]. */
export function largestShift(db: RecordDb): number {
  return Number(findStateJson(db, LARGEST_SHIFT) ?? 0);
}
