/** Concurrency slots and the runs that hold them, computed from the current runs. */
import type {
  ConcurrencyLimit,
  Deployment,
  FlowRun,
  JsonObject,
  TaskRun,
  WorkPool,
  WorkQueue,
} from "../model/objects.ts";
import { usOf } from "./family-replay.ts";
import type { Replay } from "./replay.ts";

/** Pending and running runs hold a slot; scheduled, paused and cancelling ones do not (checked on Prefect 3.8.8). */
const occupiesSlot = (run: FlowRun | TaskRun): boolean => run.state_type === "PENDING" || run.state_type === "RUNNING";

interface Occupied {
  readonly work_pools: readonly WorkPool[];
  readonly work_pool_queues: readonly WorkQueue[];
  readonly deployments: readonly Deployment[];
}

/** `active_slots` is set only where there is a limit. */
export function withOccupancy(replay: Replay, runs: readonly FlowRun[], nowUs: number): Occupied {
  const active = runs.filter(occupiesSlot);
  const limits = new Map(concurrencyLimits(replay, runs, []).map((limit) => [limit.id, limit]));
  return {
    work_pools: replay.workPools().map((pool) => ({
      ...pool,
      active_slots: pool.concurrency_limit == null ? null : active.filter((run) => run.work_pool_id === pool.id).length,
    })),
    work_pool_queues: replay.workQueues(nowUs).map((queue) => ({
      ...queue,
      active_slots:
        queue.concurrency_limit == null ? null : active.filter((run) => run.work_queue_id === queue.id).length,
    })),
    deployments: replay.deployments(nowUs).map((deployment) => ({
      ...deployment,
      global_concurrency_limit: limits.get(deployment.global_concurrency_limit?.id ?? "") ?? null,
    })),
  };
}

/** `/v2/concurrency_limits/filter`: slots of tags and deployments are counted, all others are as recorded. */
export function concurrencyLimits(
  replay: Replay,
  runs: readonly FlowRun[],
  taskRuns: readonly TaskRun[],
): ConcurrencyLimit[] {
  return replay.objects.concurrency_limits.map((limit) => {
    const [kind, owner = ""] = limit.name.split(/:(.*)/);
    if (kind === "tag") return { ...limit, active_slots: tagHolders(taskRuns, owner).length };
    if (kind !== "deployment") return limit;
    return { ...limit, active_slots: runs.filter((run) => run.deployment_id === owner && occupiesSlot(run)).length };
  });
}

/** `/concurrency_limits/filter`: limits of tags with the ids of the task runs that hold them. */
export function tagLimits(replay: Replay, taskRuns: readonly TaskRun[]): JsonObject[] {
  return replay.objects.tag_limits.map((limit) => ({
    ...limit,
    active_slots: tagHolders(taskRuns, String(limit.tag)),
  }));
}

function tagHolders(taskRuns: readonly TaskRun[], tag: string): string[] {
  return taskRuns.filter((run) => run.state_type === "RUNNING" && run.tags?.includes(tag)).map((run) => run.id);
}

/** `/work_pools/{name}/concurrency_status`. */
export function poolSlots(
  pool: WorkPool,
  queues: readonly WorkQueue[],
  runs: readonly FlowRun[],
  maxRuns: number,
  nowUs: number,
): JsonObject {
  const own = queues
    .filter((queue) => queue.work_pool_id === pool.id)
    .toSorted((a, b) => Number(a.priority ?? 0) - Number(b.priority ?? 0));
  const active = runs.filter((run) => run.work_pool_id === pool.id && occupiesSlot(run));
  return {
    active_slots: active.length,
    concurrency_limit: pool.concurrency_limit ?? null,
    queues: own.map((queue) => {
      const holders = active.filter((run) => run.work_queue_id === queue.id);
      return {
        queue_id: queue.id,
        queue_name: queue.name,
        active_slots: holders.length,
        concurrency_limit: queue.concurrency_limit ?? null,
        flow_runs: holders.slice(0, maxRuns).map((run) => holder(run, nowUs)),
        flow_run_count: holders.length,
      };
    }),
    count: own.length,
    limit: 200,
    pages: 1,
    page: 1,
  };
}

function holder(run: FlowRun, nowUs: number): JsonObject {
  const since = run.state?.timestamp ?? null;
  return {
    id: run.id,
    name: run.name,
    state_type: run.state_type ?? null,
    state_name: run.state_name ?? null,
    start_time: run.start_time ?? null,
    state_timestamp: since,
    time_in_current_state: (nowUs - usOf(since)) / 1e6,
  };
}
