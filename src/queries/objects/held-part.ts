/** Which part of a list the record holds, where it does not hold all of it. */
import { asName, joined, type Sentence, sentence } from "../../lib/shown-text.ts";
import { earliestUs, formatIsoUs, onServerClock } from "../../lib/time.ts";
import type { Freshness } from "../../model/freshness.ts";
import { factsOf, KINDS } from "../../model/kinds.ts";
import type { JsonObject, SnapshotKind } from "../../model/objects.ts";
import type { RecordDb } from "../../store/database.ts";
import { findFact } from "../../store/sync-state.ts";
import { newestNote } from "../source/newest-note.ts";
import { statedSkewUs } from "../source/server-time.ts";

/** Whether the filter of a kind admits only objects that the record may hold. */
export function isWithinHeld(kind: SnapshotKind, filter: unknown): boolean {
  const { leftOut } = factsOf(kind);
  if (leftOut === null) return true;
  const given = (filter ?? {}) as JsonObject;
  if (given.operator === "or_") return false;
  const { any_, not_any_ } = (given[leftOut.field] ?? {}) as {
    readonly any_?: readonly string[] | null;
    readonly not_any_?: readonly string[] | null;
  };
  return leftOut.values.every((value) => (any_ ? !any_.includes(value) : not_any_?.includes(value) === true));
}

/** An answer of the record, with what it does not hold of the list. `isBeyond`: the question also asks for objects that it leaves out. */
export function asHeld(db: RecordDb | null, kind: SnapshotKind, isBeyond: boolean, freshness: Freshness): Freshness {
  if (db === null || freshness.source !== "record") return freshness;
  const { leftOut } = factsOf(kind);
  const newest = findFact(db, `newest:${kind}`);
  const notes: Sentence[] = [];
  if (leftOut !== null && isBeyond) {
    const values = joined(leftOut.values.map(asName), " or ");
    notes.push(
      sentence`Not recorded are ${KINDS[kind].plural} whose ${asName(leftOut.field)} is ${values}, or that have none.`,
    );
  }
  if (newest) notes.push(newestNote(kind, "are recorded", { count: newest.count, since: formatIsoUs(newest.sinceUs) }));
  if (notes.length === 0) return freshness;
  const { coverage, asOfUs } = freshness;
  return {
    ...freshness,
    asOfUs: newest ? earliestUs(asOfUs, onServerClock(newest.readUs, statedSkewUs(db))) : asOfUs,
    coverage: { ...coverage, complete: false, notes: [...coverage.notes, ...notes] },
  };
}
