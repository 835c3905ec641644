import { parseIsoUs } from "../../../../lib/time.ts";
import type { PrefectEvent } from "../../../../model/events/event.ts";
import type { EventTrigger } from "../../../../model/objects/automation-trigger.ts";
import { truncate } from "../../findings/error-text.ts";
import type { AutomationFacts, CauseModule, Facts, Finding } from "../../findings/types.ts";
import { durationText, nameList, plural, timeText } from "../../findings/wording.ts";
import { automationEvidence, judgeComposite } from "./automation-composite.ts";

const TRIGGERED = "prefect.automation.triggered";
const FAILED = "prefect.automation.action.failed";
const EXECUTED = "prefect.automation.action.executed";

function named(facts: Facts, name: string): PrefectEvent[] {
  return (facts.automation?.events ?? []).filter((event) => event.event === name);
}

/** A disabled automation is not evaluated at all. Proof: `enabled`. */
export const automationDisabled: CauseModule = {
  code: "automation_disabled",
  subjects: ["automation"],
  judge: (facts) => {
    const own = facts.automation;
    if (own?.automation.enabled !== false) return [];
    const missed = own.replay?.matched.length ?? 0;
    return [
      {
        code: "automation_disabled",
        severity: "problem",
        summary: `Automation ${own.automation.name} is disabled, so nothing is evaluated${missed > 0 ? `; ${plural(missed, "event")} matched its trigger meanwhile` : ""}.`,
        evidence: {
          ...automationEvidence(own.automation),
          matching_events: missed,
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
        summary: `Automation ${own.automation.name} fired, but its action ${String(action_type)} failed${status_code === undefined ? "" : ` with HTTP status ${String(status_code)}`}: ${truncate(String(reason ?? "no reason told"), 300)}${failed.length > 1 ? ` (${failed.length} times)` : ""}`,
        evidence: {
          ...automationEvidence(own.automation),
          action_type,
          reason: truncate(String(reason ?? ""), 300),
          status_code,
          event: last.id,
          occurred: last.occurred,
          times: failed.length,
        },
        fix: "Correct the action: the object that it names may be gone, paused or refused; then update the automation.",
        certainty: 1,
        runsExplained: failed.length,
      },
    ];
  },
};

/** It works: it fired and its actions were executed. */
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
        summary: `Automation ${own.automation.name} fired ${plural(fired.length, "time")}, last at ${timeText(parseIsoUs(last.occurred) ?? 0)}; ${plural(done.length, "action")} executed.`,
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

/** Why it has not fired, from the replay of its trigger. Only while it is enabled and never fired in the time looked at. */
export const automationNotFired: CauseModule = {
  code: "automation_not_fired",
  subjects: ["automation"],
  judge: (facts) => {
    const own = facts.automation;
    if (!own?.replay || own.automation.enabled === false || named(facts, TRIGGERED).length > 0) return [];
    const { replay } = own;
    if (replay.firings.length > 0) return [lostEvent(own, replay.firings.length, replay.firings.at(-1)?.atUs ?? 0)];
    if (replay.trigger.type !== "event") return [judgeComposite(own, replay.trigger)];
    return [judgeEvents(own, replay.trigger, facts.nowUs)];
  },
};

function lostEvent(own: AutomationFacts, times: number, atUs: number): Finding {
  return {
    code: "automation_event_lost",
    severity: "problem",
    summary: `Automation ${own.automation.name} should have fired ${plural(times, "time")} (last at ${timeText(atUs)}) by its recorded events, but Prefect shows no firing: its trigger service most likely lost an event or was restarted. This is inferred from a replay.`,
    evidence: {
      ...automationEvidence(own.automation),
      replayed_firings: times,
      events: idsOf(own.replay?.matched ?? []),
    },
    fix: 'Look at the server\'s log around that time ("database is locked", restarts); the next matching event will be judged again.',
    certainty: 0.6,
    runsExplained: 1,
  };
}

function judgeEvents(own: AutomationFacts, trigger: EventTrigger, nowUs: number): Finding {
  const { replay, automation } = own;
  const expects = trigger.expect.length > 0 ? nameList(trigger.expect) : "any event";
  const shared = {
    ...automationEvidence(automation),
    expects: trigger.expect,
    threshold: trigger.threshold,
    within_seconds: trigger.within,
  };
  if (trigger.posture === "Proactive") {
    const [open] = [...(replay?.open ?? [])].sort((a, b) => a.toUs - b.toUs);
    const when = open
      ? `it is waiting for ${expects} and fires not before ${timeText(open.toUs)} (in ${durationText(open.toUs - nowUs)}) if that does not come`
      : trigger.after.length > 0 && (replay?.matched.length ?? 0) === 0
        ? `no event has started its wait yet (${nameList(trigger.after)})`
        : `${expects} came in time whenever it waited`;
    return {
      code: "automation_not_due",
      severity: "note",
      summary: `Automation ${automation.name} is proactive and has had no reason to fire: ${when}.`,
      evidence: {
        ...shared,
        after: trigger.after,
        ...(open ? { waits_since: timeText(open.fromUs), due: timeText(open.toUs), key: open.key } : {}),
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
    [missed?.resource ?? [], `its resource does not fit match ${truncate(JSON.stringify(trigger.match), 160)}`],
    [
      missed?.related ?? [],
      `a related resource of match_related ${truncate(JSON.stringify(trigger.match_related), 160)} is missing`,
    ],
    [missed?.notStarted ?? [], `no ${nameList(trigger.after)} came before it`],
    [missed?.late ?? [], "it occurred before the window it arrived in"],
  ];
  const [events, reason] = reasons.find(([found]) => found.length > 0) ?? [[], ""];
  const last = events.at(-1);
  const isNear = last !== undefined;
  return {
    code: isNear ? "automation_match" : "automation_no_event",
    severity: isNear ? "problem" : "note",
    summary: isNear
      ? `Automation ${automation.name} has not fired because no event fits its trigger: ${plural(events.length, "event")} named ${last.event} came, but ${reason} (last from ${last.resource["prefect.resource.name"] ?? last.resource["prefect.resource.id"]}).`
      : `Automation ${automation.name} has had no cause to fire: no ${expects} since it was made.`,
    evidence: {
      ...shared,
      match: trigger.match,
      match_related: trigger.match_related,
      ...(isNear ? { near_misses: idsOf(events) } : { matching_events: 0 }),
    },
    fix: isNear ? "Correct match or match_related, if these events were meant." : "Nothing to do.",
    certainty: 1,
    runsExplained: 1,
  };
}
