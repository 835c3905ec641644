import type { PrefectEvent } from "../model/events/event.ts";
import type {
  Automation,
  ConcurrencyLimit,
  Deployment,
  Flow,
  FlowRun,
  Json,
  JsonObject,
  Log,
  State,
  TaskRun,
  Worker,
  WorkPool,
  WorkQueue,
} from "../model/objects.ts";
import { packWorkspace } from "./pack.ts" with { type: "macro" };

export type RunState = State & { readonly flow_run_id: string };

/** A family: a top-level flow run with its subflows, task runs and the runs that its end triggered. */
export interface FamilyRows {
  readonly root: string;
  readonly flow_runs: readonly FlowRun[];
  readonly flow_run_states: readonly RunState[];
  readonly task_runs: readonly TaskRun[];
  readonly logs: readonly Log[];
  readonly events: readonly PrefectEvent[];
}

/** What `scripts/record-demo/record.py` read from a real Prefect server over REST, unchanged. */
export interface Workspace {
  readonly recorded_at: string;
  readonly version: string;
  readonly api_version: string;
  readonly settings: JsonObject;
  readonly flows: readonly Flow[];
  readonly deployments: readonly Deployment[];
  readonly work_pools: readonly WorkPool[];
  readonly work_queues: readonly WorkQueue[];
  /** By name of the work pool. */
  readonly workers: Readonly<Record<string, readonly Worker[]>>;
  /** `/work_pools/{name}/concurrency_status` by name of the work pool. */
  readonly slots: Readonly<Record<string, JsonObject>>;
  readonly concurrency_limits: readonly ConcurrencyLimit[];
  readonly tag_limits: readonly JsonObject[];
  readonly automations: readonly Automation[];
  /** Values stored for paused runs, by flow run and key. */
  readonly flow_run_inputs: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  /** Runs that the scheduler had created before they were due. */
  readonly upcoming: readonly FlowRun[];
  readonly families: readonly FamilyRows[];
  /** Events that belong to no run. */
  readonly events: readonly PrefectEvent[];
}

const packed = packWorkspace();

/** The recorded workspace; each call parses a new copy. */
export function loadWorkspace(): Workspace {
  return JSON.parse(new TextDecoder().decode(Bun.gunzipSync(Uint8Array.fromBase64(packed))));
}
