/** Runs that wait: pools, queues, workers, limits and schedules on a real Prefect server, and what one call must say of each. */
import { hourFromNow } from "./scene.ts";
import { FULL, NO_WORKER, PAUSED, type Stage } from "./stage.ts";

/** Sets all up; answers the runs that the server will mark as late. */
export async function setUpWaiting(stage: Stage): Promise<{ id: string; name: string }[]> {
  const { scene } = stage;
  const late: { id: string; name: string }[] = [];
  await scene.pool("empty-pool");
  const noWorker = await scene.deployment("nightly-load", "nightly", "empty-pool");
  for (const name of ["wait-1", "wait-2", "wait-3"]) late.push(await scene.lateRun(noWorker, name));
  stage.expect("late-no-worker", {
    ask: { deployment: "nightly" },
    verdict: "problem",
    first: ["empty-pool", /no worker/, "3 runs"],
    never: [FULL, PAUSED],
  });

  await scene.pool("slots-pool", { concurrency_limit: 1 });
  await scene.worker("slots-pool");
  const slots = await scene.deployment("slot-flow", "slot-dep", "slots-pool");
  const holder = await scene.run(slots, "pool-holder");
  await scene.start(holder);
  const slotLate = await scene.lateRun(slots, "pool-waiter");
  late.push(slotLate, await scene.lateRun(slots, "pool-waiter-2"));
  stage.expect("pool-slots-held", {
    ask: { flow_run: slotLate.id },
    verdict: "problem",
    first: ["slots-pool", "pool-holder", /1 of 1/],
    never: [NO_WORKER, PAUSED],
  });

  await scene.pool("queue-pool");
  await scene.worker("queue-pool");
  await scene.patch("/work_pools/queue-pool/queues/default", { concurrency_limit: 1 });
  const queued = await scene.deployment("queue-flow", "queue-dep", "queue-pool");
  await scene.start(await scene.run(queued, "queue-holder"));
  late.push(await scene.lateRun(queued, "queue-waiter"));
  stage.expect("queue-slots-held", {
    ask: { deployment: "queue-dep" },
    verdict: "problem",
    first: ["queue-pool", "default", "queue-holder"],
    never: [NO_WORKER, PAUSED],
  });

  await scene.pool("dep-pool");
  await scene.worker("dep-pool");
  const limited = await scene.deployment("limit-flow", "limit-dep", "dep-pool", { concurrency_limit: 1 });
  await scene.start(await scene.run(limited, "dep-holder"));
  await scene.state(await scene.run(limited, "dep-waiter"), "PENDING");
  stage.expect("deployment-limit-held", {
    ask: { deployment: "limit-dep" },
    verdict: "problem",
    first: ["limit-dep", "dep-holder", /1 of 1/],
    never: [NO_WORKER],
  });

  const orphan = await scene.deployment("orphan-flow", "orphan-dep", null);
  late.push(await scene.lateRun(orphan, "orphan-run"));
  stage.expect("no-work-pool", {
    ask: { deployment: "orphan-flow/orphan-dep" },
    verdict: "problem",
    first: ["no work pool", "orphan-dep"],
    never: [PAUSED],
  });

  await scene.pool("fine-pool");
  await scene.worker("fine-pool");
  const fine = await scene.deployment("fine-flow", "fine-dep", "fine-pool");
  const good = await scene.deployment("good-flow", "good-dep", "fine-pool");
  for (const name of ["good-1", "good-2"]) {
    const run = await scene.run(good, name);
    await scene.start(run);
    await scene.state(run, "COMPLETED");
  }
  await scene.start(await scene.run(good, "good-running"));
  stage.expect("late-none", { ask: { deployment: "good-dep" }, verdict: "nothing_wrong" });

  const future = await scene.run(fine, "future-run", {
    state: { type: "SCHEDULED", state_details: { scheduled_time: hourFromNow(6) } },
  });
  stage.expect("future-schedule", {
    ask: { flow_run: future.id },
    verdict: "nothing_wrong",
    first: [/scheduled for/],
  });

  await scene.pool("stale-pool");
  await scene.post("/work_pools/stale-pool/workers/heartbeat", { name: "tired-worker", heartbeat_interval_seconds: 1 });
  const stale = await scene.deployment("stale-flow", "stale-dep", "stale-pool");
  late.push(await scene.lateRun(stale, "stale-run"));
  stage.expect("worker-stale", {
    ask: { work_pool: "stale-pool" },
    verdict: "problem",
    first: ["tired-worker", /heartbeat|offline/],
    never: [PAUSED, FULL],
  });

  await scene.pool("paused-pool");
  await scene.worker("paused-pool");
  const inPaused = await scene.deployment("paused-flow", "in-paused-pool", "paused-pool");
  late.push(await scene.lateRun(inPaused, "paused-waiter"));
  await scene.patch("/work_pools/paused-pool", { is_paused: true });
  stage.expect("pool-paused", {
    ask: { deployment: "in-paused-pool" },
    verdict: "problem",
    first: ["paused-pool", PAUSED],
    never: [NO_WORKER, /deployment .* is paused/i],
  });

  await scene.pool("lanes-pool");
  await scene.worker("lanes-pool");
  await scene.post("/work_pools/lanes-pool/queues/", { name: "slow-lane" });
  const lane = await scene.deployment("lane-flow", "lane-dep", "lanes-pool", { work_queue_name: "slow-lane" });
  const laneRun = await scene.lateRun(lane, "lane-waiter");
  late.push(laneRun);
  await scene.patch("/work_pools/lanes-pool/queues/slow-lane", { is_paused: true });
  stage.expect("queue-paused", {
    ask: { flow_run: laneRun.id },
    verdict: "problem",
    first: ["slow-lane", PAUSED],
    never: [NO_WORKER, /pool lanes-pool is paused/i],
  });

  const every = { schedule: { interval: 3600, anchor_date: "2026-01-01T00:00:00Z", timezone: "UTC" } };
  await scene.deployment("held-flow", "held-dep", "fine-pool", {
    paused: true,
    schedules: [{ ...every, active: true }],
  });
  stage.expect("deployment-paused", {
    ask: { deployment: "held-dep" },
    verdict: "problem",
    first: ["held-dep", PAUSED],
    never: [NO_WORKER, /pool .* is paused/i],
  });
  await scene.deployment("idle-flow", "idle-dep", "fine-pool", { schedules: [{ ...every, active: false }] });
  stage.expect("schedule-inactive", {
    ask: { deployment: "idle-dep" },
    verdict: "problem",
    first: [/schedule/, /inactive/],
    never: [NO_WORKER, PAUSED],
  });

  await scene.pool("silent-pool");
  await scene.post("/work_pools/silent-pool/workers/heartbeat", {
    name: "silent-worker",
    heartbeat_interval_seconds: 1,
  });
  const pending = await scene.deployment("pending-flow", "pending-dep", "silent-pool");
  const stuck = await scene.run(pending, "pending-run");
  await scene.state(stuck, "PENDING");
  await scene.event(
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
  await scene.state(stuck, "PENDING", "Submitting");
  stage.expect("pending-no-infrastructure", {
    ask: { flow_run: stuck.id },
    verdict: "problem",
    first: ["silent-worker", /heartbeat|offline/],
    never: [PAUSED, /late/i],
  });

  await scene.pool("cancel-pool");
  const many = await scene.deployment("cancel-flow", "cancel-dep", "cancel-pool");
  const five = ["late-a", "late-b", "late-c", "late-d", "late-e"];
  for (const name of five) late.push(await scene.lateRun(many, name));
  stage.expect("late-runs-to-cancel", {
    ask: { deployment: many.id },
    verdict: "problem",
    first: ["cancel-pool", /no worker/, ...five],
  });

  await scene.pool("calm-pool", { concurrency_limit: 4 });
  await scene.worker("calm-pool");
  const calm = await scene.deployment("calm-flow", "calm-dep", "calm-pool");
  const done = await scene.run(calm, "calm-1");
  await scene.start(done);
  await scene.state(done, "COMPLETED");
  await scene.start(await scene.run(calm, "calm-2"));
  stage.expect("unrelated-noise", { ask: { work_pool: "calm-pool" }, verdict: "nothing_wrong" });

  const missing = crypto.randomUUID();
  stage.expect("missing-flow-run", {
    ask: { flow_run: missing },
    anywhere: ["not_found", missing, "get_flow_runs"],
  });
  await setUpOwn(stage, late);
  return late;
}

/** Not in any list: what users ask beyond it. */
async function setUpOwn(stage: Stage, late: { id: string; name: string }[]): Promise<void> {
  const { scene } = stage;
  await scene.pool("lane-pool", { concurrency_limit: 1 });
  await scene.worker("lane-pool");
  await scene.post("/work_pools/lane-pool/queues/", { name: "urgent", priority: 1 });
  const urgent = await scene.deployment("urgent-flow", "urgent-dep", "lane-pool", { work_queue_name: "urgent" });
  const normal = await scene.deployment("normal-flow", "normal-dep", "lane-pool");
  await scene.start(await scene.run(urgent, "urgent-holder"));
  late.push(await scene.lateRun(normal, "starved-run"));
  stage.expect("own: queue priority", {
    ask: { deployment: "normal-dep" },
    verdict: "problem",
    first: ["lane-pool", "urgent-holder", /urgent is served before default/],
    never: [NO_WORKER, PAUSED],
  });

  await scene.pool("picky-pool");
  await scene.post("/work_pools/picky-pool/queues/", { name: "gpu" });
  await scene.worker("picky-pool", "gpu-worker", ["gpu"]);
  const unasked = await scene.deployment("unasked-flow", "unasked-dep", "picky-pool");
  const unaskedRun = await scene.lateRun(unasked, "unasked-run");
  late.push(unaskedRun);
  stage.expect("own: queue that no worker asks", {
    ask: { flow_run: unaskedRun.id },
    verdict: "problem",
    first: [/queue default/, "picky-pool", "gpu-worker"],
    never: [PAUSED, FULL],
  });

  await scene.pool("left-pool");
  const left = await scene.deployment("left-flow", "left-dep", "left-pool");
  const cancelling = await scene.run(left, "cancelling-run");
  await scene.start(cancelling);
  await scene.state(cancelling, "CANCELLING");
  stage.expect("own: cancelling without a worker", {
    ask: { flow_run: cancelling.id },
    verdict: "problem",
    first: [/Cancelling/, "left-pool", /no live worker/],
    never: [PAUSED],
  });

  const limits = { concurrency_limit: 1, concurrency_options: { collision_strategy: "CANCEL_NEW" } };
  const single = await scene.deployment("single-flow", "single-dep", "calm-pool", limits);
  await scene.start(await scene.run(single, "single-holder"));
  const refused = await scene.run(single, "single-refused");
  await scene.state(refused, "PENDING");
  stage.expect("own: cancelled by the deployment's limit", {
    ask: { flow_run: refused.id },
    verdict: "problem",
    first: [/cancelled/, /concurrency limit reached/i, "CANCEL_NEW"],
  });

  const orchestrator = await scene.deployment("parent-flow", "parent-dep", "calm-pool");
  const parent = await scene.run(orchestrator, "waiting-parent");
  await scene.start(parent);
  const task = await scene.dummyTask(parent);
  late.push(await scene.lateRun(left, "late-child", { parent_task_run_id: task.id }));
  stage.expect("own: parent waits for a late child", {
    ask: { flow_run: parent.id },
    verdict: "problem",
    first: ["waiting-parent", "late-child", "left-pool"],
    never: [PAUSED],
  });

  await scene.pool("ghost-pool");
  await scene.worker("ghost-pool");
  const shared = await scene.deployment("zombie-flow", "zombie-dep", "ghost-pool");
  const zombie = await scene.run(shared, "zombie-run");
  await scene.start(zombie);
  await scene.workerEvent("executed", "ghost-pool-worker", zombie, { "prefect.infrastructure.status-code": "137" });
  stage.expect("own: running, but its process has ended", {
    ask: { flow_run: zombie.id },
    verdict: "problem",
    first: [/says Running/, "137"],
    never: [NO_WORKER],
  });
  stage.expect("own: a pool with a run whose process has ended", {
    ask: { work_pool: "ghost-pool" },
    verdict: "problem",
    first: ["zombie-run", /says Running/],
    never: [NO_WORKER],
  });
}
