import { asName, asReason, own, type Sentence, sentence } from "../../../../lib/shown-text.ts";
import { truncate } from "../../../../lib/truncate.ts";
import { judgeExamined } from "../../findings/merge.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule, Finding, RunFacts } from "../../findings/types.ts";
import { runName } from "../../findings/wording.ts";

/**
 * A parent waits for a run that it started and that does not start or continue. Proof: an unfinished child of a RUNNING parent. A
 * child that is Running counts only if it has a problem of its own.
 */
export const waitsForChild: CauseModule = {
  code: "waits_for_child",
  scopes: ALL_OF_RUNS,
  judge: (facts) => judgeExamined(facts, judgeChildren, own("wait for runs that they started")),
};

function judgeChildren(run: RunFacts): Finding | null {
  if (run.run.state_type !== "RUNNING") return null;
  const unfinished = run.children.filter((child) =>
    ["SCHEDULED", "PENDING", "PAUSED"].includes(child.run.state_type ?? ""),
  );
  const [child] = unfinished;
  if (!child) return judgeRunning(run);
  return {
    code: "waits_for_child",
    severity: "problem",
    summary: sentence`${asName(run.run.name)} waits for ${asName(child.run.name)}${child.flowName ? sentence` (${asName(child.flowName)})` : ""}, which is ${asName(child.run.state_name ?? "unknown")}${why(child)}.`,
    evidence: {
      flow_run: { id: run.run.id, name: run.run.name },
      children: unfinished.slice(0, 3).map((one) => ({
        id: one.run.id,
        name: one.run.name,
        state: one.run.state_name,
        work_pool: one.run.work_pool_name,
      })),
    },
    fix: own("Resolve what keeps the child run from starting or continuing."),
    next: [
      {
        tool: "diagnose",
        args: { flow_run: child.run.id },
        why: own("why the child run does not start or continue"),
      },
    ],
    certainty: 0.9,
    runsExplained: 1,
    leads: unfinished.slice(0, 2).map((one) => ({ kind: "flow_run", id: one.run.id, name: one.run.name })),
  };
}

function judgeRunning(run: RunFacts): Finding | null {
  const running = run.children.filter((child) => child.run.state_type === "RUNNING");
  const [child] = running;
  if (!child) return null;
  return {
    code: "waits_for_child",
    severity: "problem",
    summary: sentence`${asName(run.run.name)} waits for ${runName(child)}, which is Running.`,
    evidence: {
      flow_run: { id: run.run.id, name: run.run.name },
      children: running.slice(0, 3).map((one) => ({ id: one.run.id, name: one.run.name, state: one.run.state_name })),
    },
    fix: own("Resolve what the child run waits for."),
    certainty: 0.9,
    runsExplained: 1,
    leads: running.slice(0, 2).map((one) => ({ kind: "flow_run", id: one.run.id, name: one.run.name })),
    isOfLead: true,
  };
}

function why(child: RunFacts): Sentence {
  const message = child.run.state?.message ?? "";
  const pool = child.run.work_pool_name ? sentence` in pool ${asName(child.run.work_pool_name)}` : "";
  return sentence`${pool}${message === "" ? "" : sentence`: ${asReason(truncate(message, 120))}`}`;
}
