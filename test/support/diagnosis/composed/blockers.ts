/** What can be wrong, composed of a cause, the state of what blocks and the change before it, with an oracle that knows the leaf. */
import type { FlowRun, JsonObject } from "../../../../src/model/objects.ts";
import type { StateType } from "../../../../src/model/state.ts";
import { aConcurrencyLimit, aLog, anAutomation, aState, aTaskRun, at } from "../../builders.ts";
import type { Blocker, Composed, Oracle } from "./blocker.ts";
import { FURTHER } from "./further-blockers.ts";
import { NOW_S, type Place, type World } from "./world.ts";

const HOLDERS = ["zombie", "reported", "long", "healthy"] as const;
type HolderState = (typeof HOLDERS)[number];

/** A run that holds a slot, in a state; what the oracle expects of it. */
function holder(world: World, place: Place, state: HolderState): { run: FlowRun; leaf: RegExp; fix: RegExp } {
  const start = state === "healthy" ? NOW_S - 20 : -NOW_S;
  const run = world.run(place, {
    name: "holder-run",
    state_type: "RUNNING",
    start_time: at(start),
    expected_start_time: at(start),
    state: aState({ type: "RUNNING", timestamp: at(start) }),
  });
  const related = [
    {
      "prefect.resource.id": `prefect.flow-run.${run.id}`,
      "prefect.resource.role": "flow-run",
      "prefect.resource.name": run.name,
    },
  ];
  const beat = (seconds: number) =>
    world.event(
      "prefect.flow-run.heartbeat",
      { "prefect.resource.id": `prefect.flow-run.${run.id}` },
      { occurred: at(seconds) },
    );
  if (state === "zombie") beat(NOW_S - 1_800);
  else beat(NOW_S - 15);
  if (state === "reported")
    world.event(
      "prefect.worker.executed-flow-run",
      { "prefect.resource.id": "prefect.worker.process.w", "prefect.resource.name": "w" },
      {
        occurred: at(NOW_S - 500),
        related: related.map((one) => ({ ...one, "prefect.infrastructure.status-code": "137" })),
      },
    );
  const leaf = {
    zombie: /last heartbeat was/,
    reported: /exit code 137/,
    long: /has been Running for/,
    healthy: /holder-run/,
  };
  const fix = { zombie: /set_state/, reported: /set_state/, long: /flow-run cancel/, healthy: /limit/ };
  return { run, leaf: leaf[state], fix: fix[state] };
}

function poolLimit(state: HolderState, isLowered: boolean): Blocker {
  return (world) => {
    const place = world.place("orders", "prod", { pool: { concurrency_limit: 1 } });
    world.usual(place);
    const held = holder(world, place, state);
    const run = world.late(place, "blocked-run");
    if (isLowered) lowered(world, "work-pool", place.pool.id, place.pool.name);
    return { place, run, oracle: oracleOf(held, ["orders-pool", "holder-run"], state === "healthy" && isLowered) };
  };
}

function queueLimit(state: HolderState, isLowered: boolean): Blocker {
  return (world) => {
    const place = world.place("orders", "prod", { queue: { concurrency_limit: 1 } });
    world.usual(place);
    const held = holder(world, place, state);
    const run = world.late(place, "blocked-run");
    if (isLowered) lowered(world, "work-queue", place.queue.id, place.queue.name);
    return {
      place,
      run,
      oracle: oracleOf(held, ["orders-pool", place.queue.name, "holder-run"], state === "healthy" && isLowered),
    };
  };
}

function oracleOf(
  held: { leaf: RegExp; fix: RegExp },
  names: readonly (string | RegExp)[],
  isByChange: boolean,
): Oracle {
  return { names, leaf: isByChange ? [/lowered from 8 to 1/] : ["holder-run", held.leaf], fix: held.fix };
}

function lowered(world: World, kind: "work-pool" | "work-queue", id: string, name: string): void {
  const resource = { "prefect.resource.id": `prefect.${kind}.${id}`, "prefect.resource.name": name };
  const payload = { updates: { concurrency_limit: { from: 8, to: 1 } } };
  world.event(`prefect.${kind}.updated`, resource, { payload });
}

