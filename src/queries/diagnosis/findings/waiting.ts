import { parseIsoUs, SECOND_US, type ServerUs } from "../../../lib/time.ts";
import type { Deployment, Worker, WorkPool, WorkQueue } from "../../../model/objects.ts";
import type { Facts, NamedRun, PoolFacts, QueueFacts } from "./types.ts";

/** Prefect counts a worker as offline after three missed heartbeats. */
const MISSED_HEARTBEATS = 3;
const DEFAULT_INTERVAL_SECONDS = 30;
/** A queue counts as polled when its last poll is at most this old; Prefect's own threshold is 60 s. */
export const POLLED_WITHIN_US = 75 * SECOND_US;

/** Judged by its last heartbeat: the status that Prefect stores is updated with a delay. */
export function isOnline(worker: Worker, nowUs: ServerUs): boolean {
  const us = parseIsoUs(worker.last_heartbeat_time ?? "");
  if (us === undefined) return false;
  const interval = Number(worker.heartbeat_interval_seconds ?? DEFAULT_INTERVAL_SECONDS);
  // A heartbeat from the future is from before the server clock was set back: a worker that lives has sent a later one.
  return Math.abs(nowUs - us) <= interval * MISSED_HEARTBEATS * SECOND_US;
}

/** False for push and managed pools: Prefect itself starts their runs. */
export function needsWorker(pool: PoolFacts): boolean {
  return !/:(push|managed)$/.test(pool.pool.type);
}

export function isPaused(pool: PoolFacts): boolean {
  return pool.pool.is_paused === true || pool.pool.status === "PAUSED";
}

/** Runs that wait for a worker of this pool, without those that wait for a slot of their deployment's limit. */
export function waitingInPool(facts: Facts, pool: PoolFacts): NamedRun[] {
  return facts.waiting.filter((one) => one.run.work_pool_name === pool.pool.name && isUnclaimed(one));
}

export function waitingInQueue(facts: Facts, queue: QueueFacts): NamedRun[] {
  return facts.waiting.filter((one) => one.run.work_queue_id === queue.queue.id && isUnclaimed(one));
}

/** Before Prefect 3.6 deployments have no `work_queue_id`, only the names of pool and queue. */
export function isInQueue(deployment: Deployment, queue: WorkQueue, pool: WorkPool): boolean {
  const { work_queue_id, work_queue_name, work_pool_name } = deployment;
  if (work_queue_id != null) return work_queue_id === queue.id;
  return work_queue_name === queue.name && work_pool_name === pool.name;
}

/** SCHEDULED, and neither refused by the limit of its deployment nor waiting for its retry. */
function isUnclaimed(one: NamedRun): boolean {
  const { state_type, state_name } = one.run;
  return state_type === "SCHEDULED" && state_name !== "AwaitingConcurrencySlot" && state_name !== "AwaitingRetry";
}

/** The question is about this pool, or about a deployment in it. */
export function isSubjectPool(facts: Facts, pool: PoolFacts): boolean {
  if (facts.subject.kind === "work_pool") return facts.subject.id === pool.pool.id;
  if (facts.subject.kind === "deployment")
    return facts.deployments.some((one) => one.work_pool_name === pool.pool.name);
  return false;
}
