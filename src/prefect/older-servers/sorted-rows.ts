/** One list of the rows of several questions. */
import { parseIsoUs } from "../../lib/time.ts";
import { KINDS } from "../../model/kinds.ts";
import type { JsonObject } from "../../model/objects.ts";
import type { FilterBody } from "../transport/pages.ts";

/** Each row once, in the order that the body asks for. */
export function merged(lists: readonly JsonObject[][], path: string, { sort }: FilterBody): JsonObject[] {
  const unique = new Map(lists.flat().map((row) => [String(row.id), row]));
  const given = typeof sort === "string" ? sort : DEFAULT_SORTS.get(path);
  return [...unique.values()].sort(bySort(given ?? "ID_DESC"));
}

const DEFAULT_SORTS: ReadonlyMap<string, string> = new Map([
  [KINDS.deployment.route, "NAME_ASC"],
  [KINDS.flow.route, "NAME_ASC"],
]);

/** The order of a sort, by the field that its name begins with. SQLite sorts null first. */
function bySort(sort: string): (a: JsonObject, b: JsonObject) => number {
  const sign = sort.endsWith("_DESC") ? -1 : 1;
  const field = sort.replace(/_(ASC|DESC)$/, "").toLowerCase();
  const keyOf = (row: JsonObject): number | string => {
    const value = field === "start_time" ? (row.start_time ?? row.expected_start_time) : row[field];
    if (field === "id" || field === "name") return String(value ?? "");
    return typeof value === "string" ? (parseIsoUs(value) ?? 0) : Number.NEGATIVE_INFINITY;
  };
  return (a, b) => {
    const [x, y] = [keyOf(a), keyOf(b)];
    return x === y ? 0 : sign * (x < y ? -1 : 1);
  };
}
