/** The fields of a run that lists show, with times as numbers. A row gives them without building the whole document. */
import { parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { FlowRun, TaskRun } from "../objects.ts";

/** Times in microseconds. */
export interface RunSummary {
  readonly id: string;
  readonly name: string;
  readonly stateType: string | null;
  readonly stateName: string | null;
  /** Untrusted text. */
  readonly stateMessage: string | null;
  readonly runCount: number;
  readonly expectedUs: ServerUs | null;
  readonly nextUs: ServerUs | null;
  readonly startUs: ServerUs | null;
  readonly endUs: ServerUs | null;
  readonly tags: readonly string[];
}

export interface FlowRunSummary extends RunSummary {
  readonly flowId: string | null;
  readonly deploymentId: string | null;
  readonly workPoolName: string | null;
  readonly workQueueName: string | null;
  readonly isSubflow: boolean;
}

export interface TaskRunSummary extends RunSummary {
  readonly flowRunId: string | null;
}

function us(text: string | null | undefined): ServerUs | null {
  return text ? (parseIsoUs(text) ?? null) : null;
}

export function runSummary(run: FlowRun | TaskRun): RunSummary {
  return {
    id: run.id,
    name: run.name,
    stateType: run.state_type ?? run.state?.type ?? null,
    stateName: run.state_name ?? run.state?.name ?? null,
    stateMessage: run.state?.message || null,
    runCount: Number(run.run_count ?? 0),
    expectedUs: us(run.expected_start_time),
    nextUs: us(run.next_scheduled_start_time),
    startUs: us(run.start_time),
    endUs: us(run.end_time),
    tags: run.tags ?? [],
  };
}

export function flowRunSummary(run: FlowRun): FlowRunSummary {
  return {
    ...runSummary(run),
    flowId: run.flow_id || null,
    deploymentId: run.deployment_id ?? null,
    workPoolName: run.work_pool_name ?? null,
    workQueueName: run.work_queue_name ?? null,
    isSubflow: Boolean(run.parent_task_run_id),
  };
}

export function taskRunSummary(run: TaskRun): TaskRunSummary {
  return { ...runSummary(run), flowRunId: run.flow_run_id ?? null };
}
