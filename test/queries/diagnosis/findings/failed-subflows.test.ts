import { expect, test } from "bun:test";
import { failedSubflows } from "../../../../src/queries/diagnosis/findings/failed-subflows.ts";
import { someRunFacts } from "../../../support/diagnosis/facts.ts";

test("failed and crashed runs at every level, the deepest first; others are left out with what is below them", () => {
  const inner = someRunFacts({ name: "inner", state_type: "CRASHED" });
  const middle = someRunFacts({ name: "middle", state_type: "FAILED" }, { children: [inner] });
  const completed = someRunFacts({ state_type: "COMPLETED" }, { children: [inner] });
  const parent = someRunFacts({ state_type: "FAILED" }, { children: [completed, middle] });
  expect(failedSubflows(parent).map(({ run }) => run.name)).toEqual(["inner", "middle"]);
});
