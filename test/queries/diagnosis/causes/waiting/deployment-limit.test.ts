import { expect, test } from "bun:test";
import { deploymentLimit } from "../../../../../src/queries/diagnosis/causes/waiting/deployment-limit.ts";
import { aConcurrencyLimit, aDeployment, anId } from "../../../../support/builders.ts";
import { aLateRun, onlyFinding, someFacts } from "../../../../support/diagnosis/facts.ts";

const limit = aConcurrencyLimit({ id: anId(20), name: `deployment:${anId(21)}`, limit: 1, active_slots: 1 });
const deployment = aDeployment({ id: anId(21), name: "narrow", global_concurrency_limit: limit });
const refused = aLateRun({ deployment_id: anId(21), state_name: "AwaitingConcurrencySlot" });
const full = { limit, kind: "deployment" as const, key: anId(21), holders: [{ id: anId(22), name: "holder" }] };

test("names the deployment, the holder and the run that was refused", () => {
  const facts = someFacts("deployment", { deployments: [deployment], waiting: [refused], limits: [full] });
  expect(onlyFinding(deploymentLimit, facts)).toMatchObject({
    summary: "The concurrency limit of deployment narrow is full: 1 of 1 held by holder; 1 run waits (late-run).",
    certainty: 1,
  });
});

test("a limit of 0 is a problem without a holder", () => {
  const zero = { ...limit, limit: 0, active_slots: 0 };
  const facts = someFacts("deployment", {
    deployments: [{ ...deployment, global_concurrency_limit: zero }],
    waiting: [refused],
    limits: [{ ...full, limit: zero, holders: [] }],
  });
  expect(onlyFinding(deploymentLimit, facts)).toMatchObject({
    summary: "The concurrency limit of deployment narrow is 0, so no run starts; 1 run waits (late-run).",
    fix: `Raise it: prefect global-concurrency-limit update deployment:${anId(21)} --limit 1`,
  });
});

test("the count of the limit itself is newer than the copy in the deployment", () => {
  const free = { ...full, limit: { ...limit, active_slots: 0 } };
  const facts = someFacts("deployment", { deployments: [deployment], waiting: [refused], limits: [free] });
  expect(deploymentLimit.judge(facts)).toEqual([]);
});

test("not when no run waits or the limit is inactive", () => {
  expect(deploymentLimit.judge(someFacts("deployment", { deployments: [deployment], limits: [full] }))).toEqual([]);
  const off = { ...full, limit: { ...limit, active: false } };
  const facts = someFacts("deployment", { deployments: [deployment], waiting: [refused], limits: [off] });
  expect(deploymentLimit.judge(facts)).toEqual([]);
});
