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
    "Deployment nightly is flaky: 3 of its last 5 runs failed, and 2 of these were followed by a completed run.",
  );
});

test("one failure that was fixed, and failures that continue, are not", () => {
  for (const text of ["CCFFFCC", "CCCFF", "CCCC", "F"])
    expect(flaky.judge(someFacts("deployment", { ended: someEnded(ended(text)) }))).toEqual([]);
});
