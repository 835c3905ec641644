import { isFailed } from "../../../../model/state.ts";
import type { CauseModule, NamedRun } from "../../findings/types.ts";
import { plural } from "../../findings/wording.ts";

/** A failure followed by a success, this often: chance is a poor word for it. */
const MIN_RECOVERIES = 2;

/**
 * A deployment that fails and passes by turns without a change. Proof: at least twice a failed or crashed run was followed by
 * a completed one. What it failed with is told by the failures' own findings.
 */
export const flaky: CauseModule = {
  code: "flaky",
  subjects: ["deployment", "workspace"],
  judge: (facts) =>
    [...byDeployment(facts.ended.newest)].flatMap(([name, runs]) => {
      const turns = countRecoveries(runs);
      if (turns < MIN_RECOVERIES) return [];
      const bad = runs.filter(({ run }) => isFailed(run.state_type));
      return [
        {
          code: "flaky",
          severity: "problem" as const,
          summary: `${name} is flaky: ${bad.length} of its last ${plural(runs.length, "run")} failed, and ${turns} times the next one passed.`,
          evidence: {
            runs: runs.length,
            failed: bad.length,
            fail_then_pass: turns,
            last_failed: bad.slice(0, 3).map((one) => ({ id: one.run.id, name: one.run.name })),
          },
          fix: "Look for what differs by chance: a slow dependency, an order of tasks, a shared resource; retries only hide it.",
          next: bad[0] ? [{ tool: "diagnose", args: { flow_run: bad[0].run.id }, why: "its latest failure" }] : [],
          certainty: 0.85,
          runsExplained: bad.length,
        },
      ];
    }),
};

/** `runs`: newest first. */
function countRecoveries(runs: readonly NamedRun[]): number {
  return runs.filter(
    (one, index) => index > 0 && isFailed(one.run.state_type) && runs[index - 1]?.run.state_type === "COMPLETED",
  ).length;
}

function byDeployment(ended: readonly NamedRun[]): Map<string, NamedRun[]> {
  const groups = new Map<string, NamedRun[]>();
  for (const one of ended) {
    if (!one.run.deployment_id) continue;
    const name = `Deployment ${one.deploymentName ?? one.run.deployment_id}`;
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  return groups;
}
