import type { ServerUs } from "../../lib/time.ts";
import type { RecordDb } from "../../store/database.ts";
import { findStateJson } from "../../store/sync-state.ts";

/**
 * State key of the retention floor: events that occurred before it were dropped from the record on purpose, and are not
 * fetched again. Records in use hold this value, so it stays although the name in the code has changed.
 */
export const RETENTION_FLOOR_KEY = "retention.kept-from";

/** Microseconds, server clock; minus infinity when nothing was ever dropped. */
export function retentionFloorUs(db: RecordDb): ServerUs {
  return (findStateJson(db, RETENTION_FLOOR_KEY) as { us: ServerUs } | null)?.us ?? Number.NEGATIVE_INFINITY;
}
