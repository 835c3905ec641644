/** What the record has of a change. */
import { formatIsoUs, type LocalUs, latestUs } from "../lib/time.ts";
import { readWholeList } from "../prefect/paging/list-pages.ts";
import type { QueryContext } from "../queries/source/context.ts";
import type { LiveReader } from "../queries/source/live.ts";
import { saveObjects } from "../queries/source/save-objects.ts";
import type { RecordDb } from "../store/database.ts";
import { findEventById } from "../store/events/events.ts";
import { findObject, findObjectChanges } from "../store/objects/objects.ts";
import { findFact } from "../store/sync-state.ts";
import type { ChangeableKind, RecordedAs } from "./plan.ts";

/** Where the record has it: the event of a state, or a reading of the object that has the change. */
export interface RecordedChange {
  readonly as: "event" | "reading";
  /** ISO 8601: when the event occurred, or when the object was read. */
  readonly at: string;
}

/** `sentUs`: before the first request of the change was sent, local clock. An older reading cannot have seen it. */
export function findRecorded(db: RecordDb, recorded: RecordedAs, sentUs: LocalUs): RecordedChange | null {
  if (recorded === null) return null;
  if ("eventId" in recorded) {
    const event = findEventById(db, recorded.eventId);
    return event === null ? null : { as: "event", at: event.occurred };
  }
  const { kind, id, isShown } = recorded;
  const held = findObject(db, kind, id);
  if (held === null || held.deletedUs !== null || !isShown(held.doc)) return null;
  const [change] = findObjectChanges(db, { fromUs: sentUs, toUs: MAX_US, kind, id, limit: 1 });
  // Fields such as the slots that are taken are not part of the history: the reading itself shows them.
  const readUs = change?.atUs ?? latestUs(held.readUs, findFact(db, `read:${kind}`)?.readUs ?? held.readUs);
  return readUs < sentUs ? null : { as: "reading", at: formatIsoUs(readUs) };
}

const MAX_US = Number.MAX_SAFE_INTEGER as LocalUs;

/** Reads the object as the list of its kind has it, for the record: its next reading of the list may be minutes away. */
export async function saveReading(
  ctx: QueryContext,
  live: LiveReader,
  kind: ChangeableKind,
  id: string,
): Promise<void> {
  if (kind === "concurrency_limit") {
    // The route has no filter.
    const { rows, isWhole } = await readWholeList((page) => live.api.filterObjects(kind, page, live.options()));
    saveObjects(ctx, kind, rows, live.startedUs, isWhole);
    return;
  }
  const rows = await live.api.filterObjects(
    kind,
    { [LIST_KEYS[kind]]: { id: { any_: [id] } }, limit: 1 },
    live.options(),
  );
  saveObjects(ctx, kind, rows, live.startedUs, false);
}

/** Keys of the filters in the bodies of list routes. The route of work queues has its own. */
const LIST_KEYS: Readonly<Record<Exclude<ChangeableKind, "concurrency_limit">, string>> = {
  deployment: "deployments",
  work_pool: "work_pools",
  work_queue: "work_queues",
  automation: "automations",
};
