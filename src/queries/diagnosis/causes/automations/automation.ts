import { durationText } from "../../../../lib/duration-text.ts";
import { asName, asReason, asShellWord, own, quoteJson, type Sentence, sentence } from "../../../../lib/shown-text.ts";
import { addUs, formatIsoSeconds, parseIsoUs, SECOND_US, type ServerUs } from "../../../../lib/time.ts";
import { truncate } from "../../../../lib/truncate.ts";
import type { PrefectEvent } from "../../../../model/events/event.ts";
import type { EventTrigger } from "../../../../model/objects/automation-trigger.ts";
import { nearestLast } from "../../findings/near-misses.ts";
import { OF_AUTOMATIONS, type Scopes, wider } from "../../findings/scopes.ts";
import type { AutomationFacts, CauseModule, Facts, Finding } from "../../findings/types.ts";
import { enumerated, nameList, plural } from "../../findings/wording.ts";
import { automationEvidence, judgeComposite } from "./automation-composite.ts";

const TRIGGERED = "prefect.automation.triggered";
const FAILED = "prefect.automation.action.failed";
const EXECUTED = "prefect.automation.action.executed";

function named({ events }: AutomationFacts, name: string): PrefectEvent[] {
  return events.filter((event) => event.event === name);
}

const NEEDS_REPLAY: Scopes = {
  ...OF_AUTOMATIONS,
  ...wider(
    own(
      "It needs all events that the trigger listens to, which are read for one automation; `automation_unknown_event` and `automation_action_failed` judge all.",
    ),
  ),
};

/** Prefect does not evaluate a disabled automation. Proof: `enabled`. */
export const automationDisabled: CauseModule = {
  code: "automation_disabled",
  scopes: OF_AUTOMATIONS,
  judge: (facts) => {
    if (facts.automation === null) return judgeDisabled(facts);
    const subject = facts.automation;
    if (subject.automation.enabled !== false) return [];
    const matching = subject.replay?.matched.length ?? 0;
    return [
      {
        code: "automation_disabled",
        severity: "problem",
        summary: sentence`Automation ${asName(subject.automation.name)} is disabled, so its trigger is not evaluated${matching > 0 ? sentence`; ${plural(matching, "event")} would have matched it` : ""}.`,
        evidence: {
          ...automationEvidence(subject.automation),
          matching_events: matching,
          events: idsOf(subject.replay?.matched ?? []),
        },
        fix: sentence`Enable it: prefect automation resume --id ${asShellWord(subject.automation.id)}`,
        certainty: 1,
        runsExplained: 1,
      },
    ];
  },
};

/** In a wider question a note: most are disabled on purpose. */
function judgeDisabled({ automations }: Facts): Finding[] {
  const disabled = automations.filter(({ automation }) => automation.enabled === false);
  const [first] = disabled;
  if (!first) return [];
  return [
    {
      code: "automation_disabled",
      severity: "note",
      summary: sentence`${plural(disabled.length, "automation")} ${disabled.length === 1 ? "is" : "are"} disabled: ${nameList(disabled.map(({ automation }) => automation.name))}.`,
      evidence: { automations: disabled.slice(0, 5).map(({ automation: { id, name } }) => ({ id, name })) },
      fix: sentence`Enable what should act; the first: prefect automation resume --id ${asShellWord(first.automation.id)}`,
      certainty: 1,
      runsExplained: 0,
    },
  ];
}

function idsOf(events: readonly PrefectEvent[]): object[] {
  return events.slice(-3).map((event) => ({
    event: event.event,
    id: event.id,
    occurred: event.occurred,
    resource: event.resource["prefect.resource.name"],
  }));
}

/** It fired, and an action failed. Proof: `prefect.automation.action.failed` with its reason. */
export const automationActionFailed: CauseModule = {
  code: "automation_action_failed",
  scopes: OF_AUTOMATIONS,
  judge: (facts) => facts.automations.flatMap(judgeActions),
};

