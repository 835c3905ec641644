/** All limits of the workspace (of pools, queues, deployments and tags, and global ones) with the runs that hold their slots. */

import { toAppError } from "../../errors.ts";
import { durationText } from "../../lib/duration-text.ts";
import type { JsonNumber } from "../../lib/exact-json.ts";
import { type Sentence, sentence } from "../../lib/shown-text.ts";
import { SECOND_US } from "../../lib/time.ts";
import { asIncomplete, withNotes } from "../../model/freshness.ts";
import type { ConcurrencyLimit, WorkPool, WorkQueue } from "../../model/objects.ts";
import { readWholeList } from "../../prefect/paging/list-pages.ts";
import type { RecordDb } from "../../store/database.ts";
import { findFullNames, findObjects } from "../../store/objects/objects.ts";
import { findActiveRuns } from "../../store/runs/active-runs.ts";
import { findFact } from "../../store/sync-state.ts";
import { readDeploymentNames } from "../names/object-names.ts";
import type { Answered, LiveValue } from "../source/answer.ts";
import { answerSnapshot, isRecordCurrent, UNKNOWN_UNFINISHED } from "../source/answer.ts";
import { AHEAD_US } from "../source/choose-source.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";
import { openLive } from "../source/live.ts";
import { findOutage, syncViewOf } from "../source/outage.ts";
import { readingAgeUs } from "../source/server-time.ts";
import {
  deploymentHolders,
  findTagHolders,
  limitSubject,
  listGlobalHolders,
  readDeploymentHolders,
  readTagHolders,
} from "./limit-slots.ts";
import type { PoolOccupancy, SlotHolder } from "./pool-slots.ts";
import { findPoolOccupancy, readPoolOccupancy } from "./pool-slots.ts";

export interface Slot {
  /** `pool`, `pool/queue`, name of a deployment, tag, or name of a global limit. */
  readonly name: string;
  readonly kind: "work_pool" | "work_queue" | "deployment" | "tag" | "global";
  readonly limit: JsonNumber;
  readonly active_slots: number;
  readonly holders: readonly SlotHolder[];
}

export interface SlotsAnswer {
  readonly slots: readonly Slot[];
  readonly pools: readonly WorkPool[];
}

/** Only Prefect counts the slots of global and tag limits. Counts older than this have their age stated, or are read again. */
const COUNTS_AGE_US = 5 * SECOND_US;
/**
 * A process that follows Prefect reads the limits every 15 s while a client is active (`sync/runs/snapshots.ts`). Up to this age a call
 * does not wait for Prefect to count again.
 */
const FOLLOWED_COUNTS_AGE_US = 20 * SECOND_US;

/** Lists all limits, fullest first, and the work pools with their status. */
export async function listSlots(ctx: QueryContext, fresh: boolean | undefined): Promise<Answered<SlotsAnswer>> {
  const db = ctx.record();
  const isStale = db !== null && !isRecordCurrent(ctx, db, "flow_run");
  const kinds = ["work_pool", "work_queue", "concurrency_limit"] as const;
  const found = await answerSnapshot<Gathered>(
    ctx,
    { kinds, what: "work pools and limits", fresh, isStale },
    { record: fromRecord, live: (live) => fromLive(ctx, live), isEmpty: () => false },
  );
  const isUnknown = db !== null && found.freshness.source === "record" && findFact(db, "read:unfinished") === null;
  const answer = isUnknown ? { ...found, freshness: asIncomplete(found.freshness, UNKNOWN_UNFINISHED) } : found;
  const { value, freshness } = db ? await withCounts(ctx, db, answer) : answer;
  return { value: { slots: await assemble(ctx, value), pools: value.pools }, freshness };
}

