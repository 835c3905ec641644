/**
 * Objects as Prefect 3.8.8 returns them, with every key. The n-th object built in a process has the n-th id; pass `id` where it
 * matters.
 */
import { formatIsoUs, parseIsoUs, SECOND_US } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import type {
  Artifact,
  Automation,
  ConcurrencyLimit,
  Deployment,
  Flow,
  FlowRun,
  Json,
  Log,
  State,
  TaskRun,
  Variable,
  Worker,
  WorkPool,
  WorkQueue,
} from "../../src/model/objects.ts";
import type { StateType } from "../../src/model/state.ts";

/** Default time of all objects: 2026-08-20T09:15:00Z. */
export const T0_US = 1_787_217_300_000_000;
/** `T0_US` plus `seconds`, as Prefect writes it. */
export const at = (seconds = 0): string => formatIsoUs(T0_US + Math.round(seconds * SECOND_US));

let built = 1000;
/** A version 4 UUID that contains the number; without one the next number of this process. */
export function anId(n: number = ++built): string {
  const hex = n.toString(16).padStart(12, "0");
  return `${hex.slice(-8).padStart(8, "0")}-b17d-4e57-8a11-${hex}`;
}

const sentence = (type: StateType): string => type.charAt(0) + type.slice(1).toLowerCase();

export function aState(given: Partial<State> & { type?: StateType } = {}): State {
  const type = given.type ?? "COMPLETED";
  return { id: anId(), type, name: sentence(type), timestamp: at(), message: null, state_details: {}, ...given };
}

/** A flow run whose `state*` columns and times agree with `state_type`, `state_name` and the start given. */
export function aFlowRun(given: Partial<FlowRun> = {}): FlowRun {
  const id = given.id ?? anId();
  const type = given.state_type ?? given.state?.type ?? "COMPLETED";
  const expected = given.expected_start_time ?? given.start_time ?? at();
  const started = type !== "SCHEDULED" && type !== "PENDING";
  const ended = type === "COMPLETED" || type === "FAILED" || type === "CRASHED" || type === "CANCELLED";
  const start = given.start_time ?? (started ? expected : null);
  const end = given.end_time ?? (ended ? later(expected, 12) : null);
  const state =
    given.state ??
    aState({
      ...(given.state_id ? { id: given.state_id } : {}),
      type,
      name: given.state_name ?? sentence(type),
      timestamp: end ?? start ?? expected,
    });
  return {
    id,
    created: expected,
    updated: end ?? expected,
    name: `run-${id.slice(-4)}`,
    flow_id: anId(1),
    state_id: state.id,
    deployment_id: null,
    deployment_version: null,
    work_queue_id: null,
    work_queue_name: null,
    flow_version: null,
    parameters: {},
    idempotency_key: null,
    tags: [],
    labels: {},
    parent_task_run_id: null,
    state_type: state.type,
    state_name: state.name,
    run_count: started ? 1 : 0,
    expected_start_time: expected,
    next_scheduled_start_time: type === "SCHEDULED" ? expected : null,
    start_time: start,
    end_time: end,
    total_run_time: ended ? 12 : 0,
    estimated_run_time: ended ? 12 : 0,
    estimated_start_time_delta: 0,
    auto_scheduled: false,
    infrastructure_pid: null,
    created_by: null,
    work_pool_id: null,
    work_pool_name: null,
    job_variables: {},
    ...given,
    state,
  };
}

export function aTaskRun(given: Partial<TaskRun> = {}): TaskRun {
  const id = given.id ?? anId();
  const type = given.state_type ?? given.state?.type ?? "COMPLETED";
  const start = given.start_time ?? at();
  const state = given.state ?? aState({ type, name: given.state_name ?? sentence(type), timestamp: start });
  return {
    id,
    created: start,
    updated: start,
    name: `task-${id.slice(-4)}`,
    flow_run_id: anId(2),
    task_key: "load-8a7b6c5d",
    dynamic_key: id,
    cache_key: null,
    tags: [],
    labels: {},
    state_id: state.id,
    task_inputs: {},
    state_type: state.type,
    state_name: state.name,
    run_count: 1,
    expected_start_time: start,
    next_scheduled_start_time: null,
    start_time: start,
    end_time: type === "RUNNING" ? null : later(start, 1),
    total_run_time: 1,
    estimated_run_time: 1,
    estimated_start_time_delta: 0,
    ...given,
    state,
  };
}