function deploymentLimit(state: HolderState | "leaked", isLowered: boolean): Blocker {
  return (world) => {
    const limit = aConcurrencyLimit({ id: world.id(), name: "", limit: 1, active_slots: 1 });
    const place = world.place("orders", "prod", {
      deployment: { global_concurrency_limit: limit, concurrency_options: { collision_strategy: "ENQUEUE" } },
    });
    const own = { ...limit, name: `deployment:${place.deployment.id}` };
    world.limits.push(own);
    if (isLowered)
      world.deploymentsBefore.push({ ...place.deployment, global_concurrency_limit: { ...limit, limit: 8 } });
    world.usual(place);
    const held = state === "leaked" ? null : holder(world, place, state);
    const run = world.late(place, "blocked-run", { state_name: "AwaitingConcurrencySlot" });
    if (!held)
      return {
        place,
        run,
        oracle: { names: ["orders/prod"], leaf: [/held by no run in progress/], fix: /--active-slots 0/ },
      };
    return { place, run, oracle: oracleOf(held, ["orders/prod", "holder-run"], state === "healthy" && isLowered) };
  };
}

function tagLimit(state: HolderState): Blocker {
  return (world) => {
    const limit = aConcurrencyLimit({ id: world.id(), name: "tag:db", limit: 1, active_slots: 1 });
    world.limits.push(limit);
    const other = world.place("stock", "hourly");
    world.usual(other);
    const held = holder(world, other, state);
    const task = aTaskRun({
      id: world.id(),
      name: "holding-task",
      flow_run_id: held.run.id,
      state_type: "RUNNING",
      tags: ["db"],
      start_time: at(0),
    });
    const place = world.place("orders", "prod");
    const run = world.run(place, { name: "blocked-run", state_type: "RUNNING", start_time: at(NOW_S - 60) });
    const pending = aTaskRun({
      id: world.id(),
      name: "waiting-task",
      flow_run_id: run.id,
      state_type: "PENDING",
      tags: ["db"],
      start_time: null,
      state: aState({ type: "PENDING", timestamp: at(NOW_S - 50) }),
    });
    world.tasks.push(task, pending);
    return {
      place,
      run,
      oracle: { names: ["db", "holding-task", "waiting-task"], leaf: ["waiting-task", held.leaf], fix: held.fix },
    };
  };
}

function globalLimit(state: HolderState | "ended" | "rate"): Blocker {
  return (world) => {
    const rate = state === "rate" ? { slot_decay_per_second: 0.001 } : {};
    const limit = aConcurrencyLimit({ id: world.id(), name: "ledger", limit: 1, active_slots: 1, ...rate });
    world.limits.push(limit);
    const place = world.place("orders", "prod");
    world.usual(place);
    const run = world.run(place, { name: "blocked-run", state_type: "RUNNING", start_time: at(NOW_S - 60) });
    const resource = {
      "prefect.resource.id": `prefect.concurrency-limit.${limit.id}`,
      "prefect.resource.name": "ledger",
    };
    const acquired = (of: FlowRun, seconds: number) =>
      world.event("prefect.concurrency-limit.acquired", resource, {
        occurred: at(seconds),
        related: [
          {
            "prefect.resource.id": `prefect.flow-run.${of.id}`,
            "prefect.resource.role": "flow-run",
            "prefect.resource.name": of.name,
          },
          {
            "prefect.resource.id": `prefect.flow.${place.flow.id}`,
            "prefect.resource.role": "flow",
            "prefect.resource.name": "orders",
          },
        ],
      });
    const [usual] = world.runs;
    if (usual) {
      const first = acquired(usual, -7_000);
      world.event("prefect.concurrency-limit.released", resource, { occurred: at(-6_900), follows: first.id });
    }
    if (state === "rate")
      return { place, run, oracle: { names: ["ledger"], leaf: [/rate limit ledger/], fix: /slot-decay-per-second/ } };
    if (state === "ended") {
      const gone = world.run(place, {
        name: "holder-run",
        state_type: "CRASHED",
        start_time: at(100),
        end_time: at(400),
        state: aState({ type: "CRASHED", message: "Process exited with status code: -9.", timestamp: at(400) }),
      });
      acquired(gone, 120);
      return {
        place,
        run,
        oracle: {
          names: ["ledger", "holder-run"],
          leaf: [/without giving its slot back/],
          fix: /update ledger --active-slots 0/,
        },
      };
    }
    const held = holder(world, place, state);
    acquired(held.run, 10);
    return { place, run, oracle: { names: ["ledger", "holder-run"], leaf: ["ledger", held.leaf], fix: held.fix } };
  };
}

