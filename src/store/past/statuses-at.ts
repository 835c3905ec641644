import type { ServerUs } from "../../lib/time.ts";
import { splitResourceId } from "../../model/events/event.ts";
import { eventPrefix } from "../../model/kinds.ts";
import type { SnapshotKind } from "../../model/objects.ts";
import type { RecordDb } from "../database.ts";
import { findEventSummaries } from "../events/events.ts";

const STATUSES: Readonly<Record<string, string>> = { ready: "READY", "not-ready": "NOT_READY", paused: "PAUSED" };
const MAX_EVENTS = 5_000;

/** Status by id, from the last event about it in the range: Prefect publishes one at each change of a status. */
export function findStatusesAt(
  db: RecordDb,
  kind: SnapshotKind,
  fromUs: ServerUs,
  atUs: ServerUs,
): Map<string, string> {
  const prefix = eventPrefix(kind);
  const filter = { event: { name: Object.keys(STATUSES).map((word) => `${prefix}${word}`) } };
  const { events } = findEventSummaries(db, { fromUs, toUs: atUs, order: "desc", limit: MAX_EVENTS, filter });
  const statuses = new Map<string, string>();
  for (const { resourceId, event } of events) {
    const { key } = splitResourceId(resourceId);
    const status = STATUSES[event.slice(prefix.length)];
    if (status !== undefined && !statuses.has(key)) statuses.set(key, status);
  }
  return statuses;
}
