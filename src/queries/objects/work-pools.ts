/** Work pools with their queues, their workers with heartbeats, and the runs that hold their slots. */
import { sentence } from "../../lib/shown-text.ts";
import { MINUTE_US, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { Freshness } from "../../model/freshness.ts";
import { KINDS } from "../../model/kinds.ts";
import type { Worker, WorkPool, WorkQueue } from "../../model/objects.ts";
import { readWholeList } from "../../prefect/paging/list-pages.ts";
import type { FilterSet } from "../../store/filters/bodies.ts";
import { findObjects } from "../../store/objects/objects.ts";
import { findPoolOccupancy, type PoolOccupancy, readPoolOccupancy } from "../limits/pool-slots.ts";
import { type Answered, answerSnapshot, answerWindow, joinFreshness } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import { presentWindow } from "../source/run-window.ts";
import { serverNowUs } from "../source/server-time.ts";
import { listObjects } from "./objects.ts";

export interface WorkPoolsQuestion {
  readonly set: FilterSet;
  readonly limit: number;
  readonly offset: number;
  readonly fresh?: boolean | undefined;
}

/** A worker with the age of its last heartbeat, microseconds. Null: it has sent none. */
export interface WorkerItem {
  readonly worker: Worker;
  readonly heartbeatAgeUs: number | null;
}

export interface WorkPoolItem {
  readonly pool: WorkPool;
  /** By priority. Null: not known of a past moment. */
  readonly queues: readonly WorkQueue[] | null;
  /** Latest heartbeat first. Null: not read, or not known of a past moment. */
  readonly workers: readonly WorkerItem[] | null;
  readonly occupancy: PoolOccupancy;
}

export interface WorkPoolsPage {
  readonly items: readonly WorkPoolItem[];
  readonly hasMore: boolean;
  readonly freshness: Freshness;
}

/** Most pools whose workers and slots are read, which takes one request per pool. */
const MAX_POOLS = 10;

/** Pools whose types are looked at. */
const MAX_TYPED_POOLS = 200;

/** Work pools by name. Throws AppError of the live reading when it fails and the record has nothing. */
export async function listWorkPools(ctx: QueryContext, question: WorkPoolsQuestion): Promise<WorkPoolsPage> {
  const { rows, hasMore, freshness } = await listObjects(ctx, { kind: "work_pool", sort: "NAME_ASC", ...question });
  if (rows.length === 0) return { items: [], hasMore, freshness };
  const isAll = !hasMore && question.offset === 0 && Object.keys(question.set).length === 0;
  const [queues, workers, occupancy] = await Promise.all([
    ctx.past?.missing.has("work_queue") ? null : queuesOf(ctx, question.fresh),
    ctx.past?.missing.has("worker") ? null : workersOf(ctx, rows, question.fresh, isAll),
    occupancyOf(ctx, rows, question.fresh),
  ]);
  const nowUs = serverNowUs(ctx);
  const items = rows.map((pool) => ({
    pool,
    queues:
      queues?.value
        .filter((queue) => queue.work_pool_id === pool.id)
        .sort((a, b) => Number(a.priority ?? 0) - Number(b.priority ?? 0)) ?? null,
    workers:
      workers?.value.filter((worker) => worker.work_pool_id === pool.id).map((worker) => withAge(worker, nowUs)) ??
      null,
    occupancy: occupancy.value.get(pool.name) ?? { activeSlots: 0, queues: [] },
  }));
  const read = [queues, workers].flatMap((one) => (one === null ? [] : [one.freshness]));
  const parts = [freshness, occupancy.freshness, ...read];
  return { items, hasMore, freshness: joinFreshness(parts) };
}

/** The types of all work pools. */
export async function listPoolTypes(ctx: QueryContext, fresh: boolean | undefined): Promise<readonly string[]> {
  const all = {
    kind: "work_pool",
    sort: "NAME_ASC",
    set: {},
    limit: MAX_TYPED_POOLS,
    offset: 0,
    fresh,
    isAnyOrder: true,
  } as const;
  const { rows } = await listObjects(ctx, all);
  return [...new Set(rows.flatMap(({ type }) => type ?? []))].toSorted();
}

function withAge(worker: Worker, nowUs: ServerUs): WorkerItem {
  const beatUs = parseIsoUs(worker.last_heartbeat_time ?? "");
  // From before the server clock was set back: it does not show how long ago it was.
  const isUnknown = beatUs === undefined || beatUs > nowUs + MINUTE_US;
  return { worker, heartbeatAgeUs: isUnknown ? null : Math.max(0, nowUs - beatUs) };
}

function queuesOf(ctx: QueryContext, fresh: boolean | undefined): Promise<Answered<readonly WorkQueue[]>> {
  return answerSnapshot<readonly WorkQueue[]>(
    ctx,
    { kinds: ["work_queue"], what: KINDS.work_queue.plural, fresh },
    {
      record: (db) => findObjects(db, "work_queue").map(({ doc }) => doc),
      live: async (live) => {
        const { rows, isWhole } = await readWholeList((page) =>
          live.api.filterObjects("work_queue", page, live.options()),
        );
        ctx.saveLive({ kind: "work_queue", rows, readUs: live.startedUs, isWhole });
        return { value: rows };
      },
      isEmpty: (rows) => rows.length === 0,
    },
  );
}

async function workersOf(
  ctx: QueryContext,
  pools: readonly WorkPool[],
  fresh: boolean | undefined,
  isAll: boolean,
): Promise<Answered<readonly Worker[]> | null> {
  const byHeartbeat = (a: Worker, b: Worker) =>
    (a.last_heartbeat_time ?? "") < (b.last_heartbeat_time ?? "") ? 1 : -1;
  if (pools.length > MAX_POOLS && (fresh === true || ctx.record() === null)) return null;
  const { value, freshness } = await answerSnapshot<readonly Worker[]>(
    ctx,
    { kinds: ["worker"], what: KINDS.worker.plural, fresh },
    {
      record: (db) => findObjects(db, "worker").map(({ doc }) => doc),
      live: async (live) => {
        const shown = pools.slice(0, MAX_POOLS);
        const rows = (await Promise.all(shown.map(({ name }) => live.api.filterWorkers(name, live.options())))).flat();
        const isWhole = isAll && pools.length <= MAX_POOLS;
        ctx.saveLive({ kind: "worker", rows, readUs: live.startedUs, isWhole });
        const notes =
          pools.length > MAX_POOLS ? [sentence`Workers were read for the first ${MAX_POOLS} pools only.`] : [];
        return { value: rows, notes };
      },
      isEmpty: (rows) => rows.length === 0,
    },
  );
  return { value: value.toSorted(byHeartbeat), freshness };
}

/** Taken slots by pool: of all pools from recorded runs, or of the first pools from Prefect. */
function occupancyOf(
  ctx: QueryContext,
  pools: readonly WorkPool[],
  fresh: boolean | undefined,
): Promise<Answered<ReadonlyMap<string, PoolOccupancy>>> {
  const window = presentWindow(ctx.record(), "flow_run", serverNowUs(ctx));
  return answerWindow<ReadonlyMap<string, PoolOccupancy>>(
    ctx,
    { kind: "flow_run", what: "flow runs", fresh, window, needsUnfinished: true },
    {
      record: (db) => findPoolOccupancy(db),
      live: async (live) => {
        const shown = pools.slice(0, MAX_POOLS).map(({ name }) => name);
        const notes =
          pools.length > MAX_POOLS ? [sentence`Slots were counted for the first ${MAX_POOLS} pools only.`] : [];
        return { value: await readPoolOccupancy(live, shown), notes };
      },
      isEmpty: () => false,
    },
  );
}