const CHILDREN = ["pool paused", "queue paused", "no worker", "worker offline", "pool full", "awaiting input"] as const;

function child(state: (typeof CHILDREN)[number]): Blocker {
  return (world) => {
    const place = world.place("orders", "prod");
    world.usual(place);
    const run = world.run(place, { name: "blocked-run", state_type: "RUNNING", start_time: at(NOW_S - 60) });
    const isFull = state === "pool full";
    const below = world.place("rollup", "daily", {
      pool: {
        ...(state === "pool paused" ? { is_paused: true, status: "PAUSED" } : {}),
        ...(isFull ? { concurrency_limit: 1 } : {}),
        ...(state === "no worker" || state === "worker offline" ? { status: "NOT_READY" } : {}),
      },
      queue: state === "queue paused" ? { is_paused: true } : {},
      beat: state === "no worker" ? null : state === "worker offline" ? 0 : NOW_S - 10,
    });
    const task = aTaskRun({ id: world.id(), flow_run_id: run.id, state_type: "RUNNING", start_time: at(NOW_S - 50) });
    world.tasks.push(task);
    const isInput = state === "awaiting input";
    const details = { run_input_keyset: { schema: "s" } };
    world.late(below, "child-run", {
      parent_task_run_id: task.id,
      ...(isInput
        ? { state_type: "PAUSED" as StateType, state: aState({ type: "PAUSED", state_details: details }) }
        : {}),
    });
    if (isFull) holder(world, below, "zombie");
    const leaf = {
      "pool paused": /rollup-pool is paused/,
      "queue paused": /[Qq]ueue \S+ is paused/,
      "no worker": /it ha[sd] no worker/,
      "worker offline": /rollup-worker is offline/,
      "pool full": /last heartbeat was/,
      "awaiting input": /waits? for input/,
    };
    const fix = {
      "pool paused": /work-pool resume rollup-pool/,
      "queue paused": /work-queue resume/,
      "no worker": /worker start --pool rollup-pool/,
      "worker offline": /worker start --pool rollup-pool/,
      "pool full": /set_state/,
      "awaiting input": /resume/,
    };
    return { place, run, oracle: { names: ["child-run"], leaf: ["child-run", leaf[state]], fix: fix[state] } };
  };
}

function poolPaused(isChanged: boolean): Blocker {
  return (world) => {
    const place = world.place("orders", "prod", { pool: { is_paused: true, status: "PAUSED" } });
    const resource = {
      "prefect.resource.id": `prefect.work-pool.${place.pool.id}`,
      "prefect.resource.name": place.pool.name,
    };
    if (isChanged) world.event("prefect.work-pool.paused", resource);
    const leaf = isChanged ? ["orders-pool", /paused at 2026-08-20T10:10:00Z/] : ["orders-pool", /is paused/];
    return {
      place,
      run: world.late(place, "blocked-run"),
      oracle: { names: ["orders-pool"], leaf, fix: /work-pool resume orders-pool/ },
    };
  };
}

function queuePaused(isChanged: boolean): Blocker {
  return (world) => {
    const place = world.place("orders", "prod", { queue: { is_paused: true } });
    const resource = {
      "prefect.resource.id": `prefect.work-queue.${place.queue.id}`,
      "prefect.resource.name": place.queue.name,
    };
    if (isChanged) world.event("prefect.work-queue.paused", resource);
    const leaf = isChanged ? [/paused at 2026-08-20T10:10:00Z/] : [/is paused/];
    return {
      place,
      run: world.late(place, "blocked-run"),
      oracle: { names: ["orders-pool"], leaf, fix: /work-queue resume/ },
    };
  };
}

