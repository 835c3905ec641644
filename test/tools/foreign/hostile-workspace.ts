/** A workspace in which every text that Prefect can return is hostile, in the record and in Prefect. */
import { DAY_US } from "../../../src/lib/time.ts";
import type { Json } from "../../../src/model/objects.ts";
import {
  aConcurrencyLimit,
  aDeployment,
  aFlow,
  aFlowRun,
  aFlowRunEvent,
  aLog,
  anArtifact,
  anAutomation,
  anEvent,
  anId,
  aState,
  aTaskRun,
  at,
  aVariable,
  aWorker,
  aWorkPool,
  aWorkQueue,
} from "../../support/builders.ts";
import type { FakeWorkspace } from "../../support/fake-prefect/workspace.ts";
import type { ToolHarness } from "../../support/tool-harness.ts";
import { HOSTILE, hostileFor, poisoned, tagged } from "./hostile-texts.ts";

const STATES = [
  ["FAILED", "Failed"],
  ["CRASHED", "Crashed"],
  ["RUNNING", "Running"],
  ["SCHEDULED", "Late"],
  ["PENDING", "Pending"],
  ["PAUSED", "Paused"],
  ["COMPLETED", "Completed"],
  ["CANCELLED", "Cancelled"],
  ["SCHEDULED", "AwaitingRetry"],
  ["SCHEDULED", "AwaitingConcurrencySlot"],
  ["CANCELLING", "Cancelling"],
] as const;

/** For a traceback that a diagnosis quotes. */
const TRACEBACK = (text: string) =>
  `Encountered an exception during execution:\nTraceback (most recent call last):\n  File "/srv/${text}.py", line 3, in ${text}\n    raise ValueError(x)\nValueError: ${text}`;

/** A hostile name of each kind, which other objects refer to. */
const namesFor = (field: string) => HOSTILE.map((text) => tagged(field, text));

