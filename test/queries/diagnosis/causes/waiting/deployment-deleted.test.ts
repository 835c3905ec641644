import { expect, test } from "bun:test";
import { deploymentDeleted } from "../../../../../src/queries/diagnosis/causes/waiting/deployment-deleted.ts";
import { anId, at } from "../../../../support/builders.ts";
import { NOW_US, onlyFinding, someFacts } from "../../../../support/diagnosis/facts.ts";

const gone = { id: anId(2), name: "nightly", flowName: "load-orders", deletedUs: NOW_US, successor: null };

test("is a problem that says since when", () => {
  expect(onlyFinding(deploymentDeleted, someFacts("deployment", { deletedDeployment: gone }))).toMatchObject({
    severity: "problem",
    summary:
      "Deployment nightly of flow load-orders was deleted in Prefect (seen 2026-08-20T10:15:00Z): it makes no more runs.",
    next: [{ tool: "get_timeline", args: { deployment: anId(2) } }],
  });
});

test("names the deployment that took its place", () => {
  const successor = { id: anId(3), created: at(0) };
  const found = onlyFinding(
    deploymentDeleted,
    someFacts("deployment", { deletedDeployment: { ...gone, flowName: null, successor } }),
  );
  expect(found.summary).toEndWith(`Deployment ${anId(3)} of the same flow and name took its place.`);
  expect(found).toMatchObject({
    evidence: { successor },
    next: [{ tool: "diagnose", args: { deployment: anId(3) } }],
  });
});

test("nothing of a deployment that is there", () => {
  expect(deploymentDeleted.judge(someFacts("deployment"))).toEqual([]);
});
