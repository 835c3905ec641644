import { asName, own, type Sentence, sentence } from "../../../../lib/shown-text.ts";
import { formatIsoSeconds } from "../../../../lib/time.ts";
import { errorText, frameText } from "../../findings/error-text.ts";
import type { CauseModule, FailureGroup } from "../../findings/types.ts";
import { deploymentOfRun, nameList, plural } from "../../findings/wording.ts";

const MAX_GROUPS = 5;

/**
 * Failures of a deployment, pool or workspace: one finding for each error, however many runs it affected. A note when a later run
 * completed.
 */
export const failures: CauseModule = {
  code: "failures",
  subjects: ["deployment", "work_pool", "workspace"],
  judge: (facts) =>
    facts.failures.slice(0, MAX_GROUPS).map((group) => {
      const [newest] = group.runs;
      const flows = [...new Set(group.runs.map((one) => deploymentOfRun(one) ?? one.flowName))];
      return {
        code: group.runs.length > 1 ? "repeated_failure" : "failure",
        severity: group.isOver ? ("note" as const) : ("problem" as const),
        summary: sentence`${plural(group.runs.length, "run")} of ${nameList(flows)} failed with ${groupText(group)}; the last was ${asName(newest?.run.name ?? "unnamed")} at ${formatIsoSeconds(group.lastUs)}${group.isOver ? ", and a later run completed" : ""}.`,
        evidence: {
          count: group.runs.length,
          first_seen: formatIsoSeconds(group.firstUs),
          last_seen: formatIsoSeconds(group.lastUs),
          ...(group.isNew ? { new: "a run completed before the first of them" } : {}),
          runs: group.runs
            .slice(0, 3)
            .map((one) => ({ id: one.run.id, name: one.run.name, state: one.run.state_name })),
          ...(group.error?.frame ? { frame: group.error.frame } : {}),
          ...(flows.length > 1 ? { affected: flows.slice(0, 10) } : {}),
        },
        fix: group.error?.frame
          ? sentence`Check ${frameText(group.error.frame)}.`
          : own("Diagnose the newest of them."),
        next: newest
          ? [{ tool: "diagnose", args: { flow_run: newest.run.id }, why: own("the newest of them in detail") }]
          : [],
        certainty: 1,
        runsExplained: group.runs.length,
      };
    }),
  ruledOut: (facts) =>
    facts.ended.failedTotal === 0 && facts.ended.total > 0
      ? sentence`none of ${plural(facts.ended.total, "ended run")} failed`
      : null,
};

function groupText(group: FailureGroup): Sentence {
  const { error } = group;
  if (!error) return own("no reason given");
  return sentence`${errorText(error)}${error.frame ? sentence` in ${frameText(error.frame)}` : ""}`;
}
