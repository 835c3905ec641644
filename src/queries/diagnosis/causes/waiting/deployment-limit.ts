import type { CauseModule } from "../../findings/types.ts";
import { holderEvidence, nameList, plural, waitingEvidence } from "../../findings/wording.ts";

/**
 * The deployment's own limit is full. Proof: its `global_concurrency_limit` has every slot taken and runs wait; a refused run
 * is SCHEDULED as AwaitingConcurrencySlot and asks again every half minute.
 */
export const deploymentLimit: CauseModule = {
  code: "deployment_limit",
  subjects: ["flow_run", "deployment", "workspace"],
  judge: (facts) =>
    facts.deployments.flatMap((deployment) => {
      const own = deployment.global_concurrency_limit;
      const held = facts.limits.find(({ limit }) => limit.id === own?.id);
      const limit = held?.limit ?? own;
      if (!limit || limit.active === false) return [];
      const taken = limit.active_slots ?? 0;
      const waiting = facts.waiting.filter((one) => one.run.deployment_id === deployment.id);
      const refused = waiting.filter((one) => one.run.state_name === "AwaitingConcurrencySlot");
      if (waiting.length === 0 || (taken < limit.limit && refused.length === 0)) return [];
      if (taken < limit.limit) return [];
      const holders = held?.holders ?? [];
      return [
        {
          code: "deployment_limit",
          severity: "problem" as const,
          summary: `The concurrency limit of deployment ${deployment.name} is full: ${taken} of ${limit.limit} held by ${nameList(holders.map((one) => one.name ?? one.id))}; ${plural(waiting.length, "run")} wait (${nameList(waiting.map((one) => one.run.name))}).`,
          evidence: {
            deployment: { id: deployment.id, name: deployment.name },
            limit: {
              id: limit.id,
              limit: limit.limit,
              active_slots: taken,
              collision_strategy: deployment.concurrency_options?.collision_strategy ?? null,
            },
            holders: holderEvidence(holders),
            waiting: waitingEvidence(waiting, facts.nowUs),
          },
          fix: "Wait for the holder or cancel it if it hangs; a waiting run asks again every 30 s. Raise the deployment's concurrency limit if more may run at once.",
          next: holders[0]
            ? [{ tool: "diagnose", args: { flow_run: holders[0].id }, why: "is the run that holds the slot alive?" }]
            : [],
          certainty: refused.length > 0 ? 1 : 0.9,
          runsExplained: waiting.length,
        },
      ];
    }),
};
