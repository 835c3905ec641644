/** Collects the facts for a question, by its subject. Causes judge these facts and read nothing themselves. */

import { own } from "../../../lib/shown-text.ts";
import { parseIsoUs, type ServerUs } from "../../../lib/time.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import type { Deployment } from "../../../model/objects.ts";
import { isFailed, isTerminal } from "../../../model/state.ts";
import { findObjectNames } from "../../../store/objects/objects.ts";
import type { QueryContext } from "../../source/context.ts";
import { syncViewOf } from "../../source/outage.ts";
import { isOver } from "../../source/past-window.ts";
import { serverNowUs } from "../../source/server-time.ts";
import { limitsNewRuns } from "../findings/cancelled-by.ts";
import type { Facts, NamedDeployment, PoolFacts, Subject } from "../findings/types.ts";
import { gatherAutomation } from "./automation.ts";
import { readDeletedDeployment } from "./deleted-deployment.ts";
import { NO_ENDED_RUNS } from "./ended-runs.ts";
import { gatherRun, readDeployment } from "./flow-run.ts";
import { gatherRuns, isPendingTask, isWaiting, poolOfRun } from "./gather-runs.ts";
import { askLive, type Gathering } from "./gathering.ts";
import { gatherLimits, gatherPools } from "./pools.ts";
import { RecordedRuns } from "./recorded-run.ts";
import { readSameError } from "./same-error.ts";
import { readThrottling, throttledRangeOf } from "./throttling.ts";

const NO_FACTS: Omit<Facts, "subject" | "nowUs" | "isPast" | "reachableUntilUs" | "unchecked" | "unread"> = {
  run: null,
  deployments: [],
  deletedDeployment: null,
  pools: [],
  waiting: [],
  active: [],
  examined: [],
  ended: NO_ENDED_RUNS,
  failures: [],
  retries: [],
  limits: [],
  sameError: [],
  throttling: null,
  automation: null,
  automations: [],
  withoutUpcoming: null,
  nextTimes: new Map(),
};

/** A window, and whether the caller named it. */
export interface AskedWindow extends TimeRange {
  readonly isGiven: boolean;
}

/** Throws AppError `not_found` when neither the record nor Prefect has the subject. */
export async function gatherFacts(
  ctx: QueryContext,
  subject: Subject,
  window: AskedWindow,
  gathering: Gathering,
): Promise<Facts> {
  const nowUs = serverNowUs(ctx);
  // A question about one run is about that run, whatever the window.
  const isPast = subject.kind !== "flow_run" && isOver(ctx, window, nowUs);
  const base = { ...NO_FACTS, subject, nowUs, isPast, reachableUntilUs: reachableUntilUs(ctx, nowUs) };
  const found = await gatherSubject(ctx, subject, window, nowUs, gathering);
  const deployments = withFlowNames(ctx, found);
  return { ...base, ...found, deployments, unchecked: [...new Set(gathering.unchecked)], unread: gathering.unread };
}

