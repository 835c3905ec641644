/** The facts of a question about many runs: what waits, runs, has ended and failed in a scope, and what decides it. */
import { own, sentence } from "../../../lib/shown-text.ts";
import { addUs, DAY_US, latestUs, parseIsoUs, type ServerUs } from "../../../lib/time.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import type { Deployment, FlowRun, JsonObject, TaskRun } from "../../../model/objects.ts";
import { LATE_AFTER_US } from "../../../model/runs/server-delays.ts";
import { isFailed, UNFINISHED_TYPES } from "../../../model/state.ts";
import type { RecordDb } from "../../../store/database.ts";
import type { FilterSet } from "../../../store/filters/bodies.ts";
import { findObjects } from "../../../store/objects/objects.ts";
import { findNextRuns } from "../../../store/runs/runs-of-owner.ts";
import { findFact } from "../../../store/sync-state.ts";
import { listDeployments } from "../../objects/deployments.ts";
import { listFlowRuns } from "../../runs/flow-runs.ts";
import { isRecordCurrent } from "../../source/answer.ts";
import type { QueryContext } from "../../source/context.ts";
import { isOver, RUNS_AS_NOW } from "../../source/past-window.ts";
import { limitsNewRuns } from "../findings/cancelled-by.ts";
import type { EndedRunFacts, Facts, NamedRun, PoolFacts, RunFacts } from "../findings/types.ts";
import { type RunsOwner, readEarlierRuns } from "./earlier-runs.ts";
import { endUs, readEnded, toNamed } from "./ended-runs.ts";
import { examineRuns } from "./examined-runs.ts";
import { groupFailures } from "./failures.ts";
import { attempt, type Gathering } from "./gathering.ts";
import { readNextTimes } from "./next-times.ts";
import { gatherLimits, gatherPools } from "./pools.ts";
import { readRetries } from "./retries.ts";
import { readScopeAutomations } from "./scope-automations.ts";
import { readThrottling } from "./throttling.ts";

const MAX_RUNS = 199;
/** A deployment that has failed since is judged in a wider question when its last run is not older than this. */
const STILL_FAILING_US = 8 * DAY_US;

export type RunsScope =
  | { readonly kind: "deployment"; readonly id: string }
  | { readonly kind: "flow"; readonly id: string }
  | { readonly kind: "work_pool"; readonly name: string; readonly id: string }
  | { readonly kind: "workspace" };

export interface RunsQuestion {
  readonly scope: RunsScope;
  readonly window: TimeRange;
  /** The caller named the window. Otherwise it follows the rhythm of each deployment. */
  readonly isWindowGiven: boolean;
  readonly nowUs: ServerUs;
  readonly gathering: Gathering;
  /** Null: those of the scope. */
  readonly deployments: readonly Deployment[] | null;
}

interface FilteredQuestion extends RunsQuestion {
  readonly filters: FilterSet;
}

/** Filters on the columns of the runs: these remain when a deployment is deleted. */
function filtersOf(scope: RunsScope): FilterSet {
  if (scope.kind === "deployment") return { flow_runs: { deployment_id: { any_: [scope.id] } } };
  if (scope.kind === "flow") return { flows: { id: { any_: [scope.id] } } };
  if (scope.kind === "work_pool") return { work_pools: { name: { any_: [scope.name] } } };
  return {};
}

function isInScope(scope: RunsScope, run: FlowRun): boolean {
  if (scope.kind === "deployment") return run.deployment_id === scope.id;
  if (scope.kind === "flow") return run.flow_id === scope.id;
  if (scope.kind === "work_pool") return run.work_pool_name === scope.name;
  return true;
}

const PRESENT_FACTS = own("which runs waited then, and the workers, pools, queues and limits of that time");

/** Of a window that is over, only what ended in it is known. What runs, waits and is occupied now says nothing about it. */
async function gatherPastRuns(ctx: QueryContext, question: FilteredQuestion): Promise<Partial<Facts>> {
  const { window, gathering, scope } = question;
  const ended = await readEnded(ctx, question);
  const [throttling, failures, retries] = await Promise.all([
    scope.kind === "workspace" ? readThrottling(ctx, window, gathering) : null,
    groupFailures(ctx, ended, ended.failed, window, gathering, scope.kind !== "workspace"),
    readRetries(ctx, { window, gathering, isInScope: (run) => isInScope(scope, run) }),
  ]);
  gathering.unchecked.push(PRESENT_FACTS);
  gathering.notes.push(RUNS_AS_NOW);
  return { ended, deployments: question.deployments ?? [], throttling, failures, retries };
}