/** The answer with counts that are recent enough; where they come from the record and are some seconds old, it states their age. */
async function withCounts(ctx: QueryContext, db: RecordDb, answer: Answered<Gathered>): Promise<Answered<Gathered>> {
  const { value, freshness } = answer;
  const { isFollowing } = syncViewOf(ctx, db);
  if (freshness.source !== "record" || freshness.coverage.notes.length > 0) return answer;
  if (!value.limits.some((limit) => limitSubject(limit).kind !== "deployment")) return answer;
  const ageUs = readingAgeUs(ctx, db, findFact(db, "read:concurrency_limit")?.readUs ?? 0);
  const areHoldersOld = hasHeldTags(value.limits) && !isRecordCurrent(ctx, db, "task_run");
  const allowedUs = isFollowing ? FOLLOWED_COUNTS_AGE_US : COUNTS_AGE_US;
  const areCountsOld = ageUs > allowedUs || ageUs < -AHEAD_US || areHoldersOld;
  if (areCountsOld && !findOutage(ctx, db)) return withFreshCounts(ctx, answer);
  if (ageUs <= COUNTS_AGE_US) return answer;
  return withNote(answer, sentence`Slots of tags and global limits were counted ${durationText(ageUs)} ago.`);
}

function withNote(answer: Answered<Gathered>, note: Sentence): Answered<Gathered> {
  return { ...answer, freshness: withNotes(answer.freshness, [note]) };
}

async function withFreshCounts(ctx: QueryContext, answer: Answered<Gathered>): Promise<Answered<Gathered>> {
  try {
    const live = openLive(ctx);
    const limits = await readLimits(ctx, live);
    const ofTags = hasHeldTags(limits) ? await readTagHolders(ctx, live) : answer.value.ofTags;
    return { value: { ...answer.value, limits, ofTags }, freshness: { ...answer.freshness, source: "mixed" } };
  } catch (error) {
    if (!toAppError(error).retryable) throw error;
    return withNote(answer, sentence`Slots of tags and global limits could not be counted again.`);
  }
}

async function readLimits(ctx: QueryContext, live: LiveReader): Promise<readonly ConcurrencyLimit[]> {
  const { rows: limits, isWhole } = await readWholeList((page) =>
    live.api.filterObjects("concurrency_limit", page, live.options()),
  );
  ctx.saveLive({ kind: "concurrency_limit", rows: limits, readUs: live.startedUs, isWhole });
  return limits;
}

function hasHeldTags(limits: readonly ConcurrencyLimit[]): boolean {
  return limits.some((limit) => limitSubject(limit).kind === "tag" && Number(limit.active_slots ?? 0) > 0);
}

interface Gathered {
  readonly pools: readonly WorkPool[];
  readonly queues: readonly WorkQueue[];
  readonly limits: readonly ConcurrencyLimit[];
  readonly occupancy: ReadonlyMap<string, PoolOccupancy>;
  readonly ofDeployments: ReadonlyMap<string, readonly SlotHolder[]>;
  readonly ofTags: ReadonlyMap<string, readonly SlotHolder[]>;
  readonly deploymentNames: ReadonlyMap<string, string>;
  /** Then the slots of deployments are counted by their holders, since the recorded number is as old as the list. */
  readonly isRecord: boolean;
}

function fromRecord(db: RecordDb): Gathered {
  const runs = findActiveRuns(db);
  const limits = findObjects(db, "concurrency_limit").map(({ doc }) => doc);
  const deploymentIds = deploymentsIn(limits);
  return {
    pools: findObjects(db, "work_pool").map(({ doc }) => doc),
    queues: findObjects(db, "work_queue").map(({ doc }) => doc),
    limits,
    occupancy: findPoolOccupancy(db, runs),
    ofDeployments: new Map(deploymentIds.map((id) => [id, deploymentHolders(runs, id)])),
    ofTags: findTagHolders(db),
    deploymentNames: findFullNames(db, "deployment", deploymentIds),
    isRecord: true,
  };
}

function deploymentsIn(limits: readonly ConcurrencyLimit[]): string[] {
  return limits.map(limitSubject).flatMap(({ kind, key }) => (kind === "deployment" ? [key] : []));
}

