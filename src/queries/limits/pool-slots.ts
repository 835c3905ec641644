/**
 * Which runs hold the slots of work pools and queues: runs in state PENDING (with Submitting) or RUNNING in a queue of the pool.
 * SCHEDULED, PAUSED and CANCELLING runs hold none (checked on Prefect 3.8.8).
 */
import type { JsonObject } from "../../model/objects.ts";
import type { RecordDb } from "../../store/database.ts";
import { type ActiveRun, findActiveRuns } from "../../store/runs/active-runs.ts";
import type { LiveReader } from "../source/live.ts";

export interface SlotHolder {
  readonly id: string;
  readonly name: string | null;
}

export interface QueueOccupancy {
  readonly queueId: string;
  readonly name: string;
  readonly activeSlots: number;
  /** Prefect lists at most 200. */
  readonly holders: readonly SlotHolder[];
}

export interface PoolOccupancy {
  readonly activeSlots: number;
  readonly queues: readonly QueueOccupancy[];
}

/** Occupancy by pool name, from recorded runs. Pools and queues without a holder are absent. */
export function findPoolOccupancy(
  db: RecordDb,
  runs: readonly ActiveRun[] = findActiveRuns(db),
): Map<string, PoolOccupancy> {
  const pools = new Map<string, Map<string, { name: string; holders: SlotHolder[] }>>();
  for (const run of runs) {
    if (run.stateType === "CANCELLING" || run.workPoolName === null || run.workQueueId === null) continue;
    const queues = pools.get(run.workPoolName) ?? new Map<string, { name: string; holders: SlotHolder[] }>();
    const queue = queues.get(run.workQueueId) ?? { name: run.workQueueName ?? "", holders: [] };
    queue.holders.push({ id: run.id, name: run.name });
    queues.set(run.workQueueId, queue);
    pools.set(run.workPoolName, queues);
  }
  return new Map([...pools].map(([pool, queues]) => [pool, occupancyOf(queues)]));
}

function occupancyOf(queues: ReadonlyMap<string, { name: string; holders: readonly SlotHolder[] }>): PoolOccupancy {
  const list = [...queues].map(([queueId, { name, holders }]) => ({
    queueId,
    name,
    activeSlots: holders.length,
    holders,
  }));
  return { activeSlots: list.reduce((sum, queue) => sum + queue.activeSlots, 0), queues: list };
}

/** The same from Prefect, one request per pool (`POST /work_pools/{name}/concurrency_status`, since 3.6.23). */
export async function readPoolOccupancy(
  live: LiveReader,
  pools: readonly string[],
): Promise<Map<string, PoolOccupancy>> {
  const answers = await Promise.all(pools.map((name) => live.api.readWorkPoolSlots(name, live.options())));
  return new Map(pools.map((name, index) => [name, parseOccupancy(answers[index] ?? {})]));
}

function parseOccupancy(answer: JsonObject): PoolOccupancy {
  const queues = (Array.isArray(answer.queues) ? answer.queues : []) as readonly JsonObject[];
  return {
    activeSlots: Number(answer.active_slots ?? 0),
    queues: queues.map((queue) => ({
      queueId: String(queue.queue_id ?? ""),
      name: String(queue.queue_name ?? ""),
      activeSlots: Number(queue.active_slots ?? 0),
      holders: parseHolders(queue.flow_runs),
    })),
  };
}

function parseHolders(runs: unknown): SlotHolder[] {
  const rows = (Array.isArray(runs) ? runs : []) as readonly JsonObject[];
  return rows.map((run) => ({
    id: String(run.id ?? ""),
    name: typeof run.name === "string" ? run.name : null,
  }));
}
