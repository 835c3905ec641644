import { expect, test } from "bun:test";
import { automationRunFailed } from "../../../../../src/queries/diagnosis/causes/automations/automation-run.ts";
import { anAutomation, anId, at } from "../../../../support/builders.ts";
import { aNamedRun, onlyFinding, someAutomation, someFacts } from "../../../../support/diagnosis/facts.ts";

const automation = anAutomation({ id: anId(5), name: "pager" });
const bad = aNamedRun({ id: anId(6), name: "calm-otter", state_type: "FAILED", end_time: at(60) });
const good = aNamedRun({ id: anId(7), name: "blue-fox", state_type: "COMPLETED", end_time: at(50) });

test("names the run that the automation started and that failed, and leads to it", () => {
  const subject = someAutomation({ automation, started: [bad, good] });
  expect(onlyFinding(automationRunFailed, someFacts("automation", { automation: subject }))).toMatchObject({
    code: "automation_run_failed",
    severity: "problem",
    summary: "Automation pager fired and started calm-otter (load-orders/nightly), which failed.",
    evidence: { automation: { id: anId(5), name: "pager" }, flow_run: { id: anId(6), name: "calm-otter" }, started: 2 },
    leads: [{ kind: "flow_run", id: anId(6), name: "calm-otter" }],
  });
});

test("not when the newest that ended completed, nor while it runs", () => {
  for (const started of [[good, bad], [aNamedRun({ state_type: "RUNNING", end_time: null })], []]) {
    const subject = someAutomation({ automation, started });
    expect(automationRunFailed.judge(someFacts("automation", { automation: subject }))).toEqual([]);
  }
});
