import { expect, test } from "bun:test";
import { deploymentDeleted } from "../../../../../src/queries/diagnosis/causes/waiting/deployment-deleted.ts";
import { anId, at } from "../../../../support/builders.ts";
import { NOW_US, onlyFinding, someFacts } from "../../../../support/diagnosis/facts.ts";

const deletedDeployment = { id: anId(2), name: "nightly", flowName: "load-orders", deletedUs: NOW_US, successor: null };

test("is a problem with the time when it was noticed", () => {
  expect(onlyFinding(deploymentDeleted, someFacts("deployment", { deletedDeployment }))).toMatchObject({
    severity: "problem",
    summary:
      "Deployment nightly of flow load-orders was deleted in Prefect (seen 2026-08-20T10:15:00Z): it creates no more runs.",
    next: [{ tool: "get_timeline", args: { deployment: anId(2) } }],
  });
});

test("names the deployment that replaced it", () => {
  const successor = { id: anId(3), created: at(0) };
  const found = onlyFinding(
    deploymentDeleted,
    someFacts("deployment", { deletedDeployment: { ...deletedDeployment, flowName: null, successor } }),
  );
  expect(found.summary).toEndWith(`Deployment ${anId(3)} of the same flow and name has replaced it.`);
  expect(found).toMatchObject({
    evidence: { successor },
    next: [{ tool: "diagnose", args: { deployment: anId(3) } }],
  });
});

test("not for a deployment that exists", () => {
  expect(deploymentDeleted.judge(someFacts("deployment"))).toEqual([]);
});
