/** Cancelled runs: by a person, an automation, or a limit whose slots were held. */
import { asName, asReason, own, type Sentence, sentence, withoutPeriod } from "../../../../lib/shown-text.ts";
import { formatIsoSeconds, parseIsoUs } from "../../../../lib/time.ts";
import { truncate } from "../../../../lib/truncate.ts";
import type { ConcurrencyLimit, FlowRun } from "../../../../model/objects.ts";
import { limitsNewRuns } from "../../findings/cancelled-by.ts";
import { runDeployment } from "../../findings/commands.ts";
import { holderLeads, raiseLimit } from "../../findings/limits.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule, Facts, Finding, Holder, Lead, NamedRun, RunFacts } from "../../findings/types.ts";
import { deploymentOfRun, holderEvidence, nameList, plural, runName } from "../../findings/wording.ts";

/** Cancelled by a person, an automation or a limit. Proof: the message of its state. */
export const cancelled: CauseModule = {
  code: "cancelled",
  scopes: ALL_OF_RUNS,
  judge: (facts) => (facts.run ? judgeCancelled(facts.run, facts) : judgeManyCancelled(facts)),
};

function judgeCancelled(run: RunFacts, facts: Facts): Finding[] {
  if (run.run.state_type !== "CANCELLED") return [];
  const states = run.events.filter((event) => /^prefect\.flow-run\.Cancel/.test(event.event));
  const messages = states.map((event) => event.resource["prefect.state-message"] ?? "").filter((text) => text !== "");
  const message = messages[0] ?? run.run.state?.message ?? "";
  const atUs = parseIsoUs(run.run.end_time ?? "");
  const slot = slotOf(run, facts, run.history);
  return [
    {
      code: "cancelled",
      severity: "problem",
      summary: sentence`${runName(run)} was cancelled${atUs === undefined ? "" : sentence` at ${formatIsoSeconds(atUs)}`}${message === "" ? "; no reason was given" : sentence`: ${reasonText(message, slot)}`}${slotText(slot)}`,
      evidence: {
        flow_run: { id: run.run.id, name: run.run.name },
        ...slotEvidence(slot),
        messages: messages.slice(0, 3),
        events: states.slice(-2).map((event) => event.id),
      },
      fix: cancelFix(message, run, slot),
      // A limit that no run fills explains more.
      certainty: limitsNewRuns(run.run) ? 0.9 : 1,
      runsExplained: 1,
      leads: [...cancelLeads(message), ...holderLeads(slot?.holders ?? [])],
    },
  ];
}

const BY_AUTOMATION = /Automation ([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})/i;

/** "Cancelled by Automation {id}" */
function cancelLeads(message: string): Lead[] {
  const id = BY_AUTOMATION.exec(message)?.[1];
  return id === undefined ? [] : [{ kind: "automation", id, name: id }];
}

function cancelFix(message: string, { run }: NamedRun, slot: Slot | null): Sentence {
  if (message.includes("Automation")) return own("Check the automation that cancelled it.");
  if (/concurrency limit/i.test(message))
    return sentence`The deployment's limit was full, and its collision strategy CANCEL_NEW cancels what comes meanwhile. Let new runs wait instead (collision strategy ENQUEUE), start them further apart${slot === null ? ", or raise the limit." : sentence`, or raise the limit: ${raiseLimit(slot.limit)}`}`;
  return run.deployment_id
    ? sentence`Start it again if it should run: ${runDeployment(run.deployment_id)}`
    : own("Start it again if it should run.");
}

/** The limit that cancelled a run, with the runs that held its slots then; where these are not known, those that hold them now. */
interface Slot {
  readonly limit: ConcurrencyLimit;
  readonly holders: readonly Holder[];
}

