/**
 * The objects of Prefect's REST API, with Prefect's field names. Unknown fields are kept. Older servers lack newer fields, so only `id`
 * always exists.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/responses.py
 */
import type { JsonNumber } from "../lib/exact-json.ts";
import type { StateType } from "./state.ts";

export type Json = null | boolean | JsonNumber | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

interface Base {
  readonly id: string;
  readonly created?: string | null;
  readonly updated?: string | null;
}

export interface State {
  readonly id: string;
  readonly type: StateType;
  readonly name: string | null;
  readonly timestamp: string;
  readonly message?: string | null;
  readonly state_details?: JsonObject;
}

interface Run extends Base {
  readonly name: string;
  readonly tags?: readonly string[];
  readonly labels?: JsonObject | null;
  readonly state_id?: string | null;
  readonly state_type?: StateType | null;
  readonly state_name?: string | null;
  readonly run_count?: JsonNumber;
  readonly expected_start_time?: string | null;
  readonly next_scheduled_start_time?: string | null;
  readonly start_time?: string | null;
  readonly end_time?: string | null;
  readonly total_run_time?: JsonNumber;
  readonly estimated_run_time?: JsonNumber;
  readonly estimated_start_time_delta?: JsonNumber;
  readonly state?: State | null;
}

export interface FlowRun extends Run {
  readonly flow_id: string;
  readonly deployment_id?: string | null;
  readonly deployment_version?: string | null;
  readonly work_queue_id?: string | null;
  readonly work_queue_name?: string | null;
  readonly work_pool_id?: string | null;
  readonly work_pool_name?: string | null;
  readonly flow_version?: string | null;
  readonly parameters?: JsonObject;
  readonly idempotency_key?: string | null;
  readonly parent_task_run_id?: string | null;
  readonly auto_scheduled?: boolean;
  readonly infrastructure_pid?: string | null;
  readonly created_by?: {
    readonly id?: string | null;
    readonly type?: string | null;
    readonly display_value?: string | null;
  } | null;
  readonly job_variables?: JsonObject | null;
  readonly empirical_policy?: JsonObject | null;
}

export interface TaskRun extends Run {
  readonly flow_run_id?: string | null;
  readonly task_key?: string;
  readonly dynamic_key?: string;
  readonly cache_key?: string | null;
  readonly task_inputs?: JsonObject;
}

export interface Log extends Base {
  readonly name: string;
  readonly level: number;
  readonly message: string;
  readonly timestamp: string;
  readonly flow_run_id?: string | null;
  readonly task_run_id?: string | null;
}

export interface Flow extends Base {
  readonly name: string;
  readonly tags?: readonly string[];
  readonly labels?: JsonObject | null;
}

export interface DeploymentSchedule extends Base {
  readonly schedule: JsonObject;
  readonly active: boolean;
  readonly slug?: string | null;
  readonly parameters?: JsonObject;
}

export interface Deployment extends Base {
  readonly name: string;
  readonly flow_id: string;
  readonly version?: string | null;
  readonly description?: string | null;
  readonly paused?: boolean;
  readonly schedules?: readonly DeploymentSchedule[];
  readonly global_concurrency_limit?: ConcurrencyLimit | null;
  readonly concurrency_options?: JsonObject | null;
  readonly job_variables?: JsonObject;
  readonly parameters?: JsonObject;
  readonly tags?: readonly string[];
  readonly labels?: JsonObject | null;
  readonly work_queue_name?: string | null;
  readonly work_queue_id?: string | null;
  readonly work_pool_name?: string | null;
  readonly last_polled?: string | null;
  readonly parameter_openapi_schema?: JsonObject | null;
  readonly entrypoint?: string | null;
  readonly path?: string | null;
  readonly pull_steps?: readonly JsonObject[] | null;
  readonly status?: string | null;
  readonly enforce_parameter_schema?: boolean;
}

export interface WorkPool extends Base {
  readonly name: string;
  readonly description?: string | null;
  readonly type: string;
  readonly is_paused?: boolean;
  readonly concurrency_limit?: JsonNumber | null;
  readonly active_slots?: JsonNumber | null;
  readonly status?: string | null;
  readonly default_queue_id?: string | null;
  readonly base_job_template?: JsonObject;
}

export interface WorkQueue extends Base {
  readonly name: string;
  readonly description?: string | null;
  readonly is_paused?: boolean;
  readonly concurrency_limit?: JsonNumber | null;
  readonly priority?: JsonNumber;
  readonly work_pool_id?: string | null;
  readonly work_pool_name?: string | null;
  readonly last_polled?: string | null;
  readonly status?: string | null;
}

export interface Worker extends Base {
  readonly name: string;
  readonly work_pool_id: string;
  readonly last_heartbeat_time?: string | null;
  readonly heartbeat_interval_seconds?: JsonNumber | null;
  readonly status?: string | null;
}

export interface ConcurrencyLimit extends Base {
  readonly name: string;
  readonly limit: JsonNumber;
  readonly active?: boolean;
  readonly active_slots?: JsonNumber;
  readonly slot_decay_per_second?: JsonNumber;
  /** Only where the server keeps limits of tags apart from the others: before 3.5. */
  readonly tag?: string;
}

export interface Automation extends Base {
  readonly name: string;
  readonly description?: string;
  readonly enabled?: boolean;
  readonly tags?: readonly string[];
  readonly trigger: JsonObject;
  readonly actions: readonly JsonObject[];
  readonly actions_on_trigger?: readonly JsonObject[];
  readonly actions_on_resolve?: readonly JsonObject[];
}

/** What a run has produced: a table, a text in Markdown, a link, an image, a progress. */
export interface Artifact extends Base {
  /** Artifacts with the same key are versions of one. Null: it has no versions. */
  readonly key?: string | null;
  /** `markdown`, `table`, `link`, `image`, `progress`; `result` or null: what a run returned. */
  readonly type?: string | null;
  readonly description?: string | null;
  /** Of any size: a table is JSON as text, with any number of rows. The record holds its beginning (`longFields`). */
  readonly data?: Json;
  readonly metadata_?: Readonly<Record<string, string>> | null;
  readonly flow_run_id?: string | null;
  readonly task_run_id?: string | null;
}

/** Without its value, which may be a secret: `prefect/objects.ts` drops it. */
export interface Variable extends Base {
  readonly name: string;
  readonly tags?: readonly string[];
}

/** The kinds that are read as lists and stored as snapshots. The names are stored: never change them. */
export interface SnapshotObjects {
  flow: Flow;
  deployment: Deployment;
  work_pool: WorkPool;
  work_queue: WorkQueue;
  worker: Worker;
  concurrency_limit: ConcurrencyLimit;
  automation: Automation;
  artifact: Artifact;
  variable: Variable;
}
export type SnapshotKind = keyof SnapshotObjects;
