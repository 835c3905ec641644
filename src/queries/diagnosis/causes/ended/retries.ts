import { asName, asReason, own, type Sentence, sentence } from "../../../../lib/shown-text.ts";
import { formatIsoSeconds } from "../../../../lib/time.ts";
import { truncate } from "../../../../lib/truncate.ts";
import { OF_MANY_RUNS } from "../../findings/scopes.ts";
import type { CauseModule, RetryGroup } from "../../findings/types.ts";
import { deploymentOfRun, nameList, plural } from "../../findings/wording.ts";

/** So many retries of one error are more than chance. */
const MANY = 3;

/**
 * Runs or tasks failed and were tried again, for one error. Runs that complete in the end hide an outage that way. Proof: their
 * AwaitingRetry and Retrying states. A problem when it happens often or in several deployments.
 */
export const retries: CauseModule = {
  code: "retries",
  scopes: {
    ...OF_MANY_RUNS,
    flow_run: own("`completed_after_retry` and `awaiting_retry` judge the retries of one run."),
  },
  judge: (facts) =>
    facts.retries.map((group) => {
      const owners = [...new Set(group.runs.map((one) => deploymentOfRun(one) ?? one.flowName ?? one.run.name))];
      const [newest] = group.runs;
      const completed = group.runs.filter(({ run }) => run.state_type === "COMPLETED").length;
      const hidden =
        completed === group.runs.length
          ? own("all of them completed in the end, so nothing else shows it")
          : sentence`${completed} of them completed in the end`;
      const isProblem = group.count >= MANY || owners.length > 1;
      return {
        code: "retries",
        severity: isProblem ? ("problem" as const) : ("note" as const),
        summary: sentence`${group.count === 1 ? own("1 retry") : sentence`${group.count} retries`} in ${plural(group.runs.length, "run")} of ${nameList(owners)} for ${errorOf(group)}, the last at ${formatIsoSeconds(group.lastUs)}; ${hidden}.`,
        evidence: {
          retries: group.count,
          first: formatIsoSeconds(group.firstUs),
          last: formatIsoSeconds(group.lastUs),
          ...(group.tasks.length > 0 ? { tasks: group.tasks.slice(0, 3) } : {}),
          ...(owners.length > 1 ? { affected: owners.slice(0, 8) } : {}),
          runs: group.runs
            .slice(0, 3)
            .map((one) => ({ id: one.run.id, name: one.run.name, state: one.run.state_name })),
        },
        fix: own(
          owners.length > 1
            ? "Several deployments have it, so look at what they share: the system that they call, its address, its credentials."
            : "Fix what fails at the first try: retries cost time, and end in a failure when it lasts longer.",
        ),
        next: newest
          ? [
              {
                tool: "get_flow_run_logs",
                args: { flow_run_id: newest.run.id },
                why: sentence`the log of ${asName(newest.run.name)}, the newest of them`,
              },
            ]
          : [],
        certainty: 0.95,
        runsExplained: group.runs.length,
      };
    }),
};

function errorOf({ type, message, tasks }: RetryGroup): Sentence {
  const text = asReason(truncate(message, 200));
  if (type) return message === "" ? asName(type) : sentence`${asName(type)}: ${text}`;
  if (message !== "") return text;
  return tasks.length > 0 ? sentence`an error of task ${nameList(tasks)}` : own("an error without a message");
}
