/** Whole workspaces on a real Prefect server: a healthy one, and one with two problems among many idle objects. */
import type { DiagnosisHarness } from "./diagnosis-harness.ts";

export async function setUpHealthyWorkspace(harness: DiagnosisHarness): Promise<void> {
  const { driver } = harness;
  for (const name of ["never-run-a", "never-run-b"]) await driver.post("/flows/", { name });
  await driver.pool("unused-pool");
  await driver.pool("calm-pool", { concurrency_limit: 4 });
  await driver.worker("calm-pool");
  const calm = await driver.deployment("calm-flow", "calm-dep", "calm-pool", { concurrency_limit: 3 });
  for (const name of ["calm-1", "calm-2", "calm-3"]) {
    const run = await driver.run(calm, name);
    await driver.start(run);
    await driver.state(run, "COMPLETED");
  }
  await driver.post("/v2/concurrency_limits/", { name: "roomy", limit: 3 });
  const trigger = {
    type: "event",
    posture: "Reactive",
    expect: ["never.happens"],
    match: {},
    match_related: {},
    for_each: [],
    threshold: 1,
    within: 0,
  };
  await driver.post("/automations/", { name: "quiet", trigger, actions: [{ type: "do-nothing" }] });
  harness.expect("flows-never-run", { ask: { occurred_after: "1h" }, verdict: "nothing_wrong" });
  harness.expect("healthy-workspace", { ask: {}, verdict: "nothing_wrong" });
}

export async function setUpTwoCauses(harness: DiagnosisHarness): Promise<void> {
  const { driver } = harness;
  const sick = await driver.deployment("sick-flow", "sick-dep", "calm-pool");
  for (let index = 0; index < 12; index++) {
    const run = await driver.run(sick, `sick-${index}`);
    await driver.start(run);
    await driver.fail(run, "PermissionError", `no access to bucket ${index + 100}`, "open_bucket");
  }
  await driver.pool("stuck-pool");
  for (const name of ["idle-pool-a", "idle-pool-b"]) await driver.pool(name);
  const stuck = await driver.deployment("stuck-flow", "stuck-dep", "stuck-pool");
  const late = [];
  for (const name of ["stuck-1", "stuck-2", "stuck-3"]) late.push(await driver.lateRun(stuck, name));
  const last = await driver.run(sick, "last-to-fail");
  await driver.start(last);
  await driver.fail(last, "OSError", "cannot allocate a port", "bind");
  await driver.untilLate(late);
  harness.expect("two-causes", {
    ask: {},
    verdict: "problem",
    first: [/12 runs/, "PermissionError", "open_bucket"],
    anywhere: ["stuck-pool", /no worker|NOT_READY/],
    never: [/idle-pool|unused-pool/],
  });
  harness.expect("last-failing-run", { ask: {}, anywhere: ["last-to-fail", "OSError"] });
}