function noWorker(isOffline: boolean): Blocker {
  return (world) => {
    const place = world.place("orders", "prod", { pool: { status: "NOT_READY" }, beat: isOffline ? 0 : null });
    const leaf = isOffline ? ["orders-worker", /offline/] : [/it ha[sd] no worker/];
    return {
      place,
      run: world.late(place, "blocked-run"),
      oracle: { names: ["orders-pool"], leaf, fix: /worker start --pool orders-pool/ },
    };
  };
}

const FAILURES = ["exception", "memory", "wrapped", "parameter"] as const;

function failure(kind: (typeof FAILURES)[number], isChanged: boolean): Blocker {
  return (world) => {
    const place = world.place("orders", "prod");
    world.usual(place);
    const message = {
      exception: "Flow run encountered an exception: LookupError: no such customer in the list",
      memory: "Process exited with status code: -9.",
      wrapped:
        "Flow run encountered an exception: UnfinishedRun: Run is in PENDING state, its result is not available.",
      parameter: "Flow run encountered an exception: ZeroDivisionError: division by zero at this place",
    }[kind];
    const type = kind === "memory" ? "CRASHED" : "FAILED";
    const run = world.run(place, {
      name: "blocked-run",
      state_type: type,
      start_time: at(NOW_S - 400),
      end_time: at(NOW_S - 300),
      state: aState({ type, message, timestamp: at(NOW_S - 300) }),
      parameters: { batch_size: kind === "parameter" ? 0 : 500 },
    });
    if (kind === "wrapped")
      world.tasks.push(
        aTaskRun({
          id: world.id(),
          name: "load-0",
          flow_run_id: run.id,
          state_type: "FAILED",
          start_time: at(NOW_S - 390),
          state: aState({ type: "FAILED", message: "Task run encountered an exception ValueError: bad row" }),
        }),
      );
    world.logs.push(
      aLog({ id: world.id(), level: 40, message: "the last words", flow_run_id: run.id, timestamp: at(NOW_S - 310) }),
    );
    if (isChanged) world.deploymentsBefore.push({ ...place.deployment, entrypoint: "old.py:main" });
    const leaf = {
      exception: [/LookupError/],
      memory: [/memory/],
      wrapped: [/ValueError/, "load-0"],
      parameter: [/ZeroDivisionError/],
    };
    const names = [...(isChanged ? [/old\.py:main/] : []), ...(kind === "parameter" ? [/batch_size/] : [])];
    const fix = kind === "parameter" ? /deployment run/ : /./;
    return { place, run, oracle: { names: ["blocked-run", ...names], leaf: leaf[kind], fix } };
  };
}

/** A worker with a newer Prefect took the run that failed. */
function workerChanged(world: World): Composed {
  const composed = failure("exception", false)(world);
  const good = world.runs.find(({ name }) => name === "usual-orders-1");
  const took = (run: FlowRun | null | undefined, worker: string, version: string) =>
    world.event(
      "prefect.worker.submitted-flow-run",
      {
        "prefect.resource.id": `prefect.worker.process.${worker}`,
        "prefect.resource.name": worker,
        "prefect.version": version,
      },
      {
        occurred: run?.start_time ?? at(0),
        related: [{ "prefect.resource.id": `prefect.flow-run.${run?.id}`, "prefect.resource.role": "flow-run" }],
      },
    );
  took(good, "old-worker", "3.8.7");
  took(composed.run, "new-worker", "3.8.8");
  const { oracle } = composed;
  return { ...composed, oracle: { ...oracle, names: [...oracle.names, "new-worker", "old-worker", "3.8.7", "3.8.8"] } };
}

/** A block that the deployment does not name was edited between the last good run and the first that failed. */
function blockChanged(world: World): Composed {
  const composed = failure("exception", false)(world);
  const resource = {
    "prefect.resource.id": `prefect.block-document.${world.id()}`,
    "prefect.resource.name": "warehouse",
  };
  const edited = (region: string, seconds: number, action: string) =>
    world.event(`prefect.block-document.${action}`, resource, {
      occurred: at(seconds),
      payload: { name: "warehouse", data: { region, bucket: "orders" } },
    });
  edited("eu-west-1", -400_000, "created");
  edited("eu-west-9", NOW_S - 900, "updated");
  // After the failure: no cause of it.
  edited("us-east-1", NOW_S - 100, "updated");
  const { oracle } = composed;
  const changed = /block warehouse was updated \(region\) at 2026-08-20T10:00:00Z/;
  return { ...composed, oracle: { ...oracle, leaf: [...oracle.leaf, changed] } };
}

