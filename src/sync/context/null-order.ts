import { findFact } from "../../store/sync-state.ts";
import type { EngineContext } from "./engine-context.ts";

/** The sort of a request whose answer shows where the server puts runs without an end. */
export const SHOWS_NULL_ORDER = "END_TIME_DESC";

/** Whether rows without an end are the largest in this answer to `END_TIME_DESC`. Null: all rows have an end, or none has. */
export function areNullsLargestIn(rows: readonly object[]): boolean | null {
  const hasEnd = rows.map((row) => "end_time" in row && row.end_time !== null);
  const [ended, unended] = [hasEnd.indexOf(true), hasEnd.indexOf(false)];
  return ended === -1 || unended === -1 ? null : unended < ended;
}

/**
 * Stores where the server's database puts missing values. `END_TIME_DESC` is `ORDER BY end_time DESC`: PostgreSQL returns runs without
 * an end first, SQLite last, and the API does not say which of them a server uses.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/sorting.py
 * https://www.postgresql.org/docs/current/queries-order.html
 */
export function learnNullOrder(ctx: EngineContext, rows: readonly object[]): void {
  const areNullsLargest = areNullsLargestIn(rows);
  const known = findFact(ctx.db, "instance");
  if (areNullsLargest === null || known === null || known.areNullsLargest === areNullsLargest) return;
  ctx.ingest.putFact("instance", { ...known, areNullsLargest });
}
