import { expect, test } from "bun:test";
import {
  durationRegression,
  splitSlow,
} from "../../../../../src/queries/diagnosis/causes/ended/duration-regression.ts";
import { anId } from "../../../../support/builders.ts";
import { aNamedRun, onlyFinding, someEnded, someFacts } from "../../../../support/diagnosis/facts.ts";

const ended = (times: readonly number[]) =>
  times.map((total_run_time) => aNamedRun({ deployment_id: anId(91), state_type: "COMPLETED", total_run_time }));

test("compares the newest runs with those before", () => {
  const facts = someFacts("deployment", { ended: someEnded(ended([7, 7.2, 0.5, 0.5, 0.6, 0.5, 0.4, 0.5])) });
  expect<unknown>(onlyFinding(durationRegression, facts).summary).toBe(
    "Deployment load-orders/nightly has become slower: the last 2 runs took 7.2 s, the 6 before 0.5 s (median).",
  );
});

test("scattered times, an earlier slow run and too little history are no regression", () => {
  expect(splitSlow([0.6, 0.5, 0.4, 0.5, 0.7])).toBeNull();
  expect(splitSlow([7, 0.5, 7, 0.5, 0.5, 0.5])).toBeNull();
  expect(splitSlow([7, 0.5, 0.5])).toBeNull();
});
