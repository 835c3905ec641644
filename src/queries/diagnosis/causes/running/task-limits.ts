import { durationText } from "../../../../lib/duration-text.ts";
import { asName, asShellWord, own, type Sentence, sentence } from "../../../../lib/shown-text.ts";
import { parseIsoUs, SECOND_US } from "../../../../lib/time.ts";
import { acquiredLimits } from "../../findings/acquired-limits.ts";
import { holderLeads, isFull, isRateLimit, raiseLimit, releaseSlots } from "../../findings/limits.ts";
import { judgeExamined } from "../../findings/merge.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule, Facts, Finding, Holder, LimitFacts, RunFacts } from "../../findings/types.ts";
import { enumerated, holderEvidence, nameList, runName } from "../../findings/wording.ts";

/** A task run that does not wait is Pending for much less than this. */
const PENDING_IS_LONG_US = 3 * SECOND_US;

/**
 * A task run waits for a tag limit. Prefect does not show the wait: the task run stays Pending. Proof: the tag of the task has a
 * limit whose slots are all occupied.
 */
export const tagLimit: CauseModule = {
  code: "tag_limit",
  scopes: ALL_OF_RUNS,
  judge: (facts) =>
    facts.limits
      .filter((one) => one.kind === "tag" && isFull(one))
      .flatMap((limit) =>
        judgeExamined(
          facts,
          (run) => judgeTag(run, limit, facts),
          sentence`have tasks that wait for the full limit of tag ${asName(limit.key)}`,
        ),
      ),
};

function judgeTag(run: RunFacts, one: LimitFacts, { nowUs }: Facts): Finding | null {
  const { limit, key, holders } = one;
  const waiting = run.tasks.filter(
    (task) => (task.state_type === "PENDING" || task.state_type === "SCHEDULED") && task.tags?.includes(key),
  );
  const [first] = waiting;
  if (!first) return null;
  const sinceUs = parseIsoUs(first.state?.timestamp ?? first.expected_start_time ?? "");
  if (sinceUs !== undefined && nowUs - sinceUs < PENDING_IS_LONG_US) return null;
  const since = sinceUs === undefined ? "" : sentence` for ${durationText(nowUs - sinceUs)}`;
  const isZero = Number(limit.limit) === 0;
  const slots = sentence`${asName(String(limit.active_slots))} of ${asName(String(limit.limit))}`;
  const full = isZero
    ? own("is 0, so no task starts")
    : holders.length === 0
      ? sentence`is full: ${slots} but no running task holds them`
      : sentence`is full: ${slots} held by ${enumerated(holders.map(taskName))}`;
  return {
    code: "tag_limit",
    severity: "problem",
    summary: sentence`Task ${asName(first.name)} of ${asName(run.run.name)} ${since === "" ? "is Pending" : sentence`has been Pending${since}`} because the limit of tag ${asName(key)} ${full}.`,
    evidence: {
      limit: { name: limit.name, limit: limit.limit, active_slots: limit.active_slots },
      holders: holderEvidence(holders),
      waiting_tasks: waiting.slice(0, 5).map((task) => ({ id: task.id, name: task.name })),
    },
    fix:
      holders.length === 0 && !isZero
        ? sentence`Free the slots that no task holds: ${releaseSlots(one, 0)}`
        : sentence`${own(isZero ? "Raise the limit" : "Wait for the holder, or raise the limit")}: prefect concurrency-limit create ${asShellWord(key)} ${Number(limit.limit) + 1}`,
    certainty: 1,
    runsExplained: waiting.length,
    release: sentence`Free its slot: ${releaseSlots(one, Math.max(0, Number(limit.active_slots ?? 0) - 1))}`,
    leads: [...holderLeads(holders), { kind: "concurrency_limit", id: limit.id, name: limit.name }],
  };
}

function taskName(holder: Holder): Sentence {
  return sentence`${asName(holder.name ?? holder.id)}${holder.of ? sentence` of ${asName(holder.of)}` : ""}`;
}