async function fromLive(ctx: QueryContext, live: LiveReader): Promise<LiveValue<Gathered>> {
  const readUs = live.startedUs;
  const [{ rows: pools, isWhole: isEveryPool }, { rows: queues, isWhole: isEveryQueue }, limits] = await Promise.all([
    readWholeList((page) => live.api.filterObjects("work_pool", page, live.options())),
    readWholeList((page) => live.api.filterObjects("work_queue", page, live.options())),
    readLimits(ctx, live),
  ]);
  ctx.saveLive({ kind: "work_pool", rows: pools, readUs, isWhole: isEveryPool });
  ctx.saveLive({ kind: "work_queue", rows: queues, readUs, isWhole: isEveryQueue });
  const deploymentIds = deploymentsIn(limits);
  const [occupancy, ofDeployments, ofTags, deploymentNames] = await Promise.all([
    readPoolOccupancy(live, limitedPools(pools, queues)),
    readDeploymentHolders(live, deploymentIds),
    hasHeldTags(limits) ? readTagHolders(ctx, live) : new Map<string, SlotHolder[]>(),
    readDeploymentNames(ctx, live, deploymentIds),
  ]);
  return { value: { pools, queues, limits, occupancy, ofDeployments, ofTags, deploymentNames, isRecord: false } };
}

/** Names of pools with a limit, of their own or of a queue. */
function limitedPools(pools: readonly WorkPool[], queues: readonly WorkQueue[]): string[] {
  const limited = new Set(queues.filter((queue) => isLimited(queue)).map((queue) => queue.work_pool_name ?? ""));
  return pools.filter((pool) => isLimited(pool) || limited.has(pool.name)).map((pool) => pool.name);
}

function isLimited(one: { readonly concurrency_limit?: JsonNumber | null }): boolean {
  return one.concurrency_limit !== null && one.concurrency_limit !== undefined;
}

async function assemble(ctx: QueryContext, found: Gathered): Promise<Slot[]> {
  const busy = found.limits.filter(
    (limit) => limitSubject(limit).kind === "global" && Number(limit.active_slots ?? 0) > 0,
  );
  const ofGlobals = await listGlobalHolders(
    ctx,
    busy.map((limit) => limit.id),
  );
  const slots = [
    ...poolSlots(found),
    ...queueSlots(found),
    ...found.limits.filter((limit) => limit.active !== false).map((limit) => limitSlot(limit, found, ofGlobals)),
  ];
  return slots.sort((a, b) => fullness(b) - fullness(a) || (a.name < b.name ? -1 : 1));
}

function fullness(slot: Slot): number {
  const limit = Number(slot.limit);
  return limit === 0 ? 1 : slot.active_slots / limit;
}

function poolSlots({ pools, occupancy }: Gathered): Slot[] {
  return pools.flatMap(({ name, concurrency_limit: limit }) => {
    if (limit === null || limit === undefined) return [];
    const held = occupancy.get(name);
    const holders = held?.queues.flatMap((queue) => queue.holders) ?? [];
    return [{ name, kind: "work_pool", limit, active_slots: held?.activeSlots ?? 0, holders }];
  });
}

function queueSlots({ pools, queues, occupancy }: Gathered): Slot[] {
  const names = new Map(pools.map((pool) => [pool.id, pool.name]));
  return queues.flatMap((queue) => {
    const limit = queue.concurrency_limit;
    if (limit === null || limit === undefined) return [];
    const pool = queue.work_pool_name ?? names.get(queue.work_pool_id ?? "") ?? "";
    const held = occupancy.get(pool)?.queues.find((one) => one.queueId === queue.id);
    return [
      {
        name: `${pool}/${queue.name}`,
        kind: "work_queue",
        limit,
        active_slots: held?.activeSlots ?? 0,
        holders: held?.holders ?? [],
      },
    ];
  });
}

function limitSlot(
  limit: ConcurrencyLimit,
  found: Gathered,
  ofGlobals: ReadonlyMap<string, readonly SlotHolder[]>,
): Slot {
  const { kind, key } = limitSubject(limit);
  const counted = Number(limit.active_slots ?? 0);
  const base = { kind, limit: limit.limit, active_slots: counted };
  if (kind === "global") return { ...base, name: key, holders: counted > 0 ? (ofGlobals.get(limit.id) ?? []) : [] };
  if (kind === "tag") return { ...base, name: key, holders: counted > 0 ? (found.ofTags.get(key) ?? []) : [] };
  const holders = found.ofDeployments.get(key) ?? [];
  const name = found.deploymentNames.get(key) ?? key;
  return { ...base, name, active_slots: found.isRecord ? holders.length : counted, holders };
}