export function hostileObjects() {
  const flows = namesFor("flow.name").map((name, n) => ({
    ...poisoned("flow", aFlow({ id: anId(100 + n), tags: ["t"] })),
    name,
  }));
  const pools = namesFor("work_pool.name").map((name, n) => ({
    ...poisoned(
      "work_pool",
      aWorkPool({
        id: anId(200 + n),
        description: "d",
        concurrency_limit: n % 2 ? 1 : null,
        active_slots: 1,
        base_job_template: { job_configuration: { command: "c" }, variables: { properties: { a: { default: "b" } } } },
      }),
    ),
    name,
    is_paused: n % 3 === 0,
    type: n % 4 === 0 ? hostileFor("work_pool.type") : "process",
    status: n % 5 === 4 ? hostileFor("work_pool.status") : "READY",
  }));
  const queues = pools.map((pool, n) => ({
    ...poisoned(
      "work_queue",
      aWorkQueue({
        id: anId(300 + n),
        work_pool_id: pool.id,
        is_paused: n % 3 === 1,
        concurrency_limit: n % 2 ? (n % 3 === 2 ? 0 : 1) : null,
      }),
    ),
    ...(n % 3 === 2 ? {} : { work_pool_name: pool.name }),
    status: n % 5 === 4 ? hostileFor("work_queue.status") : "READY",
  }));
  const deployments = namesFor("deployment.name").map((name, n) => ({
    ...poisoned(
      "deployment",
      aDeployment({
        id: anId(400 + n),
        version: "v",
        description: "d",
        tags: ["t"],
        parameters: { a: "b" },
        job_variables: { image: "i" },
        pull_steps: [{ step: { directory: "d" } }],
        concurrency_options: { collision_strategy: "c" },
        global_concurrency_limit: aConcurrencyLimit({ limit: 1, active_slots: 1 }),
        parameter_openapi_schema: {
          title: "t",
          properties: { a: { title: "t", type: "string", default: "d", description: "d" } },
          required: ["a"],
        },
        schedules: [
          {
            id: anId(450 + n),
            schedule: { cron: "0 * * * *", timezone: "UTC" },
            active: n % 2 === 0,
            slug: "s",
            parameters: { a: "b" },
          },
          { id: anId(470 + n), schedule: { rrule: "FREQ=DAILY", timezone: "UTC" }, active: true },
        ],
      }),
    ),
    name,
    flow_id: flows[n]?.id ?? "",
    paused: n % 3 === 0,
    work_pool_name: n % 4 === 3 ? null : (pools[n]?.name ?? null),
    status: n % 5 === 4 ? hostileFor("deployment.status") : "READY",
  }));
  const runNames = namesFor("flow_run.name");
  const runs = runNames.flatMap((name, n) =>
    STATES.map(([type, state], m) => {
      const id = anId(1_000 + n * 20 + m);
      const details = type === "PAUSED" ? { pause_key: "k", run_input_keyset: { response: "r" } } : {};
      const poison = poisoned(
        "flow_run",
        aFlowRun({
          id,
          tags: ["t"],
          parameters: { a: "b" },
          job_variables: { image: "i" },
          deployment_version: "v",
          flow_version: "v",
          idempotency_key: "k",
          infrastructure_pid: "p",
          created_by: { id: anId(), type: "DEPLOYMENT", display_value: "d" },
          work_pool_name: "p",
          work_queue_name: "q",
          empirical_policy: { retry_type: "in_process" },
          state: aState({ type, name: state, message: "m", state_details: details, timestamp: at(100 + n) }),
        }),
      );
      return {
        ...poison,
        name: m === 0 ? name : `${name} ${state}`,
        flow_id: flows[n]?.id ?? "",
        deployment_id: deployments[n]?.id ?? null,
        work_pool_name: n % 5 === 4 ? (poison.work_pool_name ?? null) : (pools[n]?.name ?? null),
        work_queue_name: n % 5 === 4 ? (poison.work_queue_name ?? null) : (queues[n]?.name ?? null),
        state_type: type,
        // A few states have names that a flow has made up.
        ...(m === 0 && n % 2 === 0
          ? { state_name: poison.state_name ?? null, state: poison.state ?? null }
          : { state_name: state, state: poison.state ? { ...poison.state, name: state } : null }),
      };
    }),
  );
  const tasks = runs.slice(0, 60).map((run, n) => {
    const type = n % 2 ? ("FAILED" as const) : ("PENDING" as const);
    const poison = poisoned(
      "task_run",
      aTaskRun({
        id: anId(5_000 + n),
        flow_run_id: run.id,
        tags: ["t"],
        cache_key: "c",
        task_inputs: { a: [{ input_type: "parameter", name: "a" }] },
        state: aState({ type, message: "m" }),
      }),
    );
    return { ...poison, state_type: type };
  });
  const logs = runs.slice(0, 60).flatMap((run, n) => [
    poisoned("log", aLog({ id: anId(6_000 + 2 * n), flow_run_id: run.id, level: 40, timestamp: at(50) })),
    {
      ...aLog({ id: anId(6_001 + 2 * n), flow_run_id: run.id, level: 40 }),
      message: TRACEBACK(hostileFor("log.traceback")),
      name: hostileFor("log.name"),
    },
  ]);
  const events = [
    ...runs.map((run) => poisoned("state_event", aFlowRunEvent(run, { id: anId() }))),
    ...HOSTILE.map((text, n) => ({
      ...poisoned(
        "event",
        anEvent({
          id: anId(7_000 + n),
          payload: { a: "b", deep: { a: ["b"] } },
          related: [{ "prefect.resource.id": "prefect.flow-run.x", "prefect.resource.role": "r", label: "l" }],
        }),
      ),
      event: tagged("event.event", text),
    })),
  ];
  return {
    flows,
    pools,
    queues,
    deployments,
    runs,
    tasks,
    logs,
    events,
    workers: pools.map((pool, n) => ({
      ...poisoned("worker", aWorker({ id: anId(800 + n), work_pool_id: pool.id })),
      status: n % 5 === 4 ? hostileFor("worker.status") : "ONLINE",
    })),
    limits: namesFor("concurrency_limit.name").map((name, n) => ({
      ...aConcurrencyLimit({ id: anId(900 + n), limit: 1, active_slots: 1 }),
      name: n === 0 ? `tag:${name}` : name,
    })),
    automations: HOSTILE.map((_, n) =>
      poisoned(
        "automation",
        anAutomation({
          id: anId(850 + n),
          description: "d",
          tags: ["t"],
          enabled: n % 3 !== 0,
          trigger: {
            type: "event",
            match: { "prefect.resource.id": "x" },
            for_each: ["f"],
            expect: ["a"],
            posture: n % 2 ? "Proactive" : "Reactive",
            threshold: 1,
            within: 10,
          },
          actions: [
            { type: "send-notification", subject: "s", body: "b" },
            { type: "run-deployment", parameters: {} },
          ],
          actions_on_trigger: [{ type: "call-webhook", payload: "p" }],
          actions_on_resolve: [{ type: "call-webhook", payload: "p" }],
        }),
      ),
    ),
    artifacts: HOSTILE.map((_, n) => ({
      ...poisoned("artifact", anArtifact({ id: anId(950 + n), description: "d", metadata_: { a: "b" } })),
      type: n % 3 === 0 ? hostileFor("artifact.type") : "markdown",
    })),
    variables: HOSTILE.map((_, n) =>
      poisoned("variable", aVariable({ id: anId(980 + n), tags: ["t"], value: "v" as Json })),
    ),
  };
}

