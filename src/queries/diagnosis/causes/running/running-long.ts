import { durationText } from "../../../../lib/duration-text.ts";
import { largest } from "../../../../lib/lists.ts";
import { asName, asShellWord, counted, own, sentence } from "../../../../lib/shown-text.ts";
import { MINUTE_US, parseIsoUs, SECOND_US } from "../../../../lib/time.ts";
import { judgeExamined } from "../../findings/merge.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule, Facts, Finding, RunFacts } from "../../findings/types.ts";
import { runName } from "../../findings/wording.ts";

const MIN_BEFORE = 3;
const FACTOR = 3;

/**
 * A run that takes much longer than all before it. Inferred: RUNNING for over three times the longest of at least three completed
 * runs, and for over a minute. It may be slow, hang, or wait for something that Prefect does not know of.
 */
export const runningLong: CauseModule = {
  code: "running_long",
  scopes: ALL_OF_RUNS,
  judge: (facts) => judgeExamined(facts, judgeDuration, own("are Running for much longer than the runs before them")),
};

function judgeDuration(run: RunFacts, { nowUs }: Facts): Finding | null {
  if (run.run.state_type !== "RUNNING") return null;
  const times = run.history
    .filter((one) => one.state_type === "COMPLETED")
    .map((one) => Number(one.total_run_time ?? 0));
  const startUs = parseIsoUs(run.run.start_time ?? "");
  if (times.length < MIN_BEFORE || startUs === undefined) return null;
  const longestUs = largest(times) * SECOND_US;
  const ranUs = nowUs - startUs;
  if (ranUs < MINUTE_US || ranUs < longestUs * FACTOR) return null;
  const last = run.logs?.at(-1);
  return {
    code: "running_long",
    severity: "problem",
    summary: sentence`${runName(run)} has been Running for ${durationText(ranUs)}; the longest of ${counted(times.length, "earlier run")} took ${durationText(longestUs)}. It is slow or hangs: this is inferred from its history.`,
    evidence: {
      flow_run: { id: run.run.id, name: run.run.name, start_time: run.run.start_time },
      longest_before: durationText(longestUs),
      ...(last ? { last_log_line: { timestamp: last.timestamp, message: last.message } } : {}),
    },
    fix: sentence`Check what its last log line and its running tasks wait for. If it makes no progress, cancel it: prefect flow-run cancel ${asShellWord(run.run.id)}`,
    next: [
      {
        tool: "get_timeline",
        args: { flow_run: run.run.id },
        why: sentence`which task of ${asName(run.run.name)} runs or waits`,
      },
    ],
    certainty: 0.5,
    runsExplained: 1,
  };
}