function judgeActions(subject: AutomationFacts): Finding[] {
  const failed = named(subject, FAILED);
  const last = failed.at(-1);
  if (!last) return [];
  const { action_type, reason, status_code } = last.payload;
  const good = named(subject, EXECUTED).at(-1);
  const isOver = good !== undefined && good.occurred > last.occurred;
  return [
    {
      code: "automation_action_failed",
      severity: isOver ? "note" : "problem",
      summary: sentence`Automation ${asName(subject.automation.name)} fired, but its action ${asName(String(action_type))} failed${status_code === undefined ? "" : sentence` with HTTP status ${asName(String(status_code))}`}: ${asReason(truncate(String(reason ?? "no reason given"), 300))}${failed.length > 1 ? sentence` (${plural(failed.length, "time")})` : ""}`,
      evidence: {
        ...automationEvidence(subject.automation),
        action_type,
        reason: truncate(String(reason ?? ""), 300),
        status_code,
        event: last.id,
        occurred: last.occurred,
        times: failed.length,
      },
      fix: own(
        "Correct the action: the object that it names may be deleted, paused or not permitted. Then update the automation.",
      ),
      certainty: 1,
      runsExplained: failed.length,
    },
  ];
}

/** It expects an event that nothing emits, and a similar name occurs: most likely a misspelling. Proof: counts of all event names. */
export const automationUnknownEvent: CauseModule = {
  code: "automation_unknown_event",
  scopes: OF_AUTOMATIONS,
  judge: ({ automations }) =>
    automations
      .filter(({ automation }) => automation.enabled !== false)
      .flatMap(({ automation, nearNames }) =>
        nearNames.map(({ expected, near }) => ({
          code: "automation_unknown_event",
          severity: "problem" as const,
          summary: sentence`Automation ${asName(automation.name)} expects the event ${asName(expected)}, which never occurred, while ${enumerated(near.map(({ name, count }) => sentence`${asName(name)} did ${plural(count, "time")}`))}: the name in its trigger is most likely misspelt.`,
          evidence: { ...automationEvidence(automation), expects: expected, occurred: near },
          fix: sentence`Write ${asName(near[0]?.name ?? "")} in its trigger, in the UI or with a corrected file. To see it: prefect automation inspect --id ${asShellWord(automation.id)} --yaml`,
          certainty: 0.9,
          runsExplained: 1,
        })),
      ),
};

/** Its trigger names an object that does not exist, so nothing matches it. Proof: the whole list of that kind. */
export const automationUnknownResource: CauseModule = {
  code: "automation_unknown_resource",
  scopes: OF_AUTOMATIONS,
  judge: ({ automations, automation: asked, isPast }) =>
    automations
      .filter(({ automation }) => automation.enabled !== false && !isPast)
      .flatMap(({ automation, missing }) =>
        missing.map(({ kind, expected, near, part }) => ({
          code: "automation_unknown_resource",
          severity: near.length > 0 || asked !== null ? ("problem" as const) : ("note" as const),
          summary: sentence`The trigger of automation ${asName(automation.name)} names in ${asName(part)} the ${LABELS[kind]} ${asName(expected)}, which does not exist${near.length === 0 ? own(": it was deleted, or the name is wrong") : sentence`, while ${nameList(near)} does: the name is most likely misspelt`}.`,
          evidence: {
            ...automationEvidence(automation),
            names: { kind, name: expected, in: part },
            ...(near.length > 0 ? { near } : {}),
          },
          fix: sentence`Write ${near[0] === undefined ? sentence`a ${LABELS[kind]} that exists` : asName(near[0])} in its trigger, in the UI or with a corrected file. To see it: prefect automation inspect --id ${asShellWord(automation.id)} --yaml`,
          certainty: near.length > 0 ? 0.95 : 0.8,
          runsExplained: 1,
        })),
      ),
};

const LABELS = {
  flow: own("flow"),
  deployment: own("deployment"),
  work_pool: own("work pool"),
  work_queue: own("work queue"),
} as const;

/** It fired and its actions were executed. */
export const automationFired: CauseModule = {
  code: "automation_fired",
  scopes: NEEDS_REPLAY,
  judge: (facts) => {
    const subject = facts.automation;
    const fired = subject ? named(subject, TRIGGERED) : [];
    const last = fired.at(-1);
    if (!subject || !last) return [];
    const done = named(subject, EXECUTED);
    const target = done.at(-1)?.related.find((one) => one["prefect.resource.role"] === "target");
    return [
      {
        code: "automation_fired",
        severity: "note",
        summary: sentence`Automation ${asName(subject.automation.name)} fired ${plural(fired.length, "time")}, last at ${formatIsoSeconds(parseIsoUs(last.occurred) ?? 0)}; ${plural(done.length, "action")} executed.`,
        evidence: {
          ...automationEvidence(subject.automation),
          fired: fired.length,
          executed: done.length,
          last_event: last.id,
          ...(target ? { target: target["prefect.resource.name"] ?? target["prefect.resource.id"] } : {}),
        },
        fix: own("Nothing to do."),
        certainty: 1,
        runsExplained: fired.length,
      },
    ];
  },
};

