import { errorText, frameText } from "../../findings/error-text.ts";
import type { CauseModule, FailureGroup } from "../../findings/types.ts";
import { nameList, plural, timeText } from "../../findings/wording.ts";

const MOST = 5;

/**
 * Failures of a deployment, pool or workspace, one finding for each way to fail however many runs it took. A group that a
 * later success ended is a note.
 */
export const failures: CauseModule = {
  code: "failures",
  subjects: ["deployment", "work_pool", "workspace"],
  judge: (facts) =>
    facts.failures.slice(0, MOST).map((group) => {
      const [newest] = group.runs;
      const flows = [...new Set(group.runs.map((one) => one.deploymentName ?? one.flowName))];
      return {
        code: group.runs.length > 1 ? "repeated_failure" : "failure",
        severity: group.isOver ? ("note" as const) : ("problem" as const),
        summary: `${plural(group.runs.length, "run")} of ${nameList(flows)} failed with ${groupText(group)}; last ${newest?.run.name ?? "unnamed"} at ${timeText(group.lastUs)}${group.isOver ? ", and it has succeeded since" : ""}.`,
        evidence: {
          count: group.runs.length,
          first_seen: timeText(group.firstUs),
          last_seen: timeText(group.lastUs),
          ...(group.isNew ? { new: "it succeeded before the first of them" } : {}),
          runs: group.runs
            .slice(0, 3)
            .map((one) => ({ id: one.run.id, name: one.run.name, state: one.run.state_name })),
          ...(group.error?.frame ? { frame: group.error.frame } : {}),
          ...(flows.length > 1 ? { affected: flows.slice(0, 10) } : {}),
        },
        fix: group.error?.frame ? `Look at ${frameText(group.error.frame)}.` : "Look at the newest of them.",
        next: newest
          ? [{ tool: "diagnose", args: { flow_run: newest.run.id }, why: "the newest of them in depth" }]
          : [],
        certainty: 1,
        runsExplained: group.runs.length,
      };
    }),
  ruledOut: (facts) =>
    facts.ended.failedTotal === 0 && facts.ended.total > 0
      ? `none of ${plural(facts.ended.total, "ended run")} failed`
      : null,
};

function groupText(group: FailureGroup): string {
  const { error } = group;
  if (!error) return "no reason told";
  return `${errorText(error)}${error.frame ? ` in ${frameText(error.frame)}` : ""}`;
}
