/** Incidents of the workspace: failures with one fingerprint, over deployments, from the first to the last. */
import { sentence } from "../../lib/shown-text.ts";
import { DAY_US, formatIsoSeconds, type ServerUs } from "../../lib/time.ts";
import { type Freshness, withNotes } from "../../model/freshness.ts";
import { parseStateMessage } from "../../model/runs/traceback.ts";
import { inSnapshot, type RecordDb } from "../../store/database.ts";
import { findTaskRuns } from "../../store/filters/find.ts";
import { findLogsOfFlowRun } from "../../store/logs/logs.ts";
import { findFullNames } from "../../store/objects/objects.ts";
import { findFlowRunRow, toFlowRun } from "../../store/runs/flow-runs.ts";
import { toTaskRun } from "../../store/runs/task-runs.ts";
import { errorOfRun } from "../diagnosis/facts/error-of-run.ts";
import { findRecordedNames, readDeploymentNames, readObjectNames } from "../names/object-names.ts";
import { answerWindow } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import { openLive } from "../source/live.ts";
import { presentWindow } from "../source/run-window.ts";
import { type FirstBad, findFirstBad } from "./first-bad.ts";
import { type Failure, groupIncidents, type Incident, type IncidentState, ownerOf } from "./group-incidents.ts";
import { readFailures } from "./live-failures.ts";
import { MAX_FAILURES, recordedFailures } from "./recorded-failures.ts";

export interface IncidentsQuestion {
  /** Incidents that occurred at or after this moment. */
  readonly sinceUs: ServerUs;
  readonly nowUs: ServerUs;
  /** Empty: all. */
  readonly states: readonly IncidentState[];
  /** Only incidents with a failure that this accepts, be it of a run whose subflow failed. */
  readonly concerns: (failure: Failure) => boolean;
  readonly limit: number;
  readonly offset: number;
  readonly fresh?: boolean | undefined;
}

export interface NamedOwner {
  readonly id: string;
  /** `flow/deployment`, or the name of the flow; null: unknown. */
  readonly name: string | null;
}

/** An incident with its names. */
export interface NamedIncident {
  readonly incident: Incident;
  /** `ValueError: bad row`, of the newest failure. */
  readonly title: string;
  readonly deployments: readonly NamedOwner[];
  /** Flows of runs without a deployment. */
  readonly flows: readonly NamedOwner[];
  /** Null: unknown, because only the record has it. */
  readonly firstBad: FirstBad | null;
}

export interface IncidentsPage {
  readonly items: readonly NamedIncident[];
  /** Of all incidents since then that the question concerns. */
  readonly counts: Readonly<Partial<Record<IncidentState, number>>>;
  readonly hasMore: boolean;
  readonly freshness: Freshness;
}

interface Found {
  readonly incidents: readonly Incident[];
  readonly isCut: boolean;
}

/** Last occurred first. Throws AppError when Prefect fails and nothing is recorded. */
export async function listIncidents(ctx: QueryContext, question: IncidentsQuestion): Promise<IncidentsPage> {
  const { sinceUs, nowUs, states, concerns, limit, offset, fresh } = question;
  const window = { fromUs: sinceUs, toUs: nowUs };
  const { value, freshness } = await answerWindow<Found>(
    ctx,
    { kind: "flow_run", what: "flow runs", window, fresh, needsUnfinished: true },
    {
      record: (db) => findIncidents(db),
      live: async (live) => {
        const { value: source, ...rest } = await readFailures(ctx, live, window);
        return { value: { incidents: groupIncidents(source, nowUs), isCut: false }, ...rest };
      },
      isEmpty: ({ incidents }) => incidents.length === 0,
    },
  );
  const recent = value.incidents.filter(
    ({ lastUs, failures, parents }) => lastUs >= sinceUs && (failures.some(concerns) || parents.some(concerns)),
  );
  const counts: Partial<Record<IncidentState, number>> = {};
  for (const { state } of recent) counts[state] = (counts[state] ?? 0) + 1;
  const wanted = states.length === 0 ? recent : recent.filter(({ state }) => states.includes(state));
  const page = wanted.slice(offset, offset + limit);
  const isRecord = freshness.source === "record";
  const items = await withIncidentNames(ctx, page, isRecord ? ctx.record() : null);
  return {
    items,
    counts,
    hasMore: wanted.length > offset + page.length,
    freshness: noted(ctx, value, freshness, nowUs),
  };
}