export type HostileObjects = ReturnType<typeof hostileObjects>;

export function fillPrefect(workspace: FakeWorkspace, objects: HostileObjects): void {
  for (const event of objects.events) workspace.events.insert(event);
  workspace.flowRuns.push(...objects.runs);
  workspace.taskRuns.push(...objects.tasks);
  workspace.logs.push(...objects.logs);
  workspace.flows.push(...objects.flows);
  workspace.deployments.push(...objects.deployments);
  workspace.workPools.push(...objects.pools);
  workspace.workQueues.push(...objects.queues);
  workspace.workers.push(...objects.workers);
  workspace.concurrencyLimits.push(...objects.limits);
  workspace.automations.push(...objects.automations);
  workspace.artifacts.push(...objects.artifacts);
  workspace.variables.push(...objects.variables);
  workspace.tagHolders.set(objects.limits[0]?.name.slice(4) ?? "", [objects.tasks[0]?.id ?? ""]);
}

export function fillRecord(harness: ToolHarness, objects: HostileObjects): void {
  harness.events(objects.events);
  harness.flowRuns(objects.runs);
  harness.taskRuns(objects.tasks);
  harness.logs(objects.logs);
  harness.objects("flow", objects.flows);
  harness.objects("deployment", objects.deployments);
  harness.objects("work_pool", objects.pools);
  harness.objects("work_queue", objects.queues);
  harness.objects("worker", objects.workers);
  harness.objects("concurrency_limit", objects.limits);
  harness.objects("automation", objects.automations);
  harness.objects("artifact", objects.artifacts);
  harness.objects("variable", objects.variables);
  // Readings later than the first, so that changes and deletions are noticed.
  harness.nowUs += 60_000_000;
  const changedTo = (field: string) => hostileFor(`${field} (changed)`);
  harness.objects(
    "deployment",
    objects.deployments.slice(1).map((one) => ({ ...one, description: changedTo("deployment.description") })),
  );
  harness.objects(
    "work_queue",
    objects.queues.map((one) => ({ ...one, description: changedTo("work_queue.description") })),
  );
  harness.objects(
    "variable",
    objects.variables.map((one) => ({ ...one, tags: [changedTo("variable.tags")] })),
  );
  for (const kind of ["event", "flow_run"]) harness.cover(kind, { fromUs: harness.nowUs - 2 * DAY_US });
  for (const run of objects.runs.slice(0, 30)) harness.cover("log", { scope: run.id, fromUs: 0 });
  harness.following();
}
