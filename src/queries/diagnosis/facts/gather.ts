/** Collects the facts for a question, by its subject. Causes judge these facts and read nothing themselves. */

import { own, sentence } from "../../../lib/shown-text.ts";
import { DAY_US, parseIsoUs, type ServerUs } from "../../../lib/time.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import { resourceId } from "../../../model/kinds.ts";
import type { Deployment, FlowRun, JsonObject, TaskRun } from "../../../model/objects.ts";
import { LATE_AFTER_US } from "../../../model/runs/server-delays.ts";
import { isFailed, isTerminal, UNFINISHED_TYPES } from "../../../model/state.ts";
import type { FilterSet } from "../../../store/filters/bodies.ts";
import { findObjectNames } from "../../../store/objects/objects.ts";
import { listEvents } from "../../events/events.ts";
import { listDeployments } from "../../objects/deployments.ts";
import { listFlowRuns } from "../../runs/flow-runs.ts";
import type { QueryContext } from "../../source/context.ts";
import { isOver, RUNS_AS_NOW } from "../../source/past-window.ts";
import { serverNowUs } from "../../source/server-time.ts";
import { readSyncView } from "../../source/sync-view.ts";
import { acquiredLimits } from "../findings/acquired-limits.ts";
import type { Facts, NamedDeployment, NamedRun, PoolFacts, RunFacts, Subject } from "../findings/types.ts";
import { gatherAutomation } from "./automation.ts";
import { readDeletedDeployment } from "./deleted-deployment.ts";
import { NO_ENDED_RUNS, readEnded, toNamed } from "./ended-runs.ts";
import { groupFailures } from "./failures.ts";
import { gatherRun, readDeployment } from "./flow-run.ts";
import { attempt, type Gathering } from "./gathering.ts";
import { gatherLimits, gatherPools } from "./pools.ts";
import { readRunning } from "./running-runs.ts";
import { readSameError } from "./same-error.ts";
import { readThrottling, throttledRangeOf } from "./throttling.ts";

const MAX_RUNS = 199;

const NO_FACTS: Omit<Facts, "subject" | "nowUs" | "isPast" | "reachableUntilUs" | "unchecked"> = {
  run: null,
  deployments: [],
  deletedDeployment: null,
  pools: [],
  waiting: [],
  active: [],
  running: [],
  ended: NO_ENDED_RUNS,
  failures: [],
  limits: [],
  sameError: [],
  throttling: null,
  historyLimits: [],
  automation: null,
};

/** Throws AppError `not_found` when neither the record nor Prefect has the subject. */
export async function gatherFacts(
  ctx: QueryContext,
  subject: Subject,
  window: TimeRange,
  gathering: Gathering,
): Promise<Facts> {
  const nowUs = serverNowUs(ctx);
  const db = ctx.record();
  const lostUs = db ? readSyncView(db, ctx.clock).unreachableSinceUs : null;
  // A question about one run is about that run, whatever the window.
  const isPast = subject.kind !== "flow_run" && isOver(ctx, window, nowUs);
  const base = { ...NO_FACTS, subject, nowUs, isPast, reachableUntilUs: lostUs ?? nowUs };
  const found = await gatherSubject(ctx, subject, window, nowUs, gathering);
  const deployments = withFlowNames(ctx, found);
  return { ...base, ...found, deployments, unchecked: [...new Set(gathering.unchecked)] };
}

function withFlowNames(ctx: QueryContext, { deployments = [], waiting = [], run }: Partial<Facts>): NamedDeployment[] {
  const db = ctx.record();
  const flowIds = deployments.map((one) => one.flow_id ?? "");
  const names = db ? findObjectNames(db, "flow", flowIds) : new Map<string, string>();
  const runs = run ? [run, ...waiting] : waiting;
  return deployments.map((deployment) => {
    const ofRun = runs.find((one) => one.run.deployment_id === deployment.id)?.flowName;
    return { ...deployment, flowName: names.get(deployment.flow_id ?? "") ?? ofRun ?? null };
  });
}

