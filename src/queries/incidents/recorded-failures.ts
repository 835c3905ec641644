/** Failures as the record has them: runs in a failed state, and events of failures that a retry has replaced since. */
import { onServerClock, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import { RESOURCE_NAME, splitResourceId } from "../../model/events/event.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { type FailedRun, failureKey } from "../../model/runs/failure-groups.ts";
import type { RecordDb } from "../../store/database.ts";
import { findEventById, findEventSummaries } from "../../store/events/events.ts";
import { findObject } from "../../store/objects/objects.ts";
import { type FailedRunRow, findCompletionAfter, findFailedRuns } from "../../store/runs/failed-runs.ts";
import { findFlowRunRow } from "../../store/runs/flow-runs.ts";
import { idText } from "../../store/runs/run-columns.ts";
import { findTaskRunRow } from "../../store/runs/task-runs.ts";
import { statedSkewUs } from "../source/server-time.ts";
import type { Failure, FailureSource } from "./group-incidents.ts";

/** Failures that are looked at, newest first. Grouping takes about 20 µs for each. */
export const MAX_FAILURES = 5_000;

/** Names that Prefect itself gives to states of the types FAILED and CRASHED: https://github.com/PrefectHQ/prefect/blob/main/src/prefect/states.py */
const FAILED_EVENTS = ["prefect.flow-run.Failed", "prefect.flow-run.Crashed", "prefect.flow-run.TimedOut"];

export interface RecordedFailures extends FailureSource {
  /** There are older ones than were looked at. */
  readonly isCut: boolean;
}

export function recordedFailures(db: RecordDb, range: TimeRange, limit: number): RecordedFailures {
  const rows = findFailedRuns(db, range, limit + 1);
  const failed = rows.slice(0, limit).map(toFailure);
  const oldestUs = rows.length > limit ? (failed.at(-1)?.atUs ?? range.fromUs) : range.fromUs;
  const replaced = replacedFailures(db, { ...range, fromUs: oldestUs }, rows, limit);
  return {
    failures: [...failed, ...replaced.failures],
    isCut: rows.length > limit || replaced.isCut,
    parentOf: ({ parent_task_run_id: id }) => (id ? idText(findTaskRunRow(db, id)?.flow_run_id ?? null) : null),
    completedWithin: ({ kind, id }, afterUs, untilUs) => findCompletionAfter(db, `${kind}_id`, id, afterUs, untilUs),
    deletedAt: (owner) => {
      const deletedUs = findObject(db, owner.kind, owner.id)?.deletedUs ?? null;
      return deletedUs === null ? null : onServerClock(deletedUs, statedSkewUs(db));
    },
    keyOf: rememberedKeys(db),
  };
}

function toFailure(row: FailedRunRow): Failure {
  const { id, name, flowId, deploymentId, workPoolName, stateName, atUs } = row;
  return {
    run: {
      id,
      name,
      flow_id: flowId,
      parent_task_run_id: row.parentTaskRunId,
      state_type: row.stateType,
      state: { message: row.message },
    },
    runId: id,
    flowId,
    deploymentId,
    workPoolName,
    stateName,
    atUs,
    retriedUs: null,
  };
}

/** Failures that only events show, because the run was retried. The event of a state has the id of the state. */
function replacedFailures(
  db: RecordDb,
  { fromUs, toUs }: TimeRange,
  known: readonly FailedRunRow[],
  limit: number,
): { failures: Failure[]; isCut: boolean } {
  const filter = { event: { name: FAILED_EVENTS } };
  const { events, hasMore } = findEventSummaries(db, { fromUs, toUs, order: "desc", limit, filter });
  const present = new Set(known.map((row) => row.stateId));
  const failures = events
    .filter(({ id }) => !present.has(id))
    .flatMap(({ id, resourceId, occurredUs }) => {
      const row = findFlowRunRow(db, splitResourceId(resourceId).key);
      const event = row ? findEventById(db, id) : null;
      if (!row || !event || idText(row.state_id) === id) return [];
      const { resource } = event;
      const isCompleted = row.state_type === "COMPLETED" && (row.state_us ?? 0) > occurredUs;
      const flowId = idText(row.flow_id) ?? "";
      return [
        {
          run: {
            id,
            name: resource[RESOURCE_NAME] ?? row.name,
            flow_id: flowId,
            parent_task_run_id: idText(row.parent_task_run_id),
            state_type: resource["prefect.state-type"] ?? null,
            state: { message: resource["prefect.state-message"] ?? null },
          },
          runId: idText(row.id),
          flowId,
          deploymentId: idText(row.deployment_id),
          workPoolName: row.work_pool_name,
          stateName: resource["prefect.state-name"] ?? null,
          atUs: parseIsoUs(event.occurred) ?? occurredUs,
          retriedUs: isCompleted ? (row.state_us as ServerUs) : null,
        },
      ];
    });
  return { failures, isCut: hasMore };
}

const MAX_KEYS = 5_000;

/** The key takes longer than reading the run, and a watch asks for the same ones every few seconds. */
function rememberedKeys(db: RecordDb): (run: FailedRun) => string {
  const keys = db.perConnection("failure-keys", () => new Map<string, string>());
  return (run) => {
    const question = `${run.flow_id} ${run.state_type} ${run.state?.message ?? ""}`;
    const known = keys.get(question);
    if (known !== undefined) return known;
    if (keys.size >= MAX_KEYS) keys.clear();
    const key = failureKey(run);
    keys.set(question, key);
    return key;
  };
}
