import { asName, asShellWord, sentence } from "../../../../lib/shown-text.ts";
import { parseIsoUs } from "../../../../lib/time.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule } from "../../findings/types.ts";
import { isOnline, isPaused, POLLED_WITHIN_US, waitingInQueue } from "../../findings/waiting.ts";
import { ago, nameList, runsWait, waitingEvidence } from "../../findings/wording.ts";

/**
 * A worker is online but does not poll this queue: it was started for other queues. Proof: `last_polled` of the queue is missing
 * or old while a worker of the pool sends heartbeats.
 */
export const workQueueNotPolled: CauseModule = {
  code: "work_queue_not_polled",
  scopes: ALL_OF_RUNS,
  judge: (facts) =>
    facts.pools
      .filter((pool) => !isPaused(pool) && pool.workers.some((worker) => isOnline(worker, pool.workersReadUs)))
      .flatMap((pool) =>
        pool.queues.flatMap((queueFacts) => {
          const { queue } = queueFacts;
          const waiting = waitingInQueue(facts, queueFacts);
          const polledUs = parseIsoUs(queue.last_polled ?? "");
          const isPolled = polledUs !== undefined && Math.abs(pool.queuesReadUs - polledUs) <= POLLED_WITHIN_US;
          if (waiting.length === 0 || isPolled || queue.is_paused === true) return [];
          const workers = pool.workers
            .filter((worker) => isOnline(worker, pool.workersReadUs))
            .map((worker) => worker.name);
          return [
            {
              code: "work_queue_not_polled",
              severity: "problem" as const,
              summary: sentence`No worker polls queue ${asName(queue.name)} of pool ${asName(pool.pool.name)} (last polled: ${ago(queue.last_polled, facts.nowUs)}), although ${workers.length === 1 ? "worker" : "workers"} ${nameList(workers)} ${workers.length === 1 ? "is" : "are"} online: ${runsWait(waiting.length)}.`,
              evidence: {
                work_queue: { id: queue.id, name: queue.name, last_polled: queue.last_polled ?? null },
                workers,
                waiting: waitingEvidence(waiting, facts.nowUs),
              },
              fix: sentence`Start a worker for this queue: prefect worker start --pool ${asShellWord(pool.pool.name)} --work-queue ${asShellWord(queue.name)}`,
              certainty: 0.9,
              runsExplained: waiting.length,
            },
          ];
        }),
      ),
};
