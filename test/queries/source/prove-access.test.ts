import { expect, test } from "bun:test";
import { proveAccess } from "../../../src/queries/source/prove-access.ts";
import { aFlowRun } from "../../support/builders.ts";
import { failureOf } from "../../support/failure-of.ts";
import { facts } from "../../support/fake-prefect/client.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

test("the proof takes one request with an empty answer, however large the runs of the workspace are", async () => {
  await using harness = await openToolHarness();
  harness.fake.workspace.flowRuns.push(aFlowRun({ parameters: { text: "x".repeat(500 * 1024) } }));
  await proveAccess(harness.query);
  expect(harness.fake.requests.map(({ method, path, body }) => ({ method, path, body }))).toEqual([
    {
      method: "POST",
      path: "/flow_runs/filter",
      body: { flow_runs: { id: { any_: ["00000000-0000-0000-0000-000000000000"] } }, limit: 1 },
    },
  ]);
});

test("an answer that is too large is not read, and the request is not repeated", async () => {
  await using harness = await openToolHarness();
  harness.fake.faults.fail("/flow_runs/filter", { status: 200, text: `[${"[],".repeat(100 * 1024)}[]]` }, 9);
  expect(facts(await failureOf(proveAccess(harness.query)))).toMatchObject({
    code: "invalid_input",
    message: "Prefect's answer is not read: the answer is larger than 256 KiB.",
  });
  expect(harness.fake.takeRequests()).toEqual(["POST /flow_runs/filter"]);
});

test("a refusal is passed on as it came", async () => {
  await using harness = await openToolHarness({ authString: "admin:pass" });
  expect((await failureOf(proveAccess(harness.query))).code).toBe("unauthorized");
});
