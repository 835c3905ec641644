/** Work pools and limits as they are now: rows of the record, updated by at most three live questions. */
import { asName, own, sentence } from "../../../lib/shown-text.ts";
import { onServerClock, type ServerUs } from "../../../lib/time.ts";
import type { ConcurrencyLimit, Worker } from "../../../model/objects.ts";
import { ROWS_PER_PAGE } from "../../../prefect/transport/page-sizes.ts";
import type { RecordDb } from "../../../store/database.ts";
import { findObjects } from "../../../store/objects/objects.ts";
import { findActiveRuns } from "../../../store/runs/active-runs.ts";
import { idText } from "../../../store/runs/run-columns.ts";
import { findRunNames } from "../../../store/runs/run-tree.ts";
import { findTaskRunRow } from "../../../store/runs/task-runs.ts";
import { findFact } from "../../../store/sync-state.ts";
import {
  deploymentHolders,
  findTagHolders,
  limitSubject,
  listGlobalHolders,
  readTagHolders,
} from "../../limits/limit-slots.ts";
import { type PoolOccupancy, readPoolOccupancy } from "../../limits/pool-slots.ts";
import { listWorkPools } from "../../objects/work-pools.ts";
import type { QueryContext } from "../../source/context.ts";
import { clockSkewUs, serverNowUs } from "../../source/server-time.ts";
import type { Holder, LimitFacts, PoolFacts } from "../findings/types.ts";
import { askLive, attempt, type Gathering } from "./gathering.ts";

/** One less than Prefect's page: the row after the last one shows whether there are more. */
const MAX_POOLS = 199;

/** Pools by name. For a single pool from the record, workers and occupied slots are asked live. */
export async function gatherPools(
  ctx: QueryContext,
  names: readonly string[],
  gathering: Gathering,
): Promise<PoolFacts[]> {
  if (names.length === 0) return [];
  const page = await attempt(gathering, own("the work pools"), null, () =>
    listWorkPools(ctx, { set: { work_pools: { name: { any_: [...names] } } }, limit: MAX_POOLS, offset: 0 }),
  );
  if (!page) return [];
  gathering.freshness.push(page.freshness);
  if (page.hasMore) gathering.unchecked.push(sentence`all but the first ${MAX_POOLS} work pools`);
  const [name] = names;
  const isRecorded = page.freshness.source === "record";
  const live = names.length === 1 && name !== undefined && isRecorded ? await askPool(ctx, name, gathering) : null;
  return page.items.map((item) => {
    const occupancy: PoolOccupancy = live?.occupancy ?? item.occupancy;
    const recorded = item.workers?.map(({ worker }) => worker) ?? null;
    const workers = live?.workers ?? recorded ?? [];
    // Heartbeats leave no event, so a recorded list of workers may be old: a pool that is READY has a worker all the same.
    const areWorkersCurrent = live?.workers != null || !isRecorded;
    const areWorkersKnown =
      areWorkersCurrent || (recorded !== null && (recorded.length > 0 || item.pool.status !== "READY"));
    if (!areWorkersKnown) gathering.unchecked.push(sentence`the workers of pool ${asName(item.pool.name)}`);
    const byId = new Map(occupancy.queues.map((queue) => [queue.queueId, queue]));
    return {
      pool: item.pool,
      workers,
      areWorkersKnown,
      workersReadUs: areWorkersCurrent ? serverNowUs(ctx) : readUs(ctx, "read:worker", page.freshness.asOfUs),
      queuesReadUs: isRecorded ? readUs(ctx, "read:work_queue", page.freshness.asOfUs) : serverNowUs(ctx),
      activeSlots: occupancy.activeSlots,
      holders: occupancy.queues.flatMap((queue) => queue.holders),
      queues: (item.queues ?? []).map((queue) => ({
        queue,
        activeSlots: byId.get(queue.id)?.activeSlots ?? 0,
        holders: byId.get(queue.id)?.holders ?? [],
        waiting: 0,
      })),
    };
  });
}

/** When a recorded list was read. Server clock. */
function readUs(ctx: QueryContext, list: "read:worker" | "read:work_queue", asOfUs: ServerUs): ServerUs {
  const db = ctx.record();
  const read = db ? findFact(db, list) : null;
  return read ? onServerClock(read.readUs, clockSkewUs(db)) : asOfUs;
}

