/** Waiting runs on a real Prefect server: pools, queues, workers, limits and schedules, with what the answer to each must contain. */

import { type DiagnosisHarness, FULL, NO_WORKER, PAUSED } from "./diagnosis-harness.ts";
import { hoursFromNow } from "./prefect-driver.ts";

/** Returns the runs that the server will mark as Late. */
export async function setUpWaitingCases(harness: DiagnosisHarness): Promise<{ id: string; name: string }[]> {
  const { driver } = harness;
  const late: { id: string; name: string }[] = [];
  await driver.pool("empty-pool");
  const noWorker = await driver.deployment("nightly-load", "nightly", "empty-pool");
  for (const name of ["wait-1", "wait-2", "wait-3"]) late.push(await driver.lateRun(noWorker, name));
  harness.expect("late-no-worker", {
    ask: { deployment: "nightly" },
    verdict: "problem",
    first: ["empty-pool", /no worker/, "3 runs"],
    never: [FULL, PAUSED],
  });

  await driver.pool("slots-pool", { concurrency_limit: 1 });
  await driver.worker("slots-pool");
  const slots = await driver.deployment("slot-flow", "slot-dep", "slots-pool");
  const holder = await driver.run(slots, "pool-holder");
  await driver.start(holder);
  const slotLate = await driver.lateRun(slots, "pool-waiter");
  late.push(slotLate, await driver.lateRun(slots, "pool-waiter-2"));
  harness.expect("pool-slots-held", {
    ask: { flow_run: slotLate.id },
    verdict: "problem",
    first: ["slots-pool", "pool-holder", /1 of 1/],
    never: [NO_WORKER, PAUSED],
  });

  await driver.pool("queue-pool");
  await driver.worker("queue-pool");
  await driver.patch("/work_pools/queue-pool/queues/default", { concurrency_limit: 1 });
  const queued = await driver.deployment("queue-flow", "queue-dep", "queue-pool");
  await driver.start(await driver.run(queued, "queue-holder"));
  late.push(await driver.lateRun(queued, "queue-waiter"));
  harness.expect("queue-slots-held", {
    ask: { deployment: "queue-dep" },
    verdict: "problem",
    first: ["queue-pool", "default", "queue-holder"],
    never: [NO_WORKER, PAUSED],
  });

  await driver.pool("dep-pool");
  await driver.worker("dep-pool");
  const limited = await driver.deployment("limit-flow", "limit-dep", "dep-pool", { concurrency_limit: 1 });
  await driver.start(await driver.run(limited, "dep-holder"));
  await driver.state(await driver.run(limited, "dep-waiter"), "PENDING");
  harness.expect("deployment-limit-held", {
    ask: { deployment: "limit-dep" },
    verdict: "problem",
    first: ["limit-dep", "dep-holder", /1 of 1/],
    never: [NO_WORKER],
  });

  const orphan = await driver.deployment("orphan-flow", "orphan-dep", null);
  late.push(await driver.lateRun(orphan, "orphan-run"));
  harness.expect("no-work-pool", {
    ask: { deployment: "orphan-flow/orphan-dep" },
    verdict: "problem",
    first: ["no work pool", "orphan-dep"],
    never: [PAUSED],
  });

  await driver.pool("fine-pool");
  await driver.worker("fine-pool");
  const fine = await driver.deployment("fine-flow", "fine-dep", "fine-pool");
  const good = await driver.deployment("good-flow", "good-dep", "fine-pool");
  for (const name of ["good-1", "good-2"]) {
    const run = await driver.run(good, name);
    await driver.start(run);
    await driver.state(run, "COMPLETED");
  }
  await driver.start(await driver.run(good, "good-running"));
  harness.expect("late-none", { ask: { deployment: "good-dep" }, verdict: "nothing_wrong" });

  const future = await driver.run(fine, "future-run", {
    state: { type: "SCHEDULED", state_details: { scheduled_time: hoursFromNow(6) } },
  });
  harness.expect("future-schedule", {
    ask: { flow_run: future.id },
    verdict: "nothing_wrong",
    first: [/scheduled for/],
  });

  await driver.pool("stale-pool");
  await driver.post("/work_pools/stale-pool/workers/heartbeat", {
    name: "tired-worker",
    heartbeat_interval_seconds: 1,
  });
  const stale = await driver.deployment("stale-flow", "stale-dep", "stale-pool");
  late.push(await driver.lateRun(stale, "stale-run"));
  harness.expect("worker-stale", {
    ask: { work_pool: "stale-pool" },
    verdict: "problem",
    first: ["tired-worker", /heartbeat|offline/],
    never: [PAUSED, FULL],
  });

  await driver.pool("paused-pool");
  await driver.worker("paused-pool");
  const inPaused = await driver.deployment("paused-flow", "in-paused-pool", "paused-pool");
  late.push(await driver.lateRun(inPaused, "paused-waiter"));
  await driver.patch("/work_pools/paused-pool", { is_paused: true });
  harness.expect("pool-paused", {
    ask: { deployment: "in-paused-pool" },
    verdict: "problem",
    first: ["paused-pool", PAUSED],
    never: [NO_WORKER, /deployment .* is paused/i],
  });

  await driver.pool("lanes-pool");
  await driver.worker("lanes-pool");
  await driver.post("/work_pools/lanes-pool/queues/", { name: "slow-lane" });
  const lane = await driver.deployment("lane-flow", "lane-dep", "lanes-pool", { work_queue_name: "slow-lane" });
  const laneRun = await driver.lateRun(lane, "lane-waiter");
  late.push(laneRun);
  await driver.patch("/work_pools/lanes-pool/queues/slow-lane", { is_paused: true });
  harness.expect("queue-paused", {
    ask: { flow_run: laneRun.id },
    verdict: "problem",
    first: ["slow-lane", PAUSED],
    never: [NO_WORKER, /pool lanes-pool is paused/i],
  });

  const every = { schedule: { interval: 3600, anchor_date: "2026-01-01T00:00:00Z", timezone: "UTC" } };
  await driver.deployment("held-flow", "held-dep", "fine-pool", {
    paused: true,
    schedules: [{ ...every, active: true }],
  });
  harness.expect("deployment-paused", {
    ask: { deployment: "held-dep" },
    verdict: "problem",
    first: ["held-dep", PAUSED],
    never: [NO_WORKER, /pool .* is paused/i],
  });
  await driver.deployment("idle-flow", "idle-dep", "fine-pool", { schedules: [{ ...every, active: false }] });
  harness.expect("schedule-inactive", {
    ask: { deployment: "idle-dep" },
    verdict: "problem",
    first: [/schedule/, /inactive/],
    never: [NO_WORKER, PAUSED],
  });

  await driver.pool("silent-pool");
  await driver.post("/work_pools/silent-pool/workers/heartbeat", {
    name: "silent-worker",
    heartbeat_interval_seconds: 1,
  });
  const pending = await driver.deployment("pending-flow", "pending-dep", "silent-pool");
  const stuck = await driver.run(pending, "pending-run");
  await driver.state(stuck, "PENDING");
  await driver.event(
    "prefect.worker.submitted-flow-run",
    { "prefect.resource.id": "prefect.worker.process.silent-worker", "prefect.resource.name": "silent-worker" },
    [
      {
        "prefect.resource.id": `prefect.flow-run.${stuck.id}`,
        "prefect.resource.role": "flow-run",
        "prefect.resource.name": "pending-run",
      },
    ],
  );
  await driver.state(stuck, "PENDING", "Submitting");
  harness.expect("pending-no-infrastructure", {
    ask: { flow_run: stuck.id },
    verdict: "problem",
    first: ["silent-worker", /heartbeat|offline/],
    never: [PAUSED, /late/i],
  });

  await driver.pool("cancel-pool");
  const many = await driver.deployment("cancel-flow", "cancel-dep", "cancel-pool");
  const five = ["late-a", "late-b", "late-c", "late-d", "late-e"];
  for (const name of five) late.push(await driver.lateRun(many, name));
  harness.expect("late-runs-to-cancel", {
    ask: { deployment: many.id },
    verdict: "problem",
    first: ["cancel-pool", /no worker/, ...five],
  });

  await driver.pool("calm-pool", { concurrency_limit: 4 });
  await driver.worker("calm-pool");
  const calm = await driver.deployment("calm-flow", "calm-dep", "calm-pool");
  const done = await driver.run(calm, "calm-1");
  await driver.start(done);
  await driver.state(done, "COMPLETED");
  await driver.start(await driver.run(calm, "calm-2"));
  harness.expect("unrelated-noise", { ask: { work_pool: "calm-pool" }, verdict: "nothing_wrong" });

  const missing = crypto.randomUUID();
  harness.expect("missing-flow-run", {
    ask: { flow_run: missing },
    anywhere: ["not_found", missing, "get_flow_runs"],
  });
  await setUpFurtherCases(harness, late);
  return late;
}

