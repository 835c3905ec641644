/** Changes of the record since the last look, by whichever process they were written. */
import { addUs, earliestUs, type LocalUs, latestUs, onServerClock, SECOND_US, type ServerUs } from "../../lib/time.ts";
import { dataVersion, type RecordDb } from "../../store/database.ts";
import { findEventSummaries, findNewestEventKey } from "../../store/events/events.ts";
import { statedSkewUs } from "./server-time.ts";

export interface RecordChanges {
  /** Names of new events. */
  readonly eventNames: ReadonlySet<string>;
  /** Ids of the resources of these events. */
  readonly resourceIds: ReadonlySet<string>;
  /** Something was written, events or not. */
  readonly isChanged: boolean;
}

/** Up to where a watcher has seen the record. `findRecordChanges` moves it. */
export interface ChangeMark {
  version: number;
  newestUs: ServerUs;
  readonly seen: Set<string>;
}

/** An event may occur this much earlier than the newest one seen, and still count as new. */
const OVERLAP_US = 5 * SECOND_US;
const MAX_EVENTS = 1_000;
const NOTHING: RecordChanges = { eventNames: new Set(), resourceIds: new Set(), isChanged: false };

/** A mark of the present. `nowUs`: local clock. */
export function startRecordChanges(db: RecordDb, nowUs: LocalUs): ChangeMark {
  const newest = findNewestEventKey(db) ?? 0;
  // The newest event may come from a sender whose clock is ahead. Events of others must still count as new.
  const mark = {
    version: dataVersion(db),
    newestUs: earliestUs(newest, onServerClock(nowUs, statedSkewUs(db))),
    seen: new Set<string>(),
  };
  for (const { id } of newestEvents(db, mark)) mark.seen.add(id);
  return mark;
}

/** Changes since the mark, which is moved. Takes a few microseconds when there are none. */
export function findRecordChanges(db: RecordDb, mark: ChangeMark, nowUs: LocalUs): RecordChanges {
  const version = dataVersion(db);
  if (version === mark.version) return NOTHING;
  mark.version = version;
  const found = newestEvents(db, mark);
  const fresh = found.filter(({ id }) => !mark.seen.has(id));
  for (const { id } of fresh) mark.seen.add(id);
  const serverNowUs = onServerClock(nowUs, statedSkewUs(db));
  for (const { occurredUs } of fresh) mark.newestUs = latestUs(mark.newestUs, earliestUs(occurredUs, serverNowUs));
  if (mark.seen.size > 10 * MAX_EVENTS) {
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
  const fromUs = addUs(mark.newestUs, -OVERLAP_US);
  return findEventSummaries(db, { fromUs, toUs: Number.MAX_SAFE_INTEGER, order: "desc", limit: MAX_EVENTS }).events;
}