export async function gatherRuns(ctx: QueryContext, asked: RunsQuestion): Promise<Partial<Facts>> {
  const question = { ...asked, filters: filtersOf(asked.scope) };
  const { nowUs, window, gathering, scope } = question;
  if (isOver(ctx, window, nowUs)) return gatherPastRuns(ctx, question);
  const [unfinished, found] = await Promise.all([readUnfinished(ctx, question), readEnded(ctx, question)]);
  const waiting = unfinished.filter((one) => isWaiting(one.run, nowUs));
  const active = unfinished.filter((one) => !waiting.includes(one) && one.run.state_type !== "SCHEDULED");
  const underWay = unfinished.filter(({ run }) => run.state_type !== "SCHEDULED" || run.state_name === "AwaitingRetry");
  const examined = examineRuns(ctx, underWay, gathering);
  const deployments = question.deployments ?? (await deploymentsOf(ctx, scope, waiting, gathering));
  const ended = { ...found, earlier: readEarlier(ctx, question, deployments) };
  const failed = [...ended.failed, ...stillFailing(ended, question)];
  const poolNames = poolsOf(scope, deployments, [...waiting, ...active]);
  const hasPendingTasks = examined.some(({ tasks }) => tasks.some(isPendingTask));
  const needsLimits =
    waiting.length > 0 ||
    hasPendingTasks ||
    examined.some((run) => run.historyLimits.length > 0) ||
    ended.newest.some(({ run }) => limitsNewRuns(run));
  const [pools, limits, throttling, failures, retries, automations] = await Promise.all([
    gatherPools(ctx, poolNames, gathering),
    needsLimits ? gatherLimits(ctx, gathering, { tags: hasPendingTasks }) : [],
    scope.kind === "workspace" ? readThrottling(ctx, window, gathering) : null,
    groupFailures(ctx, ended, failed, window, gathering, scope.kind !== "workspace"),
    readRetries(ctx, { window, gathering, isInScope: (run) => isInScope(scope, run) }),
    readScopeAutomations(ctx, idsOf(scope, deployments), window, gathering),
  ]);
  const without = withoutUpcoming(ctx, deployments, nowUs);
  return {
    waiting,
    active,
    examined,
    ended,
    deployments,
    pools: pools.map((pool) => countWaiting(pool, waiting)),
    limits,
    throttling,
    failures,
    retries,
    automations,
    withoutUpcoming: without,
    nextTimes: await readNextTimes(deployments, without, nowUs),
  };
}

/** Ids by which automations name the objects of the scope; null: all. */
function idsOf(scope: RunsScope, deployments: readonly Deployment[]): ReadonlySet<string> | null {
  if (scope.kind === "workspace") return null;
  return new Set([scope.id, ...deployments.map((one) => one.id)]);
}

function poolsOf(scope: RunsScope, deployments: readonly Deployment[], runs: readonly NamedRun[]): string[] {
  if (scope.kind === "work_pool") return [scope.name];
  const ofScope = scope.kind === "deployment" ? deployments.flatMap((one) => one.work_pool_name ?? []) : [];
  const ofRuns = runs
    .filter(({ run }) => run.state_type !== "RUNNING" && run.state_type !== "PAUSED")
    .flatMap(({ run }) => run.work_pool_name ?? []);
  return [...new Set([...ofScope, ...ofRuns])];
}

/** Before the window, from the record. Empty where the caller named the window. */
function readEarlier(ctx: QueryContext, question: RunsQuestion, deployments: readonly Deployment[]): NamedRun[] {
  const db = ctx.record();
  if (question.isWindowGiven || !db || !isRecordCurrent(ctx, db, "flow_run")) return [];
  const { scope } = question;
  const owners: RunsOwner[] =
    scope.kind === "flow"
      ? [{ column: "flow_id", id: scope.id }]
      : deployments.map(({ id }) => ({ column: "deployment_id", id }));
  return readEarlierRuns(db, owners, question.window);
}

/** Failures before the window after which no run of the deployment, or flow, has completed. */
function stillFailing(ended: EndedRunFacts, { scope, window }: RunsQuestion): NamedRun[] {
  const isNarrow = scope.kind === "deployment" || scope.kind === "flow";
  const sinceUs = isNarrow ? 0 : addUs(window.toUs, -STILL_FAILING_US);
  const ownerOf = ({ run }: NamedRun) => run.deployment_id ?? run.flow_id;
  const completed = new Map<string, number>();
  for (const one of [...ended.newest, ...ended.earlier]) {
    if (one.run.state_type !== "COMPLETED") continue;
    completed.set(ownerOf(one), latestUs(completed.get(ownerOf(one)) ?? 0, endUs(one)));
  }
  const runsIn = new Set(ended.newest.filter(({ run }) => run.state_type === "COMPLETED").map(ownerOf));
  return ended.earlier.filter(
    (one) =>
      isFailed(one.run.state_type) &&
      endUs(one) >= sinceUs &&
      !runsIn.has(ownerOf(one)) &&
      endUs(one) > (completed.get(ownerOf(one)) ?? 0),
  );
}

