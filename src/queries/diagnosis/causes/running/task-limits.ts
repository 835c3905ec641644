import { durationText } from "../../../../lib/duration-text.ts";
import { asName, asShellWord, own, type Sentence, sentence } from "../../../../lib/shown-text.ts";
import { parseIsoUs, SECOND_US } from "../../../../lib/time.ts";
import { acquiredLimits } from "../../findings/acquired-limits.ts";
import type { CauseModule, Facts, Holder } from "../../findings/types.ts";
import { enumerated, holderEvidence, nameList } from "../../findings/wording.ts";

/** A task run that does not wait is Pending for much less than this. */
const PENDING_IS_LONG_US = 3 * SECOND_US;

/**
 * A task run waits for a tag limit. Prefect does not show the wait: the task run stays Pending. Proof: the tag of the task has a
 * limit whose slots are all occupied.
 */
export const tagLimit: CauseModule = {
  code: "tag_limit",
  subjects: ["flow_run"],
  judge: (facts) => {
    const { run, nowUs } = facts;
    if (!run) return [];
    const pending = run.tasks.filter((task) => task.state_type === "PENDING" || task.state_type === "SCHEDULED");
    return facts.limits
      .filter(({ kind, limit }) => kind === "tag" && limit.active !== false && (limit.active_slots ?? 0) >= limit.limit)
      .flatMap(({ limit, key, holders }) => {
        const waiting = pending.filter((task) => task.tags?.includes(key));
        const [first] = waiting;
        if (!first) return [];
        const sinceUs = parseIsoUs(first.state?.timestamp ?? first.expected_start_time ?? "");
        if (sinceUs !== undefined && nowUs - sinceUs < PENDING_IS_LONG_US) return [];
        const since = sinceUs === undefined ? "" : sentence` for ${durationText(nowUs - sinceUs)}`;
        return [
          {
            code: "tag_limit",
            severity: "problem" as const,
            summary: sentence`Task ${asName(first.name)} of ${asName(run.run.name)} ${since === "" ? "is Pending" : sentence`has been Pending${since}`} because the limit of tag ${asName(key)} is full: ${asName(String(limit.active_slots))} of ${asName(String(limit.limit))} held by ${enumerated(holders.map(taskName))}.`,
            evidence: {
              limit: { name: limit.name, limit: limit.limit, active_slots: limit.active_slots },
              holders: holderEvidence(holders),
              waiting_tasks: waiting.slice(0, 5).map((task) => ({ id: task.id, name: task.name })),
            },
            fix: sentence`Wait for the holder, or raise the limit: prefect concurrency-limit create ${asShellWord(key)} ${Number(limit.limit) + 1}. If no running task holds it: prefect concurrency-limit reset ${asShellWord(key)}`,
            certainty: 1,
            runsExplained: waiting.length,
          },
        ];
      });
  },
};

function taskName(holder: Holder): Sentence {
  return sentence`${asName(holder.name ?? holder.id)}${holder.of ? sentence` of ${asName(holder.of)}` : ""}`;
}

/**
 * A run waits for a global limit. Prefect does not show such a wait anywhere. Inferred: the limit is full, earlier runs of the
 * same flow acquired it (`historyLimits`), and this one has not.
 */
export function judgeGlobalLimit(facts: Facts, historyLimits: readonly string[]): ReturnType<CauseModule["judge"]> {
  const { run, nowUs } = facts;
  if (run?.run.state_type !== "RUNNING") return [];
  const acquired = new Set(acquiredLimits(run));
  return facts.limits
    .filter(
      ({ kind, limit }) => kind === "global" && limit.active !== false && (limit.active_slots ?? 0) >= limit.limit,
    )
    .filter(({ limit }) => historyLimits.includes(limit.name) && !acquired.has(limit.name))
    .map(({ limit, holders }) => {
      const others = holders.filter((one) => one.id !== run.run.id);
      const sinceUs = parseIsoUs(run.run.start_time ?? run.run.state?.timestamp ?? "");
      const since = sinceUs === undefined ? "" : sentence` for ${durationText(nowUs - sinceUs)}`;
      return {
        code: "global_limit",
        severity: "problem" as const,
        summary: sentence`${asName(run.run.name)} has been Running${since} and most likely waits for the global limit ${asName(limit.name)} (${asName(String(limit.active_slots))} of ${asName(String(limit.limit))} held${others.length > 0 ? sentence` by ${nameList(others.map((one) => one.name ?? one.id))}` : ""}). This is inferred: earlier runs of the flow acquired it, this one has not, and Prefect does not show that a run waits.`,
        evidence: {
          limit: { id: limit.id, name: limit.name, limit: limit.limit, active_slots: limit.active_slots },
          holders: holderEvidence(others),
          earlier_runs_took: historyLimits,
        },
        fix: sentence`Wait for the holder, or check that it still runs. To release slots that no run holds: prefect global-concurrency-limit update ${asShellWord(limit.name)} --active-slots 0`,
        next: others[0]
          ? [
              {
                tool: "diagnose",
                args: { flow_run: others[0].id },
                why: own("whether the run that holds the slot still runs"),
              },
            ]
          : [],
        certainty: 0.65,
        runsExplained: 1,
      };
    });
}

export const globalLimit: CauseModule = {
  code: "global_limit",
  subjects: ["flow_run"],
  judge: (facts) => judgeGlobalLimit(facts, facts.historyLimits),
};
