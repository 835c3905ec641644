import { findFact } from "../../store/sync-state.ts";
import type { EngineContext } from "./engine-context.ts";

/** The sort of a request whose answer shows where the server puts runs without an end. */
export const SHOWS_NULL_ORDER = "END_TIME_DESC";

/**
 * Stores where the server's database puts missing values. `END_TIME_DESC` is `ORDER BY end_time DESC`: PostgreSQL returns runs without
 * an end first, SQLite last, and the API does not say which of them a server uses. Rows of which all, or none, have an end show nothing.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/sorting.py
 * https://www.postgresql.org/docs/current/queries-order.html
 */
export function learnNullOrder(ctx: EngineContext, rows: readonly { readonly end_time?: unknown }[]): void {
  const hasEnd = rows.map(({ end_time }) => (end_time ?? null) !== null);
  const [ended, unended] = [hasEnd.indexOf(true), hasEnd.indexOf(false)];
  const known = findFact(ctx.db, "instance");
  if (ended === -1 || unended === -1 || known === null) return;
  const areNullsLargest = unended < ended;
  if (known.areNullsLargest !== areNullsLargest) ctx.ingest.putFact("instance", { ...known, areNullsLargest });
}