/** Combinations and less frequent causes. */
async function setUpFurtherCases(harness: DiagnosisHarness, late: { id: string; name: string }[]): Promise<void> {
  const { driver } = harness;
  await driver.pool("lane-pool", { concurrency_limit: 1 });
  await driver.worker("lane-pool");
  await driver.post("/work_pools/lane-pool/queues/", { name: "urgent", priority: 1 });
  const urgent = await driver.deployment("urgent-flow", "urgent-dep", "lane-pool", { work_queue_name: "urgent" });
  const normal = await driver.deployment("normal-flow", "normal-dep", "lane-pool");
  await driver.start(await driver.run(urgent, "urgent-holder"));
  late.push(await driver.lateRun(normal, "starved-run"));
  harness.expect("queue priority", {
    ask: { deployment: "normal-dep" },
    verdict: "problem",
    first: ["lane-pool", "urgent-holder", /urgent is served before default/],
    never: [NO_WORKER, PAUSED],
  });

  await driver.pool("picky-pool");
  await driver.post("/work_pools/picky-pool/queues/", { name: "gpu" });
  await driver.worker("picky-pool", "gpu-worker", ["gpu"]);
  const unasked = await driver.deployment("unasked-flow", "unasked-dep", "picky-pool");
  const unaskedRun = await driver.lateRun(unasked, "unasked-run");
  late.push(unaskedRun);
  harness.expect("queue that no worker polls", {
    ask: { flow_run: unaskedRun.id },
    verdict: "problem",
    first: [/queue default/, "picky-pool", "gpu-worker"],
    never: [PAUSED, FULL],
  });

  await driver.pool("left-pool");
  const left = await driver.deployment("left-flow", "left-dep", "left-pool");
  const cancelling = await driver.run(left, "cancelling-run");
  await driver.start(cancelling);
  await driver.state(cancelling, "CANCELLING");
  harness.expect("cancelling without a worker", {
    ask: { flow_run: cancelling.id },
    verdict: "problem",
    first: [/Cancelling/, "left-pool", /no worker is online/],
    never: [PAUSED],
  });

  const limits = { concurrency_limit: 1, concurrency_options: { collision_strategy: "CANCEL_NEW" } };
  await driver.pool("side-pool");
  await driver.worker("side-pool");
  const single = await driver.deployment("single-flow", "single-dep", "side-pool", limits);
  await driver.start(await driver.run(single, "single-holder"));
  const refused = await driver.run(single, "single-refused");
  await driver.state(refused, "PENDING");
  harness.expect("cancelled by the deployment's limit", {
    ask: { flow_run: refused.id },
    verdict: "problem",
    first: [/cancelled/, /concurrency limit reached/i, "CANCEL_NEW"],
  });

  const orchestrator = await driver.deployment("parent-flow", "parent-dep", "side-pool");
  const parent = await driver.run(orchestrator, "waiting-parent");
  await driver.start(parent);
  const task = await driver.subflowTask(parent);
  late.push(await driver.lateRun(left, "late-child", { parent_task_run_id: task.id }));
  harness.expect("parent waits for a late child", {
    ask: { flow_run: parent.id },
    verdict: "problem",
    first: ["waiting-parent", "late-child", "left-pool"],
    never: [PAUSED],
  });

  await driver.pool("ghost-pool");
  await driver.worker("ghost-pool");
  const shared = await driver.deployment("zombie-flow", "zombie-dep", "ghost-pool");
  const zombie = await driver.run(shared, "zombie-run");
  await driver.start(zombie);
  await driver.workerEvent("executed", "ghost-pool-worker", zombie, { "prefect.infrastructure.status-code": "137" });
  harness.expect("running, but its process has ended", {
    ask: { flow_run: zombie.id },
    verdict: "problem",
    first: [/is Running in Prefect/, "137"],
    never: [NO_WORKER],
  });
  harness.expect("a pool with a run whose process has ended", {
    ask: { work_pool: "ghost-pool" },
    verdict: "problem",
    first: ["zombie-run", /is Running in Prefect/],
    never: [NO_WORKER],
  });
}