async function askPool(
  ctx: QueryContext,
  name: string,
  gathering: Gathering,
): Promise<{ occupancy: PoolOccupancy | null; workers: readonly Worker[] | null }> {
  const [occupancy, workers] = await Promise.all([
    askLive(ctx, gathering, sentence`who holds the slots of pool ${asName(name)} right now`, null, async (live) => {
      const found = await readPoolOccupancy(live, [name]);
      return found.get(name) ?? null;
    }),
    askLive<readonly Worker[] | null>(
      ctx,
      gathering,
      sentence`the heartbeats of pool ${asName(name)} right now`,
      null,
      (live) => live.api.filterWorkers(name, live.options()),
    ),
  ]);
  return { occupancy, workers };
}

/** Adds the names of their flow runs: task runs of different flow runs often have the same name. */
function withFlowRunNames(db: RecordDb | null, holders: readonly Holder[]): Holder[] {
  return holders.map((holder) => {
    const runId = db ? idText(findTaskRunRow(db, holder.id)?.flow_run_id ?? null) : null;
    const name = db && runId ? findRunNames(db, "flow_run", [runId]).get(runId) : undefined;
    return name && runId ? { ...holder, of: name, ofId: runId } : holder;
  });
}

/** Where Prefect names no holder of a tag, the running task runs of the record with that tag. */
function withRecordedTags(
  db: RecordDb | null,
  found: ReadonlyMap<string, readonly Holder[]>,
): ReadonlyMap<string, readonly Holder[]> {
  const recorded = db ? findTagHolders(db) : new Map<string, readonly Holder[]>();
  return new Map<string, readonly Holder[]>([...recorded, ...[...found].filter(([, holders]) => holders.length > 0)]);
}

/** Deployment, tag and global limits with their holders. Holders of tag limits are asked only with `tags`. */
export async function gatherLimits(
  ctx: QueryContext,
  gathering: Gathering,
  include: { tags: boolean },
): Promise<LimitFacts[]> {
  const db = ctx.record();
  const recorded = db ? findObjects(db, "concurrency_limit").map(({ doc }) => doc) : [];
  const [limits, tags] = await Promise.all([
    askLive<readonly ConcurrencyLimit[]>(
      ctx,
      gathering,
      own("the counts of concurrency limits right now"),
      recorded,
      (live) => live.api.filterObjects("concurrency_limit", { limit: ROWS_PER_PAGE, offset: 0 }, live.options()),
    ),
    include.tags
      ? askLive<ReadonlyMap<string, readonly Holder[]>>(
          ctx,
          gathering,
          own("which task runs hold the tag limits"),
          db ? findTagHolders(db) : new Map(),
          (live) => readTagHolders(ctx, live),
        ).then((found) => withRecordedTags(db, found))
      : new Map<string, readonly Holder[]>(),
  ]);
  const occupied = limits.filter((limit) => Number(limit.active_slots ?? 0) > 0);
  const globals = occupied.filter((limit) => limitSubject(limit).kind === "global").map((limit) => limit.id);
  const byLimit = await attempt<ReadonlyMap<string, readonly Holder[]>>(
    gathering,
    own("who holds the global limits"),
    new Map(),
    () => listGlobalHolders(ctx, globals),
  );
  const active = db ? findActiveRuns(db) : [];
  const deployments = db ? findObjects(db, "deployment").map(({ doc }) => doc) : [];
  const ofDeployments = (id: string, key: string) => {
    const ids = new Set(deployments.filter((one) => one.global_concurrency_limit?.id === id).map((one) => one.id));
    return [...ids.add(key)].flatMap((deploymentId) => deploymentHolders(active, deploymentId));
  };
  return limits.map((limit) => {
    const { kind, key } = limitSubject(limit);
    const holders: readonly Holder[] =
      kind === "tag"
        ? withFlowRunNames(db, tags.get(key) ?? [])
        : [...(byLimit.get(limit.id) ?? []), ...ofDeployments(limit.id, key)];
    // The lease of a slot ends after 300 s where nothing renews it: the count of a deployment's limit may be 0 while its run is Running.
    const isFree = kind !== "deployment" && Number(limit.active_slots ?? 0) === 0;
    return { limit, kind, key, holders: isFree ? [] : holders };
  });
}
