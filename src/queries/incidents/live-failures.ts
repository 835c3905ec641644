/** Failures as Prefect has them now, where there is no record: the newest ones. */
import { counted, sentence } from "../../lib/shown-text.ts";
import { earliestOf, formatIsoUs, parseIsoUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { FlowRun, JsonObject } from "../../model/objects.ts";
import { FAILED_TYPES } from "../../model/state.ts";
import { readRows } from "../../prefect/paging/list-pages.ts";
import { ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import type { LiveValue } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";
import { type Failure, type FailureOwner, type FailureSource, ownerOf } from "./group-incidents.ts";

/** Rows of each of the requests. */
const MAX_ROWS = ROWS_PER_PAGE;

export async function readFailures(
  ctx: QueryContext,
  live: LiveReader,
  { fromUs, toUs }: TimeRange,
): Promise<LiveValue<FailureSource>> {
  const end_time = { after_: formatIsoUs(fromUs), before_: formatIsoUs(toUs) };
  const rows = await readRuns(live, { flow_runs: { state: { type: { any_: [...FAILED_TYPES] } }, end_time } });
  const failed = rows.slice(0, MAX_ROWS);
  const failures = failed.map(toFailure);
  const completed = failures.length === 0 ? [] : await readCompleted(live, failures);
  const parents = await readParents(live, failed);
  const saved = [...failed, ...completed];
  if (saved.length > 0) ctx.saveLive({ kind: "flow_run", rows: saved, readUs: live.startedUs });
  const notes = [
    ...(rows.length > MAX_ROWS ? [sentence`Only the newest ${counted(MAX_ROWS, "failed run")} were read.`] : []),
    sentence`Without a record, failures of runs that were retried since and what changed before the first failure are unknown.`,
    ...(completed.length > MAX_ROWS
      ? [sentence`Some incidents may have recovered: not all completed runs were read.`]
      : []),
  ];
  const oldestUs = rows.length > MAX_ROWS ? earliestOf(failures.map((one) => one.atUs)) : fromUs;
  return {
    value: {
      failures,
      parentOf: ({ parent_task_run_id: id }) => parents.get(id ?? "") ?? null,
      completedWithin: (owner, afterUs, untilUs) =>
        completed
          .filter((run) => (owner.kind === "deployment" ? run.deployment_id : run.flow_id) === owner.id)
          .map((run) => ({
            beginUs: parseIsoUs(run.start_time ?? "") ?? 0,
            endUs: parseIsoUs(run.end_time ?? "") ?? 0,
          }))
          .toSorted((a, b) => a.beginUs - b.beginUs)
          .find(({ beginUs }) => beginUs > afterUs && beginUs <= untilUs)?.endUs ?? null,
    },
    gaps: oldestUs > fromUs ? [{ fromUs, toUs: oldestUs }] : [],
    notes,
  };
}

function readRuns(live: LiveReader, set: JsonObject): Promise<FlowRun[]> {
  const read = (page: JsonObject) =>
    live.api.filterFlowRuns({ ...set, sort: "END_TIME_DESC", ...page }, live.options());
  return readRows(read, { wanted: MAX_ROWS + 1 });
}

/** Completed runs of the deployments and flows that failed, since the first failure. */
async function readCompleted(live: LiveReader, failures: readonly Failure[]): Promise<FlowRun[]> {
  const owners = failures.map(ownerOf);
  const idsOf = (wanted: FailureOwner["kind"]) => [
    ...new Set(owners.flatMap(({ kind, id }) => (kind === wanted ? [id] : []))),
  ];
  const [deployments, flows] = [idsOf("deployment"), idsOf("flow")];
  const start_time = { after_: formatIsoUs(earliestOf(failures.map((one) => one.atUs))) };
  const completed = { state: { type: { any_: ["COMPLETED"] } }, start_time };
  const sets: JsonObject[] = [
    ...(deployments.length > 0 ? [{ flow_runs: { ...completed, deployment_id: { any_: deployments } } }] : []),
    ...(flows.length > 0 ? [{ flow_runs: completed, flows: { id: { any_: flows } } }] : []),
  ];
  return (await Promise.all(sets.map((set) => readRuns(live, set)))).flat();
}

/** Parent flow run by the task run that represents a subflow. */
async function readParents(live: LiveReader, runs: readonly FlowRun[]): Promise<Map<string, string>> {
  const ids = [...new Set(runs.flatMap((run) => run.parent_task_run_id ?? []))].slice(0, MAX_ROWS);
  if (ids.length === 0) return new Map();
  const rows = await live.api.filterTaskRuns(
    { task_runs: { id: { any_: ids } }, limit: ROWS_PER_PAGE },
    live.options(),
  );
  return new Map(rows.flatMap((row) => (row.flow_run_id ? [[row.id, row.flow_run_id] as const] : [])));
}

function toFailure(run: FlowRun): Failure {
  return {
    run,
    runId: run.id,
    flowId: run.flow_id,
    deploymentId: run.deployment_id ?? null,
    workPoolName: run.work_pool_name ?? null,
    stateName: run.state_name ?? null,
    atUs: parseIsoUs(run.state?.timestamp ?? run.end_time ?? "") ?? 0,
    retriedUs: null,
  };
}
