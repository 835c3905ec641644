import { asName, own, sentence } from "../../../../lib/shown-text.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule } from "../../findings/types.ts";
import { deploymentName, nameList, runsWait, waitingEvidence } from "../../findings/wording.ts";

/**
 * A deployment without a work pool: only a process that serves it can run it. Proof: `work_pool_name` is null on deployment and
 * run, the run is due, and no process polls the deployment.
 */
export const noWorkPool: CauseModule = {
  code: "no_work_pool",
  scopes: { ...ALL_OF_RUNS, work_pool: own("What it is about has no work pool.") },
  judge: (facts) =>
    facts.deployments
      .filter((deployment) => !deployment.work_pool_name)
      .flatMap((deployment) => {
        const waiting = facts.waiting.filter(
          (one) => one.run.deployment_id === deployment.id && !one.run.work_pool_name,
        );
        if (waiting.length === 0 || deployment.status === "READY") return [];
        return [
          {
            code: "no_work_pool",
            severity: "problem" as const,
            summary: sentence`Deployment ${asName(deploymentName(deployment))} has no work pool, so no worker picks up its runs: ${runsWait(waiting.length)} (${nameList(waiting.map((one) => one.run.name))}).`,
            evidence: {
              deployment: {
                id: deployment.id,
                name: deploymentName(deployment),
                work_pool_name: null,
                status: deployment.status ?? null,
              },
              waiting: waitingEvidence(waiting, facts.nowUs),
            },
            fix: own("Deploy it to a work pool (work_pool_name), or start the process that serves it (flow.serve)."),
            certainty: 1,
            runsExplained: waiting.length,
          },
        ];
      }),
};
