/** A workspace that is composed piece by piece, and put into the record and into the fake Prefect alike. */
import { DAY_US } from "../../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../../src/model/events/event.ts";
import type {
  Automation,
  ConcurrencyLimit,
  Deployment,
  Flow,
  FlowRun,
  Log,
  TaskRun,
  Worker,
  WorkPool,
  WorkQueue,
} from "../../../../src/model/objects.ts";
import { isTerminal } from "../../../../src/model/state.ts";
import { aDeployment, aFlow, aFlowRun, anEvent, anId, at, aWorker, aWorkPool, aWorkQueue } from "../../builders.ts";
import type { ToolHarness } from "../../tool-harness.ts";

/** Seconds from the start of the builders' hour to now. */
export const NOW_S = 3_600;

/** Longer than a real server takes to be set up and asked: what is healthy at first stays so. */
const USUAL_S = 600;

export interface Place {
  readonly flow: Flow;
  readonly deployment: Deployment;
  readonly pool: WorkPool;
  readonly queue: WorkQueue;
}

export class World {
  readonly flows: Flow[] = [];
  readonly deployments: Deployment[] = [];
  readonly pools: WorkPool[] = [];
  readonly queues: WorkQueue[] = [];
  readonly workers: Worker[] = [];
  readonly limits: ConcurrencyLimit[] = [];
  /** Limits as they were read before: what differs has changed since. */
  readonly limitsBefore: ConcurrencyLimit[] = [];
  readonly deploymentsBefore: Deployment[] = [];
  readonly automations: Automation[] = [];
  readonly runs: FlowRun[] = [];
  readonly tasks: TaskRun[] = [];
  readonly events: PrefectEvent[] = [];
  readonly logs: Log[] = [];
  /** False: nothing was recorded before now. */
  isReadBefore = true;
  private count = 0x10_0000;

  id(): string {
    this.count += 1;
    return anId(this.count);
  }

  /** A deployment `flow/name` in a pool of its own, with a worker unless `beat` is null. */
  place(
    flowName: string,
    name: string,
    given: {
      readonly pool?: Partial<WorkPool>;
      readonly queue?: Partial<WorkQueue>;
      readonly deployment?: Partial<Deployment>;
      /** Seconds of the worker's last heartbeat; null: there is no worker. */
      readonly beat?: number | null;
    } = {},
  ): Place {
    const flow = aFlow({ id: this.id(), name: flowName });
    const pool = aWorkPool({ id: this.id(), name: `${flowName}-pool`, status: "READY", ...given.pool });
    const queue = aWorkQueue({
      id: this.id(),
      work_pool_id: pool.id,
      work_pool_name: pool.name,
      last_polled: at(NOW_S - 10),
      ...given.queue,
    });
    const deployment = aDeployment({
      id: this.id(),
      name,
      flow_id: flow.id,
      work_pool_name: pool.name,
      work_queue_name: queue.name,
      work_queue_id: queue.id,
      ...given.deployment,
    });
    this.flows.push(flow);
    this.pools.push(pool);
    this.queues.push(queue);
    this.deployments.push(deployment);
    const beat = given.beat === undefined ? NOW_S - 10 : given.beat;
    if (beat !== null)
      this.workers.push(
        aWorker({ id: this.id(), name: `${flowName}-worker`, work_pool_id: pool.id, last_heartbeat_time: at(beat) }),
      );
    return { flow, deployment, pool, queue };
  }

  run({ flow, deployment, pool, queue }: Place, given: Partial<FlowRun>): FlowRun {
    const run = aFlowRun({
      id: this.id(),
      flow_id: flow.id,
      deployment_id: deployment.id,
      work_pool_name: pool.name,
      work_queue_id: queue.id,
      work_queue_name: queue.name,
      ...given,
    });
    this.runs.push(run);
    return run;
  }

  late(place: Place, name: string, given: Partial<FlowRun> = {}): FlowRun {
    const due = { expected_start_time: at(NOW_S - 600), start_time: null, end_time: null };
    return this.run(place, { name, state_type: "SCHEDULED", state_name: "Late", run_count: 0, ...due, ...given });
  }

  /** Completed runs of 10 minutes, two days to one day ago: what is usual. */
  usual(place: Place, count = 4): void {
    for (let n = 1; n <= count; n++) {
      const start = -DAY_US / 1_000_000 - n * 3_600;
      this.run(place, {
        name: `usual-${place.flow.name}-${n}`,
        start_time: at(start),
        expected_start_time: at(start),
        end_time: at(start + USUAL_S),
        total_run_time: USUAL_S,
        parameters: { batch_size: 500 },
      });
    }
  }

  event(name: string, resource: Record<string, string>, given: Partial<PrefectEvent> = {}): PrefectEvent {
    const event = anEvent({ id: this.id(), event: name, resource, related: [], occurred: at(NOW_S - 300), ...given });
    this.events.push(event);
    return event;
  }

  /** Into the record, as read whole and covered to now; and into the fake Prefect. */
  fill(harness: ToolHarness): void {
    // Before the runs that were good: what differs since then has changed in between.
    const { nowUs } = harness;
    harness.nowUs = nowUs - 3 * DAY_US;
    if (this.isReadBefore) harness.objects("deployment", this.merged(this.deploymentsBefore, this.deployments));
    if (this.limitsBefore.length > 0) harness.objects("concurrency_limit", this.merged(this.limitsBefore, this.limits));
    harness.nowUs = nowUs;
    harness.objects("flow", this.flows);
    harness.objects("deployment", this.deployments);
    harness.objects("work_pool", this.pools);
    harness.objects("work_queue", this.queues);
    harness.objects("worker", this.workers);
    harness.objects("concurrency_limit", this.limits);
    harness.objects("automation", this.automations);
    harness.flowRuns(this.runs);
    harness.taskRuns(this.tasks);
    harness.events(this.events);
    harness.logs(this.logs);
    const fromUs = harness.nowUs - 30 * DAY_US;
    for (const kind of ["flow_run", "task_run", "event"]) harness.cover(kind, { fromUs });
    // As where Prefect has no older task runs.
    harness.cover("task_run", { fromUs: 0 });
    for (const run of this.runs.filter((one) => isTerminal(one.state_type ?? null)))
      for (const kind of ["log", "task_run"]) harness.cover(kind, { scope: run.id });
    harness.following();
    const { workspace } = harness.fake;
    workspace.flows.push(...this.flows);
    workspace.deployments.push(...this.deployments);
    workspace.workPools.push(...this.pools);
    workspace.workQueues.push(...this.queues);
    workspace.workers.push(...this.workers);
    workspace.concurrencyLimits.push(...this.limits);
    workspace.automations.push(...this.automations);
    workspace.flowRuns.push(...this.runs);
    workspace.taskRuns.push(...this.tasks);
    workspace.logs.push(...this.logs);
  }

  private merged<T extends { readonly id: string }>(before: readonly T[], now: readonly T[]): T[] {
    const old = new Map(before.map((one) => [one.id, one]));
    return now.map((one) => old.get(one.id) ?? one);
  }
}
