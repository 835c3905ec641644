/** Ended and paused runs on a real Prefect server, with what the answer to each must contain. */

import { type DiagnosisHarness, NO_WORKER } from "./diagnosis-harness.ts";
import { type Deployed, hoursFromNow, type PrefectDriver } from "./prefect-driver.ts";

export async function setUpEndedCases(harness: DiagnosisHarness): Promise<void> {
  const { driver } = harness;
  await driver.pool("jobs-pool");
  await driver.worker("jobs-pool");
  const fine = await driver.deployment("job-flow", "job-dep", "jobs-pool");
  const oom = await driver.run(fine, "oom-run");
  await driver.start(oom);
  await driver.workerEvent("executed", "jobs-pool-worker", oom, { "prefect.infrastructure.status-code": "137" });
  await driver.state(oom, "CRASHED", "Crashed", "Flow run infrastructure exited with non-zero status code 137.");
  harness.expect("oom-137", {
    ask: { flow_run: "oom-run" },
    verdict: "problem",
    first: ["137", /memory/],
    never: [NO_WORKER],
  });

  const params = await driver.deployment("param-flow", "param-dep", "jobs-pool", {
    parameters: { batch_size: 500 },
    enforce_parameter_schema: false,
  });
  for (const name of ["param-1", "param-2", "param-3"]) {
    const run = await driver.run(params, name);
    await driver.start(run);
    await driver.state(run, "COMPLETED");
  }
  await driver.patch(`/deployments/${params.id}`, { parameters: { batch_size: 0 } });
  const divided = await driver.run(params, "param-bad");
  await driver.start(divided);
  await driver.fail(divided, "ZeroDivisionError", "division by zero", "split_batches");
  harness.expect("parameter-change", {
    ask: { flow_run: "param-bad" },
    verdict: "problem",
    first: ["ZeroDivisionError", "batch_size", /500.*0/, "split_batches"],
  });

  const many = await driver.deployment("many-flow", "many-dep", "jobs-pool");
  for (let index = 0; index < 40; index++) {
    const run = await driver.run(many, `many-${index}`);
    await driver.start(run);
    await driver.fail(run, "LookupError", `no customer ${4711 + index * 13} in shard eu-${index % 4}`, "find_customer");
  }
  harness.expect("many-failures-one-cause", {
    ask: { deployment: "many-dep" },
    verdict: "problem",
    first: ["40 runs", "LookupError", "find_customer"],
  });

  const input = await driver.run(fine, "input-run");
  await driver.start(input);
  await driver.state(input, "PAUSED", "Paused", undefined, {
    state_details: {
      pause_timeout: hoursFromNow(1),
      pause_key: "1",
      run_input_keyset: { schema: "paused-1-schema", response: "paused-1-response" },
    },
  });
  harness.expect("awaiting-input", {
    ask: { flow_run: input.id },
    verdict: "problem",
    first: [/paused/i, /input/i],
    never: [NO_WORKER, /crash/i],
  });

  const retry = await driver.run(fine, "retry-run");
  await driver.start(retry);
  await driver.fail(retry, "TimeoutError", "upstream did not answer");
  await driver.state(retry, "SCHEDULED", "AwaitingRetry", undefined, {
    state_details: { scheduled_time: hoursFromNow(6) },
  });
  harness.expect("awaiting-retry", {
    ask: { flow_run: "retry-run" },
    anywhere: [/retry/i, "TimeoutError"],
    never: [/late/i, NO_WORKER],
  });

  const slow = await driver.deployment("slow-flow", "slow-dep", "jobs-pool");
  let longestMs = 500;
  for (let index = 0; index < 10; index++) {
    const run = await driver.run(slow, `slow-${index}`);
    const startMs = performance.now();
    await driver.start(run);
    // How long the first runs take depends on the server; the last two take three times as long.
    if (index >= 8) await Bun.sleep(3 * longestMs);
    await driver.state(run, "COMPLETED");
    if (index < 8) longestMs = Math.max(longestMs, performance.now() - startMs);
  }
  harness.expect("duration-regression", {
    ask: { deployment: "slow-dep" },
    verdict: "problem",
    first: [/slower/, "slow-dep"],
    never: [/exception|crash/i],
  });
  await setUpFurtherCases(harness, fine);
}

