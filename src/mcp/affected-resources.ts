/** Which `prefect://` resources a change of the record affects. */
import { type LocalUs, onServerClock } from "../lib/time.ts";
import { type Kind, kindOfResource } from "../model/kinds.ts";
import {
  findIncidentChanges,
  type IncidentMarks,
  isLoud,
  markIncidents,
} from "../queries/incidents/incident-changes.ts";
import { statedSkewUs } from "../queries/source/server-time.ts";
import type { RecordDb } from "../store/database.ts";
import { findFlowRunRow } from "../store/runs/flow-runs.ts";

/** Changes of the record since the last poll. */
export interface ResourceChanges {
  readonly kinds: Set<string>;
  readonly flowRunIds: Set<string>;
  readonly eventNames: Set<string>;
  isAny: boolean;
}

export function noChanges(): ResourceChanges {
  return { kinds: new Set(), flowRunIds: new Set(), eventNames: new Set(), isAny: false };
}

/** Kinds that resources show: an event about one of these changes their content. */
const SHOWN: ReadonlySet<Kind> = new Set(["flow_run", "task_run", "deployment", "work_pool", "work_queue"]);

/** Adds the object that an event is about, given as `prefect.flow-run.<id>`. */
export function addResource(changes: ResourceChanges, resourceId: string): void {
  const [, resource = "", id = ""] = /^(prefect\.[a-z-]+)\.(.+)$/.exec(resourceId) ?? [];
  const kind = kindOfResource(resource);
  changes.kinds.add("event");
  if (kind && SHOWN.has(kind)) changes.kinds.add(kind);
  if (kind === "flow_run") changes.flowRunIds.add(id);
}

/** Changes prepared for lookup, once per poll: each of many URIs then costs one search. */
export interface ChangeIndex {
  has(...kinds: string[]): boolean;
  hasEvent(namePrefix: string): boolean;
  /** `run`: the beginning of an id, or a name; in lower case. */
  hasFlowRun(run: string): boolean;
  /** The record with the changes; null: there is none. */
  readonly db: RecordDb | null;
}

/** The record is read only when a URI names a run, and then once per changed run. */
export function indexChanges(changes: ResourceChanges, db: RecordDb | null): ChangeIndex {
  const eventNames = once(() => [...changes.eventNames].sort());
  const ids = once(() => [...changes.flowRunIds].sort());
  const names = once(() => new Set([...changes.flowRunIds].map((id) => nameOf(db, id))));
  return {
    db,
    has: (...kinds) => kinds.some((kind) => changes.kinds.has(kind)),
    hasEvent: (prefix) => hasPrefix(eventNames(), prefix),
    hasFlowRun: (run) => hasPrefix(ids(), run) || names().has(run),
  };
}

/** Whether the content of a resource may have changed. */
export type AffectedTest = (changed: ChangeIndex) => boolean;

/** `db`: the record as it is when the resource begins to be watched. */
export function affectedTestOf(uri: string, db: RecordDb | null, nowUs: () => LocalUs): AffectedTest {
  const [, area = "", rest = ""] = /^prefect:\/\/([^/?#]+)\/?(.*)/s.exec(uri) ?? [];
  if (area === "record") return () => true;
  if (area === "dashboard") {
    return (changed) => changed.has("flow_run", "work_pool", "work_queue", "concurrency_limit");
  }
  if (area === "incidents") return incidentsTest(db, nowUs);
  if (area === "deployments") return (changed) => changed.has("deployment", "flow_run");
  if (area === "events") {
    const prefix = decoded(rest);
    return prefix === "" ? (changed) => changed.has("event") : (changed) => changed.hasEvent(prefix);
  }
  if (area !== "flow-runs") return () => false;
  if (rest === "") return (changed) => changed.has("flow_run");
  const run = decoded(rest.split("/")[0] ?? "").toLowerCase();
  return (changed) => changed.hasFlowRun(run);
}

/** Each look compares with the one before: most runs that change belong to no incident, and a single failure is silent. */
function incidentsTest(db: RecordDb | null, nowUs: () => LocalUs): AffectedTest {
  const at = (record: RecordDb) => onServerClock(nowUs(), statedSkewUs(record));
  let held: IncidentMarks | null = db === null ? null : markIncidents(db, at(db));
  return (changed) => {
    if (changed.db === null || !changed.has("flow_run")) return false;
    if (held === null) {
      held = markIncidents(changed.db, at(changed.db));
      return false;
    }
    return findIncidentChanges(changed.db, held).some(isLoud);
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Whether one of the texts, which are in ascending order, begins with the prefix. */
function hasPrefix(sorted: readonly string[], prefix: string): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? "") < prefix) low = middle + 1;
    else high = middle;
  }
  return sorted[low]?.startsWith(prefix) ?? false;
}

function nameOf(db: RecordDb | null, flowRunId: string): string | undefined {
  const row = db ? findFlowRunRow(db, flowRunId) : null;
  return row?.name?.toLowerCase();
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
