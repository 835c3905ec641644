import { MINUTE_US, parseIsoUs, SECOND_US } from "../../../../lib/time.ts";
import type { PrefectEvent } from "../../../../model/events/event.ts";
import { RESOURCE_NAME } from "../../../../model/events/event.ts";
import { mergeFindings } from "../../findings/merge.ts";
import type { CauseModule, Finding, RunFacts, RunningRun } from "../../findings/types.ts";
import { isOnline } from "../../findings/waiting.ts";
import { ago, durationText } from "../../findings/wording.ts";

/** A worker needs a while to bring up a container or pod; less than this is no news. */
const PENDING_IS_LONG_US = 60 * SECOND_US;
const CANCELLING_IS_LONG_US = 5 * MINUTE_US;
/** Flow runs beat every 180 s by default; two missed and some slack. */
const HEARTBEAT_STOPPED_US = 8 * MINUTE_US;

const SUBMITTED = "prefect.worker.submitted-flow-run";

function stateAge(run: RunFacts, nowUs: number): number {
  const us = parseIsoUs(run.run.state?.timestamp ?? "");
  return us === undefined ? 0 : nowUs - us;
}

function lastEvent(run: RunningRun, name: string): PrefectEvent | null {
  return run.events.findLast((event) => event.event === name) ?? null;
}

/**
 * Taken by a worker, but no infrastructure came up. Proof: PENDING (Pending or Submitting) and no process id; the worker that
 * submitted it is named by its event, and its heartbeat says whether it still lives.
 */
export const pendingNoInfrastructure: CauseModule = {
  code: "pending_no_infrastructure",
  subjects: ["flow_run"],
  judge: ({ run, nowUs }) => {
    if (run?.run.state_type !== "PENDING") return [];
    const ageUs = stateAge(run, nowUs);
    const submitted = lastEvent(run, SUBMITTED);
    const workerName = submitted?.resource[RESOURCE_NAME] ?? labelText(run, "prefect.worker.name");
    const worker = run.pool?.workers.find((one) => one.name === workerName) ?? null;
    const isDead = worker !== null && !isOnline(worker, run.pool?.workersReadUs ?? nowUs);
    const isYoung = !isDead && ageUs < PENDING_IS_LONG_US;
    if (isYoung && !submitted) return [];
    const who = workerName ? `worker ${workerName} took it` : "it was taken";
    const beat = worker
      ? `${isDead ? "offline, " : ""}last heartbeat ${ago(worker.last_heartbeat_time, nowUs)}`
      : "its heartbeat is not known";
    return [
      {
        code: isDead ? "worker_lost" : "pending_no_infrastructure",
        severity: isYoung ? "note" : "problem",
        summary: `${run.run.name} is ${run.run.state_name ?? "Pending"} for ${durationText(ageUs)}: ${who}${workerName ? ` (${beat})` : ""}, ${isYoung ? "and no infrastructure has started yet" : "but no infrastructure has started"}.`,
        evidence: {
          flow_run: {
            id: run.run.id,
            name: run.run.name,
            state: run.run.state_name,
            infrastructure_pid: run.run.infrastructure_pid ?? null,
          },
          ...(workerName ? { worker: { name: workerName, last_heartbeat: worker?.last_heartbeat_time ?? null } } : {}),
          ...(submitted ? { submitted: { event: submitted.id, occurred: submitted.occurred } } : {}),
        },
        fix: isYoung
          ? "Wait a moment: to bring up a process or container takes its time."
          : isDead
            ? "Restart the worker; cancel the run or set it to AwaitingRetry so that it is scheduled again."
            : "Look at the worker's own log and at the infrastructure (image pull, quota, unschedulable pod).",
        next: run.pool
          ? [{ tool: "get_work_pools", args: { work_pool: run.pool.pool.name }, why: "workers and their heartbeats" }]
          : [],
        certainty: isDead ? 0.9 : 0.8,
        runsExplained: 1,
      },
    ];
  },
};

function labelText(run: RunFacts, label: string): string | undefined {
  const value = run.run.labels?.[label];
  return typeof value === "string" ? value : undefined;
}

/** Cancelling that nobody carries out. Proof: CANCELLING for longer than Prefect's own five minutes, or no living worker. */
export const cancellingStuck: CauseModule = {
  code: "cancelling_stuck",
  subjects: ["flow_run", "deployment", "work_pool", "workspace"],
  judge: (facts) => {
    const runs = facts.run ? [facts.run] : facts.active;
    return runs
      .filter((one) => one.run.state_type === "CANCELLING")
      .flatMap((one) => {
        const us = parseIsoUs(one.run.state?.timestamp ?? "");
        const ageUs = us === undefined ? 0 : facts.nowUs - us;
        const pool = facts.pools.find(({ pool: own }) => own.name === one.run.work_pool_name);
        const hasWorker =
          pool?.areWorkersKnown === false
            ? null
            : (pool?.workers.some((worker) => isOnline(worker, pool.workersReadUs)) ?? null);
        if (ageUs < CANCELLING_IS_LONG_US && hasWorker !== false) return [];
        return [
          {
            code: "cancelling_stuck",
            severity: "problem" as const,
            summary: `${one.run.name} has been Cancelling for ${durationText(ageUs)}: ${hasWorker === false ? `no live worker in pool ${one.run.work_pool_name} carries it out` : "nobody has carried it out"}.`,
            evidence: {
              flow_run: { id: one.run.id, name: one.run.name, state: one.run.state_name },
              since: one.run.state?.timestamp ?? null,
            },
            fix: "The server sets it Cancelled by itself after its timeout (300 s by default); otherwise force the state CANCELLED once nothing runs any more.",
            certainty: 0.9,
            runsExplained: 1,
          },
        ];
      });
  },
};

/**
 * RUNNING while nothing runs: the process died without a word. Proof: heartbeats came and stopped, or the worker that
 * executed it reported its end, while the state stayed.
 */
export const zombieRun: CauseModule = {
  code: "zombie_run",
  subjects: ["flow_run", "deployment", "work_pool", "workspace"],
  judge: ({ run, running, nowUs, reachableUntilUs }) => {
    const found = (run ? [run] : running).flatMap((one) => {
      const finding = judgeSilence(one, nowUs, reachableUntilUs);
      return finding ? [{ one, finding }] : [];
    });
    const what = "say Running, but give no signs of life any more";
    return mergeFindings(found, what, "Make sure that nothing of them runs, then set each to CRASHED (force).");
  },
};

function judgeSilence(run: RunningRun, nowUs: number, reachableUntilUs: number): Finding | null {
  if (run.run.state_type !== "RUNNING") return null;
  const executed = lastEvent(run, "prefect.worker.executed-flow-run");
  const beat = lastEvent(run, "prefect.flow-run.heartbeat");
  const beatUs = parseIsoUs(beat?.occurred ?? "");
  const newestUs = Math.max(...run.events.map((event) => parseIsoUs(event.occurred) ?? 0), 0);
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
      ? `${run.run.name} says Running, but its worker reported the end of its process${code ? ` (exit code ${code})` : ""}.`
      : `${run.run.name} says Running, but its heartbeat stopped ${ago(beat?.occurred, nowUs)}: its process is probably dead.`,
    evidence: {
      flow_run: { id: run.run.id, name: run.run.name },
      ...(beat ? { last_heartbeat: beat.occurred } : {}),
      ...(executed ? { executed: { event: executed.id, occurred: executed.occurred } } : {}),
    },
    fix: "Make sure that nothing of it runs, then set it to CRASHED (force) so that its slots come free.",
    certainty: isReported ? 0.9 : 0.7,
    runsExplained: 1,
  };
}