async function started(driver: PrefectDriver, deployment: Deployed, name: string) {
  const run = await driver.run(deployment, name);
  await driver.start(run);
  return run;
}

/** Combinations and less frequent causes. */
async function setUpFurtherCases(harness: DiagnosisHarness, fine: Deployed): Promise<void> {
  const { driver } = harness;
  const stopped = await started(driver, fine, "sigterm-run");
  await driver.state(stopped, "CRASHED", "Crashed", "Process exited with status code: 143. This is likely a SIGTERM.");
  harness.expect("exit code 143", {
    ask: { flow_run: stopped.id },
    verdict: "problem",
    first: ["143", "SIGTERM"],
    never: [/memory/],
  });

  const broken = await driver.run(fine, "import-run");
  await driver.state(broken, "PENDING");
  await driver.log(broken, [
    [20, "Opening process..."],
    [40, "Failed to load flow: No module named 'pandas'"],
    [40, "Process for flow run 'import-run' exited with status code: 1"],
  ]);
  await driver.state(broken, "CRASHED", "Crashed", "Process exited with status code: 1.");
  harness.expect("exit code 1, explained by the log", {
    ask: { flow_run: broken.id },
    verdict: "problem",
    first: ["No module named 'pandas'", /never started/],
    never: [NO_WORKER, /memory/],
  });

  const shaky = await driver.deployment("shaky-flow", "shaky-dep", "jobs-pool");
  for (const index of [1, 2, 3]) {
    await driver.fail(
      await started(driver, shaky, `shaky-bad-${index}`),
      "ConnectionError",
      "connection reset by peer",
    );
    await driver.state(await started(driver, shaky, `shaky-good-${index}`), "COMPLETED");
  }
  harness.expect("failures followed by completed runs", {
    ask: { deployment: "shaky-dep" },
    verdict: "problem",
    first: [/flaky/, "3 of its last 6 runs"],
    anywhere: ["ConnectionError"],
  });

  const taken = await started(driver, fine, "automated-cancel");
  await driver.state(taken, "CANCELLING", "Cancelling", "Cancelled by Automation 0b6e5c9e-50c2-4c3a-a5e4-0d0d3f5d6c11");
  await driver.state(taken, "CANCELLED");
  harness.expect("cancelled by an automation", {
    ask: { flow_run: taken.id },
    verdict: "problem",
    first: [/cancelled/, "Automation 0b6e5c9e-50c2-4c3a-a5e4-0d0d3f5d6c11"],
  });

  const parent = await started(driver, fine, "crash-parent");
  const task = await driver.subflowTask(parent);
  const child = await driver.run(fine, "crash-child", { parent_task_run_id: task.id });
  await driver.start(child);
  await driver.state(child, "CRASHED", "Crashed", "Flow run infrastructure exited with non-zero status code 137.");
  await driver.fail(parent, "CrashedRun", "Flow run infrastructure exited with non-zero status code 137.");
  harness.expect("a child crashed (set over REST)", {
    ask: { flow_run: parent.id },
    verdict: "problem",
    first: ["crash-child", "137", /memory/],
  });

  const swallowed = await started(driver, fine, "swallowed-run");
  await driver.log(swallowed, [[40, "could not write the audit row, going on"]]);
  await driver.state(swallowed, "COMPLETED");
  harness.expect("completed with an error line", {
    ask: { flow_run: swallowed.id },
    verdict: "nothing_wrong",
    first: ["could not write the audit row"],
  });

  const other = await driver.deployment("twin-flow", "twin-dep", "jobs-pool");
  const first = await started(driver, other, "twin-a");
  await driver.fail(first, "PermissionError", "token 81 expired");
  const twin = await started(driver, fine, "twin-b");
  await driver.fail(twin, "PermissionError", "token 82 expired");
  harness.expect("the same error in another deployment", {
    ask: { flow_run: twin.id },
    verdict: "problem",
    first: ["PermissionError", /same_error/, "twin-dep"],
  });
}
