import type { RecordDb } from "../database.ts";
import type { FilterSet } from "./bodies.ts";
import { areNullsLargest } from "./find.ts";

/**
 * Whether the record compares texts of the filters as the server does. Prefect asks its database to ignore case (`ILIKE`): SQLite does
 * so for ASCII letters alone, PostgreSQL for those of its locale, which the API does not name. Answers show the database by the order
 * of nulls.
 * https://www.sqlite.org/lang_expr.html#the_like_glob_regexp_match_and_extract_operators
 * https://www.postgresql.org/docs/current/functions-matching.html#FUNCTIONS-LIKE
 */
export function isCaseDecidable(db: RecordDb, set: FilterSet): boolean {
  return areNullsLargest(db) === false || !Object.values(set).some((filter) => hasLettersBeyondAscii(filter));
}

const MATCHES = new Set(["like_", "startswith_"]);

/** Whether a text that is compared without case has letters beyond ASCII that have two cases. */
function hasLettersBeyondAscii(filter: unknown, field = ""): boolean {
  if (typeof filter === "string")
    return MATCHES.has(field) && [...filter].some((sign) => sign > "\x7f" && sign.toLowerCase() !== sign.toUpperCase());
  if (Array.isArray(filter)) return filter.some((one) => hasLettersBeyondAscii(one, field));
  if (typeof filter !== "object" || filter === null) return false;
  return Object.entries(filter).some(([name, value]) => hasLettersBeyondAscii(value, name));
}
