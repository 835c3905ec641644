/** Whole workspaces on a real Prefect server: one without trouble, and one with two troubles and much that is idle. */
import type { Stage } from "./stage.ts";

export async function setUpHealthy(stage: Stage): Promise<void> {
  const { scene } = stage;
  for (const name of ["never-run-a", "never-run-b"]) await scene.post("/flows/", { name });
  await scene.pool("unused-pool");
  await scene.pool("calm-pool", { concurrency_limit: 4 });
  await scene.worker("calm-pool");
  const calm = await scene.deployment("calm-flow", "calm-dep", "calm-pool", { concurrency_limit: 3 });
  for (const name of ["calm-1", "calm-2", "calm-3"]) {
    const run = await scene.run(calm, name);
    await scene.start(run);
    await scene.state(run, "COMPLETED");
  }
  await scene.post("/v2/concurrency_limits/", { name: "roomy", limit: 3 });
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
  await scene.post("/automations/", { name: "quiet", trigger, actions: [{ type: "do-nothing" }] });
  stage.expect("flows-never-run", { ask: { occurred_after: "1h" }, verdict: "nothing_wrong" });
  stage.expect("healthy-workspace", { ask: {}, verdict: "nothing_wrong" });
}

export async function setUpTwoCauses(stage: Stage): Promise<void> {
  const { scene } = stage;
  const sick = await scene.deployment("sick-flow", "sick-dep", "calm-pool");
  for (let index = 0; index < 12; index++) {
    const run = await scene.run(sick, `sick-${index}`);
    await scene.start(run);
    await scene.fail(run, "PermissionError", `no access to bucket ${index + 100}`, "open_bucket");
  }
  await scene.pool("stuck-pool");
  for (const name of ["idle-pool-a", "idle-pool-b"]) await scene.pool(name);
  const stuck = await scene.deployment("stuck-flow", "stuck-dep", "stuck-pool");
  const late = [];
  for (const name of ["stuck-1", "stuck-2", "stuck-3"]) late.push(await scene.lateRun(stuck, name));
  const last = await scene.run(sick, "last-to-fail");
  await scene.start(last);
  await scene.fail(last, "OSError", "cannot allocate a port", "bind");
  await scene.untilLate(late);
  stage.expect("two-causes", {
    ask: {},
    verdict: "problem",
    first: [/12 runs/, "PermissionError", "open_bucket"],
    anywhere: ["stuck-pool", /no worker|NOT_READY/],
    never: [/idle-pool|unused-pool/],
  });
  stage.expect("last-failing-run", { ask: {}, anywhere: ["last-to-fail", "OSError"] });
}