/** Why it has not fired, from a replay of its trigger. Only for an enabled automation that has not fired in the time read. */
export const automationNotFired: CauseModule = {
  code: "automation_not_fired",
  scopes: NEEDS_REPLAY,
  judge: (facts) => {
    const subject = facts.automation;
    if (!subject?.replay || subject.automation.enabled === false || named(subject, TRIGGERED).length > 0) return [];
    if (subject.nearNames.length > 0 || subject.missing.length > 0) return [];
    const { replay } = subject;
    if (replay.firings.length > 0) return [lostEvent(subject, replay.firings.length, replay.firings.at(-1)?.atUs ?? 0)];
    if (replay.trigger.type !== "event") return [judgeComposite(subject, replay.trigger)];
    return [judgeEvents(subject, replay.trigger, facts)];
  },
};

function lostEvent(subject: AutomationFacts, times: number, atUs: ServerUs): Finding {
  return {
    code: "automation_event_lost",
    severity: "problem",
    summary: sentence`According to the recorded events, automation ${asName(subject.automation.name)} should have fired ${plural(times, "time")} (last at ${formatIsoSeconds(atUs)}), but Prefect shows no firing: its trigger service most likely missed an event or was restarted. This is inferred from a replay.`,
    evidence: {
      ...automationEvidence(subject.automation),
      replayed_firings: times,
      events: idsOf(subject.replay?.matched ?? []),
    },
    fix: own(
      'Check the server\'s log around that time ("database is locked", restarts). The next matching event is evaluated again.',
    ),
    certainty: 0.6,
    runsExplained: 1,
  };
}

function judgeEvents(subject: AutomationFacts, trigger: EventTrigger, { nowUs, isPast }: Facts): Finding {
  const { replay, automation } = subject;
  const expects = trigger.expect.length > 0 ? nameList(trigger.expect) : own("any event");
  const shared = {
    ...automationEvidence(automation),
    expects: trigger.expect,
    threshold: trigger.threshold,
    within_seconds: trigger.within,
  };
  if (trigger.posture === "Proactive") {
    const [wait] = [...(replay?.open ?? [])].sort((a, b) => a.toUs - b.toUs);
    const first = wait || isPast ? null : firstWait(subject, trigger);
    if (first !== null) return judgeFirstWait(subject, trigger, first, { expects, nowUs, shared });
    const when = wait
      ? sentence`it ${isPast ? "waited" : "waits"} for ${expects} and fires at ${formatIsoSeconds(wait.toUs)}${isPast ? "" : sentence` (in ${durationText(wait.toUs - nowUs)})`} at the earliest, if that does not arrive`
      : trigger.after.length > 0 && (replay?.matched.length ?? 0) === 0
        ? sentence`no event has started its wait yet (${nameList(trigger.after)})`
        : sentence`${expects} arrived in time whenever it waited`;
    return {
      code: "automation_not_due",
      severity: "note",
      summary: sentence`Automation ${asName(automation.name)} is proactive and has had no reason to fire: ${when}.`,
      evidence: {
        ...shared,
        after: trigger.after,
        ...(wait
          ? { waits_since: formatIsoSeconds(wait.fromUs), due: formatIsoSeconds(wait.toUs), key: wait.key }
          : {}),
      },
      fix: own("Nothing to do."),
      certainty: 1,
      runsExplained: 1,
    };
  }
  const matched = replay?.matched.length ?? 0;
  if (matched > 0) {
    const best = replay?.nearest?.count ?? 0;
    return {
      code: "automation_threshold",
      severity: "problem",
      summary: sentence`Automation ${asName(automation.name)} has not fired because its threshold is ${trigger.threshold} within ${trigger.within} s, and only ${best} matching ${best === 1 ? "event" : "events"} fell into one window${matched > best ? sentence` (${matched} in all)` : ""}.`,
      evidence: { ...shared, most_in_one_window: best, matching_events: matched, events: idsOf(replay?.matched ?? []) },
      fix: own("Lower the threshold, lengthen within, or wait for more events."),
      certainty: 1,
      runsExplained: 1,
    };
  }
  return noMatch(subject, trigger, expects, shared);
}

