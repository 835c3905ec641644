/** The limits that runs of a deployment wait for: of itself, of its work pool and queue, and those that its runs took before. */
import type { Deployment, WorkPool, WorkQueue } from "../../model/objects.ts";
import type { ForecastRun } from "../../store/runs/expected-runs.ts";
import type { ForecastFacts } from "./facts.ts";
import type { Resource } from "./simulate.ts";

/** Where a run is placed. */
export interface Placement {
  readonly resources: readonly Resource[];
  readonly priority: number;
}

/** One object for each limit, so that runs share it. */
export class Resources {
  private readonly deployments = new Map<string, Resource>();
  private readonly pools: ReadonlyMap<string, { readonly pool: WorkPool; readonly resource: Resource }>;
  private readonly queues = new Map<string, { readonly queue: WorkQueue; readonly resource: Resource }>();

  private readonly taken: ReadonlyMap<string, readonly Resource[]>;

  constructor({ deployments, names, pools, queues, takenLimits }: ForecastFacts) {
    this.taken = takenLimits ?? new Map();
    for (const one of deployments) this.deployments.set(one.id, deploymentLimit(one, names.get(one.id) ?? one.name));
    this.pools = new Map(pools.map((pool) => [pool.name, { pool, resource: poolLimit(pool) }]));
    const poolNames = new Map(pools.map((pool) => [pool.id, pool.name]));
    for (const queue of queues) {
      const pool = queue.work_pool_name ?? poolNames.get(queue.work_pool_id ?? "") ?? "";
      this.queues.set(`${pool}/${queue.name}`, { queue, resource: queueLimit(queue, `${pool}/${queue.name}`) });
    }
  }

  /** Of a run that exists, or of one that the schedule of the deployment will make. */
  place(run: Pick<ForecastRun, "workPool" | "workQueue"> | null, deployment: Deployment | undefined): Placement {
    const pool = run?.workPool ?? deployment?.work_pool_name ?? null;
    const queue = run?.workQueue ?? deployment?.work_queue_name ?? "default";
    const ofQueue = pool === null ? undefined : this.queues.get(`${pool}/${queue}`);
    const found = [
      deployment === undefined ? undefined : this.deployments.get(deployment.id),
      pool === null ? undefined : this.pools.get(pool)?.resource,
      ofQueue?.resource,
      ...(this.taken.get(deployment?.flow_id ?? "") ?? []),
    ];
    return {
      resources: found.filter((one) => one !== undefined),
      priority: Number(ofQueue?.queue.priority ?? 1),
    };
  }
}

function deploymentLimit(deployment: Deployment, name: string): Resource {
  const limit = deployment.global_concurrency_limit;
  return {
    kind: "deployment",
    name,
    slots: limit && limit.active !== false ? Number(limit.limit) : null,
    cancelsNew: deployment.concurrency_options?.collision_strategy === "CANCEL_NEW",
    // Without a work pool, the process that serves the deployment starts its runs.
    blocked: !deployment.work_pool_name && deployment.status === "NOT_READY" ? "not served" : null,
  };
}

function poolLimit(pool: WorkPool): Resource {
  const limit = pool.concurrency_limit;
  const isPaused = pool.is_paused === true || pool.status === "PAUSED";
  return {
    kind: "work_pool",
    name: pool.name,
    slots: limit === null || limit === undefined ? null : Number(limit),
    cancelsNew: false,
    blocked: isPaused ? "paused" : pool.status === "NOT_READY" ? "without a worker" : null,
  };
}

function queueLimit(queue: WorkQueue, name: string): Resource {
  const limit = queue.concurrency_limit;
  const isPaused = queue.is_paused === true || queue.status === "PAUSED";
  return {
    kind: "work_queue",
    name,
    slots: limit === null || limit === undefined ? null : Number(limit),
    cancelsNew: false,
    blocked: isPaused ? "paused" : null,
  };
}
