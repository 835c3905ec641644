import { expect, test } from "bun:test";
import { flaky } from "../../../../../src/queries/diagnosis/causes/ended/flaky.ts";
import { anId } from "../../../../support/builders.ts";
import { aNamedRun, onlyFinding, someEnded, someFacts } from "../../../../support/diagnosis/facts.ts";

/** Oldest first: F failed, C completed. */
const ended = (text: string) =>
  [...text]
    .map((one) => aNamedRun({ deployment_id: anId(90), state_type: one === "F" ? "FAILED" : "COMPLETED" }))
    .reverse();

test("failing and passing by turns is flaky", () => {
  const found = onlyFinding(flaky, someFacts("deployment", { ended: someEnded(ended("FCFCF")) }));
  expect(found.summary).toBe(
    "Deployment nightly is flaky: 3 of its last 5 runs failed, and 2 times the next one passed.",
  );
});

test("a failure that was mended, or that goes on, is not", () => {
  for (const text of ["CCFFFCC", "CCCFF", "CCCC", "F"])
    expect(flaky.judge(someFacts("deployment", { ended: someEnded(ended(text)) }))).toEqual([]);
});
