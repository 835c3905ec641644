/** Flow runs and task runs as the list tools show them. */
import { isJsonNumber } from "../../lib/exact-json.ts";
import { formatIsoUs, type ServerUs } from "../../lib/time.ts";
import { truncateWithLength } from "../../lib/truncate.ts";
import { fullName } from "../../model/objects/full-name.ts";
import type { FlowRun, JsonObject, TaskRun } from "../../model/objects.ts";
import { runDurationUs } from "../../model/runs/run-duration.ts";
import { type RunSummary, runSummary } from "../../model/runs/run-summary.ts";
import { LATE_AFTER_US } from "../../model/runs/server-delays.ts";
import type { FlowRunItem } from "../../queries/runs/flow-runs.ts";
import type { TaskRunItem } from "../../queries/runs/task-runs.ts";
import { type Item, withOwner } from "../answer/table.ts";

/** Characters of a state message. */
const MESSAGE_CHARS = 160;
const SINGLE_MESSAGE_CHARS = 1_500;

/** With at most three decimals. */
function seconds(us: number): number {
  return Math.round(us / 1_000) / 1_000;
}

/** State, message and times. Members that are unknown or do not apply are absent. */
export function stateItem(run: FlowRun | TaskRun, nowUs: ServerUs, isSingle: boolean): Item {
  const item: Mutable = {};
  addState(item, runSummary(run), () => run, { nowUs, isSingle });
  return item;
}

type Mutable = Record<string, unknown>;

function addState(item: Mutable, run: RunSummary, whole: () => Whole, { nowUs, isSingle }: ItemOptions): void {
  const { stateType: type, stateMessage: message, startUs } = run;
  if (type !== null) {
    item.state_type = type;
    item.state_name = run.stateName ?? type;
  }
  if (message !== null)
    item.state_message = truncateWithLength(message, isSingle ? SINGLE_MESSAGE_CHARS : MESSAGE_CHARS);
  if (startUs !== null) item.start_time = formatIsoUs(startUs);
  else if (run.expectedUs !== null) item.expected_start_time = formatIsoUs(run.expectedUs);
  const ranUs = runDurationUs(run, whole, nowUs);
  if (ranUs !== null && ranUs >= 0) item.duration = seconds(ranUs);
  const lateUs = lateness(run, nowUs);
  if (lateUs !== null) item.late_seconds = Math.max(0, Math.round(lateUs / 1_000_000));
}

type Whole = FlowRun | TaskRun;

function lateness(run: RunSummary, nowUs: ServerUs): number | null {
  const dueUs = run.nextUs ?? run.expectedUs;
  if (run.stateType !== "SCHEDULED" || run.startUs !== null || dueUs === null) return null;
  return run.stateName === "Late" || nowUs - dueUs > LATE_AFTER_US ? nowUs - dueUs : null;
}

/** The run for a table: the type of the state appears only where the name differs from it. */
export function runRow(item: Item): Item {
  const { state_type: type, state_name: name, ...rest } = item;
  if (typeof type !== "string" || typeof name !== "string") return item;
  return { ...rest, state: name.toUpperCase() === type ? name : `${name} (${type})` };
}

/** The same, with one column for the flow and the deployment. */
export function flowRunRow(item: Item): Item {
  return withOwner(runRow(item));
}

export interface ItemOptions {
  readonly nowUs: ServerUs;
  /** The call names one run, of which more is shown. */
  readonly isSingle: boolean;
}

/** A flow run in brief. */
export function briefFlowRun(item: FlowRunItem, options: ItemOptions): Item {
  const { summary: run, flowName, deploymentName, deletedUs } = item;
  const brief: Mutable = { id: run.id, name: run.name };
  if (flowName !== null) brief.flow_name = flowName;
  else if (run.flowId !== null) brief.flow_id = run.flowId;
  if (deploymentName !== null) brief.deployment_name = fullName(flowName, deploymentName);
  else if (run.deploymentId !== null) brief.deployment_id = run.deploymentId;
  addState(brief, run, () => item.run, options);
  if (run.runCount > 1) brief.run_count = run.runCount;
  if (run.workPoolName !== null) brief.work_pool_name = run.workPoolName;
  if (run.workQueueName !== null && run.workQueueName !== "default") brief.work_queue_name = run.workQueueName;
  if (run.isSubflow) brief.is_subflow = true;
  if (run.tags.length > 0) brief.tags = run.tags;
  if (deletedUs !== null) brief.deleted = formatIsoUs(deletedUs);
  return brief;
}

