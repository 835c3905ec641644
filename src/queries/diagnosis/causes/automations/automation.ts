import { formatIsoSeconds, parseIsoUs, type ServerUs } from "../../../../lib/time.ts";
import { truncate } from "../../../../lib/truncate.ts";
import type { PrefectEvent } from "../../../../model/events/event.ts";
import type { EventTrigger } from "../../../../model/objects/automation-trigger.ts";
import type { AutomationFacts, CauseModule, Facts, Finding } from "../../findings/types.ts";
import { durationText, nameList, plural } from "../../findings/wording.ts";
import { automationEvidence, judgeComposite } from "./automation-composite.ts";

const TRIGGERED = "prefect.automation.triggered";
const FAILED = "prefect.automation.action.failed";
const EXECUTED = "prefect.automation.action.executed";

function named(facts: Facts, name: string): PrefectEvent[] {
  return (facts.automation?.events ?? []).filter((event) => event.event === name);
}

/** Prefect does not evaluate a disabled automation. Proof: `enabled`. */
export const automationDisabled: CauseModule = {
  code: "automation_disabled",
  subjects: ["automation"],
  judge: (facts) => {
    const own = facts.automation;
    if (own?.automation.enabled !== false) return [];
    const matching = own.replay?.matched.length ?? 0;
    return [
      {
        code: "automation_disabled",
        severity: "problem",
        summary: `Automation ${own.automation.name} is disabled, so its trigger is not evaluated${matching > 0 ? `; ${plural(matching, "event")} would have matched it` : ""}.`,
        evidence: {
          ...automationEvidence(own.automation),
          matching_events: matching,
          events: idsOf(own.replay?.matched ?? []),
        },
        fix: `Enable it: prefect automation resume --id ${own.automation.id}`,
        certainty: 1,
        runsExplained: 1,
      },
    ];
  },
};

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
  subjects: ["automation"],
  judge: (facts) => {
    const own = facts.automation;
    const failed = named(facts, FAILED);
    const last = failed.at(-1);
    if (!own || !last) return [];
    const { action_type, reason, status_code } = last.payload;
    const good = named(facts, EXECUTED).at(-1);
    const isOver = good !== undefined && good.occurred > last.occurred;
    return [
      {
        code: "automation_action_failed",
        severity: isOver ? "note" : "problem",
        summary: `Automation ${own.automation.name} fired, but its action ${String(action_type)} failed${status_code === undefined ? "" : ` with HTTP status ${String(status_code)}`}: ${truncate(String(reason ?? "no reason given"), 300)}${failed.length > 1 ? ` (${failed.length} times)` : ""}`,
        evidence: {
          ...automationEvidence(own.automation),
          action_type,
          reason: truncate(String(reason ?? ""), 300),
          status_code,
          event: last.id,
          occurred: last.occurred,
          times: failed.length,
        },
        fix: "Correct the action: the object that it names may be deleted, paused or not permitted. Then update the automation.",
        certainty: 1,
        runsExplained: failed.length,
      },
    ];
  },
};

/** It fired and its actions were executed. */
export const automationFired: CauseModule = {
  code: "automation_fired",
  subjects: ["automation"],
  judge: (facts) => {
    const own = facts.automation;
    const fired = named(facts, TRIGGERED);
    const last = fired.at(-1);
    if (!own || !last) return [];
    const done = named(facts, EXECUTED);
    const target = done.at(-1)?.related.find((one) => one["prefect.resource.role"] === "target");
    return [
      {
        code: "automation_fired",
        severity: "note",
        summary: `Automation ${own.automation.name} fired ${plural(fired.length, "time")}, last at ${formatIsoSeconds(parseIsoUs(last.occurred) ?? 0)}; ${plural(done.length, "action")} executed.`,
        evidence: {
          ...automationEvidence(own.automation),
          fired: fired.length,
          executed: done.length,
          last_event: last.id,
          ...(target ? { target: target["prefect.resource.name"] ?? target["prefect.resource.id"] } : {}),
        },
        fix: "Nothing to do.",
        certainty: 1,
        runsExplained: fired.length,
      },
    ];
  },
};

/** Why it has not fired, from a replay of its trigger. Only for an enabled automation that has not fired in the time read. */
export const automationNotFired: CauseModule = {
  code: "automation_not_fired",
  subjects: ["automation"],
  judge: (facts) => {
    const own = facts.automation;
    if (!own?.replay || own.automation.enabled === false || named(facts, TRIGGERED).length > 0) return [];
    const { replay } = own;
    if (replay.firings.length > 0) return [lostEvent(own, replay.firings.length, replay.firings.at(-1)?.atUs ?? 0)];
    if (replay.trigger.type !== "event") return [judgeComposite(own, replay.trigger)];
    return [judgeEvents(own, replay.trigger, facts)];
  },
};

