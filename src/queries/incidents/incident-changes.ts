/** What happened to the incidents of a record since the last look. */
import { addUs, MINUTE_US, type ServerUs } from "../../lib/time.ts";
import type { RecordDb } from "../../store/database.ts";
import type { Incident } from "./group-incidents.ts";
import { findIncidents } from "./incidents.ts";

/** `opened`: its first failure. `repeated`: a further one. `returned`: the first one after it had recovered. `closed`: what failed was deleted. */
export type IncidentChangeKind = "opened" | "repeated" | "returned" | "recovered" | "closed";

/** Failures, newest first, that each look compares: there is one every second while many runs change. */
const WATCHED = 1_000;

export interface IncidentChange {
  readonly kind: IncidentChangeKind;
  readonly incident: Incident;
}

/** What is compared of an incident. */
type Mark = Pick<Incident, "state" | "lastUs">;

/** The incidents as they were at the last look. `findIncidentChanges` replaces its marks. */
export interface IncidentMarks {
  marks: ReadonlyMap<string, Mark>;
  /** What happened earlier is history that is recorded late. */
  readonly sinceUs: ServerUs;
}

export function markIncidents(db: RecordDb, nowUs: ServerUs): IncidentMarks {
  return { marks: marksOf(findIncidents(db, WATCHED).incidents), sinceUs: addUs(nowUs, -MINUTE_US) };
}

/** Changes since the last look, oldest first. Incidents that left the record by age are no change. */
export function findIncidentChanges(db: RecordDb, held: IncidentMarks): IncidentChange[] {
  const { incidents } = findIncidents(db, WATCHED);
  const before = held.marks;
  held.marks = marksOf(incidents);
  return incidents.toReversed().flatMap((incident) => {
    if ((endedUs(incident) ?? incident.lastUs) < held.sinceUs) return [];
    const kind = changeOf(incident, before.get(incident.id));
    return kind === null ? [] : [{ kind, incident }];
  });
}

/** When it recovered or was closed; null while it is open. */
export function endedUs({ recoveredUs, closedUs }: Incident): ServerUs | null {
  return recoveredUs ?? closedUs;
}

/** Whether others are notified of it: a single failure, and the end of one, are silent. */
export function isLoud({ incident }: IncidentChange): boolean {
  return incident.failures.length > 1;
}

function marksOf(incidents: readonly Incident[]): ReadonlyMap<string, Mark> {
  return new Map(incidents.map(({ id, state, lastUs }) => [id, { state, lastUs }]));
}

function changeOf({ state, lastUs, failures }: Incident, before: Mark | undefined): IncidentChangeKind | null {
  const end = state === "recovered" || state === "closed" ? state : null;
  if (before === undefined) return end ?? (failures.length > 1 ? "repeated" : "opened");
  const hasOccurred = lastUs > before.lastUs;
  if (end !== null) return before.state === end && !hasOccurred ? null : end;
  if (!hasOccurred) return null;
  return state === "returned" && before.state !== "returned" ? "returned" : "repeated";
}
