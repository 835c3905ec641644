import { asName, joined, own, type Sentence, sentence } from "../../../../lib/shown-text.ts";
import { formatIsoSeconds } from "../../../../lib/time.ts";
import type { CompositeTrigger, TriggerReplay } from "../../../../model/objects/automation-trigger.ts";
import type { AutomationFacts, Finding } from "../../findings/types.ts";
import { nameList } from "../../findings/wording.ts";

export function automationEvidence(automation: AutomationFacts["automation"]): Record<string, unknown> {
  return { automation: { id: automation.id, name: automation.name, enabled: automation.enabled } };
}

function nameOf(child: TriggerReplay): Sentence {
  const { trigger } = child;
  if (trigger.type !== "event") return sentence`a ${trigger.type} trigger`;
  const names = trigger.expect.length > 0 ? nameList(trigger.expect) : own("any event");
  return trigger.posture === "Proactive" ? sentence`absence of ${names}` : names;
}

/** Why a compound or sequence trigger has not fired: triggers that have not fired, or their order. */
export function judgeComposite(subject: AutomationFacts, trigger: CompositeTrigger): Finding {
  const { automation } = subject;
  const children = subject.replay?.children ?? [];
  const fired = children.filter((child) => child.firings.length > 0);
  const missing = children.filter((child) => child.firings.length === 0);
  const isSequence = trigger.type === "sequence";
  const needs = isSequence ? children.length : trigger.require;
  const within = trigger.within === null ? "" : sentence` within ${trigger.within} s`;
  const isIncomplete = fired.length < needs;
  const times = fired.map((child) => ({ name: nameOf(child), atUs: child.firings.at(-1)?.atUs ?? 0 }));
  const order = times
    .toSorted((a, b) => a.atUs - b.atUs)
    .map(({ name, atUs }) => sentence`${name} at ${formatIsoSeconds(atUs)}`);
  const why = isIncomplete
    ? sentence`only ${fired.length} of them fired; missing: ${joined(missing.map(nameOf), "; ")}`
    : sentence`they fired, but ${isSequence ? "not in that order" : "too far apart"}: ${joined(order, ", then ")}`;
  return {
    code: isSequence ? "automation_sequence" : "automation_compound",
    severity: fired.length === 0 ? "note" : "problem",
    summary: sentence`Automation ${asName(automation.name)} has not fired: its ${trigger.type} trigger needs ${needs === children.length ? "all" : needs} of its ${children.length} triggers${isSequence ? " in order" : ""}${within}, and ${fired.length === 0 ? "none has fired" : why}.`,
    evidence: {
      ...automationEvidence(automation),
      within_seconds: trigger.within,
      triggers: children.map((child) => ({
        expects: nameOf(child),
        fired: child.firings.length,
        last: child.firings.length > 0 ? formatIsoSeconds(child.firings.at(-1)?.atUs ?? 0) : "never",
      })),
    },
    fix:
      fired.length === 0
        ? own("Nothing to do.")
        : own("Check which trigger lacks its event, or allow another order or more time."),
    certainty: 0.9,
    runsExplained: 1,
  };
}
