import { asName, own, type Sentence, sentence, withoutPeriod } from "../../../../lib/shown-text.ts";
import { formatIsoSeconds } from "../../../../lib/time.ts";
import { changeLeads, changeText, differences } from "../../findings/changes.ts";
import { errorText, frameText } from "../../findings/error-text.ts";
import { OF_MANY_RUNS } from "../../findings/scopes.ts";
import type { CauseModule, Facts, FailureGroup } from "../../findings/types.ts";
import { deploymentOfRun, nameList, plural } from "../../findings/wording.ts";
import { crashFix, crashReason } from "./crashed.ts";
import { fixOf, sameErrorEvidence, sameErrorText, sharedFix } from "./failed.ts";
import { flakyOf, groupOfAll } from "./flaky.ts";

/**
 * Failures of a deployment, flow, pool or workspace: one finding for each error, however many runs, deployments and parents it
 * affected. A note when a later run completed. The newest run is judged as a question about it would be.
 */
export const failures: CauseModule = {
  code: "failures",
  scopes: {
    ...OF_MANY_RUNS,
    flow_run: own("A single run is judged by `crashed`, `exception` and `timed_out`."),
  },
  judge: (facts) =>
    facts.failures.map((group) => {
      const [newest] = group.runs;
      const flows = [...new Set(group.runs.map((one) => deploymentOfRun(one) ?? one.flowName))];
      const changes = group.newest ? differences(group.newest) : {};
      const flaky = flakinessOf(group, facts);
      return {
        code: group.runs.length > 1 ? "repeated_failure" : "failure",
        severity: group.isOver && flaky === "" ? ("note" as const) : ("problem" as const),
        summary: sentence`${plural(group.runs.length, "run")} of ${nameList(flows)} ${groupText(group)}; the last was ${asName(newest?.run.name ?? "unnamed")} at ${formatIsoSeconds(group.lastUs)}${group.isOver ? ", and a later run completed" : ""}${flaky}${elsewhereText(group)}.${parentsText(group)}${changeText(changes)}`,
        evidence: {
          count: group.runs.length,
          first_seen: formatIsoSeconds(group.firstUs),
          last_seen: formatIsoSeconds(group.lastUs),
          ...(group.isNew ? { new: "a run completed before the first of them" } : {}),
          runs: group.runs
            .slice(0, 3)
            .map((one) => ({ id: one.run.id, name: one.run.name, state: one.run.state_name })),
          ...(group.parents.length > 0
            ? { failed_with_them: group.parents.slice(0, 3).map((one) => ({ id: one.run.id, name: one.run.name })) }
            : {}),
          ...(group.error?.frame ? { frame: group.error.frame } : {}),
          ...(group.error && group.error.others.length > 0
            ? { other_failed_tasks: group.error.others.slice(0, 3) }
            : {}),
          ...(Object.keys(changes).length > 0 ? { changed_since_last_good_run: changes } : {}),
          ...(flows.length > 1 ? { affected: flows.slice(0, 10) } : {}),
          ...sameErrorEvidence(group.elsewhere),
        },
        fix: fixOfGroup(group, changes, flows.length > 1 || group.elsewhere.length > 0),
        next: newest
          ? [{ tool: "diagnose", args: { flow_run: newest.run.id }, why: own("the newest of them in detail") }]
          : [],
        leads: changeLeads(group.newest),
        certainty: 1,
        runsExplained: group.runs.length + group.parents.length,
      };
    }),
  ruledOut: (facts) =>
    facts.ended.failedTotal === 0 && facts.ended.total > 0
      ? sentence`none of ${plural(facts.ended.total, "ended run")} failed`
      : null,
};

function fixOfGroup(group: FailureGroup, changes: ReturnType<typeof differences>, isShared: boolean): Sentence {
  const { newest, error } = group;
  if (isShared && error?.type) return sharedFix(newest && fixOf(newest, error, changes));
  if (newest && error && newest.run.state_type === "FAILED") return fixOf(newest, error, changes);
  if (newest?.run.state_type === "CRASHED") return crashFix(newest);
  return error?.frame ? sentence`Check ${frameText(error.frame)}.` : own("Diagnose the newest of them.");
}

/** How they ended: by an error, or by the end of their processes. */
function groupText(group: FailureGroup): Sentence {
  const { error, newest, runs } = group;
  if (runs[0]?.run.state_type === "CRASHED" && newest) return sentence`crashed: ${withoutPeriod(crashReason(newest))}`;
  if (!error || (error.type === null && error.message === "")) return own("failed, and no reason was given");
  const place = error.frame ? sentence` in ${frameText(error.frame)}` : "";
  const task = error.task ? sentence`, task ${asName(error.task.name)}` : "";
  return sentence`failed with ${withoutPeriod(errorText(error))}${place}${task}`;
}

/** That some runs fail and others complete belongs to the same cause where all failures have this error, so one finding says both. */
function flakinessOf(group: FailureGroup, facts: Facts): Sentence | "" {
  const id = group.runs[0]?.run.deployment_id ?? null;
  const runs = facts.ended.newest.filter(({ run }) => run.deployment_id === id);
  const found = id === null ? null : flakyOf(runs);
  if (found === null || groupOfAll(facts, found.failed) !== group) return "";
  return sentence`; it is flaky: ${found.failed.length} of its last ${plural(runs.length, "run")} failed, and ${found.recoveries} of these were followed by a completed run`;
}

function elsewhereText({ elsewhere, error }: FailureGroup): Sentence | "" {
  return error?.type ? sameErrorText(elsewhere) : "";
}

function parentsText({ parents }: FailureGroup): Sentence | "" {
  if (parents.length === 0) return "";
  const what =
    parents.length === 1 ? own("It also made its parent run fail") : own("They also made their parent runs fail");
  return sentence` ${what}: ${nameList(parents.map((one) => one.run.name))}.`;
}