/** A flow run with all of Prefect's fields, and the names of its flow and deployment. */
export function fullFlowRun(item: FlowRunItem): Item {
  const { run, flowName, deploymentName, deletedUs } = item;
  return {
    ...run,
    ...(flowName === null ? {} : { flow_name: flowName }),
    ...(deploymentName === null ? {} : { deployment_name: fullName(flowName, deploymentName) }),
    ...(deletedUs === null ? {} : { deleted: formatIsoUs(deletedUs) }),
  };
}

/** Members that `addState` gives to both kinds of runs. */
const STATE_FIELDS: readonly string[] = [
  "state_type",
  "state_name",
  "state_message",
  "start_time",
  "expected_start_time",
  "duration",
  "late_seconds",
];

/** Members of `briefFlowRun`. */
export const BRIEF_RUN_FIELDS: readonly string[] = [
  "id",
  "name",
  "flow_id",
  "flow_name",
  "deployment_id",
  "deployment_name",
  ...STATE_FIELDS,
  "run_count",
  "work_pool_name",
  "work_queue_name",
  "is_subflow",
  "tags",
  "deleted",
];

const TIME_FIELDS: readonly string[] = [
  "next_scheduled_start_time",
  "end_time",
  "total_run_time",
  "estimated_run_time",
  "estimated_start_time_delta",
];

/** Members that only whole documents have: https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/responses.py */
export const FULL_RUN_FIELDS: readonly string[] = [
  "created",
  "updated",
  "state",
  "state_id",
  "deployment_version",
  "work_queue_id",
  "work_pool_id",
  "flow_version",
  "parameters",
  "idempotency_key",
  "context",
  "empirical_policy",
  "labels",
  "parent_task_run_id",
  ...TIME_FIELDS,
  "auto_scheduled",
  "infrastructure_document_id",
  "infrastructure_pid",
  "created_by",
  "job_variables",
  "ui_url",
];

/** A task run in brief; a single one with its inputs. */
export function briefTaskRun(item: TaskRunItem, options: ItemOptions): Item {
  const { summary: run, flowRunName, deletedUs } = item;
  const brief: Mutable = { id: run.id, name: run.name };
  if (run.flowRunId !== null) brief.flow_run_id = run.flowRunId;
  if (flowRunName !== null) brief.flow_run_name = flowRunName;
  addState(brief, run, () => item.run, options);
  if (run.runCount > 1) brief.run_count = run.runCount;
  if (run.tags.length > 0) brief.tags = run.tags;
  if (options.isSingle) addInputs(brief, item.run);
  if (deletedUs !== null) brief.deleted = formatIsoUs(deletedUs);
  return brief;
}

function addInputs(brief: Mutable, run: TaskRun & { readonly empirical_policy?: JsonObject }): void {
  const retries = run.empirical_policy?.retries;
  if (run.task_key) brief.task_key = run.task_key;
  if (run.task_inputs) brief.task_inputs = run.task_inputs;
  if (run.cache_key) brief.cache_key = run.cache_key;
  if (isJsonNumber(retries) && Number(retries) > 0) brief.max_retries = retries;
}

/** Members of `briefTaskRun`. */
export const BRIEF_TASK_FIELDS: readonly string[] = [
  "id",
  "name",
  "flow_run_id",
  "flow_run_name",
  ...STATE_FIELDS,
  "run_count",
  "tags",
  "deleted",
];

/** Members that only whole documents have. */
export const FULL_TASK_FIELDS: readonly string[] = [
  "created",
  "updated",
  "state",
  "state_id",
  "task_key",
  "dynamic_key",
  "cache_key",
  "cache_expiration",
  "task_version",
  "empirical_policy",
  "labels",
  "task_inputs",
  "flow_run_run_count",
  ...TIME_FIELDS,
  "ui_url",
];
