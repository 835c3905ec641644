import { addUs, type LocalUs, onServerClock, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import type { RecordDb } from "../database.ts";
import { findStateJson } from "../sync-state.ts";

/**
 * Largest absolute `occurred`: below 2^53, with room for shifts. Times before 1687 and after 2252 (such as "0001-01-01" or
 * "9999-12-31") are stored under this limit; the JSON of the event is not changed.
 */
const EDGE_US = 8_900_000_000_000_000;

/** The time, or the nearest one that a key can have. */
export function clampUs(us: number): number {
  return Math.min(EDGE_US, Math.max(-EDGE_US, us));
}

/**
 * Times of events in microseconds. Most have one form; the last minute is cached, so this takes a third of the time of
 * a full parse.
 */
export class TimestampReader {
  private minute = "";
  private minuteUs = 0;

  /** `occurred`; if it cannot be parsed, `received`; if that cannot either, `seenUs`. */
  occurredUs(event: PrefectEvent, seenUs: LocalUs): ServerUs {
    return clampUs(this.read(event.occurred) ?? this.read(event.received) ?? onServerClock(seenUs, 0));
  }

  receivedUs(event: PrefectEvent, occurredUs: ServerUs): ServerUs {
    return clampUs(this.read(event.received) ?? occurredUs);
  }

  private read(text: string): ServerUs | undefined {
    if (text.length !== 27 || text[26] !== "Z" || text[19] !== ".") return parseIsoUs(text);
    const minute = text.slice(0, 16);
    if (minute !== this.minute) {
      const minuteUs = parseIsoUs(`${minute}:00Z`);
      if (minuteUs === undefined) return parseIsoUs(text);
      this.minute = minute;
      this.minuteUs = minuteUs;
    }
    const rest = Number(text.slice(17, 26));
    return Number.isNaN(rest) ? parseIsoUs(text) : addUs(this.minuteUs, Math.round(rest * 1_000_000));
  }
}

/** Key in `sync_state` of the largest shift (`t - occurred`) of any event so far. */
export const LARGEST_SHIFT = "event.largest-shift";

/** The largest shift in the record, microseconds: the key of an event lies in [occurred, occurred + largestShift]. */
export function largestShift(db: RecordDb): number {
  return Number(findStateJson(db, LARGEST_SHIFT) ?? 0);
}
