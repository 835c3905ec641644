/** What changed between the last good run of a deployment and the first one that failed with an error. From the record alone. */
import { isSameJson } from "../../lib/exact-json.ts";
import { onLocalClock, onServerClock, type ServerUs } from "../../lib/time.ts";
import type { FlowRun, SnapshotKind } from "../../model/objects.ts";
import type { RecordDb } from "../../store/database.ts";
import { findFullNames, findObjectChanges, type ObjectChange } from "../../store/objects/objects.ts";
import { findCompletedBefore } from "../../store/runs/failed-runs.ts";
import { findFlowRunRow, toFlowRun } from "../../store/runs/flow-runs.ts";
import { statedSkewUs } from "../source/server-time.ts";
import { type Failure, ownerOf } from "./group-incidents.ts";

export interface FirstBad {
  /** Name of the first run that failed. */
  readonly run: string;
  /** Name of the last run of the same deployment or flow that completed before it; null: none is recorded. */
  readonly lastGood: string | null;
  /** Fields of the two runs that differ. */
  readonly runDiff: ObjectChange["diff"];
  /** Changes of the deployment, of its pool, and of limits and variables between the two, oldest first. */
  readonly changes: readonly ChangedObject[];
}

export interface ChangedObject extends Pick<ObjectChange, "kind" | "name" | "change" | "diff"> {
  readonly atUs: ServerUs;
}

const COMPARED = [
  "deployment_version",
  "flow_version",
  "parameters",
  "job_variables",
  "work_pool_name",
  "work_queue_name",
  "tags",
] as const satisfies readonly (keyof FlowRun)[];

/** Objects that every run of the workspace may depend on. */
const SHARED_KINDS: ReadonlySet<SnapshotKind> = new Set(["concurrency_limit", "variable"]);
const MAX_CHANGES = 200;
const MAX_SHOWN = 5;

/** Null when the run is not recorded. */
export function findFirstBad(db: RecordDb, failure: Failure): FirstBad | null {
  const row = findFlowRunRow(db, failure.runId);
  if (row === null) return null;
  const bad = toFlowRun(row);
  const owner = ownerOf(failure);
  const beginUs = row.begin_us ?? failure.atUs;
  const goodId = findCompletedBefore(db, `${owner.kind}_id`, owner.id, beginUs);
  const goodRow = goodId === null ? null : findFlowRunRow(db, goodId);
  if (goodRow === null) return { run: bad.name, lastGood: null, runDiff: {}, changes: [] };
  const good = toFlowRun(goodRow);
  // Without a document of REST these fields are unknown, not empty.
  const areWhole = row.doc !== null && goodRow.doc !== null;
  return {
    run: bad.name,
    lastGood: good.name,
    runDiff: areWhole ? diffRuns(good, bad) : {},
    changes: changesBetween(db, goodRow.begin_us ?? 0, failure.atUs, bad),
  };
}

function diffRuns(good: FlowRun, bad: FlowRun): ObjectChange["diff"] {
  const differing = COMPARED.filter((field) => !isSameJson(good[field] ?? null, bad[field] ?? null));
  return Object.fromEntries(differing.map((field) => [field, { from: good[field], to: bad[field] }]));
}

function changesBetween(db: RecordDb, fromUs: ServerUs, toUs: ServerUs, run: FlowRun): ChangedObject[] {
  const skewUs = statedSkewUs(db);
  const range = { fromUs: onLocalClock(fromUs, skewUs), toUs: onLocalClock(toUs, skewUs) };
  const ids = new Set([run.deployment_id, run.flow_id, run.work_queue_id, run.work_pool_id]);
  const concerns = ({ kind, id, name }: ObjectChange) =>
    ids.has(id) || SHARED_KINDS.has(kind) || (kind === "work_pool" && name === run.work_pool_name);
  const found = findObjectChanges(db, { ...range, limit: MAX_CHANGES })
    .filter(concerns)
    .toReversed();
  return found.slice(-MAX_SHOWN).map(({ atUs, kind, id, name, change, diff }) => ({
    atUs: onServerClock(atUs, skewUs),
    kind,
    name: findFullNames(db, kind, [id]).get(id) ?? name,
    change,
    diff,
  }));
}
