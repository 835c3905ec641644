import { durationText } from "../../../../lib/duration-text.ts";
import { largest } from "../../../../lib/lists.ts";
import { asName, asReason, asShellWord, own, type Sentence, sentence } from "../../../../lib/shown-text.ts";
import { MINUTE_US, parseIsoUs, SECOND_US, type ServerUs } from "../../../../lib/time.ts";
import type { PrefectEvent } from "../../../../model/events/event.ts";
import { RESOURCE_NAME } from "../../../../model/events/event.ts";
import { setState } from "../../findings/commands.ts";
import { judgeExamined } from "../../findings/merge.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule, Facts, Finding, PoolFacts, RunFacts } from "../../findings/types.ts";
import { isOnline } from "../../findings/waiting.ts";
import { ago, runName } from "../../findings/wording.ts";
import { INFRASTRUCTURE } from "../ended/crashed.ts";

/** Starting a container or pod takes a while: PENDING for less than this is normal. */
const PENDING_IS_LONG_US = 60 * SECOND_US;
const CANCELLING_IS_LONG_US = 5 * MINUTE_US;
/** Flow runs send a heartbeat every 180 s by default: two missed ones and two minutes. */
const HEARTBEAT_STOPPED_US = 8 * MINUTE_US;

const SUBMITTED = "prefect.worker.submitted-flow-run";

function stateAge(run: RunFacts, nowUs: ServerUs): number {
  const us = parseIsoUs(run.run.state?.timestamp ?? "");
  return us === undefined ? 0 : nowUs - us;
}

function lastEvent(run: RunFacts, name: string): PrefectEvent | null {
  return run.events.findLast((event) => event.event === name) ?? null;
}

/**
 * A worker took the run, but no infrastructure started. Proof: PENDING (Pending or Submitting) without a process id. The event of
 * its submission names the worker, whose heartbeat shows whether it is online.
 */
export const pendingNoInfrastructure: CauseModule = {
  code: "pending_no_infrastructure",
  scopes: ALL_OF_RUNS,
  judge: (facts) =>
    judgeExamined(facts, judgePending, own("were taken by a worker, but no infrastructure has started for them")),
};

function judgePending(run: RunFacts, facts: Facts): Finding | null {
  const { nowUs } = facts;
  if (run.run.state_type !== "PENDING") return null;
  const pool = poolOf(run, facts);
  const ageUs = stateAge(run, nowUs);
  const submitted = lastEvent(run, SUBMITTED);
  const workerName = submitted?.resource[RESOURCE_NAME] ?? labelText(run, "prefect.worker.name");
  const worker = pool?.workers.find((one) => one.name === workerName) ?? null;
  const isOffline = worker !== null && !isOnline(worker, pool?.workersReadUs ?? nowUs);
  const observed = run.events.findLast((event) => INFRASTRUCTURE.test(event.event)) ?? null;
  const isRecent = !isOffline && ageUs < PENDING_IS_LONG_US;
  if (isRecent && (!submitted || facts.run === null)) return null;
  const who = workerName ? sentence`worker ${asName(workerName)} took it` : "a worker took it";
  const beat = worker
    ? sentence`${isOffline ? "offline, " : ""}last heartbeat ${ago(worker.last_heartbeat_time, nowUs)}`
    : "its heartbeat is not known";
  return {
    code: isOffline ? "worker_lost" : "pending_no_infrastructure",
    severity: isRecent ? "note" : "problem",
    summary: sentence`${runName(run)} has been ${asName(run.run.state_name ?? "Pending")} for ${durationText(ageUs)}: ${who}${workerName ? sentence` (${beat})` : ""}, ${isRecent ? "and no infrastructure has started yet" : "but no infrastructure has started"}${observedText(observed)}.`,
    evidence: {
      flow_run: {
        id: run.run.id,
        name: run.run.name,
        state: run.run.state_name,
        infrastructure_pid: run.run.infrastructure_pid ?? null,
      },
      ...(workerName ? { worker: { name: workerName, last_heartbeat: worker?.last_heartbeat_time ?? null } } : {}),
      ...(observed ? { infrastructure: { event: observed.event, id: observed.id, occurred: observed.occurred } } : {}),
      ...(submitted ? { submitted: { event: submitted.id, occurred: submitted.occurred } } : {}),
    },
    fix: isRecent
      ? own("Wait: starting a process or container takes a moment.")
      : isOffline
        ? sentence`Restart the worker${pool ? sentence` (prefect worker start --pool ${asShellWord(pool.pool.name)}${workerName ? sentence` --name ${asShellWord(workerName)}` : ""})` : ""}, and schedule the run again: ${setState(run.run.id, "SCHEDULED")}`
        : own("Read the worker's own log and check the infrastructure (image pull, quota, unschedulable pod)."),
    next: pool
      ? [{ tool: "get_work_pools", args: { work_pool: pool.pool.name }, why: own("workers and their heartbeats") }]
      : [],
    certainty: isOffline ? 0.9 : 0.8,
    runsExplained: 1,
    leads: pool ? [{ kind: "work_pool", id: pool.pool.id, name: pool.pool.name }] : [],
  };
}

