import { asName, asShellWord, own, sentence } from "../../../../lib/shown-text.ts";
import { formatIsoSeconds, MINUTE_US } from "../../../../lib/time.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule, Facts, PoolFacts } from "../../findings/types.ts";
import { isOnline, isSubjectPool, needsWorker, waitingInPool } from "../../findings/waiting.ts";
import { ago, nameList, runsWait, waitingEvidence } from "../../findings/wording.ts";

/** A list of workers that is older may lack one that has come since. */
const CURRENT_US = 2 * MINUTE_US;

function isCurrent({ workersReadUs }: PoolFacts, { nowUs }: Facts): boolean {
  return nowUs - workersReadUs <= CURRENT_US;
}

/**
 * No worker polls the pool. Proof: it has no worker, or the last heartbeat of each is older than three of its intervals (the status
 * that Prefect stores is updated with a delay). Excluded by one worker that is online. A pool that never had a worker and has no
 * waiting runs may not be in use yet: a note.
 */
export const noWorker: CauseModule = {
  code: "no_worker",
  scopes: ALL_OF_RUNS,
  judge: (facts) =>
    facts.pools.filter(needsWorker).flatMap((pool) => {
      if (!pool.areWorkersKnown || pool.workers.some((worker) => isOnline(worker, pool.workersReadUs))) return [];
      const waiting = waitingInPool(facts, pool);
      const isAsked = isSubjectPool(facts, pool) && facts.subject.kind === "work_pool";
      if (waiting.length === 0 && !isAsked) return [];
      const { name, id, status, type } = pool.pool;
      const workers = [...pool.workers].sort((a, b) =>
        (b.last_heartbeat_time ?? "").localeCompare(a.last_heartbeat_time ?? ""),
      );
      const [newest] = workers;
      const who = newest
        ? sentence`worker ${asName(newest.name)} is offline, last heartbeat ${ago(newest.last_heartbeat_time, facts.nowUs)}${workers.length > 1 ? sentence`, and ${workers.length - 1} more are offline too` : ""}`
        : isCurrent(pool, facts)
          ? "it has no worker"
          : sentence`it had no worker at ${formatIsoSeconds(pool.workersReadUs)}`;
      const what =
        waiting.length > 0
          ? sentence`; ${runsWait(waiting.length)} (${nameList(waiting.map((one) => one.run.name))})`
          : "";
      return [
        {
          code: newest ? "worker_offline" : "no_worker",
          severity: newest || waiting.length > 0 ? ("problem" as const) : ("note" as const),
          summary: sentence`No run starts in work pool ${asName(name)}: ${who}${what}.`,
          evidence: {
            work_pool: { id, name, status },
            workers: workers.slice(0, 3).map((worker) => ({
              name: worker.name,
              last_heartbeat: worker.last_heartbeat_time,
              heartbeat_interval_seconds: worker.heartbeat_interval_seconds,
            })),
            waiting: waitingEvidence(waiting, facts.nowUs),
          },
          fix: sentence`Start a worker for it: prefect worker start --pool ${asShellWord(name)} (type ${asName(type)})`,
          next: [{ tool: "get_work_pools", args: { work_pool: name }, why: own("workers and queues of the pool") }],
          certainty: 1,
          runsExplained: Math.max(1, waiting.length),
        },
      ];
    }),
  ruledOut: (facts) => {
    const online = facts.pools.flatMap((pool) => pool.workers.filter((worker) => isOnline(worker, pool.workersReadUs)));
    return online.length > 0 ? sentence`worker ${nameList(online.map((worker) => worker.name))} online` : null;
  },
};