/** Deployments whose active schedules have produced no run to come; null where that is not known. */
function withoutUpcoming(
  ctx: QueryContext,
  deployments: readonly Deployment[],
  nowUs: ServerUs,
): ReadonlySet<string> | null {
  const db = ctx.record();
  if (!db || !isRecordCurrent(ctx, db, "flow_run")) return null;
  const scheduled = deployments.filter(
    (one) => one.paused !== true && one.schedules?.some((schedule) => schedule.active),
  );
  return new Set(
    scheduled.filter(({ id }) => findNextRuns(db, "deployment_id", id, nowUs, 1).length === 0).map(({ id }) => id),
  );
}

function countWaiting(pool: PoolFacts, waiting: readonly NamedRun[]): PoolFacts {
  const queues = pool.queues.map((facts) => ({
    ...facts,
    waiting: waiting.filter((one) => one.run.work_queue_id === facts.queue.id).length,
  }));
  return { ...pool, queues };
}

/** The run in question as the only one that waits in its pool. */
export function poolOfRun(run: RunFacts, waiting: readonly NamedRun[]): PoolFacts[] {
  return run.pool ? [countWaiting(run.pool, waiting)] : [];
}

async function readUnfinished(ctx: QueryContext, { filters, nowUs, gathering }: FilteredQuestion): Promise<NamedRun[]> {
  return attempt(gathering, own("runs that have not ended"), [], async () => {
    const state = { type: { any_: [...UNFINISHED_TYPES] } };
    const set = { ...filters, flow_runs: { ...((filters.flow_runs ?? {}) as JsonObject), state } };
    const page = await listFlowRuns(ctx, {
      set,
      sort: "EXPECTED_START_TIME_ASC",
      limit: MAX_RUNS,
      isFull: true,
      includesDeleted: false,
    });
    gathering.freshness.push(page.freshness);
    // Runs scheduled for later are last in this order, and not of interest.
    const lastUs = parseIsoUs(page.items.at(-1)?.run.expected_start_time ?? "") ?? 0;
    if (page.hasMore && lastUs <= nowUs)
      gathering.unchecked.push(sentence`runs that have not ended beyond the first ${MAX_RUNS}`);
    return page.items.map(toNamed);
  });
}

/** All deployments of the scope from the record; without it those of waiting runs. */
async function deploymentsOf(
  ctx: QueryContext,
  scope: RunsScope,
  runs: readonly NamedRun[],
  gathering: Gathering,
): Promise<readonly Deployment[]> {
  const db = ctx.record();
  if (db && findFact(db, "read:deployment") !== null) return recordedDeployments(db, scope);
  gathering.unread.push(own("whether deployments are paused or without runs to come"));
  const ids = [...new Set(runs.flatMap((one) => one.run.deployment_id ?? []))].slice(0, 50);
  if (ids.length === 0) return [];
  return attempt(gathering, own("the deployments of waiting runs"), [], async () => {
    const set = { deployments: { id: { any_: ids } } };
    const page = await listDeployments(ctx, { set, sort: "NAME_ASC", limit: 50, offset: 0, isAnyOrder: true });
    return page.items.map((item) => item.deployment);
  });
}

function recordedDeployments(db: RecordDb, scope: RunsScope): Deployment[] {
  const rows = findObjects(db, "deployment", scope.kind === "flow" ? { parentId: scope.id } : {});
  const all = rows.map(({ doc }) => doc);
  return scope.kind === "work_pool" ? all.filter((one) => one.work_pool_name === scope.name) : all;
}

/** Only a task run with tags can wait for a tag limit. */
export function isPendingTask(task: TaskRun): boolean {
  return (task.tags ?? []).length > 0 && (task.state_type === "PENDING" || task.state_type === "SCHEDULED");
}

/** Due and not started. A retry before its time and a run scheduled for later are not due. */
export function isWaiting(run: FlowRun, nowUs: ServerUs): boolean {
  if (run.state_type === "PENDING") return true;
  if (run.state_type !== "SCHEDULED" || run.state_name === "AwaitingRetry") return false;
  if (run.state_name === "Late" || run.state_name === "AwaitingConcurrencySlot") return true;
  const dueUs = parseIsoUs(run.next_scheduled_start_time ?? run.expected_start_time ?? "");
  return dueUs !== undefined && nowUs - dueUs > LATE_AFTER_US;
}