function reachableUntilUs(ctx: QueryContext, nowUs: ServerUs): number {
  const db = ctx.record();
  return (db ? syncViewOf(ctx, db).unreachableSinceUs : null) ?? nowUs;
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
  window: AskedWindow,
  nowUs: ServerUs,
  gathering: Gathering,
): Promise<Partial<Facts>> {
  const id = subject.id ?? "";
  if (subject.kind === "flow_run") return gatherForRun(ctx, id, nowUs, gathering);
  if (subject.kind === "automation") {
    const automation = await gatherAutomation(ctx, id, window, nowUs, gathering);
    return { automation, automations: [automation] };
  }
  const question = { window, isWindowGiven: window.isGiven, nowUs, gathering, deployments: null };
  if (subject.kind === "deployment") {
    const deployment = await readDeployment(ctx, id, gathering);
    const deleted = deployment ? null : await readDeletedDeployment(ctx, id, gathering);
    const deletedDeployment = deleted !== null && deleted.deletedUs <= window.toUs ? deleted : null;
    const deployments =
      deployment && !(isOver(ctx, window, nowUs) && isChangedSince(deployment, window.toUs)) ? [deployment] : [];
    const found = await gatherRuns(ctx, { ...question, scope: { kind: "deployment", id }, deployments });
    return { ...found, deletedDeployment };
  }
  if (subject.kind === "flow") return gatherRuns(ctx, { ...question, scope: { kind: "flow", id } });
  if (subject.kind === "work_pool")
    return gatherRuns(ctx, { ...question, scope: { kind: "work_pool", id, name: subject.name ?? "" } });
  return gatherRuns(ctx, { ...question, scope: { kind: "workspace" } });
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
  const needsLimits = waiting.length > 0 || hasPendingTasks || run.historyLimits.length > 0 || limitsNewRuns(run.run);
  const [limits, sameError, throttling] = await Promise.all([
    needsLimits ? gatherLimits(ctx, gathering, { tags: hasPendingTasks }) : [],
    isFailed(run.run.state_type) ? readSameError(ctx, run, gathering) : [],
    throttledRange ? readThrottling(ctx, throttledRange, gathering) : null,
  ]);
  return {
    run,
    examined: isDeleted ? [] : [run],
    deployments: run.deployment ? [run.deployment] : [],
    pools: poolOfRun(run, waiting),
    waiting,
    active: isEnded || run.run.state_type === "SCHEDULED" ? [] : [run],
    limits,
    sameError,
    throttling,
  };
}

/** Any edit sets `updated`. Without one since then, the deployment was as it is. */
function isChangedSince({ updated }: Deployment, us: ServerUs): boolean {
  const updatedUs = parseIsoUs(updated ?? "");
  return updatedUs === undefined || updatedUs > us;
}

/** The facts of a question about a run that a cause leads to. Null where it cannot be read. Limits are those already known, if any. */
export async function factsOfRun(
  ctx: QueryContext,
  id: string,
  around: Facts,
  gathering: Gathering,
): Promise<Facts | null> {
  const { nowUs } = around;
  const db = ctx.record();
  const known = around.examined.find((one) => one.run.id === id);
  const recorded = known ?? (db ? new RecordedRuns(db, nowUs).find(id) : null);
  const run =
    recorded ??
    (await askLive(ctx, gathering, own("a run that others wait for"), null, () => gatherRun(ctx, id, gathering)));
  if (!run) return null;
  const waiting = isWaiting(run.run, nowUs) ? [run] : [];
  const name = run.run.work_pool_name ?? run.deployment?.work_pool_name ?? null;
  const needsPool = waiting.length > 0 || run.run.state_type === "CANCELLING";
  const pools = needsPool && name !== null ? await poolsFor(ctx, name, around, gathering) : [];
  const hasPendingTasks = run.tasks.some(isPendingTask);
  const needsLimits = waiting.length > 0 || hasPendingTasks || run.historyLimits.length > 0;
  const limits =
    around.limits.length > 0 || !needsLimits
      ? around.limits
      : await gatherLimits(ctx, gathering, { tags: hasPendingTasks });
  return {
    ...NO_FACTS,
    subject: { kind: "flow_run", id: run.run.id, name: run.run.name },
    nowUs,
    isPast: false,
    reachableUntilUs: around.reachableUntilUs,
    unchecked: [],
    unread: [],
    run,
    examined: [run],
    deployments: withFlowNames(ctx, { deployments: run.deployment ? [run.deployment] : [], run }),
    pools: pools.map((pool) => poolOfRun({ ...run, pool }, waiting)[0] ?? pool),
    waiting,
    active: waiting.length > 0 || isTerminal(run.run.state_type ?? null) ? [] : [run],
    limits,
  };
}

async function poolsFor(ctx: QueryContext, name: string, around: Facts, gathering: Gathering): Promise<PoolFacts[]> {
  const known = around.pools.filter(({ pool }) => pool.name === name);
  return known.length > 0 ? known : gatherPools(ctx, [name], gathering);
}
