import { asName, own, sentence } from "../../../../lib/shown-text.ts";
import { holderLeads, raiseLimit } from "../../findings/limits.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule } from "../../findings/types.ts";
import { deploymentName, holderEvidence, nameList, runsWait, waitingEvidence } from "../../findings/wording.ts";

/**
 * The concurrency limit of the deployment is full. Proof: every slot of its `global_concurrency_limit` is occupied, and runs wait.
 * A refused run is SCHEDULED as AwaitingConcurrencySlot and tries again every 30 s.
 */
export const deploymentLimit: CauseModule = {
  code: "deployment_limit",
  scopes: ALL_OF_RUNS,
  judge: (facts) =>
    facts.deployments.flatMap((deployment) => {
      const stated = deployment.global_concurrency_limit;
      const limitFacts = facts.limits.find(({ limit }) => limit.id === stated?.id);
      const limit = limitFacts?.limit ?? stated;
      if (!limit || limit.active === false) return [];
      const occupied = limit.active_slots ?? 0;
      const waiting = facts.waiting.filter((one) => one.run.deployment_id === deployment.id);
      const refused = waiting.filter((one) => one.run.state_name === "AwaitingConcurrencySlot");
      if (waiting.length === 0 || occupied < limit.limit) return [];
      const holders = limitFacts?.holders ?? [];
      const isZero = Number(limit.limit) === 0;
      // `slot_leaked` says so.
      if (limitFacts && holders.length === 0 && !isZero) return [];
      const full = isZero
        ? own("is 0, so no run starts")
        : sentence`is full: ${asName(String(occupied))} of ${asName(String(limit.limit))} held by ${nameList(holders.map((one) => one.name ?? one.id))}`;
      return [
        {
          code: "deployment_limit",
          severity: "problem" as const,
          summary: sentence`The concurrency limit of deployment ${asName(deploymentName(deployment))} ${full}; ${runsWait(waiting.length)} (${nameList(waiting.map((one) => one.run.name))}).`,
          evidence: {
            deployment: { id: deployment.id, name: deploymentName(deployment) },
            limit: {
              id: limit.id,
              name: limit.name,
              limit: limit.limit,
              active_slots: occupied,
              collision_strategy: deployment.concurrency_options?.collision_strategy ?? null,
            },
            holders: holderEvidence(holders),
            waiting: waitingEvidence(waiting, facts.nowUs),
          },
          fix: isZero
            ? sentence`Raise it: ${raiseLimit(limit)}`
            : own(
                "Wait for the holder or cancel it if it hangs; a waiting run tries again every 30 s. Raise the deployment's concurrency limit if more may run at once.",
              ),
          next: holders[0]
            ? [
                {
                  tool: "diagnose",
                  args: { flow_run: holders[0].id },
                  why: own("whether the run that holds the slot still runs"),
                },
              ]
            : [],
          leads: [
            ...holderLeads(holders),
            {
              kind: "deployment" as const,
              id: deployment.id,
              name: deploymentName(deployment),
              fields: ["global_concurrency_limit"],
            },
          ],
          certainty: refused.length > 0 ? 1 : 0.9,
          runsExplained: waiting.length,
        },
      ];
    }),
};