/**
 * A run waits for a global limit. Prefect does not show such a wait anywhere. Inferred: the limit is full, earlier runs of the
 * same flow acquired it (`historyLimits`), and this one has not.
 */
export const globalLimit: CauseModule = {
  code: "global_limit",
  scopes: ALL_OF_RUNS,
  judge: (facts) =>
    facts.limits
      .filter((one) => one.kind === "global" && isFull(one))
      .flatMap((limit) =>
        judgeExamined(
          facts,
          (run) => judgeGlobal(run, limit, facts),
          sentence`are Running and most likely wait for the global limit ${asName(limit.key)}, which is full`,
        ),
      ),
};

function judgeGlobal(run: RunFacts, one: LimitFacts, { nowUs }: Facts): Finding | null {
  const { limit, holders } = one;
  if (run.run.state_type !== "RUNNING" || !run.historyLimits.includes(limit.name)) return null;
  if (acquiredLimits(run).includes(limit.name)) return null;
  const sinceUs = parseIsoUs(run.run.start_time ?? run.run.state?.timestamp ?? "");
  const since = sinceUs === undefined ? "" : sentence` for ${durationText(nowUs - sinceUs)}`;
  const inferred = own(
    "This is inferred: earlier runs of the flow acquired it, this one has not, and Prefect does not show that a run waits.",
  );
  const shared = {
    severity: "problem" as const,
    certainty: 0.65,
    runsExplained: 1,
  };
  if (isRateLimit(limit)) {
    return {
      ...shared,
      code: "rate_limit_slots",
      summary: sentence`${runName(run)} has been Running${since} and most likely waits for the rate limit ${asName(limit.name)}: all ${asName(String(limit.limit))} slots are used, and ${asName(String(limit.slot_decay_per_second))} per second become free again by themselves. No run holds them. ${inferred}`,
      evidence: {
        limit: {
          id: limit.id,
          name: limit.name,
          limit: limit.limit,
          active_slots: limit.active_slots,
          slot_decay_per_second: limit.slot_decay_per_second,
        },
        waiting: { id: run.run.id, name: run.run.name },
      },
      fix: sentence`Wait: it refills by itself. If it is too slow: prefect global-concurrency-limit update ${asShellWord(limit.name)} --slot-decay-per-second ${2 * Number(limit.slot_decay_per_second)}`,
    };
  }
  const others = holders.filter((holder) => holder.id !== run.run.id);
  const isZero = Number(limit.limit) === 0;
  const slots = sentence`${asName(String(limit.active_slots))} of ${asName(String(limit.limit))} slots held`;
  const held = isZero
    ? own("which is 0")
    : others.length === 0
      ? sentence`${slots}, but no running run holds them`
      : sentence`${slots} by ${nameList(others.map((holder) => holder.name ?? holder.id))}`;
  return {
    ...shared,
    code: "global_limit",
    summary: sentence`${runName(run)} has been Running${since} and most likely waits for the global limit ${asName(limit.name)} (${held}). ${inferred}`,
    evidence: {
      limit: { id: limit.id, name: limit.name, limit: limit.limit, active_slots: limit.active_slots },
      holders: holderEvidence(others),
      waiting: { id: run.run.id, name: run.run.name },
      earlier_runs_took: run.historyLimits,
    },
    fix: isZero
      ? sentence`Raise the limit: ${raiseLimit(limit)}`
      : others.length === 0
        ? sentence`Free the slots that no run holds: ${releaseSlots(one, 0)}`
        : sentence`Wait for ${asName(others[0]?.name ?? "the holder")}, or raise the limit: prefect global-concurrency-limit update ${asShellWord(limit.name)} --limit ${Number(limit.limit) + 1}`,
    next: others[0]
      ? [
          {
            tool: "diagnose",
            args: { flow_run: others[0].id },
            why: own("whether the run that holds the slot still runs"),
          },
        ]
      : [],
    release: sentence`Free its slot: ${releaseSlots(one, Math.max(0, Number(limit.active_slots ?? 0) - 1))}`,
    leads: [...holderLeads(others), { kind: "concurrency_limit", id: limit.id, name: limit.name }],
  };
}
