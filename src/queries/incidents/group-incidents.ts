/** Failures with one fingerprint as an incident, from the first to the last, and its state. Pure. */
import { largest } from "../../lib/lists.ts";
import { addUs, type ServerUs } from "../../lib/time.ts";
import { type FailedRun, failureKey, groupByRoot } from "../../model/runs/failure-groups.ts";

/**
 * `new`: it occurred once. `ongoing`: it occurred again. `recovered`: each affected deployment (flow, where there is none) has completed
 * a run since. `returned`: it had recovered, and occurred again. `closed`: affected deployments were deleted without such a run, and all
 * others have completed one.
 */
export const INCIDENT_STATES = ["new", "ongoing", "recovered", "returned", "closed"] as const;
export type IncidentState = (typeof INCIDENT_STATES)[number];

/** One time that a run failed. A run that is retried can fail several times. */
export interface Failure {
  /** Its `id` is that of the failure, which is that of the run where it failed last. */
  readonly run: FailedRun;
  readonly runId: string;
  readonly flowId: string;
  readonly deploymentId: string | null;
  readonly workPoolName: string | null;
  readonly stateName: string | null;
  readonly atUs: ServerUs;
  /** When this run itself completed after the failure, by a retry. */
  readonly retriedUs: ServerUs | null;
}

/** The deployment whose runs show whether a failure is over, or the flow of a run without one. */
export interface FailureOwner {
  readonly kind: "deployment" | "flow";
  readonly id: string;
}

export interface FailureSource {
  /** In any order. */
  readonly failures: readonly Failure[];
  /** Id of the flow run that a run is a subflow of. */
  parentOf(run: FailedRun): string | null;
  /** When the first run of the owner completed that began within the range; null: none has. */
  completedWithin(owner: FailureOwner, afterUs: ServerUs, untilUs: ServerUs): ServerUs | null;
  /** When Prefect deleted it; null: it exists, or that is not known. */
  deletedAt?(owner: FailureOwner): ServerUs | null;
  /** As `failureKey`; remembers the keys of texts that repeat. */
  keyOf?(run: FailedRun): string;
}

export interface Incident {
  /** The same for every occurrence of the fingerprint. */
  readonly id: string;
  readonly fingerprint: string;
  readonly state: IncidentState;
  readonly firstUs: ServerUs;
  readonly lastUs: ServerUs;
  /** When the last affected deployment completed a run; null while it is not recovered. */
  readonly recoveredUs: ServerUs | null;
  /** When the last affected deployment that had not recovered was deleted; null unless the incident is closed. */
  readonly closedUs: ServerUs | null;
  /** Times that it recovered before. */
  readonly recoveries: number;
  /** Newest first. */
  readonly failures: readonly Failure[];
  /** Failures of runs whose subflow failed. */
  readonly parents: readonly Failure[];
}

export function ownerOf({ deploymentId, flowId }: Failure): FailureOwner {
  return deploymentId === null ? { kind: "flow", id: flowId } : { kind: "deployment", id: deploymentId };
}

/** Last occurred first. `nowUs`: end of what is known. */
export function groupIncidents(source: FailureSource, nowUs: ServerUs): Incident[] {
  const keyOf = source.keyOf ? (run: FailedRun) => source.keyOf?.(run) ?? "" : failureKey;
  const groups = groupByRoot(source.failures, (run) => source.parentOf(run), keyOf);
  return groups
    .flatMap(({ key, runs, parents }) => {
      const failures = runs.toSorted((a, b) => b.atUs - a.atUs || (a.run.id < b.run.id ? -1 : 1));
      const [last] = failures;
      const first = failures.at(-1);
      if (!last || !first) return [];
      const span = { firstUs: first.atUs, lastUs: last.atUs };
      return [
        { id: idOf(key), fingerprint: textOf(key), ...span, failures, parents, ...judge(source, failures, nowUs) },
      ];
    })
    .toSorted((a, b) => b.lastUs - a.lastUs || (a.id < b.id ? -1 : 1));
}

/** Twelve hexadecimal digits. */
function idOf(key: string): string {
  return new Bun.CryptoHasher("sha256").update(key).digest("hex").slice(0, 12);
}

/** Without the id of the flow, which keeps equal short texts of different flows apart. */
function textOf(key: string): string {
  return key.replace(/^[0-9a-f]{8}-[0-9a-f-]{27}\|/, "");
}

type Judgement = Pick<Incident, "state" | "recoveredUs" | "closedUs" | "recoveries">;

/** `failures`: newest first. */
function judge(source: FailureSource, failures: readonly Failure[], nowUs: ServerUs): Judgement {
  const overAt = findEnds(source, failures, nowUs);
  const oldestFirst = failures.toReversed();
  const open = new Map<string, ServerUs | null>();
  const owners = new Map<string, FailureOwner>();
  let recoveries = 0;
  for (const failure of oldestFirst) {
    const overUs = allOver(open);
    if (overUs !== null && overUs < failure.atUs) {
      recoveries += 1;
      open.clear();
    }
    open.set(ownerKey(failure), overAt.get(failure) ?? null);
    owners.set(ownerKey(failure), ownerOf(failure));
  }
  const recoveredUs = allOver(open);
  if (recoveredUs !== null) return { state: "recovered", recoveredUs, closedUs: null, recoveries };
  for (const [key, owner] of owners) if (open.get(key) === null) open.set(key, source.deletedAt?.(owner) ?? null);
  const closedUs = allOver(open);
  if (closedUs !== null) return { state: "closed", recoveredUs, closedUs, recoveries };
  if (recoveries > 0) return { state: "returned", recoveredUs, closedUs, recoveries };
  return { state: failures.length === 1 ? "new" : "ongoing", recoveredUs, closedUs, recoveries };
}

/** When all of them were over; null: one of them is not, or there is none. */
function allOver(open: ReadonlyMap<string, ServerUs | null>): ServerUs | null {
  const ends = [...open.values()];
  return ends.length > 0 && ends.every((us) => us !== null) ? (largest(ends.map((us) => us ?? 0)) as ServerUs) : null;
}

function ownerKey(failure: Failure): string {
  const { kind, id } = ownerOf(failure);
  return `${kind} ${id}`;
}

/** When each failure was over: its run, or the next one of its owner, completed. Each stretch of time is searched once. */
function findEnds(source: FailureSource, failures: readonly Failure[], nowUs: ServerUs): Map<Failure, ServerUs | null> {
  const ends = new Map<Failure, ServerUs | null>();
  const later = new Map<string, Failure>();
  for (const failure of failures) {
    const key = ownerKey(failure);
    const next = later.get(key);
    const untilUs = next?.atUs ?? addUs(nowUs, 1);
    const completedUs = source.completedWithin(ownerOf(failure), failure.atUs, untilUs);
    const overUs = completedUs ?? (next ? (ends.get(next) ?? null) : null);
    const { retriedUs } = failure;
    const isRetriedFirst = retriedUs !== null && (overUs === null || retriedUs < overUs);
    ends.set(failure, isRetriedFirst ? retriedUs : overUs);
    later.set(key, failure);
  }
  return ends;
}
