/**
 * Whether the server sorts the names of a kind as the record does, by their code points. SQLite does so. PostgreSQL sorts in the locale
 * of its database, where `alpha` comes before `Zeta` and `a_b` before `a-b`, and the API does not name it. A list that was read in the
 * order of names shows it for the names that it has.
 * https://www.postgresql.org/docs/current/collation.html, https://www.sqlite.org/datatype3.html#collating_sequences
 */
import type { LocalUs } from "../../lib/time.ts";
import { KINDS, type ListedKind } from "../../model/kinds.ts";
import type { SnapshotKind } from "../../model/objects.ts";
import type { RecordDb } from "../database.ts";
import { findFact, putFact } from "../sync-state.ts";

/** Whether the route of the list answers in the order of names. That of work pools takes no sort, and has this one. */
export function isListedByName(kind: ListedKind): boolean {
  return KINDS[kind].sort === "NAME_ASC" || kind === "work_pool";
}

/** Whether a whole list, which is recorded by now, came in the order of code points. `ids`: in the server's order. Null: others are recorded. */
export function areNamesByCodePoint(db: RecordDb, kind: ListedKind, ids: readonly string[]): boolean | null {
  const rows = db
    .prepare<{ id: string; name: string }, [string]>(
      "SELECT id, name FROM object WHERE kind = ? AND deleted_us IS NULL ORDER BY name",
    )
    .all(kind);
  const names = new Map(rows.map(({ id, name }) => [id, name]));
  if (rows.length !== ids.length || ids.some((id) => !names.has(id))) return null;
  return rows.every(({ name }, index) => name === names.get(ids[index] ?? ""));
}

/** To be called when the list has a name that it did not have. */
export function forgetNameOrder(db: RecordDb, kind: SnapshotKind, atUs: LocalUs): void {
  if (findFact(db, `names:${kind}`) !== null) putFact(db, `names:${kind}`, null, atUs);
}

/** Whether the record has the names of this kind in the order of the server. */
export function areNamesInServerOrder(db: RecordDb, kind: SnapshotKind): boolean {
  return findFact(db, "instance")?.areNullsLargest === false || findFact(db, `names:${kind}`)?.isByCodePoint === true;
}
