/** Objects of one kind by Prefect's filters, from the lists that the record holds. */
import { append } from "../../lib/lists.ts";
import { asName, asReason, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { formatIsoUs } from "../../lib/time.ts";
import type { Freshness } from "../../model/freshness.ts";
import { type FilterKind, factsOf, heldFilters, KINDS, type ListedKind } from "../../model/kinds.ts";
import { cutLongFields } from "../../model/objects/long-fields.ts";
import type { JsonObject, SnapshotKind, SnapshotObjects } from "../../model/objects.ts";
import { readRows, readWholeList } from "../../prefect/paging/list-pages.ts";
import type { RecordDb } from "../../store/database.ts";
import { type FilterSet, isDecidable, snapshotsNeededBy } from "../../store/filters/bodies.ts";
import { findFilteredObjects } from "../../store/filters/find.ts";
import { isCaseDecidable } from "../../store/filters/letter-case.ts";
import type { ObjectSort } from "../../store/filters/sorts.ts";
import { areNamesInServerOrder } from "../../store/objects/name-order.ts";
import { findObject } from "../../store/objects/objects.ts";
import { answerSnapshot } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";
import { isByName, withNameOrderNote } from "../source/name-order.ts";
import { areIdsRecorded, idsOf, isOffline } from "../source/run-window.ts";
import { saveObjects } from "../source/save-objects.ts";
import { letterCaseNotes, unrecordedIdNotes, withUndecided } from "../source/undecided.ts";
import { asHeld, isWithinHeld } from "./held-part.ts";

/** Kinds that are listed by their own filter. The route of work queues gives that filter another key than all other routes do. */
export type FilteredListKind = Exclude<ListedKind & FilterKind, "work_queue">;

export interface ObjectsQuestion<K extends FilteredListKind> {
  readonly kind: K;
  readonly set: FilterSet;
  readonly sort: ObjectSort;
  readonly limit: number;
  readonly offset: number;
  readonly fresh?: boolean | undefined;
  /** The caller takes the rows in any order. */
  readonly isAnyOrder?: boolean;
  /** Further lists that the answer needs. */
  readonly with?: readonly SnapshotKind[];
}

export interface ObjectsPage<K extends FilteredListKind> {
  readonly rows: readonly SnapshotObjects[K][];
  readonly hasMore: boolean;
  readonly freshness: Freshness;
}

/** Throws AppError of the live reading when it fails and the record has nothing. */
export async function listObjects<K extends FilteredListKind>(
  ctx: QueryContext,
  question: ObjectsQuestion<K>,
): Promise<ObjectsPage<K>> {
  const { kind, set, sort, limit, offset, fresh } = question;
  const db = ctx.record();
  const isDecided = isDecidable(set) && !hasRunFilter(set) && (db === null || isCaseDecidable(db, set));
  const isOrdered = db === null || isInOrder(db, question);
  const isAnswerable = (isDecided && isOrdered) || isOffline(ctx, db);
  const isBeyondHeld = !isWithinHeld(kind, set[KINDS[kind].filterKey]);
  // Objects are made without an event on some servers, so an id that is not recorded may be younger than the recorded list.
  const ids = idsOf(set[KINDS[kind].filterKey]);
  const isStale = isBeyondHeld || (db !== null && !areIdsRecorded(ids, (id) => findObject(db, kind, id) !== null));
  const kinds = [...new Set([kind, ...snapshotsNeededBy(set, KINDS[kind].filterKey), ...(question.with ?? [])])];
  const { value: rows, freshness } = await answerSnapshot<readonly SnapshotObjects[K][]>(
    ctx,
    { kinds, what: KINDS[kind].plural, fresh, isAnswerable, isStale },
    {
      record: (record) => findFilteredObjects(record, kind, set, sort, { limit: limit + 1, offset }),
      live: async (live) => ({ value: await readPage(ctx, live, question) }),
      isEmpty: (found) => found.length === 0,
    },
  );
  return {
    rows: rows.slice(0, limit).map((row) => cutLongFields(kind, row)),
    hasMore: rows.length > limit,
    freshness: withNameOrderNote(withNotes(db, question, rows, asHeld(db, kind, isBeyondHeld, freshness)), isOrdered),
  };
}

/** Whether the record has the page in the order of the server. */
function isInOrder<K extends FilteredListKind>(
  db: RecordDb,
  { kind, set, sort, offset, isAnyOrder }: ObjectsQuestion<K>,
): boolean {
  if (isAnyOrder || !isByName(sort) || areNamesInServerOrder(db, kind)) return true;
  return offset === 0 && findFilteredObjects(db, kind, set, sort, { limit: 2, offset }).length < 2;
}

/**
 * Up to `limit` rows and one more. When the list is asked for as the record holds it, it is saved as a whole where it was read to
 * its end, so that the record can answer next time.
 */
async function readPage<K extends FilteredListKind>(
  ctx: QueryContext,
  live: LiveReader,
  { kind, set, sort, limit, offset }: ObjectsQuestion<K>,
): Promise<readonly SnapshotObjects[K][]> {
  const filters = Object.fromEntries(
    Object.entries(set).filter(([, filter]) => filter !== undefined && filter !== null),
  );
  const body = { ...(filters as JsonObject), ...(KINDS[kind].sort === null ? {} : { sort }) };
  const read = (page: JsonObject) => live.api.filterObjects(kind, { ...body, ...page }, live.options());
  const readUs = live.startedUs;
  const isHeldList = JSON.stringify(filters) === JSON.stringify(heldFilters(kind));
  if (isHeldList && factsOf(kind).holds === "all") {
    const { rows, isWhole } = await readWholeList(read);
    saveObjects(ctx, kind, rows, readUs, isWhole);
    return rows.slice(offset, offset + limit + 1);
  }
  const rows = await readRows(read, { wanted: limit + 1, offset });
  saveObjects(ctx, kind, rows, readUs, isHeldList && offset === 0 && rows.length <= limit);
  return rows;
}

/** Adds notes about deleted objects that were asked for by id. */
function withNotes<K extends FilteredListKind>(
  db: RecordDb | null,
  { kind, set }: ObjectsQuestion<K>,
  rows: readonly SnapshotObjects[K][],
  freshness: Freshness,
): Freshness {
  const notes = [...freshness.coverage.notes];
  const undecided: Sentence[] = [];
  if (db !== null) {
    const isRecorded = (id: string) => findObject(db, kind, id) !== null;
    append(undecided, unrecordedIdNotes(idsOf(set[KINDS[kind].filterKey]), asReason(KINDS[kind].plural), isRecorded));
  }
  for (const id of db ? (idsOf(set[KINDS[kind].filterKey]) ?? []) : []) {
    const recorded = db && !rows.some((row) => row.id === id.toLowerCase()) ? findObject(db, kind, id) : null;
    if (recorded?.deletedUs == null) continue;
    const seen = own(formatIsoUs(recorded.deletedUs));
    notes.push(sentence`${asName(recorded.name)} (${asName(recorded.id)}) was deleted in Prefect (seen ${seen}).`);
  }
  if (hasRunFilter(set))
    undecided.push(sentence`Not all runs are recorded, so some ${asReason(KINDS[kind].plural)} may be missing.`);
  if (db) append(undecided, letterCaseNotes(db, set));
  if (!isDecidable(set)) {
    undecided.push(
      sentence`Whether work queue names match is an estimate: the record does not have the name that Prefect stored with a deployment.`,
    );
  }
  return withUndecided({ ...freshness, coverage: { ...freshness.coverage, notes } }, undecided);
}

/** The record may lack runs of any time, so only Prefect decides a filter by them. */
function hasRunFilter(set: FilterSet): boolean {
  return [set.flow_runs, set.task_runs].some((filter) => filter !== undefined && filter !== null);
}
