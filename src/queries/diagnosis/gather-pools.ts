/** Work pools and limits as they stand now: the record's rows, put right by at most three live questions. */
import type { ConcurrencyLimit, Worker } from "../../model/objects.ts";
import { findObjects } from "../../store/objects.ts";
import type { QueryContext } from "../context.ts";
import { deploymentHolders, limitSubject, listGlobalHolders, readTagHolders } from "../limit-slots.ts";
import { openLive } from "../live.ts";
import { findActiveRuns, type PoolOccupancy, readPoolOccupancy } from "../pool-slots.ts";
import { listWorkPools } from "../work-pools.ts";
import { attempt, type Trail } from "./trail.ts";
import type { Holder, LimitFacts, PoolFacts } from "./types.ts";

/** A frozen server must not hold the answer up: what it does not say in this time is said to be unchecked. */
const LIVE_MS = 3_000;

/** Pools by name with queues, workers, occupancy. For a single pool the last two are asked live. */
export async function gatherPools(ctx: QueryContext, names: readonly string[], trail: Trail): Promise<PoolFacts[]> {
  if (names.length === 0) return [];
  const isOne = names.length === 1;
  const [page, live] = await Promise.all([
    attempt(trail, "the work pools", null, () =>
      listWorkPools(ctx, { set: { work_pools: { name: { any_: [...names] } } }, limit: 50, offset: 0 }),
    ),
    isOne ? askPool(ctx, names[0] ?? "", trail) : null,
  ]);
  if (!page) return [];
  trail.freshness.push(page.freshness);
  return page.items.map((item) => {
    const occupancy: PoolOccupancy = live?.occupancy ?? item.occupancy;
    const workers = live?.workers ?? item.workers?.map(({ worker }) => worker) ?? [];
    const byId = new Map(occupancy.queues.map((queue) => [queue.queueId, queue]));
    return {
      pool: item.pool,
      workers,
      activeSlots: occupancy.activeSlots,
      holders: occupancy.queues.flatMap((queue) => queue.holders),
      queues: item.queues.map((queue) => ({
        queue,
        activeSlots: byId.get(queue.id)?.activeSlots ?? 0,
        holders: byId.get(queue.id)?.holders ?? [],
        waiting: 0,
      })),
    };
  });
}

async function askPool(
  ctx: QueryContext,
  name: string,
  trail: Trail,
): Promise<{ occupancy: PoolOccupancy | null; workers: readonly Worker[] | null }> {
  const live = withDeadline(ctx);
  const [occupancy, workers] = await Promise.all([
    attempt(trail, `who holds the slots of pool ${name} right now`, null, async () => {
      const found = await readPoolOccupancy(openLive(live), [name]);
      return found.get(name) ?? null;
    }),
    attempt<readonly Worker[] | null>(trail, `the heartbeats of pool ${name} right now`, null, () => {
      const reader = openLive(live);
      return reader.api.filterWorkers(name, reader.options());
    }),
  ]);
  return { occupancy, workers };
}

/** The same context with less time for live questions. */
export function withDeadline(ctx: QueryContext): QueryContext {
  const untilUs = Math.min(ctx.liveUntilUs ?? Number.POSITIVE_INFINITY, ctx.clock.nowUs() + LIVE_MS * 1000);
  return Object.create(ctx, {
    liveUntilUs: { value: untilUs, enumerable: true },
    liveDeadlineMs: { value: LIVE_MS, enumerable: true },
  });
}

/** Limits in force with who holds them: deployment, tag and global. */
export async function gatherLimits(ctx: QueryContext, trail: Trail): Promise<LimitFacts[]> {
  const db = ctx.record();
  const held = db ? findObjects(db, "concurrency_limit").map(({ doc }) => doc) : [];
  const limits = await attempt<readonly ConcurrencyLimit[]>(
    trail,
    "the counts of concurrency limits right now",
    held,
    () => {
      const reader = openLive(withDeadline(ctx));
      return reader.api.filterConcurrencyLimits({ limit: 200, offset: 0 }, reader.options());
    },
  );
  const taken = limits.filter((limit) => (limit.active_slots ?? 0) > 0);
  const kinds = new Map(taken.map((limit) => [limit.id, limitSubject(limit)]));
  const hasTags = [...kinds.values()].some(({ kind }) => kind === "tag");
  const globals = taken.filter((limit) => kinds.get(limit.id)?.kind === "global").map((limit) => limit.id);
  const [tags, byLimit] = await Promise.all([
    hasTags
      ? attempt(trail, "which task runs hold the tag limits", new Map(), () =>
          readTagHolders(ctx, openLive(withDeadline(ctx))),
        )
      : new Map<string, Holder[]>(),
    attempt(trail, "who holds the global limits", new Map(), () => listGlobalHolders(ctx, globals)),
  ]);
  const active = db ? findActiveRuns(db) : [];
  return limits.map((limit) => {
    const { kind, key } = limitSubject(limit);
    const holders: readonly Holder[] =
      kind === "tag"
        ? (tags.get(key) ?? [])
        : kind === "global"
          ? (byLimit.get(limit.id) ?? [])
          : deploymentHolders(active, key);
    return { limit, kind, key, holders: (limit.active_slots ?? 0) === 0 ? [] : holders };
  });
}
