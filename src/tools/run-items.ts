/** What the lists of flow runs and task runs show of a run in brief. */
import { formatIsoUs, parseIsoUs } from "../lib/time.ts";
import type { FlowRun, JsonObject, TaskRun } from "../model/objects.ts";
import { isTerminal } from "../model/state.ts";
import { cutText } from "../queries/event-brief.ts";
import type { FlowRunItem } from "../queries/flow-runs.ts";
import type { TaskRunItem } from "../queries/task-runs.ts";
import type { Item } from "./render.ts";

/** Characters of a state message in a list; of a single run more are shown. */
const MESSAGE_CHARS = 160;
const SINGLE_MESSAGE_CHARS = 1_500;

/** Seconds with at most three digits behind the point. */
function seconds(us: number): number {
  return Math.round(us / 1_000) / 1_000;
}

/** State, message, times: what flow runs and task runs share. Absent members are unknown or do not apply. */
export function stateItem(run: FlowRun | TaskRun, nowUs: number, isSingle: boolean): Item {
  const type = run.state_type ?? run.state?.type ?? null;
  const message = run.state?.message;
  const startUs = run.start_time ? (parseIsoUs(run.start_time) ?? null) : null;
  const endUs = run.end_time ? (parseIsoUs(run.end_time) ?? null) : null;
  const toUs = endUs ?? (isTerminal(type) ? null : nowUs);
  return {
    ...(type === null ? {} : { state_type: type, state_name: run.state_name ?? run.state?.name ?? type }),
    ...(message ? { state_message: cutText(message, isSingle ? SINGLE_MESSAGE_CHARS : MESSAGE_CHARS) } : {}),
    ...(run.start_time
      ? { start_time: run.start_time }
      : run.expected_start_time
        ? { expected_start_time: run.expected_start_time }
        : {}),
    ...(startUs === null || toUs === null || toUs < startUs ? {} : { duration: seconds(toUs - startUs) }),
    ...lateness(run, type, nowUs),
  };
}

/** A plan counts as late 15 s after its time, as Prefect's own setting says. */
const LATE_US = 15_000_000;

function lateness(run: FlowRun | TaskRun, type: string | null, nowUs: number): Item {
  if (type !== "SCHEDULED" || run.start_time) return {};
  const dueUs = parseIsoUs(run.next_scheduled_start_time ?? run.expected_start_time ?? "");
  const isLate = dueUs !== undefined && (run.state_name === "Late" || nowUs - dueUs > LATE_US);
  return isLate ? { late_seconds: Math.max(0, Math.round((nowUs - dueUs) / 1_000_000)) } : {};
}

/** The same run for the table: the type of a state is told only where its name does not tell it. */
export function runRow(item: Item): Item {
  const { state_type: type, state_name: name, ...rest } = item;
  if (typeof type !== "string" || typeof name !== "string") return item;
  return { ...rest, state: name.toUpperCase() === type ? name : `${name} (${type})` };
}

export interface ShapeOptions {
  readonly nowUs: number;
  /** The question names one run: more is shown of it. */
  readonly isSingle: boolean;
}

/** A flow run in brief. */
export function briefFlowRun(item: FlowRunItem, { nowUs, isSingle }: ShapeOptions): Item {
  const { run, flowName, deploymentName, deletedUs } = item;
  return {
    id: run.id,
    name: run.name,
    ...(flowName === null ? (run.flow_id ? { flow_id: run.flow_id } : {}) : { flow_name: flowName }),
    ...(deploymentName === null
      ? run.deployment_id
        ? { deployment_id: run.deployment_id }
        : {}
      : { deployment_name: deploymentName }),
    ...stateItem(run, nowUs, isSingle),
    ...((run.run_count ?? 0) > 1 ? { run_count: run.run_count } : {}),
    ...(run.work_pool_name ? { work_pool_name: run.work_pool_name } : {}),
    ...(run.work_queue_name && run.work_queue_name !== "default" ? { work_queue_name: run.work_queue_name } : {}),
    ...(run.parent_task_run_id ? { is_subflow: true } : {}),
    ...(run.tags && run.tags.length > 0 ? { tags: run.tags } : {}),
    ...(deletedUs === null ? {} : { deleted: formatIsoUs(deletedUs) }),
  };
}

/** A flow run with everything Prefect says of it, names and link beside. */
export function fullFlowRun(item: FlowRunItem, link: string | null): Item {
  const { run, flowName, deploymentName, deletedUs } = item;
  return {
    ...run,
    ...(flowName === null ? {} : { flow_name: flowName }),
    ...(deploymentName === null ? {} : { deployment_name: deploymentName }),
    ...(link === null ? {} : { ui_url: link }),
    ...(deletedUs === null ? {} : { deleted: formatIsoUs(deletedUs) }),
  };
}

/** Members of `briefFlowRun`. */
export const BRIEF_RUN_FIELDS: readonly string[] = [
  "id",
  "name",
  "flow_id",
  "flow_name",
  "deployment_id",
  "deployment_name",
  "state_type",
  "state_name",
  "state_message",
  "start_time",
  "expected_start_time",
  "duration",
  "late_seconds",
  "run_count",
  "work_pool_name",
  "work_queue_name",
  "is_subflow",
  "tags",
  "deleted",
];

/** Members that only whole documents have. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/responses.py */
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
  "next_scheduled_start_time",
  "end_time",
  "total_run_time",
  "estimated_run_time",
  "estimated_start_time_delta",
  "auto_scheduled",
  "infrastructure_document_id",
  "infrastructure_pid",
  "created_by",
  "job_variables",
  "ui_url",
];

/** A task run in brief. */
export function briefTaskRun({ run, flowRunName, deletedUs }: TaskRunItem, { nowUs, isSingle }: ShapeOptions): Item {
  const policy = (run as TaskRun & { readonly empirical_policy?: JsonObject }).empirical_policy;
  const retries = policy?.retries;
  return {
    id: run.id,
    name: run.name,
    ...(run.flow_run_id ? { flow_run_id: run.flow_run_id } : {}),
    ...(flowRunName === null ? {} : { flow_run_name: flowRunName }),
    ...stateItem(run, nowUs, isSingle),
    ...((run.run_count ?? 0) > 1 ? { run_count: run.run_count } : {}),
    ...(run.tags && run.tags.length > 0 ? { tags: run.tags } : {}),
    ...(isSingle
      ? {
          ...(run.task_key ? { task_key: run.task_key } : {}),
          ...(run.task_inputs ? { task_inputs: run.task_inputs } : {}),
          ...(run.cache_key ? { cache_key: run.cache_key } : {}),
          ...(typeof retries === "number" && retries > 0 ? { max_retries: retries } : {}),
        }
      : {}),
    ...(deletedUs === null ? {} : { deleted: formatIsoUs(deletedUs) }),
  };
}

/** Members of `briefTaskRun`. */
export const BRIEF_TASK_FIELDS: readonly string[] = [
  "id",
  "name",
  "flow_run_id",
  "flow_run_name",
  "state_type",
  "state_name",
  "state_message",
  "start_time",
  "expected_start_time",
  "duration",
  "late_seconds",
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
  "next_scheduled_start_time",
  "end_time",
  "total_run_time",
  "estimated_run_time",
  "estimated_start_time_delta",
  "ui_url",
];