/** What an observer of the infrastructure has seen of it last. */
function observedText(event: PrefectEvent | null): Sentence | "" {
  if (event === null) return "";
  const why = event.resource["kubernetes.diagnosis"] ?? event.resource["kubernetes.reason"];
  return sentence`; the last event of its infrastructure is ${asName(event.event)}${why === undefined ? "" : sentence` (${asReason(why)})`} at ${asReason(event.occurred)}`;
}

/** The pool of the run: its own facts, or those of the scope. */
function poolOf(run: RunFacts, facts: Facts): PoolFacts | null {
  return run.pool ?? facts.pools.find(({ pool }) => pool.name === run.run.work_pool_name) ?? null;
}

function labelText(run: RunFacts, label: string): string | undefined {
  const value = run.run.labels?.[label];
  return typeof value === "string" ? value : undefined;
}

/** A cancellation that does not end. Proof: CANCELLING for longer than Prefect's timeout of five minutes, or no worker online. */
export const cancellingStuck: CauseModule = {
  code: "cancelling_stuck",
  scopes: ALL_OF_RUNS,
  judge: (facts) => judgeExamined(facts, judgeCancelling, own("have been Cancelling for too long")),
};

function judgeCancelling(one: RunFacts, facts: Facts): Finding | null {
  if (one.run.state_type !== "CANCELLING") return null;
  const us = parseIsoUs(one.run.state?.timestamp ?? "");
  const ageUs = us === undefined ? 0 : facts.nowUs - us;
  const pool = poolOf(one, facts);
  const hasWorker =
    pool?.areWorkersKnown === false
      ? null
      : (pool?.workers.some((worker) => isOnline(worker, pool.workersReadUs)) ?? null);
  if (ageUs < CANCELLING_IS_LONG_US && hasWorker !== false) return null;
  return {
    code: "cancelling_stuck",
    severity: "problem",
    summary: sentence`${asName(one.run.name)} has been Cancelling for ${durationText(ageUs)}: ${hasWorker === false ? sentence`no worker is online in pool ${asName(one.run.work_pool_name ?? "unknown")} to stop it` : "no worker has stopped it"}.`,
    evidence: {
      flow_run: { id: one.run.id, name: one.run.name, state: one.run.state_name },
      since: one.run.state?.timestamp ?? null,
    },
    fix: sentence`The server itself sets it to Cancelled after a timeout (300 s by default). Otherwise, once its process has ended: ${setState(one.run.id, "CANCELLED")}`,
    certainty: 0.9,
    runsExplained: 1,
    leads: pool ? [{ kind: "work_pool", id: pool.pool.id, name: pool.pool.name }] : [],
  };
}

/**
 * RUNNING without a process: it ended without a last state. Proof: its heartbeats stopped, or the worker reported the end of the
 * process, and the state did not change.
 */
export const zombieRun: CauseModule = {
  code: "zombie_run",
  scopes: ALL_OF_RUNS,
  judge: (facts) =>
    judgeExamined(facts, judgeSilence, own("are Running in Prefect, but their processes seem to have ended")),
};

function judgeSilence(run: RunFacts, { nowUs, reachableUntilUs }: Facts): Finding | null {
  if (run.run.state_type !== "RUNNING") return null;
  const executed = lastEvent(run, "prefect.worker.executed-flow-run");
  const beat = lastEvent(run, "prefect.flow-run.heartbeat");
  const beatUs = parseIsoUs(beat?.occurred ?? "");
  const newestUs = largest([...run.events.map((event) => parseIsoUs(event.occurred) ?? 0), 0]);
  const isSilent = beatUs !== undefined && reachableUntilUs - Math.max(beatUs, newestUs) > HEARTBEAT_STOPPED_US;
  const isReported =
    executed !== null && (parseIsoUs(executed.occurred) ?? 0) > (parseIsoUs(run.run.state?.timestamp ?? "") ?? 0);
  if (!isSilent && !isReported) return null;
  const code = executed?.related.find((one) => one["prefect.infrastructure.status-code"])?.[
    "prefect.infrastructure.status-code"
  ];
  return {
    code: "zombie_run",
    severity: "problem",
    summary: isReported
      ? sentence`${runName(run)} is Running in Prefect, but its worker reported the end of its process${code ? sentence` (exit code ${asName(code)})` : ""}.`
      : sentence`${runName(run)} is Running in Prefect, but its last heartbeat was ${ago(beat?.occurred, nowUs)}: its process has probably ended.`,
    evidence: {
      flow_run: { id: run.run.id, name: run.run.name },
      ...(beat ? { last_heartbeat: beat.occurred } : {}),
      ...(executed ? { executed: { event: executed.id, occurred: executed.occurred } } : {}),
    },
    fix: sentence`Make sure that its process has ended, then set its state, which releases its slots: ${setState(run.run.id, "CRASHED")}`,
    certainty: isReported ? 0.9 : 0.7,
    runsExplained: 1,
  };
}
