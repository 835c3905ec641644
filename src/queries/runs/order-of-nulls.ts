/**
 * Sorts by a time that some runs lack. Prefect leaves the place of these to its database: SQLite takes them as least, PostgreSQL as
 * largest. The API does not say which of the two a server has. Until an answer has shown it, the record answers only where both give the
 * same page. The order of names is PostgreSQL's own too: the record has it where the server is on SQLite.
 * https://www.postgresql.org/docs/current/queries-order.html, https://www.sqlite.org/lang_select.html#the_order_by_clause
 */
import { type Sentence, sentence } from "../../lib/shown-text.ts";
import { withNotes as addNotes, type Freshness } from "../../model/freshness.ts";
import type { RecordDb } from "../../store/database.ts";
import { areNullsLargest } from "../../store/filters/find.ts";
import { dependsOnNulls, type FlowRunSort, type TaskRunSort } from "../../store/filters/sorts.ts";
import { isByName, withNameOrderNote } from "../source/name-order.ts";

interface RowWithId {
  readonly id: Uint8Array;
}

/** Whether the order of the page is known: the server's is, or both databases have the same. `inPostgresOrder` reads it as PostgreSQL sorts. */
export function isOrderKnown(
  db: RecordDb,
  sort: FlowRunSort | TaskRunSort | undefined,
  rows: readonly RowWithId[],
  inPostgresOrder: () => readonly RowWithId[],
): boolean {
  if (isByName(sort)) return areNullsLargest(db) === false;
  if (sort === undefined || !dependsOnNulls(sort) || areNullsLargest(db) !== null) return true;
  const others = inPostgresOrder();
  return (
    rows.length === others.length &&
    rows.every(({ id }, index) => Buffer.compare(id, others[index]?.id ?? new Uint8Array()) === 0)
  );
}

const UNKNOWN_ORDER: Sentence = sentence`Some runs lack the time of this sort: they are last in descending and first in ascending order here, and the other way round where Prefect uses PostgreSQL.`;

/** Says where runs without the time are, in an answer of the record whose order is not known. */
export function withOrderNote(freshness: Freshness, sort: string | undefined, isKnown: boolean): Freshness {
  if (isByName(sort)) return withNameOrderNote(freshness, isKnown);
  return isKnown || freshness.source !== "record" ? freshness : addNotes(freshness, [UNKNOWN_ORDER]);
}