export function aLog(given: Partial<Log> = {}): Log {
  const timestamp = given.timestamp ?? at();
  return {
    id: anId(),
    created: timestamp,
    updated: timestamp,
    name: "prefect.flow_runs",
    level: 20,
    message: "fetched 500 rows",
    timestamp,
    flow_run_id: anId(2),
    task_run_id: null,
    ...given,
  };
}

export function aFlow(given: Partial<Flow> = {}): Flow {
  return { id: anId(), created: at(), updated: at(), name: "load-orders", tags: [], labels: {}, ...given };
}

export function aDeployment(given: Partial<Deployment> = {}): Deployment {
  return {
    id: anId(),
    created: at(),
    updated: at(),
    name: "nightly",
    version: null,
    description: null,
    flow_id: anId(1),
    paused: false,
    schedules: [],
    global_concurrency_limit: null,
    concurrency_options: null,
    job_variables: {},
    parameters: {},
    tags: [],
    labels: {},
    work_queue_name: "default",
    work_queue_id: null,
    work_pool_name: null,
    last_polled: null,
    parameter_openapi_schema: { type: "object", properties: {} },
    entrypoint: "flows.py:load_orders",
    path: "/srv/flows",
    pull_steps: null,
    status: "READY",
    enforce_parameter_schema: true,
    ...given,
  };
}

export function aWorkPool(given: Partial<WorkPool> = {}): WorkPool {
  return {
    id: anId(),
    created: at(),
    updated: at(),
    name: "etl-pool",
    description: null,
    type: "process",
    base_job_template: {},
    is_paused: false,
    concurrency_limit: null,
    status: "READY",
    default_queue_id: anId(3),
    active_slots: null,
    ...given,
  };
}

export function aWorkQueue(given: Partial<WorkQueue> = {}): WorkQueue {
  return {
    id: anId(),
    created: at(),
    updated: at(),
    name: "default",
    description: "The work pool's default queue.",
    is_paused: false,
    concurrency_limit: null,
    priority: 1,
    work_pool_id: anId(4),
    last_polled: at(),
    work_pool_name: "etl-pool",
    status: "READY",
    ...given,
  };
}

export function aWorker(given: Partial<Worker> = {}): Worker {
  return {
    id: anId(),
    created: at(),
    updated: at(),
    name: "worker a.1",
    work_pool_id: anId(4),
    last_heartbeat_time: at(),
    heartbeat_interval_seconds: 30,
    status: "ONLINE",
    ...given,
  };
}

export function aConcurrencyLimit(given: Partial<ConcurrencyLimit> = {}): ConcurrencyLimit {
  return {
    id: anId(),
    created: at(),
    updated: at(),
    active: true,
    name: "warehouse",
    limit: 2,
    active_slots: 0,
    slot_decay_per_second: 0,
    ...given,
  };
}

export function anAutomation(given: Partial<Automation> = {}): Automation {
  return {
    id: anId(),
    created: at(),
    updated: at(),
    name: "on-failure-notify",
    description: "",
    enabled: true,
    tags: [],
    trigger: { type: "event", expect: ["prefect.flow-run.Failed"], posture: "Reactive", threshold: 1, within: 0 },
    actions: [{ type: "do-nothing" }],
    actions_on_trigger: [],
    actions_on_resolve: [],
    ...given,
  };
}

export function anArtifact(given: Partial<Artifact> = {}): Artifact {
  return {
    id: anId(),
    created: at(),
    updated: at(),
    key: "daily-report",
    type: "markdown",
    description: null,
    data: "# Orders",
    metadata_: null,
    flow_run_id: null,
    task_run_id: null,
    ...given,
  };
}

