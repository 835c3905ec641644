import { lowerAscii, sqlLikePrefix } from "../../model/text/sql-like.ts";
import type { RecordDb } from "../database.ts";
import type { ResourceRow } from "../schema/event.ts";
import type { EventRow } from "./event-rows.ts";

/** If more resources than this match, rows are tested one by one instead. */
const MAX_RESOURCES = 200;

/**
 * Numbers of the resources whose id begins with one of the prefixes by the rules of SQL LIKE (ASCII case ignored, `_`
 * and `%` are wildcards), or null when they are too many. Ids in lower case are found in the index of all ids, the few
 * with capitals in an index of their own.
 */
export function findResourceNumbers(db: RecordDb, prefixes: readonly string[]): number[] | null {
  const lower = db.prepare<Pick<ResourceRow, "id">, [string, string, string]>(
    "SELECT id FROM resource WHERE resource_id >= ? AND resource_id < ? AND resource_id LIKE ? || '%' LIMIT 201",
  );
  const capitals = db.prepare<{ id: number }, [string]>(
    "SELECT id FROM resource INDEXED BY resource_capitals WHERE resource_id <> lower(resource_id) AND resource_id LIKE ? || '%' LIMIT 201",
  );
  const found = new Set<number>();
  for (const prefix of prefixes) {
    const head = lowerAscii(prefix.split(/[%_]/, 1)[0] ?? "");
    for (const { id } of lower.all(head, `${head}\u{10ffff}`, prefix)) found.add(id);
    if (found.size > MAX_RESOURCES) return null;
    for (const { id } of capitals.all(prefix)) found.add(id);
    if (found.size > MAX_RESOURCES) return null;
  }
  return [...found];
}

/** A test whether the primary resource of a row has one of the prefixes. */
export function resourcePrefixTest(db: RecordDb, prefixes: readonly string[]): (row: EventRow) => boolean {
  const matchers = prefixes.map((prefix) => sqlLikePrefix(prefix));
  const read = db.prepare<Pick<ResourceRow, "resource_id">, [number]>("SELECT resource_id FROM resource WHERE id = ?");
  const known = new Map<number, boolean>();
  return (row) => {
    let answer = known.get(row.res_id);
    if (answer === undefined) {
      const id = read.get(row.res_id)?.resource_id ?? "";
      answer = matchers.some((matches) => matches(id));
      known.set(row.res_id, answer);
    }
    return answer;
  };
}
