import type { ServerUs } from "../../lib/time.ts";
import type { RecordDb } from "../../store/database.ts";
import { findStateJson } from "../../store/sync-state.ts";

/**
 * State key of the doubt that a restored database has left. Records in use hold this value, so it stays although its name is old:
 * without the doubt, ranges could be claimed by their counts.
 */
export const DOUBT_KEY = "canary.doubt";

/** Server clock. Values of earlier versions have only `untilUs`. */
export interface Doubt {
  /** Ranges that begin at or before this must be read, not counted. */
  readonly untilUs: ServerUs;
  /** The server lost states of runs up to this moment: any state that REST returns replaces them, also an older one. */
  readonly lostUntilUs?: ServerUs;
}

/** Ranges that begin at or before this (server clock) must be read, not counted. */
export function doubtedUntilUs(db: RecordDb): ServerUs {
  return (findStateJson(db, DOUBT_KEY) as Doubt | null)?.untilUs ?? Number.NEGATIVE_INFINITY;
}

/** States of runs up to this (server clock) may have been lost with a restored database; minus infinity when none was. */
export function statesLostUntilUs(db: RecordDb): ServerUs {
  return (findStateJson(db, DOUBT_KEY) as Doubt | null)?.lostUntilUs ?? Number.NEGATIVE_INFINITY;
}
