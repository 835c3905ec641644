/** Questions that Prefect has to decide, and that the record answers as far as it can while Prefect does not. */
import { asNames, type Sentence, sentence } from "../../lib/shown-text.ts";
import type { Freshness } from "../../model/freshness.ts";
import { KINDS } from "../../model/kinds.ts";
import type { SnapshotKind } from "../../model/objects.ts";
import type { RecordDb } from "../../store/database.ts";
import type { FilterSet } from "../../store/filters/bodies.ts";
import { isCaseDecidable } from "../../store/filters/letter-case.ts";
import { oldestReading } from "./answer.ts";

/** Lists that a filter needs and that were never read. */
export function unreadListNotes(db: RecordDb, kinds: readonly SnapshotKind[]): Sentence[] {
  const unread = kinds.filter((kind) => oldestReading(db, [kind]) === null);
  if (unread.length === 0) return [];
  const names = asNames(unread.map((kind) => KINDS[kind].plural));
  return [sentence`Lists that the filter needs are not recorded, so some may be missing: ${names}.`];
}

/** Letters that the server may compare in another way than the record. */
export function letterCaseNotes(db: RecordDb, set: FilterSet): Sentence[] {
  if (isCaseDecidable(db, set)) return [];
  return [
    sentence`Letters such as ä match here only in the same case; Prefect on PostgreSQL ignores case, so some may be missing.`,
  ];
}

/** Runs that were asked for by id and may exist. */
export function unrecordedIdNotes(
  ids: readonly string[] | null,
  what: Sentence,
  isRecorded: (id: string) => boolean,
): Sentence[] {
  const missing = (ids ?? []).filter((id) => !isRecorded(id)).length;
  if (missing === 0) return [];
  return [sentence`${missing} of the ${what} that were asked for by id are not recorded; Prefect may have them.`];
}

/** An answer of the record is not complete where the record could not decide the question, whatever time it covers. */
export function withUndecided(freshness: Freshness, notes: readonly Sentence[]): Freshness {
  if (freshness.source !== "record" || notes.length === 0) return freshness;
  const { coverage } = freshness;
  return { ...freshness, coverage: { ...coverage, complete: false, notes: [...coverage.notes, ...notes] } };
}