/** A failed run of another flow made the automation cancel this one. */
function cancelledAfterFailure(world: World): Composed {
  const other = world.place("feed", "hourly");
  const message = "Flow run encountered an exception: LookupError: the feed has no rows today";
  const failed = world.run(other, {
    name: "feed-run",
    state_type: "FAILED",
    start_time: at(NOW_S - 500),
    end_time: at(NOW_S - 400),
    state: aState({ type: "FAILED", message, timestamp: at(NOW_S - 400) }),
  });
  const composed = cancelledByAutomation(world, {
    event: "orders.feed-failed",
    resource: { "prefect.resource.id": `prefect.flow-run.${failed.id}`, "prefect.resource.name": "feed-run" },
  });
  return {
    ...composed,
    isBeside: true,
    oracle: { names: ["blocked-run"], leaf: ["pager", "feed-run", /LookupError/] },
  };
}

/** The automation acts, and what it starts fails. */
function startedRunFailed(world: World): Composed {
  const place = world.place("orders", "prod");
  const automation = anAutomation({ id: world.id(), name: "pager", created: at(-9_000) });
  world.automations.push(automation);
  const message = "Flow run encountered an exception: LookupError: no such customer in the list";
  const run = world.run(place, {
    name: "started-run",
    state_type: "FAILED",
    start_time: at(NOW_S - 400),
    end_time: at(NOW_S - 300),
    state: aState({ type: "FAILED", message, timestamp: at(NOW_S - 300) }),
  });
  const resource = { "prefect.resource.id": `prefect.automation.${automation.id}`, "prefect.resource.name": "pager" };
  world.event("prefect.automation.triggered", resource, { occurred: at(NOW_S - 420) });
  world.event("prefect.automation.action.executed", resource, {
    occurred: at(NOW_S - 410),
    related: [
      {
        "prefect.resource.id": `prefect.flow-run.${run.id}`,
        "prefect.resource.role": "flow-run",
        "prefect.resource.name": "started-run",
      },
    ],
  });
  return {
    place,
    run,
    automation: "pager",
    oracle: { names: ["started-run"], leaf: ["started-run", /LookupError/], fix: /./ },
  };
}

function cancelledByAutomation(
  world: World,
  by: { event: string; resource: Record<string, string> } = {
    event: "orders.cancel-all",
    resource: { "prefect.resource.id": "orders.1", "prefect.resource.name": "order-desk" },
  },
): Composed {
  const place = world.place("orders", "prod");
  const automation = anAutomation({ id: world.id(), name: "pager" });
  world.automations.push(automation);
  const cause = world.event(by.event, by.resource);
  world.event(
    "prefect.automation.triggered",
    { "prefect.resource.id": `prefect.automation.${automation.id}`, "prefect.resource.name": "pager" },
    {
      related: [{ "prefect.resource.id": `prefect.event.${cause.id}`, "prefect.resource.role": "triggering-event" }],
    },
  );
  const message = `Cancelled by Automation ${automation.id}`;
  const run = world.run(place, {
    name: "blocked-run",
    state_type: "CANCELLED",
    start_time: at(NOW_S - 400),
    end_time: at(NOW_S - 300),
    state: aState({ type: "CANCELLED", message, timestamp: at(NOW_S - 300) }),
  });
  return { place, run, oracle: { names: ["blocked-run"], leaf: ["pager", "orders.cancel-all", "order-desk"] } };
}

