import { asName, asShellWord, sentence } from "../../../../lib/shown-text.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule } from "../../findings/types.ts";
import { isPaused, isSubjectPool, waitingInPool } from "../../findings/waiting.ts";
import { nameList, runsWait, waitingEvidence } from "../../findings/wording.ts";

/** No run of a paused pool starts. Proof: `is_paused` or status PAUSED. Only where runs wait, or when the question is about the pool. */
export const workPoolPaused: CauseModule = {
  code: "work_pool_paused",
  scopes: ALL_OF_RUNS,
  judge: (facts) =>
    facts.pools.filter(isPaused).flatMap((pool) => {
      const waiting = waitingInPool(facts, pool);
      if (waiting.length === 0 && !isSubjectPool(facts, pool)) return [];
      const { name, id } = pool.pool;
      const what =
        waiting.length > 0
          ? sentence`${runsWait(waiting.length)} in it (${nameList(waiting.map((one) => one.run.name))})`
          : "no run in it starts";
      return [
        {
          code: "work_pool_paused",
          severity: "problem",
          summary: sentence`Work pool ${asName(name)} is paused: ${what}.`,
          evidence: { work_pool: { id, name, is_paused: true }, waiting: waitingEvidence(waiting, facts.nowUs) },
          fix: sentence`Resume the work pool: prefect work-pool resume ${asShellWord(name)}`,
          leads: [{ kind: "work_pool", id, name, fields: ["is_paused"] }],
          certainty: 1,
          runsExplained: Math.max(1, waiting.length),
        },
      ];
    }),
  ruledOut: (facts) =>
    facts.pools.length === 0 ? null : sentence`pool ${nameList(facts.pools.map((one) => one.pool.name))} not paused`,
};
