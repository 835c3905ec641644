import { asName, own, sentence } from "../../../../lib/shown-text.ts";
import { isFailed } from "../../../../model/state.ts";
import { OF_MANY_RUNS } from "../../findings/scopes.ts";
import type { CauseModule, Facts, FailureGroup, NamedRun } from "../../findings/types.ts";
import { deploymentOfRun, plural } from "../../findings/wording.ts";

/** Failures that were followed by a completed run. */
const MIN_RECOVERIES = 2;

/**
 * A deployment whose runs sometimes fail and sometimes complete. Proof: at least twice a failed or crashed run was followed by a
 * completed one. The errors themselves are findings of `failures`.
 */
export const flaky: CauseModule = {
  code: "flaky",
  scopes: OF_MANY_RUNS,
  judge: (facts) =>
    [...Map.groupBy(facts.ended.newest, ({ run }) => run.deployment_id ?? null)].flatMap(([id, runs]) => {
      const [newest] = runs;
      if (id === null || !newest) return [];
      const name = sentence`Deployment ${asName(deploymentOfRun(newest) ?? id)}`;
      const found = flakyOf(runs);
      // `failures` says it together with the error.
      if (found === null || groupOfAll(facts, found.failed)) return [];
      const { failed, recoveries } = found;
      return [
        {
          code: "flaky",
          severity: "problem" as const,
          summary: sentence`${name} is flaky: ${failed.length} of its last ${plural(runs.length, "run")} failed, and ${recoveries} of these were followed by a completed run.`,
          evidence: {
            runs: runs.length,
            failed: failed.length,
            fail_then_pass: recoveries,
            last_failed: failed.slice(0, 3).map((one) => ({ id: one.run.id, name: one.run.name })),
          },
          fix: own(
            "Look for what varies between runs: a slow dependency, the order of tasks, a shared resource. Retries only hide the cause.",
          ),
          next: failed[0]
            ? [{ tool: "diagnose", args: { flow_run: failed[0].run.id }, why: own("its latest failure") }]
            : [],
          certainty: 0.85,
          runsExplained: failed.length,
        },
      ];
    }),
};

export interface Flaky {
  readonly failed: readonly NamedRun[];
  /** Failures that were followed by a completed run. */
  readonly recoveries: number;
}

/** `runs`: the ended runs of one deployment, newest first. Null: it is not flaky. */
export function flakyOf(runs: readonly NamedRun[]): Flaky | null {
  const recoveries = countRecoveries(runs);
  return recoveries < MIN_RECOVERIES
    ? null
    : { failed: runs.filter(({ run }) => isFailed(run.state_type)), recoveries };
}

/** Whether all these runs of one deployment failed with one error that no other deployment had: that error is the other half of the cause. */
export function groupOfAll({ failures }: Facts, failed: readonly NamedRun[]): FailureGroup | null {
  const ids = new Set(failed.map(({ run }) => run.id));
  const owner = failed[0]?.run.deployment_id;
  const found = failures.find(
    ({ runs }) =>
      runs.every(({ run }) => run.deployment_id === owner) &&
      runs.filter(({ run }) => ids.has(run.id)).length === ids.size,
  );
  return found ?? null;
}

/** `runs`: newest first. */
function countRecoveries(runs: readonly NamedRun[]): number {
  return runs.filter(
    (one, index) => index > 0 && isFailed(one.run.state_type) && runs[index - 1]?.run.state_type === "COMPLETED",
  ).length;
}
