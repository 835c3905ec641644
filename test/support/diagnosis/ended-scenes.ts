/** Runs that ended, or pause on their way, on a real Prefect server, and what one call must say of each. */
import { type Deployed, hourFromNow, type Scene } from "./scene.ts";
import { NO_WORKER, type Stage } from "./stage.ts";

export async function setUpEnded(stage: Stage): Promise<void> {
  const { scene } = stage;
  await scene.pool("jobs-pool");
  await scene.worker("jobs-pool");
  const fine = await scene.deployment("job-flow", "job-dep", "jobs-pool");
  const oom = await scene.run(fine, "oom-run");
  await scene.start(oom);
  await scene.workerEvent("executed", "jobs-pool-worker", oom, { "prefect.infrastructure.status-code": "137" });
  await scene.state(oom, "CRASHED", "Crashed", "Flow run infrastructure exited with non-zero status code 137.");
  stage.expect("oom-137", {
    ask: { flow_run: "oom-run" },
    verdict: "problem",
    first: ["137", /memory/],
    never: [NO_WORKER],
  });

  const params = await scene.deployment("param-flow", "param-dep", "jobs-pool", {
    parameters: { batch_size: 500 },
    enforce_parameter_schema: false,
  });
  for (const name of ["param-1", "param-2", "param-3"]) {
    const run = await scene.run(params, name);
    await scene.start(run);
    await scene.state(run, "COMPLETED");
  }
  await scene.patch(`/deployments/${params.id}`, { parameters: { batch_size: 0 } });
  const divided = await scene.run(params, "param-bad");
  await scene.start(divided);
  await scene.fail(divided, "ZeroDivisionError", "division by zero", "split_batches");
  stage.expect("parameter-change", {
    ask: { flow_run: "param-bad" },
    verdict: "problem",
    first: ["ZeroDivisionError", "batch_size", /500.*0/, "split_batches"],
  });

  const many = await scene.deployment("many-flow", "many-dep", "jobs-pool");
  for (let index = 0; index < 40; index++) {
    const run = await scene.run(many, `many-${index}`);
    await scene.start(run);
    await scene.fail(run, "LookupError", `no customer ${4711 + index * 13} in shard eu-${index % 4}`, "find_customer");
  }
  stage.expect("many-failures-one-cause", {
    ask: { deployment: "many-dep" },
    verdict: "problem",
    first: ["40 runs", "LookupError", "find_customer"],
  });

  const input = await scene.run(fine, "input-run");
  await scene.start(input);
  await scene.state(input, "PAUSED", "Paused", undefined, {
    state_details: {
      pause_timeout: hourFromNow(1),
      pause_key: "1",
      run_input_keyset: { schema: "paused-1-schema", response: "paused-1-response" },
    },
  });
  stage.expect("awaiting-input", {
    ask: { flow_run: input.id },
    verdict: "problem",
    first: [/paused/i, /input/i],
    never: [NO_WORKER, /crash/i],
  });

  const retry = await scene.run(fine, "retry-run");
  await scene.start(retry);
  await scene.fail(retry, "TimeoutError", "upstream did not answer");
  await scene.state(retry, "SCHEDULED", "AwaitingRetry", undefined, {
    state_details: { scheduled_time: hourFromNow(6) },
  });
  stage.expect("awaiting-retry", {
    ask: { flow_run: "retry-run" },
    anywhere: [/retry/i, "TimeoutError"],
    never: [/late/i, NO_WORKER],
  });

  const slow = await scene.deployment("slow-flow", "slow-dep", "jobs-pool");
  for (let index = 0; index < 10; index++) {
    const run = await scene.run(slow, `slow-${index}`);
    await scene.start(run);
    await Bun.sleep(index < 8 ? 100 : 1_500);
    await scene.state(run, "COMPLETED");
  }
  stage.expect("duration-regression", {
    ask: { deployment: "slow-dep" },
    verdict: "problem",
    first: [/slower/, "slow-dep"],
    never: [/exception|crash/i],
  });
  await setUpOwn(stage, fine);
}

