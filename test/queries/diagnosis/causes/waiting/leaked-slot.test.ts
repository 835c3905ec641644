import { expect, test } from "bun:test";
import { deploymentLimit } from "../../../../../src/queries/diagnosis/causes/waiting/deployment-limit.ts";
import { leakedSlot } from "../../../../../src/queries/diagnosis/causes/waiting/leaked-slot.ts";
import type { Holder } from "../../../../../src/queries/diagnosis/findings/types.ts";
import { aConcurrencyLimit, aDeployment, anId, aState } from "../../../../support/builders.ts";
import { aNamedRun, onlyFinding, someEnded, someFacts } from "../../../../support/diagnosis/facts.ts";

const limit = aConcurrencyLimit({ id: anId(1), name: `deployment:${anId(2)}`, limit: 1, active_slots: 1 });
const deployment = {
  ...aDeployment({ id: anId(2), name: "nightly", global_concurrency_limit: limit }),
  flowName: "load",
};
const refused = [1, 2, 3, 4, 5].map((n) => {
  const message = "Deployment concurrency limit reached.";
  const state = aState({ type: "CANCELLED", message });
  return aNamedRun({ id: anId(10 + n), name: `no-${n}`, deployment_id: deployment.id, state_type: "CANCELLED", state });
});
const facts = (holders: readonly Holder[], given = {}) =>
  someFacts("deployment", {
    deployments: [deployment],
    limits: [{ limit, kind: "deployment", key: deployment.id, holders }],
    ended: someEnded(refused),
    ...given,
  });

test("a slot that no run in progress holds is named with the runs that it cancelled and the command that frees it", () => {
  const found = onlyFinding(leakedSlot, facts([]));
  expect(found.summary).toBe(
    "The concurrency limit of deployment load/nightly is full without a run: 1 of 1 slots are taken, but one of them is held by no run in progress; 5 runs were cancelled by it (no-1, no-2, no-3 and 2 more)." as typeof found.summary,
  );
  expect(found.fix).toBe(
    `Free the slots that no run holds: prefect global-concurrency-limit update deployment:${anId(2)} --active-slots 0` as typeof found.fix,
  );
});

test("not when a run holds it, when no run missed it, or when the slots become free by themselves", () => {
  expect(leakedSlot.judge(facts([{ id: anId(9), name: "holder" }]))).toEqual([]);
  expect(leakedSlot.judge(facts([], { ended: someEnded([]) }))).toEqual([]);
  const rate = { limit: { ...limit, slot_decay_per_second: 0.5 }, kind: "deployment", key: deployment.id, holders: [] };
  expect(leakedSlot.judge(facts([], { limits: [rate] }))).toEqual([]);
});

test("the limit of the deployment then is no second cause", () => {
  const waiting = [
    aNamedRun({ deployment_id: deployment.id, state_type: "SCHEDULED", state_name: "AwaitingConcurrencySlot" }),
  ];
  expect(deploymentLimit.judge(facts([], { waiting }))).toEqual([]);
});