/** Times of failures are those of their senders, whose clocks may be ahead. */
const ANY_TIME: ServerUs = Number.MAX_SAFE_INTEGER - 1;

/** All incidents of the record, last occurred first, among the newest failures. */
export function findIncidents(db: RecordDb, maxFailures = MAX_FAILURES): Found {
  return inSnapshot(db, () => {
    const source = recordedFailures(db, { fromUs: 0, toUs: ANY_TIME }, maxFailures);
    return { incidents: groupIncidents(source, ANY_TIME), isCut: source.isCut };
  });
}

function noted(ctx: QueryContext, { isCut, incidents }: Found, freshness: Freshness, nowUs: ServerUs): Freshness {
  const db = freshness.source === "record" ? ctx.record() : null;
  if (db === null || incidents.length === 0) return freshness;
  const beginUs = presentWindow(db, "flow_run", nowUs).fromUs;
  return withNotes(freshness, [
    ...(isCut ? [sentence`Only the newest ${MAX_FAILURES} failures were looked at.`] : []),
    // Where all runs are recorded, first occurrences are what they say.
    ...(beginUs < DAY_US
      ? []
      : [sentence`First occurrences are known back to ${formatIsoSeconds(beginUs)}, where the recorded runs begin.`]),
  ]);
}

/** `db`: the record that the incidents are from; null: names are read from Prefect. */
export async function withIncidentNames(
  ctx: QueryContext,
  incidents: readonly Incident[],
  db: RecordDb | null,
): Promise<NamedIncident[]> {
  const owners = incidents.map(({ failures }) => ({
    deployments: idsOf(failures, "deployment"),
    flows: idsOf(failures, "flow"),
  }));
  const deploymentIds = owners.flatMap(({ deployments }) => deployments);
  const flowIds = owners.flatMap(({ flows }) => flows);
  const [deployments, flows] = db
    ? [findFullNames(db, "deployment", deploymentIds), findRecordedNames(db, "flow", flowIds)]
    : await Promise.all([
        readDeploymentNames(ctx, openLive(ctx), deploymentIds),
        readObjectNames(ctx, openLive(ctx), "flow", flowIds),
      ]);
  const named = (ids: readonly string[], names: ReadonlyMap<string, string>) =>
    ids.map((id) => ({ id, name: names.get(id) ?? null }));
  return incidents.map((incident, index) => {
    const first = incident.failures.at(-1);
    return {
      incident,
      title: titleOf(incident, db),
      deployments: named(owners[index]?.deployments ?? [], deployments),
      flows: named(owners[index]?.flows ?? [], flows),
      firstBad: db && first ? findFirstBad(db, first) : null,
    };
  });
}

function idsOf(failures: readonly Failure[], kind: "deployment" | "flow"): string[] {
  return [...new Set(failures.map(ownerOf).flatMap((owner) => (owner.kind === kind ? [owner.id] : [])))];
}

/** These say that another run failed, not why. */
const WRAPPER = /^(UnfinishedRun|FailedRun|CrashedRun|MissingResult)$/;
const MAX_TASKS = 50;

/** The error of the newest failure, which its state names, or its tasks and log. */
export function titleOf({ failures: [newest] }: Pick<Incident, "failures">, db: RecordDb | null): string {
  const message = newest?.run.state?.message?.trim() ?? "";
  const ofState = parseStateMessage(message);
  if (ofState && !WRAPPER.test(ofState.type)) return titled(ofState.type, ofState.message);
  const row = db && newest ? findFlowRunRow(db, newest.runId) : null;
  if (db && newest && row) {
    const tasks = findTaskRuns(db, { task_runs: { flow_run_id: { any_: [newest.runId] } } }, "ID_DESC", {
      limit: MAX_TASKS,
      nowUs: newest.atUs,
    }).map(toTaskRun);
    const error = errorOfRun(toFlowRun(row), tasks, findLogsOfFlowRun(db, newest.runId));
    if (error?.type) return titled(error.type, error.message);
  }
  return message === "" ? `${newest?.stateName ?? "Failed"} without a message` : message;
}

function titled(type: string, message: string): string {
  return message === "" ? type : `${type}: ${message}`;
}
