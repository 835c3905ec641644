/** Deployments as `get_deployments` shows them. */
import { truncateWithLength } from "../../lib/truncate.ts";
import { fullName } from "../../model/objects/full-name.ts";
import { describeSchedule } from "../../model/objects/schedule.ts";
import type { Deployment } from "../../model/objects.ts";
import type { DeploymentDetail, DeploymentItem } from "../../queries/objects/deployments.ts";
import type { RunLine } from "../../queries/runs/recent-runs.ts";
import { MAX_HOLDERS } from "../answer/holders.ts";
import { type Item, OWNER_HEADING } from "../answer/table.ts";

const DESCRIPTION_CHARS = 120;

export function scheduleTexts({ schedules }: Deployment): Promise<string[]> {
  return Promise.all((schedules ?? []).map(describeSchedule));
}

/** A deployment in a list. Members that are unknown or do not apply are absent. */
export function briefDeployment(item: DeploymentItem, schedules: readonly string[]): Item {
  const { deployment: row, flowName, activeSlots } = item;
  const limit = row.global_concurrency_limit;
  return {
    id: row.id,
    name: row.name,
    ...(flowName === null ? { flow_id: row.flow_id } : { flow_name: flowName }),
    paused: row.paused === true,
    ...(row.status ? { status: row.status } : {}),
    ...(schedules.length > 0 ? { schedules } : {}),
    ...(row.work_pool_name ? { work_pool_name: row.work_pool_name } : {}),
    ...(row.work_queue_name && row.work_queue_name !== "default" ? { work_queue_name: row.work_queue_name } : {}),
    ...(limit
      ? { concurrency_limit: limit.limit, ...(activeSlots === null ? {} : { active_slots: activeSlots }) }
      : {}),
    ...(row.tags && row.tags.length > 0 ? { tags: row.tags } : {}),
    ...runsOf(item),
    ...(row.description ? { description: truncateWithLength(row.description, DESCRIPTION_CHARS) } : {}),
  };
}

/** The deployment for a table: one column for its flow and its name. */
export function deploymentRow({ name, flow_name, ...rest }: Item): Item {
  if (typeof name !== "string" || typeof flow_name !== "string") return { name, flow_name, ...rest };
  return { [OWNER_HEADING]: fullName(flow_name, name), ...rest };
}

/** A deployment with all of Prefect's fields, its flow's name and its last and next run. */
export function fullDeployment(item: DeploymentItem): Item {
  return { ...item.deployment, flow_name: item.flowName, ...runsOf(item) };
}

function runsOf({ lastRun, nextRun }: DeploymentItem): Item {
  return {
    ...(lastRun === null ? {} : { last_run_state: lastRun.stateName, last_run_start: lastRun.start }),
    ...(nextRun === null ? {} : { next_run: nextRun.expected }),
  };
}

/** Members that only a single deployment has. */
export function deploymentDetail(row: Deployment, detail: DeploymentDetail): Item {
  return {
    ...(detail.poolStatus === null ? {} : { work_pool_status: detail.poolStatus }),
    ...(row.entrypoint ? { entrypoint: row.entrypoint } : {}),
    ...(row.parameters && Object.keys(row.parameters).length > 0 ? { parameters: row.parameters } : {}),
    ...(detail.nextRun === null ? {} : { next_run: detail.nextRun.expected }),
    recent_runs: detail.recentRuns.map(runItem),
    ...(detail.limits.length > 0 ? { limits: detail.limits.map(limitItem) } : {}),
  };
}

/** With the id, because several runs may have the name. */
function runItem(run: RunLine): Item {
  return {
    id: run.id,
    name: run.name,
    state_name: run.stateName,
    start_time: run.start,
    ...(run.end === null ? {} : { end_time: run.end }),
  };
}

function limitItem({ name, kind, limit, active_slots, holders }: DeploymentDetail["limits"][number]): Item {
  const held = holders.slice(0, MAX_HOLDERS).map((holder) => holder.name ?? holder.id);
  return { name, kind, limit, active_slots, ...(held.length > 0 ? { holders: held } : {}) };
}

/** Members of `briefDeployment`. */
export const BRIEF_DEPLOYMENT_FIELDS: readonly string[] = [
  "id",
  "name",
  "flow_id",
  "flow_name",
  "paused",
  "status",
  "schedules",
  "work_pool_name",
  "work_queue_name",
  "concurrency_limit",
  "active_slots",
  "tags",
  "last_run_state",
  "last_run_start",
  "next_run",
  "description",
];

/** Members that only whole deployments or a single one have. */
export const FULL_DEPLOYMENT_FIELDS: readonly string[] = [
  "created",
  "updated",
  "version",
  "global_concurrency_limit",
  "concurrency_options",
  "job_variables",
  "parameters",
  "labels",
  "work_queue_id",
  "last_polled",
  "parameter_openapi_schema",
  "path",
  "pull_steps",
  "entrypoint",
  "created_by",
  "updated_by",
  "enforce_parameter_schema",
  "work_pool_status",
  "recent_runs",
  "limits",
  "ui_url",
];