/** With its value, as Prefect answers; the client drops it. */
export function aVariable(given: Partial<Variable & { value: Json }> = {}): Variable & { value: Json } {
  return { id: anId(), created: at(), updated: at(), name: "threshold", value: 2, tags: [], ...given };
}

/** A custom event; `received` is 5 ms after `occurred` unless given. */
export function anEvent(given: Partial<PrefectEvent> = {}): PrefectEvent {
  const occurred = given.occurred ?? at();
  return {
    occurred,
    event: "shop.order.placed",
    resource: { "prefect.resource.id": "shop.order.1", "prefect.resource.name": "order 1" },
    related: [],
    payload: {},
    id: anId(),
    follows: null,
    received: later(occurred, 0.005),
    ...given,
  };
}

/** The event Prefect emits when `run` entered `state` (its own one unless given): the event's id is the state's id. */
export function aFlowRunEvent(
  run: FlowRun,
  given: { state?: State; flowName?: string } & Partial<PrefectEvent> = {},
): PrefectEvent {
  const { state = run.state ?? aState(), flowName = "load-orders", ...overrides } = given;
  const related: Record<string, string>[] = [
    {
      "prefect.resource.id": `prefect.flow.${run.flow_id}`,
      "prefect.resource.role": "flow",
      "prefect.resource.name": flowName,
    },
  ];
  if (run.deployment_id) {
    related.push({
      "prefect.resource.id": `prefect.deployment.${run.deployment_id}`,
      "prefect.resource.role": "deployment",
    });
  }
  for (const tag of run.tags ?? []) {
    related.push({ "prefect.resource.id": `prefect.tag.${tag}`, "prefect.resource.role": "tag" });
  }
  return anEvent({
    occurred: state.timestamp,
    event: `prefect.flow-run.${state.name ?? sentence(state.type)}`,
    resource: stateLabels(`prefect.flow-run.${run.id}`, run.name, Number(run.run_count ?? 0), state),
    related,
    payload: {
      intended: { from: null, to: state.type },
      initial_state: null,
      validated_state: { type: state.type, name: state.name },
    },
    id: state.id,
    ...overrides,
  });
}

/** The event a client emits when a task run entered a state. */
export function aTaskRunEvent(run: TaskRun, given: { state?: State } & Partial<PrefectEvent> = {}): PrefectEvent {
  const { state = run.state ?? aState(), ...overrides } = given;
  const { id: _, flow_run_id, state: __, created: ___, updated: ____, ...columns } = run;
  return anEvent({
    occurred: state.timestamp,
    event: `prefect.task-run.${state.name ?? sentence(state.type)}`,
    resource: {
      ...stateLabels(`prefect.task-run.${run.id}`, run.name, Number(run.run_count ?? 0), state),
      "prefect.orchestration": "client",
    },
    related: flow_run_id
      ? [{ "prefect.resource.id": `prefect.flow-run.${flow_run_id}`, "prefect.resource.role": "flow-run" }]
      : [],
    payload: {
      intended: { from: null, to: state.type },
      initial_state: null,
      validated_state: { type: state.type, name: state.name, message: "", state_details: {}, data: null },
      task_run: columns,
    },
    id: state.id,
    ...overrides,
  });
}

function stateLabels(id: string, name: string, runCount: number, state: State): Record<string, string> {
  return {
    "prefect.resource.id": id,
    "prefect.resource.name": name,
    "prefect.run-count": String(runCount),
    "prefect.state-message": state.message ?? "",
    "prefect.state-name": state.name ?? sentence(state.type),
    "prefect.state-timestamp": state.timestamp.replace("Z", "+00:00"),
    "prefect.state-type": state.type,
  };
}

function later(iso: string, seconds: number): string {
  return formatIsoUs((parseIsoUs(iso) ?? T0_US) + Math.round(seconds * SECOND_US));
}
