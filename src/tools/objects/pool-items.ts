/** Work pools as `get_work_pools` shows them. */
import type { WorkQueue } from "../../model/objects.ts";
import type { PoolOccupancy, SlotHolder } from "../../queries/limits/pool-slots.ts";
import type { WorkerItem, WorkPoolItem } from "../../queries/objects/work-pools.ts";
import { MAX_HOLDERS } from "../answer/holders.ts";
import type { Item } from "../answer/table.ts";

const seconds = (us: number) => Math.round(us / 1_000_000);

/** A pool in a list: slots and workers as numbers, and a line for each queue that has a limit, is paused or is not the default. */
export function poolBrief(item: WorkPoolItem): Item {
  const { pool, queues, workers, occupancy } = item;
  const limit = pool.concurrency_limit;
  const isFull = limit !== null && limit !== undefined && occupancy.activeSlots >= Number(limit);
  const special = (queues ?? [])
    .filter((queue) => queue.name !== "default" || isSpecial(queue))
    .map((queue) => queueLine(queue, occupancy));
  return {
    id: pool.id,
    name: pool.name,
    type: pool.type,
    ...(pool.status ? { status: pool.status } : {}),
    is_paused: pool.is_paused === true,
    ...(limit === null || limit === undefined ? {} : { concurrency_limit: limit }),
    ...(limit != null || occupancy.activeSlots > 0 ? { active_slots: occupancy.activeSlots } : {}),
    ...(isFull ? { slot_holders: holdersOf(occupancy).slice(0, MAX_HOLDERS) } : {}),
    ...workersBrief(workers),
    ...(special.length > 0 ? { queues: special } : {}),
  };
}

function workersBrief(workers: readonly WorkerItem[] | null): Item {
  if (workers === null) return {};
  const online = workers.filter(({ worker }) => worker.status === "ONLINE").length;
  const age = workers[0]?.heartbeatAgeUs;
  return {
    workers_online: online,
    ...(workers.length > online ? { workers_offline: workers.length - online } : {}),
    ...(age === null || age === undefined ? {} : { last_heartbeat_seconds_ago: seconds(age) }),
  };
}

function isSpecial(queue: WorkQueue): boolean {
  return queue.is_paused === true || (queue.concurrency_limit ?? null) !== null;
}

function holdersOf(occupancy: PoolOccupancy): SlotHolder[] {
  return occupancy.queues.flatMap((queue) => queue.holders);
}

/** `critical priority 2, limit 1 (1 taken), paused`. */
export function queueLine(queue: WorkQueue, occupancy: PoolOccupancy): string {
  const limit = queue.concurrency_limit ?? null;
  const taken = occupancy.queues.find((one) => one.queueId === queue.id)?.activeSlots ?? 0;
  const parts = [
    `${queue.name} priority ${queue.priority ?? 1}`,
    ...(limit === null ? [] : [`limit ${limit} (${taken} taken)`]),
    ...(queue.is_paused ? ["paused"] : []),
  ];
  return parts.join(", ");
}

/** One pool with all its queues, workers and holders. */
export function poolDetail(item: WorkPoolItem): Item {
  const { pool, queues, workers, occupancy } = item;
  const {
    queues: _,
    slot_holders: __,
    workers_online: ___,
    workers_offline: ____,
    last_heartbeat_seconds_ago: _____,
    ...brief
  } = poolBrief(item);
  const described = pool.description ? { description: pool.description } : {};
  return {
    ...brief,
    ...described,
    ...(queues === null ? {} : { queues: queues.map((queue) => queueItem(queue, occupancy)) }),
    ...(workers === null ? {} : { workers: workers.map(workerItem) }),
    ...(occupancy.activeSlots > 0 ? { slot_holders: holdersOf(occupancy).slice(0, MAX_HOLDERS * 4) } : {}),
  };
}

function queueItem(queue: WorkQueue, occupancy: PoolOccupancy): Item {
  const limit = queue.concurrency_limit ?? null;
  return {
    name: queue.name,
    priority: queue.priority ?? null,
    ...(queue.status ? { status: queue.status } : {}),
    ...(queue.is_paused ? { is_paused: true } : {}),
    ...(limit === null ? {} : { concurrency_limit: limit }),
    active_slots: occupancy.queues.find((one) => one.queueId === queue.id)?.activeSlots ?? 0,
  };
}

function workerItem({ worker, heartbeatAgeUs }: WorkerItem): Item {
  return {
    name: worker.name,
    ...(worker.status ? { status: worker.status } : {}),
    ...(heartbeatAgeUs === null ? {} : { heartbeat_seconds_ago: seconds(heartbeatAgeUs) }),
  };
}
