import { expect, test } from "bun:test";
import { aFlow, aFlowRun, anId } from "../../support/builders.ts";
import { type ActingHarness, DEPLOYMENT, openActingHarness } from "../acting-harness.ts";

const [FLOW, OTHER] = [anId(9_401), anId(9_402)];

async function openWithRun(idempotency_key: string, flow_id: string): Promise<ActingHarness> {
  const the = await openActingHarness();
  const { flows, deployments, flowRuns } = the.harness.fake.workspace;
  flows.push(aFlow({ id: FLOW, name: "etl" }), aFlow({ id: OTHER, name: "other" }));
  Object.assign(deployments[0] ?? {}, { flow_id: FLOW, work_pool_name: "pool" });
  flowRuns.push(aFlowRun({ id: anId(9_403), name: "earlier", flow_id, idempotency_key }));
  return the;
}

test.each([
  ["k", {}],
  ["k-1", { backfill: { day: ["a", "b"] } }],
])("a key that a run has makes no new run, and preview and answer say so: %s", async (key, more) => {
  await using the = await openWithRun(key, FLOW);
  const args = { deployment: DEPLOYMENT, idempotency_key: "k", ...more };
  const { structured: shown } = await the.call("run_deployment", args);
  expect(shown.preview.notes).toEqual([
    `Run earlier (${anId(9_403)}) has this idempotency key: Prefect will answer with it and make no new one.`,
  ]);
  const { structured } = await the.call("run_deployment", { ...args, confirm: shown.preview.confirm });
  const old = structured.results.at(-1);
  expect(old).toMatchObject({
    outcome: "done",
    reason: `no new run: earlier (${anId(9_403)}) has this idempotency key`,
  });
  expect(old).not.toHaveProperty("created");
  expect(structured.results.slice(0, -1).every((one: object) => "created" in one)).toBe(true);
});

test("a run of another flow may have the same key", async () => {
  await using the = await openWithRun("k", OTHER);
  const args = { deployment: DEPLOYMENT, idempotency_key: "k" };
  const { structured: shown } = await the.call("run_deployment", args);
  expect(shown.preview).not.toHaveProperty("notes");
  const { structured } = await the.call("run_deployment", { ...args, confirm: shown.preview.confirm });
  expect(structured.results[0].created).toMatchObject({ kind: "flow_run" });
});

test("a key that was taken after the preview is previewed again", async () => {
  await using the = await openWithRun("other", FLOW);
  const args = { deployment: DEPLOYMENT, idempotency_key: "k" };
  const { structured: shown } = await the.call("run_deployment", args);
  the.harness.fake.workspace.flowRuns.push(aFlowRun({ flow_id: FLOW, idempotency_key: "k" }));
  const { structured } = await the.call("run_deployment", { ...args, confirm: shown.preview.confirm });
  expect(structured.preview.notes[0]).toBe("It has changed since the preview that was confirmed.");
  expect(the.sent).toEqual([]);
});

test("a time that has passed is noted", async () => {
  await using the = await openActingHarness();
  const { structured } = await the.call("run_deployment", { deployment: DEPLOYMENT, scheduled_time: "2020-01-01" });
  expect(structured.preview.notes).toContain(
    "2020-01-01T00:00:00Z has passed, so it starts as soon as a worker takes it.",
  );
});

test("that parameters are not checked is noted", async () => {
  await using the = await openActingHarness();
  Object.assign(the.harness.fake.workspace.deployments[0] ?? {}, { enforce_parameter_schema: false });
  const { structured } = await the.call("run_deployment", { deployment: DEPLOYMENT, parameters: { x: 1 } });
  expect(structured.preview.notes).toContain(
    "The deployment does not enforce its schema, so the parameters were not checked.",
  );
});
