/** Deployments with the name of their flow, their last and next runs, and the limits of their runs. */
import type { JsonNumber } from "../../lib/exact-json.ts";
import { counted, type Sentence, sentence } from "../../lib/shown-text.ts";
import { earliestUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import { type Freshness, withNotes } from "../../model/freshness.ts";
import { fullName } from "../../model/objects/full-name.ts";
import type { Deployment } from "../../model/objects.ts";
import type { RecordDb } from "../../store/database.ts";
import type { FilterSet } from "../../store/filters/bodies.ts";
import type { ObjectSort } from "../../store/filters/sorts.ts";
import { findActiveRuns } from "../../store/runs/active-runs.ts";
import { findNextRuns, findStartedRuns, findTagsOfDeploymentRuns } from "../../store/runs/runs-of-owner.ts";
import { deploymentHolders, readDeploymentHolders } from "../limits/limit-slots.ts";
import { listSlots, type Slot } from "../limits/slots.ts";
import { findRecordedNames, readObjectNames } from "../names/object-names.ts";
import { lineOfRow, type RunLine, readRunsOfDeployment } from "../runs/recent-runs.ts";
import { answerWindow, isRecordCurrent } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import { type LiveReader, openLive } from "../source/live.ts";
import { presentWindow } from "../source/run-window.ts";
import { serverNowUs } from "../source/server-time.ts";
import { listObjects } from "./objects.ts";

export interface DeploymentsQuestion {
  readonly set: FilterSet;
  readonly sort: ObjectSort;
  readonly limit: number;
  readonly offset: number;
  readonly fresh?: boolean | undefined;
  /** The caller takes them in any order. */
  readonly isAnyOrder?: boolean;
}

export interface DeploymentItem {
  readonly deployment: Deployment;
  readonly flowName: string | null;
  /** Null: there is none, or runs are unknown (`areRunsKnown`). */
  readonly lastRun: RunLine | null;
  readonly nextRun: RunLine | null;
  readonly areRunsKnown: boolean;
  /** Number of its slots that are taken. Null: it has no limit, or they were not counted. */
  readonly activeSlots: JsonNumber | null;
}

export interface DeploymentsPage {
  readonly items: readonly DeploymentItem[];
  readonly hasMore: boolean;
  readonly freshness: Freshness;
}

export async function listDeployments(ctx: QueryContext, question: DeploymentsQuestion): Promise<DeploymentsPage> {
  const { rows, hasMore, freshness } = await listObjects(ctx, { kind: "deployment", ...question });
  const flows = await flowNames(ctx, rows, freshness);
  const nowUs = serverNowUs(ctx);
  const db = ctx.record();
  const isCurrent = db !== null && question.fresh !== true && isRecordCurrent(ctx, db, "flow_run");
  const active = isCurrent && rows.some((row) => row.global_concurrency_limit) ? findActiveRuns(db) : [];
  const items = rows.map((deployment) => ({
    deployment,
    flowName: flows.get(deployment.flow_id) ?? null,
    lastRun: isCurrent ? (findStartedRuns(db, "deployment_id", deployment.id, 1).map(lineOfRow)[0] ?? null) : null,
    nextRun: isCurrent ? (findNextRuns(db, "deployment_id", deployment.id, nowUs, 1).map(lineOfRow)[0] ?? null) : null,
    areRunsKnown: isCurrent,
    activeSlots: deployment.global_concurrency_limit
      ? isCurrent
        ? deploymentHolders(active, deployment.id).length
        : (deployment.global_concurrency_limit.active_slots ?? null)
      : null,
  }));
  return { items, hasMore, freshness };
}

/** Recorded names. For a live answer the missing ones are read from Prefect. */
async function flowNames(
  ctx: QueryContext,
  rows: readonly Deployment[],
  freshness: Freshness,
): Promise<Map<string, string>> {
  const ids = rows.map((row) => row.flow_id);
  if (freshness.source === "record") return findRecordedNames(ctx.record(), "flow", ids);
  return readObjectNames(ctx, openLive(ctx), "flow", ids);
}

export interface DeploymentDetail {
  /** The last runs that started, newest first. */
  readonly recentRuns: readonly RunLine[];
  readonly nextRun: RunLine | null;
  /** Limits of its runs: its own and those of its work pool, its work queue and the tags of itself, its runs and their task runs. */
  readonly limits: readonly Slot[];
  readonly poolStatus: string | null;
  readonly freshness: readonly Freshness[];
}

const RECENT = 5;
/** Started runs whose tags, with those of their task runs, are taken for the tags of its runs. */
const TAGGED_RUNS = 20;

/** Facts about one deployment that are not in its document. */
export async function readDeploymentDetail(
  ctx: QueryContext,
  { deployment, flowName }: Pick<DeploymentItem, "deployment" | "flowName">,
  fresh: boolean | undefined,
): Promise<DeploymentDetail> {
  const nowUs = serverNowUs(ctx);
  const db = ctx.record();
  // A record that reaches back some days does not show that there were no runs before.
  const isListFull = db !== null && findStartedRuns(db, "deployment_id", deployment.id, RECENT).length === RECENT;
  const createdUs = parseIsoUs(deployment.created ?? "") ?? 0;
  const window = isListFull
    ? presentWindow(db, "flow_run", nowUs)
    : { fromUs: earliestUs(createdUs, nowUs), toUs: nowUs };
  const [runs, slots] = await Promise.all([
    answerWindow<{ started: RunLine[]; next: RunLine[]; holders: Slot["holders"] }>(
      ctx,
      { kind: "flow_run", what: "flow runs", fresh, window, needsUnfinished: true },
      {
        record: (record) => fromRecord(record, deployment, nowUs),
        live: async (live) => ({ value: await fromLive(ctx, live, deployment, nowUs) }),
        isEmpty: ({ started, next }) => started.length + next.length === 0,
      },
    ),
    listSlots(ctx, fresh),
  ]);
  const { started, next, holders } = runs.value;
  const own = deployment.global_concurrency_limit;
  const ownSlot: Slot[] = own
    ? [
        {
          name: fullName(flowName, deployment.name),
          kind: "deployment",
          limit: own.limit,
          active_slots:
            runs.freshness.source === "record" ? holders.length : Number(own.active_slots ?? holders.length),
          holders,
        },
      ]
    : [];
  const pool = deployment.work_pool_name;
  const known = db ? findTagsOfDeploymentRuns(db, deployment.id, TAGGED_RUNS) : { tags: new Set<string>(), runs: 0 };
  const tags = new Set([...(deployment.tags ?? []), ...known.tags]);
  const note = limitsNote(slots.value.slots, known.runs);
  return {
    recentRuns: started,
    nextRun: next[0] ?? null,
    limits: [...ownSlot, ...slots.value.slots.filter((slot) => appliesTo(slot, deployment, tags))],
    poolStatus: slots.value.pools.find((one) => one.name === pool)?.status ?? null,
    freshness: [runs.freshness, note === null ? slots.freshness : withNotes(slots.freshness, [note])],
  };
}

/** Which limits may be missing: code decides about the tags of tasks and names global limits. */
function limitsNote(slots: readonly Slot[], runs: number): Sentence | null {
  const kinds = new Set(slots.map(({ kind }) => kind));
  const ofRuns =
    runs === 0
      ? ""
      : runs === 1
        ? " and its last recorded run"
        : sentence` and its last ${counted(runs, "recorded run")}`;
  const ofTags = kinds.has("tag") ? sentence`Tags are known from the deployment${ofRuns}.` : "";
  const ofCode = kinds.has("global") ? "Global limits that its code names are not known." : "";
  return ofTags === "" && ofCode === ""
    ? null
    : sentence`${ofTags}${ofTags !== "" && ofCode !== "" ? " " : ""}${ofCode}`;
}

function appliesTo(
  slot: Slot,
  { work_pool_name: pool, work_queue_name: queue }: Deployment,
  tags: ReadonlySet<string>,
): boolean {
  if (slot.kind === "work_pool") return slot.name === pool;
  if (slot.kind === "work_queue") return slot.name === `${pool}/${queue}`;
  return slot.kind === "tag" && tags.has(slot.name);
}

function fromRecord(db: RecordDb, { id }: Deployment, nowUs: ServerUs) {
  return {
    started: findStartedRuns(db, "deployment_id", id, RECENT).map(lineOfRow),
    next: findNextRuns(db, "deployment_id", id, nowUs, 1).map(lineOfRow),
    holders: deploymentHolders(findActiveRuns(db), id),
  };
}

async function fromLive(
  ctx: QueryContext,
  live: LiveReader,
  { id, global_concurrency_limit: limit }: Deployment,
  nowUs: ServerUs,
) {
  const [runs, holders] = await Promise.all([
    readRunsOfDeployment(ctx, live, id, nowUs, RECENT),
    limit ? readDeploymentHolders(live, [id]) : new Map<string, Slot["holders"][number][]>(),
  ]);
  return { ...runs, holders: holders.get(id) ?? [] };
}