async function gatherSubject(
  ctx: QueryContext,
  subject: Subject,
  window: TimeRange,
  nowUs: ServerUs,
  gathering: Gathering,
): Promise<Partial<Facts>> {
  const id = subject.id ?? "";
  if (subject.kind === "flow_run") return gatherForRun(ctx, id, nowUs, gathering);
  if (subject.kind === "automation") return { automation: await gatherAutomation(ctx, id, window, nowUs, gathering) };
  if (subject.kind === "deployment") {
    const deployment = await readDeployment(ctx, id, gathering);
    const deleted = deployment ? null : await readDeletedDeployment(ctx, id, gathering);
    const deletedDeployment = deleted !== null && deleted.deletedUs <= window.toUs ? deleted : null;
    // By the column of the runs: they remain when their deployment is deleted.
    const filters = { flow_runs: { deployment_id: { any_: [id] } } };
    const names = deployment?.work_pool_name ? [deployment.work_pool_name] : [];
    const deployments =
      deployment && !(isOver(ctx, window, nowUs) && isChangedSince(deployment, window.toUs)) ? [deployment] : [];
    const found = await gatherRuns(ctx, { filters, window, nowUs, gathering, deployments, poolNames: names });
    return { ...found, deletedDeployment };
  }
  if (subject.kind === "work_pool") {
    const name = subject.name ?? "";
    return gatherRuns(ctx, {
      filters: { work_pools: { name: { any_: [name] } } },
      window,
      nowUs,
      gathering,
      deployments: null,
      poolNames: [name],
    });
  }
  return gatherRuns(ctx, { filters: {}, window, nowUs, gathering, deployments: null, poolNames: null });
}

async function gatherForRun(
  ctx: QueryContext,
  id: string,
  nowUs: ServerUs,
  gathering: Gathering,
): Promise<Partial<Facts>> {
  const run = await gatherRun(ctx, id, gathering);
  const isDeleted = run.deletedUs !== null;
  const isEnded = isDeleted || isTerminal(run.run.state_type ?? null);
  const waiting = !isDeleted && isWaiting(run.run, nowUs) ? [run] : [];
  const hasPendingTasks = !isDeleted && run.tasks.some(isPendingTask);
  const throttledRange = throttledRangeOf(run, nowUs);
  const historyLimits =
    run.run.state_type === "RUNNING" && !isDeleted
      ? await attempt(gathering, own("limits that earlier runs acquired"), [], () => readHistoryLimits(ctx, run))
      : [];
  const canWaitForLimit = waiting.length > 0 || hasPendingTasks || historyLimits.length > 0;
  const [limits, sameError, throttling] = await Promise.all([
    canWaitForLimit ? gatherLimits(ctx, gathering, { tags: hasPendingTasks }) : [],
    isFailed(run.run.state_type) ? readSameError(ctx, run, gathering) : [],
    throttledRange ? readThrottling(ctx, throttledRange, gathering) : null,
  ]);
  return {
    run,
    deployments: run.deployment ? [run.deployment] : [],
    pools: run.pool ? [countWaiting(run.pool, waiting)] : [],
    waiting,
    active: isEnded || run.run.state_type === "SCHEDULED" ? [] : [run],
    limits,
    sameError,
    throttling,
    historyLimits,
  };
}

/** Only a task run with tags can wait for a tag limit. */
function isPendingTask(task: TaskRun): boolean {
  return (task.tags ?? []).length > 0 && (task.state_type === "PENDING" || task.state_type === "SCHEDULED");
}

/** Names of global limits that the flow's earlier runs acquired. */
async function readHistoryLimits(ctx: QueryContext, run: RunFacts): Promise<string[]> {
  const filter = {
    event: { name: ["prefect.concurrency-limit.acquired"] },
    related: { id: [resourceId("flow", run.run.flow_id)] },
  };
  const page = await listEvents(ctx, { filter, order: "desc", limit: 100 });
  const own = resourceId("flow_run", run.run.id);
  const others = page.events.filter((event) => !event.related.some((one) => one["prefect.resource.id"] === own));
  return acquiredLimits({ ...run, events: others });
}

interface RunsQuestion {
  readonly filters: FilterSet;
  readonly window: TimeRange;
  readonly nowUs: ServerUs;
  readonly gathering: Gathering;
  /** Null: the deployments of the runs that are found. */
  readonly deployments: readonly Deployment[] | null;
  readonly poolNames: readonly string[] | null;
}

