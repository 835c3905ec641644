import type { ServerUs } from "../../lib/time.ts";
import type { RecordDb } from "../../store/database.ts";
import { findStateJson, RETENTION_FLOOR_KEY } from "../../store/sync-state.ts";

/** Microseconds, server clock; minus infinity when nothing was ever dropped. */
export function retentionFloorUs(db: RecordDb): ServerUs {
  return (findStateJson(db, RETENTION_FLOOR_KEY) as { us: ServerUs } | null)?.us ?? Number.NEGATIVE_INFINITY;
}
