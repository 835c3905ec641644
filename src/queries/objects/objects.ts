/** Flows, deployments, work pools and automations by Prefect's filters. The record has their whole lists. */
import { formatIsoUs } from "../../lib/time.ts";
import type { Freshness } from "../../model/freshness.ts";
import { type FilterKind, KINDS, type ListedKind } from "../../model/kinds.ts";
import type { JsonObject, SnapshotKind, SnapshotObjects } from "../../model/objects.ts";
import { readRows, readWholeList } from "../../prefect/paging/list-pages.ts";
import type { RecordDb } from "../../store/database.ts";
import { type FilterSet, isDecidable, snapshotsNeededBy } from "../../store/filters/bodies.ts";
import { findFilteredObjects } from "../../store/filters/find.ts";
import type { ObjectSort } from "../../store/filters/sorts.ts";
import { findObject } from "../../store/objects/objects.ts";
import { answerSnapshot } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";
import { idsOf, isOffline } from "../source/run-window.ts";
import { saveObjects } from "../source/save-objects.ts";

/** Kinds that are listed by their own filter. The route of work queues gives that filter another key than all other routes do. */
export type FilteredListKind = Exclude<ListedKind & FilterKind, "work_queue">;

export interface ObjectsQuestion<K extends FilteredListKind> {
  readonly kind: K;
  readonly set: FilterSet;
  readonly sort: ObjectSort;
  readonly limit: number;
  readonly offset: number;
  readonly fresh?: boolean | undefined;
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
  const hasRuns = [set.flow_runs, set.task_runs].some((filter) => filter !== undefined && filter !== null);
  const isAnswerable = (isDecidable(set) && !hasRuns) || isOffline(ctx, db);
  const kinds = [...new Set([kind, ...snapshotsNeededBy(set, KINDS[kind].filterKey), ...(question.with ?? [])])];
  const { value: rows, freshness } = await answerSnapshot<readonly SnapshotObjects[K][]>(
    ctx,
    { kinds, what: KINDS[kind].plural, fresh, isAnswerable },
    {
      record: (record) => findFilteredObjects(record, kind, set, sort, { limit: limit + 1, offset }),
      live: async (live) => ({ value: await readPage(ctx, live, question) }),
      isEmpty: (found) => found.length === 0,
    },
  );
  return {
    rows: rows.slice(0, limit),
    hasMore: rows.length > limit,
    freshness: withNotes(db, question, rows, freshness),
  };
}

/**
 * Up to `limit` rows and one more. Without a filter the whole list is read and saved, so that the record can answer next time.
 */
async function readPage<K extends FilteredListKind>(
  ctx: QueryContext,
  live: LiveReader,
  { kind, set, sort, limit, offset }: ObjectsQuestion<K>,
): Promise<readonly SnapshotObjects[K][]> {
  const body = { ...(set as JsonObject), ...(KINDS[kind].sort === null ? {} : { sort }) };
  const read = (page: JsonObject) => live.api.filterObjects(kind, { ...body, ...page }, live.options());
  const readUs = live.startedUs;
  if (Object.values(set).every((filter) => filter === undefined || filter === null)) {
    const { rows, isWhole } = await readWholeList(read);
    saveObjects(ctx, kind, rows, readUs, isWhole);
    return rows.slice(offset, offset + limit + 1);
  }
  const rows = await readRows(read, { wanted: limit + 1, offset });
  saveObjects(ctx, kind, rows, readUs, false);
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
  for (const id of db ? (idsOf(set[KINDS[kind].filterKey]) ?? []) : []) {
    const recorded = db && !rows.some((row) => row.id === id.toLowerCase()) ? findObject(db, kind, id) : null;
    if (recorded?.deletedUs == null) continue;
    notes.push(`${recorded.name} (${recorded.id}) was deleted in Prefect (seen ${formatIsoUs(recorded.deletedUs)}).`);
  }
  if (freshness.source === "record" && !isDecidable(set)) {
    notes.push(
      "Whether work queue names match is an estimate: the record does not have the name that Prefect stored with a deployment.",
    );
  }
  return { ...freshness, coverage: { ...freshness.coverage, notes } };
}