function cancelledByLeak(world: World): Composed {
  const limit = aConcurrencyLimit({ id: world.id(), name: "", limit: 1, active_slots: 1 });
  const options: JsonObject = { collision_strategy: "CANCEL_NEW" };
  const place = world.place("orders", "prod", {
    deployment: { global_concurrency_limit: limit, concurrency_options: options },
  });
  world.limits.push({ ...limit, name: `deployment:${place.deployment.id}` });
  const message = "Deployment concurrency limit reached.";
  const runs = [1, 2, 3, 4, 5].map((n) =>
    world.run(place, {
      name: `refused-${n}`,
      state_type: "CANCELLED",
      start_time: null,
      end_time: at(NOW_S - 100 * n),
      expected_start_time: at(NOW_S - 100 * n),
      state: aState({ type: "CANCELLED", message, timestamp: at(NOW_S - 100 * n) }),
    }),
  );
  return {
    place,
    run: runs[0] ?? null,
    oracle: { names: ["orders/prod", "refused-1"], leaf: [/held by no run in progress/], fix: /--active-slots 0/ },
  };
}

/** CANCEL_NEW refuses runs while another one holds the slot. */
function cancelledByHolder(state: HolderState): Blocker {
  return (world) => {
    const limit = aConcurrencyLimit({ id: world.id(), name: "", limit: 1, active_slots: 1 });
    const options: JsonObject = { collision_strategy: "CANCEL_NEW" };
    const place = world.place("orders", "prod", {
      deployment: { global_concurrency_limit: limit, concurrency_options: options },
    });
    world.limits.push({ ...limit, name: `deployment:${place.deployment.id}` });
    world.usual(place);
    const held = holder(world, place, state);
    const message = "Deployment concurrency limit reached.";
    const [run] = [1, 2, 3].map((n) =>
      world.run(place, {
        name: `refused-${n}`,
        state_type: "CANCELLED",
        start_time: null,
        end_time: at(NOW_S - 4 * n),
        expected_start_time: at(NOW_S - 4 * n),
        state: aState({ type: "CANCELLED", message, timestamp: at(NOW_S - 4 * n) }),
      }),
    );
    const isHealthy = state === "healthy";
    const leaf = [...(isHealthy ? [/is Running: it has run for .*usually take 10 min/] : [held.leaf]), "holder-run"];
    const fix = isHealthy ? /--limit 2/ : held.fix;
    return { place, run: run ?? null, oracle: { names: ["orders/prod", "holder-run", "refused-1"], leaf, fix } };
  };
}

function awaitingInput(world: World): Composed {
  const place = world.place("orders", "prod");
  const state = aState({
    type: "PAUSED",
    timestamp: at(NOW_S - 300),
    state_details: { run_input_keyset: { schema: "s" } },
  });
  const run = world.run(place, { name: "blocked-run", state_type: "PAUSED", start_time: at(NOW_S - 400), state });
  return { place, run, oracle: { names: ["blocked-run"], leaf: ["blocked-run", /waits? for input/], fix: /resume/ } };
}

function retryLost(world: World): Composed {
  const place = world.place("orders", "prod");
  const state = aState({
    type: "SCHEDULED",
    name: "AwaitingRetry",
    timestamp: at(-7_200),
    state_details: { scheduled_time: at(NOW_S - 7_200) },
  });
  const run = world.run(place, {
    name: "blocked-run",
    state_type: "SCHEDULED",
    state_name: "AwaitingRetry",
    expected_start_time: at(NOW_S - 7_200),
    start_time: at(-8_000),
    run_count: 1,
    state,
    empirical_policy: { retry_type: "in_process" },
  });
  return { place, run, oracle: { names: ["blocked-run"], leaf: ["blocked-run", /in_process/], fix: /flow-run retry/ } };
}

function runningLong(world: World): Composed {
  const place = world.place("orders", "prod");
  world.usual(place);
  const { run } = holder(world, place, "long");
  return { place, run, oracle: { names: ["holder-run"], leaf: ["holder-run", /has been Running for/], fix: /cancel/ } };
}

function zombie(world: World): Composed {
  const place = world.place("orders", "prod");
  const { run } = holder(world, place, "zombie");
  return { place, run, oracle: { names: ["holder-run"], leaf: ["holder-run", /last heartbeat/], fix: /set_state/ } };
}

