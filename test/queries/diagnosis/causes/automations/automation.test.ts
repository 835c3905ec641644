import { describe, expect, test } from "bun:test";
import type { PrefectEvent } from "../../../../../src/model/events/event.ts";
import { readTrigger, replayTrigger } from "../../../../../src/model/objects/automation-trigger.ts";
import {
  automationActionFailed,
  automationDisabled,
  automationFired,
  automationNotFired,
} from "../../../../../src/queries/diagnosis/causes/automations/automation.ts";
import type { AutomationFacts } from "../../../../../src/queries/diagnosis/findings/types.ts";
import { anAutomation, anEvent, at } from "../../../../support/builders.ts";
import { NOW_US, onlyFinding, someAutomation, someFacts } from "../../../../support/diagnosis/facts.ts";

const FAILED = "prefect.flow-run.Failed";
const event = (name: string, seconds = 0, payload = {}) => anEvent({ event: name, occurred: at(seconds), payload });

function about(trigger: object, events: readonly PrefectEvent[], given: Partial<AutomationFacts> = {}) {
  const full = {
    type: "event",
    expect: [FAILED],
    match: {},
    match_related: {},
    posture: "Reactive",
    threshold: 1,
    within: 0,
    ...trigger,
  };
  const read = readTrigger(full as Parameters<typeof readTrigger>[0]);
  if (!read) throw new Error("not a trigger");
  const replay = replayTrigger(read, events, NOW_US);
  return someFacts("automation", { automation: someAutomation({ replay, ...given }) });
}

const summary = (facts: ReturnType<typeof about>) => onlyFinding(automationNotFired, facts).summary;

describe("not fired", () => {
  test("below the threshold", () => {
    expect(summary(about({ threshold: 3, within: 300 }, [event(FAILED, 10)]))).toContain(
      "its threshold is 3 within 300 s, and only 1 matching event fell into one window",
    );
  });

  test("no event has arrived", () => {
    expect(summary(about({}, []))).toContain(
      "has had no reason to fire: no prefect.flow-run.Failed since it was created",
    );
  });

  test("the resource does not match", () => {
    const facts = about({ match: { "prefect.resource.id": "shop.customer.*" } }, [event(FAILED)]);
    expect(summary(facts)).toContain(
      '1 event named prefect.flow-run.Failed arrived, but its resource does not match {"prefect.resource.id":"shop.customer.*"}',
    );
  });

  test("it should have fired and did not: an inference", () => {
    expect(onlyFinding(automationNotFired, about({}, [event(FAILED, 10)]))).toMatchObject({
      code: "automation_event_lost",
      certainty: 0.6,
    });
  });

  test("a proactive trigger waits, with the time when it fires", () => {
    const trigger = { posture: "Proactive", after: ["a"], expect: ["b"], within: 7_200 };
    expect(onlyFinding(automationNotFired, about(trigger, [event("a", 3_000)]))).toMatchObject({
      severity: "note",
      summary: expect.stringContaining("fires at 2026-08-20T12:05:00Z (in 1 h 50 min) at the earliest"),
    });
  });

  test("not for one that fired or is disabled", () => {
    const fired = { events: [event("prefect.automation.triggered")] };
    expect(automationNotFired.judge(about({}, [], fired))).toEqual([]);
    const disabled = { automation: anAutomation({ enabled: false }) };
    expect(automationNotFired.judge(about({}, [], disabled))).toEqual([]);
  });
});

describe("composite triggers", () => {
  const child = (name: string) => ({
    type: "event",
    expect: [name],
    match: {},
    posture: "Reactive",
    threshold: 1,
    within: 0,
  });
  const of = (type: string, events: readonly PrefectEvent[], within = 600) =>
    about({ type, require: "all", within, triggers: [child("a"), child("b")] }, events);

  test("one part is missing", () => {
    expect(summary(of("compound", [event("a")]))).toContain("only 1 of them fired; missing: b");
  });

  test("the wrong order", () => {
    expect(summary(of("sequence", [event("b", 0), event("a", 10)]))).toContain(
      "they fired, but not in that order: b at",
    );
  });

  test("too far apart", () => {
    expect(summary(of("compound", [event("a", 0), event("b", 1_000)]))).toContain("they fired, but too far apart");
  });

  test("no event has arrived yet: a note", () => {
    expect(onlyFinding(automationNotFired, of("compound", []))).toMatchObject({ severity: "note" });
  });
});

test("disabled: with the events that would have matched", () => {
  const facts = about({}, [event(FAILED)], { automation: anAutomation({ name: "n", enabled: false }) });
  expect<unknown>(onlyFinding(automationDisabled, facts).summary).toBe(
    "Automation n is disabled, so its trigger is not evaluated; 1 event would have matched it.",
  );
  expect(automationDisabled.judge(about({}, []))).toEqual([]);
});

test("an action that failed, with its reason; a note once it succeeded later", () => {
  const failed = event("prefect.automation.action.failed", 10, {
    action_type: "run-deployment",
    reason: "not found",
    status_code: 404,
  });
  const done = event("prefect.automation.action.executed", 20);
  const first = onlyFinding(automationActionFailed, about({}, [], { events: [failed] }));
  expect(first.summary).toContain("its action run-deployment failed with HTTP status 404: not found");
  expect(onlyFinding(automationActionFailed, about({}, [], { events: [failed, done] })).severity).toBe("note");
});

test("fired and executed is a note", () => {
  const events = [event("prefect.automation.triggered", 10), event("prefect.automation.action.executed", 11)];
  expect(onlyFinding(automationFired, about({}, [], { events }))).toMatchObject({
    severity: "note",
    summary: "Automation on-failure-notify fired 1 time, last at 2026-08-20T09:15:10Z; 1 action executed.",
  });
  expect(automationFired.judge(about({}, []))).toEqual([]);
});
