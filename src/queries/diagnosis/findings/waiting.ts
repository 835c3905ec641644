/** What the causes of waiting share: which runs wait where, and whether a worker is alive. */
import { parseIsoUs, SECOND_US } from "../../../lib/time.ts";
import type { Worker } from "../../../model/objects.ts";
import type { Facts, NamedRun, PoolFacts, QueueFacts } from "./types.ts";

/** Prefect calls a worker offline after three heartbeats missed. */
const MISSED_HEARTBEATS = 3;
const DEFAULT_INTERVAL_SECONDS = 30;
/** A queue or deployment counts as polled within this time; Prefect's own threshold is 60 s. */
export const POLLED_WITHIN_US = 75 * SECOND_US;

/** Its heartbeat is recent. The status that Prefect stores lags, so times are compared. */
export function isOnline(worker: Worker, nowUs: number): boolean {
  const us = parseIsoUs(worker.last_heartbeat_time ?? "");
  if (us === undefined) return false;
  const interval = worker.heartbeat_interval_seconds ?? DEFAULT_INTERVAL_SECONDS;
  return nowUs - us <= interval * MISSED_HEARTBEATS * SECOND_US;
}

/** Pools whose runs Prefect itself starts: no worker is ever there. */
export function needsWorker(pool: PoolFacts): boolean {
  return !/:(push|managed)$/.test(pool.pool.type);
}

export function isPaused(pool: PoolFacts): boolean {
  return pool.pool.is_paused === true || pool.pool.status === "PAUSED";
}

/** Runs that wait for a worker of this pool: Late or due. Those that wait for a deployment's slot are not among them. */
export function waitingInPool(facts: Facts, pool: PoolFacts): NamedRun[] {
  return facts.waiting.filter((one) => one.run.work_pool_name === pool.pool.name && isUnclaimed(one));
}

export function waitingInQueue(facts: Facts, queue: QueueFacts): NamedRun[] {
  return facts.waiting.filter((one) => one.run.work_queue_id === queue.queue.id && isUnclaimed(one));
}

/** SCHEDULED and not put back by a limit of its deployment, nor by its own retry. */
function isUnclaimed(one: NamedRun): boolean {
  const { state_type, state_name } = one.run;
  return state_type === "SCHEDULED" && state_name !== "AwaitingConcurrencySlot" && state_name !== "AwaitingRetry";
}

/** The question is about this pool: itself, or the pool of the run or deployment asked about. */
export function isAskedPool(facts: Facts, pool: PoolFacts): boolean {
  if (facts.subject.kind === "work_pool") return facts.subject.id === pool.pool.id;
  if (facts.subject.kind === "deployment")
    return facts.deployments.some((one) => one.work_pool_name === pool.pool.name);
  return false;
}
