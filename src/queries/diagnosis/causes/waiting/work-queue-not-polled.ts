import { parseIsoUs } from "../../../../lib/time.ts";
import type { CauseModule } from "../../findings/types.ts";
import { isOnline, isPaused, POLLED_WITHIN_US, waitingInQueue } from "../../findings/waiting.ts";
import { ago, nameList, plural, waitingEvidence } from "../../findings/wording.ts";

/**
 * A worker lives but does not ask this queue: it was started for other queues. Proof: `last_polled` of the queue is missing
 * or old while a worker of the pool beats.
 */
export const workQueueNotPolled: CauseModule = {
  code: "work_queue_not_polled",
  subjects: ["flow_run", "deployment", "work_pool", "workspace"],
  judge: (facts) =>
    facts.pools
      .filter((pool) => !isPaused(pool) && pool.workers.some((worker) => isOnline(worker, pool.workersReadUs)))
      .flatMap((pool) =>
        pool.queues.flatMap((held) => {
          const { queue } = held;
          const waiting = waitingInQueue(facts, held);
          const polledUs = parseIsoUs(queue.last_polled ?? "");
          const isPolled = polledUs !== undefined && pool.queuesReadUs - polledUs <= POLLED_WITHIN_US;
          if (waiting.length === 0 || isPolled || queue.is_paused === true) return [];
          const workers = pool.workers
            .filter((worker) => isOnline(worker, pool.workersReadUs))
            .map((worker) => worker.name);
          return [
            {
              code: "work_queue_not_polled",
              severity: "problem" as const,
              summary: `No worker asks queue ${queue.name} of pool ${pool.pool.name} (last polled ${ago(queue.last_polled, facts.nowUs)}) although ${nameList(workers)} is alive: ${plural(waiting.length, "run")} wait.`,
              evidence: {
                work_queue: { id: queue.id, name: queue.name, last_polled: queue.last_polled ?? null },
                workers,
                waiting: waitingEvidence(waiting, facts.nowUs),
              },
              fix: `Start a worker that takes this queue: prefect worker start --pool "${pool.pool.name}" --work-queue "${queue.name}"`,
              certainty: 0.9,
              runsExplained: waiting.length,
            },
          ];
        }),
      ),
};
