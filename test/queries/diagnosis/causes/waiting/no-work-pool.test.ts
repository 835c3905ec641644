import { expect, test } from "bun:test";
import { noWorkPool } from "../../../../../src/queries/diagnosis/causes/waiting/no-work-pool.ts";
import { aDeployment, anId } from "../../../../support/builders.ts";
import { aLateRun, onlyFinding, someFacts } from "../../../../support/diagnosis/facts.ts";

const deployment = aDeployment({ id: anId(40), name: "orphan", status: "NOT_READY" });
const waiting = [aLateRun({ deployment_id: anId(40), work_pool_name: null, work_queue_id: null })];

test("no worker picks up the runs", () => {
  const found = onlyFinding(noWorkPool, someFacts("deployment", { deployments: [deployment], waiting }));
  expect(found.summary).toContain("Deployment orphan has no work pool, so no worker picks up its runs: 1 run waits");
});

test("not while a process serves it, nor where nothing waits, nor with a pool", () => {
  const judge = (given: object, runs = waiting) =>
    noWorkPool.judge(someFacts("deployment", { deployments: [{ ...deployment, ...given }], waiting: runs }));
  expect(judge({ status: "READY" })).toEqual([]);
  expect(judge({}, [])).toEqual([]);
  expect(judge({ work_pool_name: "etl-pool" })).toEqual([]);
});