/** Any edit sets `updated`. Without one since then, the deployment was as it is. */
function isChangedSince({ updated }: Deployment, us: ServerUs): boolean {
  const updatedUs = parseIsoUs(updated ?? "");
  return updatedUs === undefined || updatedUs > us;
}

const PRESENT_FACTS = own("which runs waited then, and the workers, pools, queues and limits of that time");

/** Of a window that is over, only what ended in it is known. What runs, waits and is occupied now says nothing about it. */
async function gatherPastRuns(ctx: QueryContext, question: RunsQuestion): Promise<Partial<Facts>> {
  const { window, gathering } = question;
  const ended = await readEnded(ctx, question);
  const [throttling, failures] = await Promise.all([
    Object.keys(question.filters).length === 0 ? readThrottling(ctx, window, gathering) : null,
    groupFailures(ctx, ended, window, gathering),
  ]);
  gathering.unchecked.push(PRESENT_FACTS);
  gathering.notes.push(RUNS_AS_NOW);
  return { ended, deployments: question.deployments ?? [], throttling, failures };
}

async function gatherRuns(ctx: QueryContext, question: RunsQuestion): Promise<Partial<Facts>> {
  const { nowUs, window, gathering } = question;
  if (isOver(ctx, window, nowUs)) return gatherPastRuns(ctx, question);
  const [unfinished, ended] = await Promise.all([readUnfinished(ctx, question), readEnded(ctx, question)]);
  const waiting = unfinished.filter((one) => isWaiting(one.run, nowUs));
  const active = unfinished.filter((one) => !waiting.includes(one) && one.run.state_type !== "SCHEDULED");
  const poolNames = question.poolNames ?? [...new Set(waiting.flatMap((one) => one.run.work_pool_name ?? []))];
  const needsLimits = waiting.length > 0;
  const [pools, deployments, limits, throttling, failures] = await Promise.all([
    gatherPools(ctx, poolNames, gathering),
    question.deployments ?? deploymentsOf(ctx, waiting, gathering),
    needsLimits ? gatherLimits(ctx, gathering, { tags: false }) : [],
    Object.keys(question.filters).length === 0 ? readThrottling(ctx, window, gathering) : null,
    groupFailures(ctx, ended, window, gathering),
  ]);
  return {
    waiting,
    active,
    running: readRunning(ctx, active, gathering),
    ended,
    deployments,
    pools: pools.map((pool) => countWaiting(pool, waiting)),
    limits,
    throttling,
    failures,
  };
}

function countWaiting(pool: PoolFacts, waiting: readonly NamedRun[]): PoolFacts {
  const queues = pool.queues.map((facts) => ({
    ...facts,
    waiting: waiting.filter((one) => one.run.work_queue_id === facts.queue.id).length,
  }));
  return { ...pool, queues };
}

async function readUnfinished(ctx: QueryContext, { filters, nowUs, gathering }: RunsQuestion): Promise<NamedRun[]> {
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

async function deploymentsOf(
  ctx: QueryContext,
  runs: readonly NamedRun[],
  gathering: Gathering,
): Promise<Deployment[]> {
  const ids = [...new Set(runs.flatMap((one) => one.run.deployment_id ?? []))].slice(0, 50);
  if (ids.length === 0) return [];
  return attempt(gathering, own("the deployments of waiting runs"), [], async () => {
    const set = { deployments: { id: { any_: ids } } };
    const page = await listDeployments(ctx, { set, sort: "NAME_ASC", limit: 50, offset: 0 });
    return page.items.map((item) => item.deployment);
  });
}

/** Due and not started. A retry before its time and a run scheduled for later are not due. */
export function isWaiting(run: FlowRun, nowUs: ServerUs): boolean {
  if (run.state_type === "PENDING") return true;
  if (run.state_type !== "SCHEDULED" || run.state_name === "AwaitingRetry") return false;
  if (run.state_name === "Late" || run.state_name === "AwaitingConcurrencySlot") return true;
  const dueUs = parseIsoUs(run.next_scheduled_start_time ?? run.expected_start_time ?? "");
  return dueUs !== undefined && nowUs - dueUs > LATE_AFTER_US;
}

/** The window when the question gives none. */
export const DEFAULT_WINDOW_US = DAY_US;
