import { expect, test } from "bun:test";
import { errorsInLog } from "../../../../../src/queries/diagnosis/causes/ended/errors-in-log.ts";
import { aTaskRun } from "../../../../support/builders.ts";
import { anErrorLine, factsOfRun, onlyFinding } from "../../../../support/diagnosis/facts.ts";

const logs = [anErrorLine("no audit row"), anErrorLine("no audit row again")];

test("a completed run with error lines is a note with the last of them", () => {
  const found = onlyFinding(errorsInLog, factsOfRun({ name: "r", state_type: "COMPLETED" }, { logs }));
  expect(found).toMatchObject({
    severity: "note",
    summary: 'r completed, but its log has 2 error lines; the last: "no audit row again".',
  });
});

test("not for a run that was retried, which explains the lines, nor for one that failed", () => {
  const tasks = [aTaskRun({ run_count: 2 })];
  expect(errorsInLog.judge(factsOfRun({ state_type: "COMPLETED" }, { logs, tasks }))).toEqual([]);
  expect(errorsInLog.judge(factsOfRun({ state_type: "FAILED" }, { logs }))).toEqual([]);
  expect(errorsInLog.judge(factsOfRun({ state_type: "COMPLETED" }))).toEqual([]);
});
