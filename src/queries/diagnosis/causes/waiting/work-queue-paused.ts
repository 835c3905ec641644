import { asName, asShellWord, own, sentence } from "../../../../lib/shown-text.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule } from "../../findings/types.ts";
import { isInQueue, isPaused, isSubjectPool, waitingInQueue } from "../../findings/waiting.ts";
import { nameList, runsWait, waitingEvidence } from "../../findings/wording.ts";

/** A paused queue in a pool that is not paused. Proof: `is_paused` of the queue of the waiting runs. */
export const workQueuePaused: CauseModule = {
  code: "work_queue_paused",
  scopes: ALL_OF_RUNS,
  judge: (facts) =>
    facts.pools
      .filter((pool) => !isPaused(pool))
      .flatMap((pool) =>
        pool.queues
          .filter(({ queue }) => queue.is_paused === true || queue.status === "PAUSED")
          .flatMap((queueFacts) => {
            const { queue } = queueFacts;
            const waiting = waitingInQueue(facts, queueFacts);
            const isAsked =
              facts.subject.kind === "deployment" &&
              isSubjectPool(facts, pool) &&
              facts.deployments.some((one) => isInQueue(one, queue, pool.pool));
            if (waiting.length === 0 && !isAsked) return [];
            const runs =
              waiting.length > 0
                ? sentence`: ${runsWait(waiting.length)} in it (${nameList(waiting.map((one) => one.run.name))})`
                : "";
            return [
              {
                code: "work_queue_paused",
                severity: "problem" as const,
                summary: sentence`Work queue ${asName(queue.name)} is paused${runs} (work pool ${asName(pool.pool.name)}).`,
                evidence: {
                  work_queue: { id: queue.id, name: queue.name, is_paused: true },
                  work_pool: { id: pool.pool.id, name: pool.pool.name, status: pool.pool.status },
                  waiting: waitingEvidence(waiting, facts.nowUs),
                },
                fix: sentence`Resume the queue: prefect work-queue resume ${asShellWord(queue.name)} --pool ${asShellWord(pool.pool.name)}`,
                leads: [{ kind: "work_queue" as const, id: queue.id, name: queue.name, fields: ["is_paused"] }],
                certainty: 1,
                runsExplained: Math.max(1, waiting.length),
              },
            ];
          }),
      ),
  ruledOut: (facts) => (facts.pools.some((pool) => pool.queues.length > 0) ? own("queues not paused") : null),
};
