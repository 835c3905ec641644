import type { RecordDb } from "../../store/database.ts";
import { findStateJson } from "../../store/sync-state.ts";

/** State key: events that occurred before this were dropped from the record on purpose, and are not fetched again. */
export const KEPT_FROM = "retention.kept-from";

/** Microseconds, server's clock; minus infinity when nothing was ever dropped. */
export function keptFromUs(db: RecordDb): number {
  return (findStateJson(db, KEPT_FROM) as { us: number } | null)?.us ?? Number.NEGATIVE_INFINITY;
}
