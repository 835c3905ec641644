import { asName, own, type Sentence, sentence } from "../../../../lib/shown-text.ts";
import { limitsNewRuns } from "../../findings/cancelled-by.ts";
import { isFull, leakedSlots, releaseSlots } from "../../findings/limits.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule, Facts, Finding, LimitFacts, NamedRun } from "../../findings/types.ts";
import { deploymentName, nameList, plural, runsWait } from "../../findings/wording.ts";

/**
 * Slots of a full limit that no run in progress can hold: they were not given back when their run ended, and hold back the others for
 * good. Proof: more occupied slots than runs of the deployment, or task runs of the tag, in progress. Only where runs wait for it or
 * were cancelled by it.
 */
export const leakedSlot: CauseModule = {
  code: "slot_leaked",
  scopes: ALL_OF_RUNS,
  judge: (facts) =>
    facts.limits.filter((one) => one.kind === "deployment" && isFull(one)).flatMap((one) => judgeLimit(one, facts)),
};

function judgeLimit(one: LimitFacts, facts: Facts): Finding[] {
  const leaked = leakedSlots(one);
  const { limit } = one;
  const owners = facts.deployments.filter(
    (deployment) => deployment.id === one.key || deployment.global_concurrency_limit?.id === limit.id,
  );
  const ids = new Set(owners.map((deployment) => deployment.id));
  const isOwned = ({ run }: NamedRun) => ids.has(run.deployment_id ?? "");
  const waiting = facts.waiting.filter(isOwned);
  const ended = facts.run ? [facts.run] : facts.ended.newest;
  const cancelled = ended.filter((run) => isOwned(run) && limitsNewRuns(run.run));
  if (leaked === 0 || waiting.length + cancelled.length === 0) return [];
  const names = nameList(owners.map(deploymentName));
  const effects: Sentence[] = [
    ...(waiting.length > 0
      ? [sentence`${runsWait(waiting.length)} (${nameList(waiting.map((run) => run.run.name))})`]
      : []),
    ...(cancelled.length > 0
      ? [
          sentence`${plural(cancelled.length, "run")} ${cancelled.length === 1 ? "was" : "were"} cancelled by it (${nameList(cancelled.map((run) => run.run.name))})`,
        ]
      : []),
  ];
  return [
    {
      code: "slot_leaked",
      severity: "problem",
      summary: sentence`The concurrency limit of deployment ${names} is full without a run: ${asName(String(limit.active_slots))} of ${asName(String(limit.limit))} slots are taken, but ${leaked === 1 ? "one of them is" : sentence`${leaked} of them are`} held by no run in progress; ${effects.length === 2 ? sentence`${effects[0] ?? ""}, ${effects[1] ?? ""}` : (effects[0] ?? "")}.`,
      evidence: {
        limit: { id: limit.id, name: limit.name, limit: limit.limit, active_slots: limit.active_slots },
        deployments: owners.slice(0, 3).map((deployment) => ({ id: deployment.id, name: deploymentName(deployment) })),
        holders: one.holders.slice(0, 5),
        waiting: waiting.slice(0, 3).map(({ run }) => ({ id: run.id, name: run.name })),
        cancelled: cancelled.slice(0, 3).map(({ run }) => ({ id: run.id, name: run.name })),
      },
      fix: sentence`Free the slots that no run holds: ${releaseSlots(one, Number(limit.active_slots ?? 0) - leaked)}`,
      next: [{ tool: "get_dashboard", args: {}, why: own("all limits with their holders") }],
      certainty: 1,
      runsExplained: Math.max(1, waiting.length + cancelled.length),
    },
  ];
}