/**
 * When a proactive trigger that no event starts fires for the first time: `within` after it was made, unless its event comes. Null
 * where an event starts the wait, or has come already.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/triggers.py (`periodic_evaluation`)
 */
function firstWait({ automation, replay }: AutomationFacts, trigger: EventTrigger): ServerUs | null {
  const startsByEvent = trigger.after.length > 0 || trigger.for_each.length > 0;
  const madeUs = parseIsoUs(automation.updated ?? automation.created ?? "");
  if (startsByEvent || (replay?.matched.length ?? 0) > 0 || madeUs === undefined) return null;
  return addUs(madeUs, trigger.within * SECOND_US);
}

function judgeFirstWait(
  { automation }: AutomationFacts,
  trigger: EventTrigger,
  dueUs: ServerUs,
  { expects, nowUs, shared }: { expects: Sentence; nowUs: ServerUs; shared: Record<string, unknown> },
): Finding {
  const isDue = dueUs > nowUs;
  const due = formatIsoSeconds(dueUs);
  return {
    code: isDue ? "automation_not_due" : "automation_event_lost",
    severity: isDue ? "note" : "problem",
    summary: isDue
      ? sentence`Automation ${asName(automation.name)} has not fired yet: no ${expects} has come since it was made or changed, and it fires at ${due} (in ${durationText(dueUs - nowUs)}) unless one comes.`
      : sentence`Automation ${asName(automation.name)} should have fired at ${due}, because no ${expects} came within ${durationText(trigger.within * SECOND_US)} after it was made or changed, but Prefect shows no firing. This is inferred from the recorded events.`,
    evidence: { ...shared, due },
    fix: isDue
      ? own("Nothing to do.")
      : own(
          'Check the server\'s log around that time ("database is locked", restarts): its trigger service may not run.',
        ),
    certainty: isDue ? 1 : 0.6,
    runsExplained: 1,
  };
}

function noMatch(
  subject: AutomationFacts,
  trigger: EventTrigger,
  expects: Sentence,
  shared: Record<string, unknown>,
): Finding {
  const { automation, replay } = subject;
  const missed = replay?.missed;
  const reasons: [readonly PrefectEvent[], Sentence][] = [
    [missed?.resource ?? [], sentence`its resource does not match ${quoteJson(trigger.match, 160)}`],
    [
      missed?.related ?? [],
      sentence`none of its related resources matches match_related ${quoteJson(trigger.match_related, 160)}`,
    ],
    [missed?.notStarted ?? [], sentence`no ${nameList(trigger.after)} occurred before it`],
    [missed?.late ?? [], own("it occurred before the current window: it arrived late, or the trigger had just fired")],
  ];
  const [found, reason] = reasons.find(([missedEvents]) => missedEvents.length > 0) ?? [[], own("")];
  const events = nearestLast(found, trigger);
  const last = events.at(-1);
  const isNearMiss = last !== undefined;
  return {
    code: isNearMiss ? "automation_match" : "automation_no_event",
    severity: isNearMiss ? "problem" : "note",
    summary: isNearMiss
      ? sentence`Automation ${asName(automation.name)} has not fired because no event matches its trigger: ${plural(events.length, "event")} named ${asName(last.event)} arrived, but ${reason} (the nearest from ${asName(last.resource["prefect.resource.name"] ?? last.resource["prefect.resource.id"] ?? "unknown")}).`
      : sentence`Automation ${asName(automation.name)} has had no reason to fire: ${expects === "any event" ? "no event" : sentence`no ${expects}`} since it was created.`,
    evidence: {
      ...shared,
      match: trigger.match,
      match_related: trigger.match_related,
      ...(isNearMiss ? { near_misses: idsOf(events) } : { matching_events: 0 }),
    },
    fix: own(isNearMiss ? "Correct match or match_related, if these events were meant." : "Nothing to do."),
    certainty: 1,
    runsExplained: 1,
  };
}