function lostEvent(own: AutomationFacts, times: number, atUs: ServerUs): Finding {
  return {
    code: "automation_event_lost",
    severity: "problem",
    summary: `According to the recorded events, automation ${own.automation.name} should have fired ${plural(times, "time")} (last at ${formatIsoSeconds(atUs)}), but Prefect shows no firing: its trigger service most likely missed an event or was restarted. This is inferred from a replay.`,
    evidence: {
      ...automationEvidence(own.automation),
      replayed_firings: times,
      events: idsOf(own.replay?.matched ?? []),
    },
    fix: 'Check the server\'s log around that time ("database is locked", restarts). The next matching event is evaluated again.',
    certainty: 0.6,
    runsExplained: 1,
  };
}

function judgeEvents(own: AutomationFacts, trigger: EventTrigger, { nowUs, isPast }: Facts): Finding {
  const { replay, automation } = own;
  const expects = trigger.expect.length > 0 ? nameList(trigger.expect) : "any event";
  const shared = {
    ...automationEvidence(automation),
    expects: trigger.expect,
    threshold: trigger.threshold,
    within_seconds: trigger.within,
  };
  if (trigger.posture === "Proactive") {
    const [wait] = [...(replay?.open ?? [])].sort((a, b) => a.toUs - b.toUs);
    const when = wait
      ? `it ${isPast ? "waited" : "waits"} for ${expects} and fires at ${formatIsoSeconds(wait.toUs)}${isPast ? "" : ` (in ${durationText(wait.toUs - nowUs)})`} at the earliest, if that does not arrive`
      : trigger.after.length > 0 && (replay?.matched.length ?? 0) === 0
        ? `no event has started its wait yet (${nameList(trigger.after)})`
        : `${expects} arrived in time whenever it waited`;
    return {
      code: "automation_not_due",
      severity: "note",
      summary: `Automation ${automation.name} is proactive and has had no reason to fire: ${when}.`,
      evidence: {
        ...shared,
        after: trigger.after,
        ...(wait
          ? { waits_since: formatIsoSeconds(wait.fromUs), due: formatIsoSeconds(wait.toUs), key: wait.key }
          : {}),
      },
      fix: "Nothing to do.",
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
      summary: `Automation ${automation.name} has not fired because its threshold is ${trigger.threshold} within ${trigger.within} s, and only ${best} matching ${best === 1 ? "event" : "events"} fell into one window${matched > best ? ` (${matched} in all)` : ""}.`,
      evidence: { ...shared, most_in_one_window: best, matching_events: matched, events: idsOf(replay?.matched ?? []) },
      fix: "Lower the threshold, lengthen within, or wait for more events.",
      certainty: 1,
      runsExplained: 1,
    };
  }
  return noMatch(own, trigger, expects, shared);
}

function noMatch(
  own: AutomationFacts,
  trigger: EventTrigger,
  expects: string,
  shared: Record<string, unknown>,
): Finding {
  const { automation, replay } = own;
  const missed = replay?.missed;
  const reasons: [readonly PrefectEvent[], string][] = [
    [missed?.resource ?? [], `its resource does not match ${truncate(JSON.stringify(trigger.match), 160)}`],
    [
      missed?.related ?? [],
      `none of its related resources matches match_related ${truncate(JSON.stringify(trigger.match_related), 160)}`,
    ],
    [missed?.notStarted ?? [], `no ${nameList(trigger.after)} occurred before it`],
    [missed?.late ?? [], "it occurred before the current window: it arrived late, or the trigger had just fired"],
  ];
  const [events, reason] = reasons.find(([found]) => found.length > 0) ?? [[], ""];
  const last = events.at(-1);
  const isNearMiss = last !== undefined;
  return {
    code: isNearMiss ? "automation_match" : "automation_no_event",
    severity: isNearMiss ? "problem" : "note",
    summary: isNearMiss
      ? `Automation ${automation.name} has not fired because no event matches its trigger: ${plural(events.length, "event")} named ${last.event} arrived, but ${reason} (last from ${last.resource["prefect.resource.name"] ?? last.resource["prefect.resource.id"]}).`
      : `Automation ${automation.name} has had no reason to fire: ${expects === "any event" ? "no event" : `no ${expects}`} since it was created.`,
    evidence: {
      ...shared,
      match: trigger.match,
      match_related: trigger.match_related,
      ...(isNearMiss ? { near_misses: idsOf(events) } : { matching_events: 0 }),
    },
    fix: isNearMiss ? "Correct match or match_related, if these events were meant." : "Nothing to do.",
    certainty: 1,
    runsExplained: 1,
  };
}
