/** Groups of `get_reliability` as structured content and as rows of its table. */
import { durationText } from "../../lib/duration-text.ts";
import { counted, type Sentence, sentence } from "../../lib/shown-text.ts";
import { formatIsoSeconds, SECOND_US, type ServerUs } from "../../lib/time.ts";
import type { Budget, Figures } from "../../queries/reliability/measure.ts";
import type { GroupReliability } from "../../queries/reliability/reliability.ts";
import type { Item } from "../answer/table.ts";

/** `endUs`: end of the window, for the age of the last success. */
export function reliabilityItem(group: GroupReliability, endUs: ServerUs): Item {
  const { id, name, now, before, budget, lastSuccessUs, comparison } = group;
  const { streak } = now;
  return {
    id,
    name,
    ...figures(now),
    ...(now.cancelled > 0 ? { cancelled: now.cancelled } : {}),
    ...(now.unfinished > 0 ? { unfinished: now.unfinished } : {}),
    late_p95_s: seconds(now.lateP95Us),
    outages_ended: now.recoveries,
    streak: streak === null ? null : { state: streak.isFailing ? "failed" : "completed", runs: streak.runs },
    longest_failing: now.longestFailing,
    last_success: lastSuccessUs === null ? null : formatIsoSeconds(lastSuccessUs),
    last_success_age_s: lastSuccessUs === null ? null : seconds(Math.max(0, endUs - lastSuccessUs)),
    ...(budget === null ? {} : { budget_left: round(budget.left, 4), failures_allowed: round(budget.allowed, 4) }),
    before: before === null ? null : figures(before),
    worse: comparison.worse,
  };
}

/** The figures that both windows have. */
function figures(of: Figures) {
  return {
    runs: of.runs,
    completed: of.completed,
    failed: of.failed,
    success_rate: of.successRate === null ? null : round(of.successRate, 4),
    p50_s: seconds(of.p50Us),
    p95_s: seconds(of.p95Us),
    late: of.late,
    time_to_recover_s: seconds(of.recoveryUs),
  };
}

function seconds(us: number | null): number | null {
  return us === null ? null : round(us / SECOND_US, 3);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** A row with the figure of the window before in parentheses. */
export function reliabilityRow(
  { id, name, now, before, budget, lastSuccessUs, comparison }: GroupReliability,
  endUs: ServerUs,
): Item {
  const both = (text: (of: Figures) => Sentence | number | null) => {
    const [shown, earlier] = [text(now), before === null ? null : text(before)];
    return shown === null && earlier === null
      ? null
      : sentence`${shown ?? "-"}${earlier === null ? "" : sentence` (${earlier})`}`;
  };
  return {
    name,
    worse: comparison.worse.join("; "),
    success: both((of) => (of.successRate === null ? null : sentence`${Number((of.successRate * 100).toFixed(2))}%`)),
    runs: both((of) => of.runs),
    completed: both((of) => of.completed),
    failed: both((of) => of.failed),
    cancelled: now.cancelled || null,
    unfinished: now.unfinished || null,
    p50: both((of) => (of.p50Us === null ? null : durationText(of.p50Us))),
    p95: both((of) => (of.p95Us === null ? null : durationText(of.p95Us))),
    late: both((of) => of.late),
    late_p95: now.lateP95Us === null ? null : durationText(now.lateP95Us),
    recovery: both((of) =>
      of.recoveryUs === null ? null : sentence`${durationText(of.recoveryUs)} of ${counted(of.recoveries, "outage")}`,
    ),
    streak: now.streak === null ? null : sentence`${now.streak.runs} ${now.streak.isFailing ? "failed" : "completed"}`,
    longest_failing: now.longestFailing || null,
    last_success: lastSuccessUs === null ? "none" : sentence`${durationText(Math.max(0, endUs - lastSuccessUs))} ago`,
    ...(budget === null ? {} : { budget_left: budgetText(budget, now.failed) }),
    id: id === name ? null : id,
  };
}

function budgetText({ allowed, left }: Budget, failed: number): Sentence {
  // Below zero, or of none, a share says less than the two counts.
  if (!(left >= 0)) return sentence`${failed} failed, ${round(allowed, 2)} allowed`;
  return sentence`${Math.round(left * 1000) / 10}% of ${round(allowed, 2)} failures`;
}