async function started(scene: Scene, deployment: Deployed, name: string) {
  const run = await scene.run(deployment, name);
  await scene.start(run);
  return run;
}

/** Not in any list: what users ask beyond it. */
async function setUpOwn(stage: Stage, fine: Deployed): Promise<void> {
  const { scene } = stage;
  const stopped = await started(scene, fine, "sigterm-run");
  await scene.state(stopped, "CRASHED", "Crashed", "Process exited with status code: 143. This is likely a SIGTERM.");
  stage.expect("own: exit code 143", {
    ask: { flow_run: stopped.id },
    verdict: "problem",
    first: ["143", "SIGTERM"],
    never: [/memory/],
  });

  const broken = await scene.run(fine, "import-run");
  await scene.state(broken, "PENDING");
  await scene.log(broken, [
    [20, "Opening process..."],
    [40, "Failed to load flow: No module named 'pandas'"],
    [40, "Process for flow run 'import-run' exited with status code: 1"],
  ]);
  await scene.state(broken, "CRASHED", "Crashed", "Process exited with status code: 1.");
  stage.expect("own: exit code 1, the log knows", {
    ask: { flow_run: broken.id },
    verdict: "problem",
    first: ["No module named 'pandas'", /never began/],
    never: [NO_WORKER, /memory/],
  });

  const shaky = await scene.deployment("shaky-flow", "shaky-dep", "jobs-pool");
  for (const index of [1, 2, 3]) {
    await scene.fail(await started(scene, shaky, `shaky-bad-${index}`), "ConnectionError", "connection reset by peer");
    await scene.state(await started(scene, shaky, `shaky-good-${index}`), "COMPLETED");
  }
  stage.expect("own: fails and passes by turns", {
    ask: { deployment: "shaky-dep" },
    verdict: "problem",
    first: [/flaky/, "3 of its last 6 runs"],
    anywhere: ["ConnectionError"],
  });

  const taken = await started(scene, fine, "automated-cancel");
  await scene.state(taken, "CANCELLING", "Cancelling", "Cancelled by Automation 0b6e5c9e-50c2-4c3a-a5e4-0d0d3f5d6c11");
  await scene.state(taken, "CANCELLED");
  stage.expect("own: cancelled by an automation", {
    ask: { flow_run: taken.id },
    verdict: "problem",
    first: [/cancelled/, "Automation 0b6e5c9e-50c2-4c3a-a5e4-0d0d3f5d6c11"],
  });

  const parent = await started(scene, fine, "crash-parent");
  const task = await scene.dummyTask(parent);
  const child = await scene.run(fine, "crash-child", { parent_task_run_id: task.id });
  await scene.start(child);
  await scene.state(child, "CRASHED", "Crashed", "Flow run infrastructure exited with non-zero status code 137.");
  await scene.fail(parent, "CrashedRun", "Flow run infrastructure exited with non-zero status code 137.");
  stage.expect("own: a child crashed (by hand)", {
    ask: { flow_run: parent.id },
    verdict: "problem",
    first: ["crash-child", "137", /memory/],
  });

  const swallowed = await started(scene, fine, "swallowed-run");
  await scene.log(swallowed, [[40, "could not write the audit row, going on"]]);
  await scene.state(swallowed, "COMPLETED");
  stage.expect("own: completed with an error line", {
    ask: { flow_run: swallowed.id },
    verdict: "nothing_wrong",
    first: ["could not write the audit row"],
  });

  const other = await scene.deployment("twin-flow", "twin-dep", "jobs-pool");
  const first = await started(scene, other, "twin-a");
  await scene.fail(first, "PermissionError", "token 81 expired");
  const twin = await started(scene, fine, "twin-b");
  await scene.fail(twin, "PermissionError", "token 82 expired");
  stage.expect("own: the same error in another deployment", {
    ask: { flow_run: twin.id },
    verdict: "problem",
    first: ["PermissionError", /same_error/, "twin-dep"],
  });
}
