import { expect, test } from "bun:test";
import { flowRunDeleted } from "../../../../../src/queries/diagnosis/causes/ended/flow-run-deleted.ts";
import { judge } from "../../../../../src/queries/diagnosis/diagnose.ts";
import { aLateRun, factsOfRun, NOW_US, onlyFinding } from "../../../../support/diagnosis/facts.ts";

test("a run that was deleted before it ended: the only finding", () => {
  const facts = factsOfRun(aLateRun().run, { deletedUs: NOW_US });
  expect(onlyFinding(flowRunDeleted, facts)).toMatchObject({
    severity: "problem",
    summary: "late-run was deleted in Prefect (seen 2026-08-20T10:15:00Z) while it was Late: it will not continue.",
  });
  expect(judge(facts).map((one) => one.code)).toEqual(["flow_run_deleted"]);
});

test("not for a run that exists, nor for one that had ended", () => {
  expect(flowRunDeleted.judge(factsOfRun(aLateRun().run))).toEqual([]);
  expect(flowRunDeleted.judge(factsOfRun({ state_type: "FAILED" }, { deletedUs: NOW_US }))).toEqual([]);
});
