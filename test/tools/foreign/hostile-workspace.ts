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
import { HOSTILE, hostile, poisoned } from "./hostile-texts.ts";

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

export function hostileObjects() {
  const flows = HOSTILE.map((name, n) => ({ ...poisoned(aFlow({ id: anId(100 + n), tags: ["t"] })), name }));
  const pools = HOSTILE.map((name, n) => ({
    ...poisoned(
      aWorkPool({ id: anId(200 + n), description: "d", concurrency_limit: n % 2 ? 1 : null, active_slots: 1 }),
    ),
    name,
    is_paused: n % 3 === 0,
    type: n % 4 === 0 ? hostile() : "process",
  }));
  const queues = pools.map((pool, n) => ({
    ...poisoned(aWorkQueue({ id: anId(300 + n), work_pool_id: pool.id, is_paused: n % 3 === 1 })),
    work_pool_name: pool.name,
  }));
  const deployments = HOSTILE.map((name, n) => ({
    ...poisoned(
      aDeployment({ id: anId(400 + n), version: "v", description: "d", tags: ["t"], parameters: { a: "b" } }),
    ),
    name,
    flow_id: flows[n]?.id ?? "",
    paused: n % 3 === 0,
    work_pool_name: n % 4 === 3 ? null : (pools[n]?.name ?? null),
  }));
  const runs = HOSTILE.flatMap((name, n) =>
    STATES.map(([type, state], m) => {
      const id = anId(1_000 + n * 20 + m);
      const details = type === "PAUSED" ? { pause_key: hostile(), run_input_keyset: { [hostile()]: hostile() } } : {};
      return {
        ...poisoned(aFlowRun({ id, tags: ["t"], parameters: { a: "b" }, deployment_version: "v" })),
        name: m === 0 ? name : `${name} ${state}`,
        flow_id: flows[n]?.id ?? "",
        deployment_id: deployments[n]?.id ?? null,
        work_pool_name: pools[n]?.name ?? null,
        work_queue_name: queues[n]?.name ?? null,
        state_type: type,
        // A few states have names that a flow has made up.
        state_name: m === 0 && n % 2 === 0 ? hostile() : state,
        state: aState({ type, name: state, message: hostile(), state_details: details, timestamp: at(100 + n) }),
      };
    }),
  );
  const tasks = runs.slice(0, 60).map((run, n) => ({
    ...poisoned(aTaskRun({ id: anId(5_000 + n), flow_run_id: run.id, tags: ["t"] })),
    state_type: n % 2 ? ("FAILED" as const) : ("PENDING" as const),
    state: aState({ type: n % 2 ? "FAILED" : "PENDING", message: hostile() }),
  }));
  const logs = runs.slice(0, 60).flatMap((run, n) => [
    poisoned(aLog({ id: anId(6_000 + 2 * n), flow_run_id: run.id, level: 40, timestamp: at(50) })),
    {
      ...aLog({ id: anId(6_001 + 2 * n), flow_run_id: run.id, level: 40 }),
      message: TRACEBACK(hostile()),
      name: hostile(),
    },
  ]);
  const events = [
    ...runs.map((run) => poisoned(aFlowRunEvent(run, { id: anId() }))),
    ...HOSTILE.map((text, n) =>
      poisoned(
        anEvent({
          id: anId(7_000 + n),
          event: text,
          resource: { "prefect.resource.id": `shop.${text}`, "prefect.resource.name": text, [text]: text },
          payload: { [text]: text },
          related: [{ "prefect.resource.id": "prefect.flow-run.x", "prefect.resource.role": text }],
        }),
      ),
    ),
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
    workers: pools.map((pool, n) => ({ ...poisoned(aWorker({ id: anId(800 + n), work_pool_id: pool.id })) })),
    limits: HOSTILE.map((name, n) => ({
      ...aConcurrencyLimit({ id: anId(900 + n), limit: 1, active_slots: 1 }),
      name: n === 0 ? `tag:${name}` : name,
    })),
    automations: HOSTILE.map((name, n) => ({
      ...poisoned(
        anAutomation({
          id: anId(850 + n),
          description: "d",
          trigger: {
            type: "event",
            expect: ["a"],
            posture: n % 2 ? "Proactive" : "Reactive",
            threshold: 1,
            within: 10,
          },
        }),
      ),
      name,
      enabled: n % 3 !== 0,
    })),
    artifacts: HOSTILE.map((key, n) => ({ ...poisoned(anArtifact({ id: anId(950 + n), description: "d" })), key })),
    variables: HOSTILE.map((name, n) => ({
      ...aVariable({ id: anId(980 + n), tags: [hostile()] }),
      name,
      value: hostile() as Json,
    })),
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
  harness.objects(
    "deployment",
    objects.deployments.slice(1).map((one) => ({ ...one, description: hostile() })),
  );
  for (const kind of ["event", "flow_run"]) harness.cover(kind, { fromUs: harness.nowUs - 2 * DAY_US });
  for (const run of objects.runs.slice(0, 30)) harness.cover("log", { scope: run.id, fromUs: 0 });
  harness.following();
}