/** `others`: ended runs, among them those that had not ended when the run was cancelled. */
function slotOf({ run }: NamedRun, { limits, deployments }: Facts, others: readonly FlowRun[]): Slot | null {
  if (!limitsNewRuns(run)) return null;
  const own = deployments.find(({ id }) => id === run.deployment_id);
  const found = limits.find(
    ({ kind, key, limit }) =>
      kind === "deployment" && (key === run.deployment_id || limit.id === own?.global_concurrency_limit?.id),
  );
  if (!found) return null;
  const atUs = parseIsoUs(run.end_time ?? run.state?.timestamp ?? "") ?? 0;
  const then = others.filter(
    (one) =>
      one.id !== run.id &&
      one.deployment_id === run.deployment_id &&
      (parseIsoUs(one.start_time ?? "") ?? Number.POSITIVE_INFINITY) <= atUs &&
      (parseIsoUs(one.end_time ?? "") ?? 0) >= atUs,
  );
  const holders = then.length > 0 ? then.map(({ id, name }) => ({ id, name })) : found.holders;
  return { limit: found.limit, holders };
}

function reasonText(message: string, slot: Slot | null): Sentence {
  const text = asReason(truncate(message, 200));
  return slot === null || slot.holders.length === 0 ? text : withoutPeriod(text);
}

function slotText(slot: Slot | null): Sentence | "" {
  if (slot === null || slot.holders.length === 0) return "";
  return sentence`; ${nameList(slot.holders.map((one) => one.name ?? one.id))} held ${slot.holders.length === 1 ? "its slot" : "its slots"}.`;
}

function slotEvidence(slot: Slot | null): object {
  if (slot === null) return {};
  const { id, name, limit, active_slots } = slot.limit;
  return { limit: { id, name, limit, active_slots }, holders: holderEvidence(slot.holders) };
}

/** So many cancellations by hand without a completed run since are no accident. */
const MANY_CANCELLED = 3;

/** Cancelled runs of one deployment, or flow, with the same reason. A limit or an automation that cancels runs is a problem. */
function judgeManyCancelled(facts: Facts): Finding[] {
  const { ended } = facts;
  const cancelledRuns = ended.newest.filter(({ run }) => run.state_type === "CANCELLED");
  const keyOf = ({ run }: NamedRun) =>
    `${run.deployment_id ?? run.flow_id}|${(run.state?.message ?? "").replace(/[0-9a-f-]{36}|\d+/g, "#")}`;
  return [...Map.groupBy(cancelledRuns, keyOf).values()].flatMap((group): Finding[] => {
    const [newest] = group;
    if (!newest) return [];
    const message = newest.run.state?.message ?? "";
    const isByRule = BY_AUTOMATION.test(message) || /concurrency limit/i.test(message);
    const owner = (one: NamedRun) => one.run.deployment_id ?? one.run.flow_id;
    const hasCompleted = ended.newest
      .slice(0, ended.newest.indexOf(newest))
      .some((one) => owner(one) === owner(newest) && one.run.state_type === "COMPLETED");
    const isMost =
      limitsNewRuns(newest.run) &&
      group.length >= MANY_CANCELLED &&
      group.length >=
        ended.newest.filter((one) => owner(one) === owner(newest) && one.run.state_type === "COMPLETED").length;
    const isProblem = isMost || (!hasCompleted && (isByRule || group.length >= MANY_CANCELLED));
    const slot = slotOf(
      newest,
      facts,
      ended.newest.map(({ run }) => run),
    );
    return [
      {
        code: "cancelled",
        severity: isProblem ? "problem" : "note",
        summary: sentence`${plural(group.length, "run")} of ${asName(deploymentOfRun(newest) ?? newest.flowName ?? "unnamed")} ${group.length === 1 ? "was" : "were"} cancelled${message === "" ? "; no reason was given" : sentence`: ${withoutPeriod(asReason(truncate(message, 200)))}`}. The last was ${asName(newest.run.name)} at ${asReason(newest.run.end_time ?? "an unknown time")}${hasCompleted ? ", and a later run completed" : ""}${slotText(slot) || "."}`,
        evidence: {
          count: group.length,
          ...slotEvidence(slot),
          runs: group.slice(0, 3).map((one) => ({ id: one.run.id, name: one.run.name })),
        },
        fix: cancelFix(message, newest, slot),
        next: [{ tool: "diagnose", args: { flow_run: newest.run.id }, why: own("the newest of them in detail") }],
        certainty: 0.9,
        runsExplained: group.length,
        leads: [...cancelLeads(message), ...holderLeads(slot?.holders ?? [])],
      },
    ];
  });
}
