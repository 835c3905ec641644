import { expect, test } from "bun:test";
import { flaky } from "../../../../../src/queries/diagnosis/causes/ended/flaky.ts";
import { anId } from "../../../../support/builders.ts";
import { aNamedRun, onlyFinding, someEnded, someFacts } from "../../../../support/diagnosis/facts.ts";

/** Oldest run first. F: failed, C: completed. */
const ended = (text: string) =>
  [...text]
    .map((one) => aNamedRun({ deployment_id: anId(90), state_type: one === "F" ? "FAILED" : "COMPLETED" }))
    .reverse();

test("failures that are followed by completed runs are flaky", () => {
  const found = onlyFinding(flaky, someFacts("deployment", { ended: someEnded(ended("FCFCF")) }));
  expect<unknown>(found.summary).toBe(
    "Deployment load-orders/nightly is flaky: 3 of its last 5 runs failed, and 2 of these were followed by a completed run.",
  );
});

test("one failure that was fixed, and failures that continue, are not", () => {
  for (const text of ["CCFFFCC", "CCCFF", "CCCC", "F"])
    expect(flaky.judge(someFacts("deployment", { ended: someEnded(ended(text)) }))).toEqual([]);
});

test("deployments of one name are judged one by one", () => {
  const run = (n: number, state_type: "FAILED" | "COMPLETED") => ({
    ...aNamedRun({ deployment_id: anId(90 + n), state_type }),
    flowName: `flow-${n}`,
    deploymentName: "prod",
  });
  // Of each deployment only one failed run was followed by a completed one.
  const runs = [run(1, "COMPLETED"), run(1, "FAILED"), run(2, "COMPLETED"), run(2, "FAILED"), run(3, "COMPLETED")];
  expect(flaky.judge(someFacts("workspace", { ended: someEnded(runs) }))).toEqual([]);
  const again = [run(2, "COMPLETED"), run(2, "FAILED"), ...runs];
  expect<unknown>(onlyFinding(flaky, someFacts("workspace", { ended: someEnded(again) })).summary).toBe(
    "Deployment flow-2/prod is flaky: 2 of its last 4 runs failed, and 2 of these were followed by a completed run.",
  );
});
