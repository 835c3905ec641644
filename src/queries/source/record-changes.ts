/** What a record has gained since it was last looked at, whichever process wrote it. */
import { SECOND_US } from "../../lib/time.ts";
import { dataVersion, type RecordDb } from "../../store/database.ts";
import { findEventSummaries, findNewestEventKey } from "../../store/events/events.ts";

export interface RecordChanges {
  /** Names of new events. */
  readonly eventNames: ReadonlySet<string>;
  /** `prefect.resource.id` of what they are about. */
  readonly resourceIds: ReadonlySet<string>;
  /** Anything at all was written. */
  readonly isChanged: boolean;
}

/** Where a watcher stands; from `startNews`, moved on by `findNews`. */
export interface ChangeMark {
  version: number;
  newestUs: number;
  readonly seen: Set<string>;
}

/** Events may arrive this much out of order and still be news. */
const OVERLAP_US = 5 * SECOND_US;
const MOST = 1_000;
const NOTHING: RecordChanges = { eventNames: new Set(), resourceIds: new Set(), isChanged: false };

/** From now on. `nowUs`: our clock. */
export function startRecordChanges(db: RecordDb, nowUs: number): ChangeMark {
  const newest = findNewestEventKey(db) ?? 0;
  // A sender whose clock is ahead must not hide the news of all the others.
  const mark = { version: dataVersion(db), newestUs: Math.min(newest, nowUs), seen: new Set<string>() };
  for (const { id } of newestEvents(db, mark)) mark.seen.add(id);
  return mark;
}

/** A look that finds nothing costs a few microseconds. */
export function findRecordChanges(db: RecordDb, mark: ChangeMark, nowUs: number): RecordChanges {
  const version = dataVersion(db);
  if (version === mark.version) return NOTHING;
  mark.version = version;
  const found = newestEvents(db, mark);
  const fresh = found.filter(({ id }) => !mark.seen.has(id));
  for (const { id } of fresh) mark.seen.add(id);
  for (const { occurredUs } of fresh) mark.newestUs = Math.max(mark.newestUs, Math.min(occurredUs, nowUs));
  if (mark.seen.size > 10 * MOST) {
    mark.seen.clear();
    for (const { id } of found) mark.seen.add(id);
  }
  return {
    eventNames: new Set(fresh.map(({ event }) => event)),
    resourceIds: new Set(fresh.map(({ resourceId }) => resourceId)),
    isChanged: true,
  };
}

function newestEvents(db: RecordDb, mark: ChangeMark) {
  const fromUs = mark.newestUs - OVERLAP_US;
  return findEventSummaries(db, { fromUs, toUs: Number.MAX_SAFE_INTEGER, order: "desc", limit: MOST }).events;
}