function hiddenRetries(world: World): Composed {
  const place = world.place("orders", "prod");
  for (let n = 0; n < 4; n++) {
    const run = world.run(place, {
      name: `hidden-${n}`,
      start_time: at(NOW_S - 600 - n),
      end_time: at(NOW_S - 300 - n),
    });
    world.event(
      "prefect.flow-run.AwaitingRetry",
      {
        "prefect.resource.id": `prefect.flow-run.${run.id}`,
        "prefect.resource.name": run.name,
        "prefect.state-message": "Flow run encountered an exception: ConnectionError: 503 Service Unavailable",
      },
      {
        related: [
          {
            "prefect.resource.id": `prefect.flow.${place.flow.id}`,
            "prefect.resource.role": "flow",
            "prefect.resource.name": "orders",
          },
          {
            "prefect.resource.id": `prefect.deployment.${place.deployment.id}`,
            "prefect.resource.role": "deployment",
            "prefect.resource.name": "prod",
          },
        ],
      },
    );
  }
  return { place, run: null, oracle: { names: [/hidden-\d/], leaf: ["orders/prod", /503/] } };
}

function unknownEvent(world: World): Composed {
  const place = world.place("orders", "prod");
  const trigger = {
    type: "event",
    posture: "Reactive",
    expect: ["orders.batch-loaded"],
    match: {},
    match_related: {},
    for_each: [],
    threshold: 1,
    within: 0,
  };
  const actions = [{ type: "run-deployment", source: "selected", deployment_id: place.deployment.id }];
  world.automations.push(anAutomation({ id: world.id(), name: "loader", trigger, actions, created: at(-9_000) }));
  for (let n = 0; n < 5; n++) world.event("orders.batch.loaded", { "prefect.resource.id": "orders.1" });
  return {
    place,
    run: null,
    automation: "loader",
    oracle: { names: ["loader"], leaf: ["orders.batch-loaded", "orders.batch.loaded"] },
  };
}

/** Every blocker by its kind: cause, state of what blocks, change before it. */
export const BLOCKERS: ReadonlyMap<string, Blocker> = new Map<string, Blocker>([
  ...HOLDERS.flatMap((state) =>
    [false, true].flatMap((isLowered): [string, Blocker][] => {
      const change = isLowered ? ", limit lowered" : "";
      return [
        [`pool limit, ${state} holder${change}`, poolLimit(state, isLowered)],
        [`queue limit, ${state} holder${change}`, queueLimit(state, isLowered)],
        [`deployment limit, ${state} holder${change}`, deploymentLimit(state, isLowered)],
      ];
    }),
  ),
  ["deployment limit, leaked slot", deploymentLimit("leaked", false)],
  ...HOLDERS.flatMap((state): [string, Blocker][] => [
    [`tag limit, ${state} holder`, tagLimit(state)],
    [`global limit, ${state} holder`, globalLimit(state)],
  ]),
  ["global limit, ended holder", globalLimit("ended")],
  ["global limit, rate limit", globalLimit("rate")],
  ...CHILDREN.map((state): [string, Blocker] => [`child, ${state}`, child(state)]),
  ["pool paused", poolPaused(false)],
  ["pool paused, change recorded", poolPaused(true)],
  ["queue paused", queuePaused(false)],
  ["queue paused, change recorded", queuePaused(true)],
  ["no worker", noWorker(false)],
  ["worker offline", noWorker(true)],
  ...FAILURES.flatMap((kind): [string, Blocker][] => [
    [`failure, ${kind}`, failure(kind, false)],
    [`failure, ${kind}, deployment changed`, failure(kind, true)],
  ]),
  ["failure, exception, worker changed", workerChanged],
  ["failure, exception, block changed", blockChanged],
  ["cancelled, automation", (world) => cancelledByAutomation(world)],
  ["cancelled, automation after a failure", cancelledAfterFailure],
  ["automation, its run failed", startedRunFailed],
  ["cancelled, leaked slot", cancelledByLeak],
  ...HOLDERS.map((state): [string, Blocker] => [`cancelled, ${state} holder`, cancelledByHolder(state)]),
  ["paused, input", awaitingInput],
  ["retry lost", retryLost],
  ["running long", runningLong],
  ["zombie", zombie],
  ["retries, hidden", hiddenRetries],
  ["automation, unknown event", unknownEvent],
  ...FURTHER,
]);
