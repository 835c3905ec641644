/** Situations of other kinds than those of `blockers.ts`: objects of every kind, chains of two, and causes with two halves. */
import type { FlowRun, JsonObject } from "../../../../src/model/objects.ts";
import type { StateType } from "../../../../src/model/state.ts";
import { aConcurrencyLimit, aLog, anAutomation, aState, aTaskRun, at, aWorkQueue } from "../../builders.ts";
import type { Blocker, Composed } from "./blocker.ts";
import { NOW_S, type Place, type World } from "./world.ts";

/** `prefect.<kind>.<id>` as a resource of an event. */
function resource(kind: string, id: string, name: string, role?: string): Record<string, string> {
  return {
    "prefect.resource.id": `prefect.${kind}.${id}`,
    "prefect.resource.name": name,
    ...(role ? { "prefect.resource.role": role } : {}),
  };
}

/** A run that ended with this state and message, `ago` seconds before now. */
function ended(world: World, place: Place, name: string, type: StateType, message: string, ago = 300): FlowRun {
  return world.run(place, {
    name,
    state_type: type,
    start_time: at(NOW_S - ago - 100),
    end_time: at(NOW_S - ago),
    state: aState({ type, message, timestamp: at(NOW_S - ago) }),
    parameters: { batch_size: 500 },
  });
}

function zeroLimit(of: "pool" | "queue" | "deployment" | "tag"): Blocker {
  return (world) => {
    const limit = aConcurrencyLimit({ id: world.id(), name: "tag:db", limit: 0, active_slots: 0 });
    const place = world.place("orders", "prod", {
      pool: of === "pool" ? { concurrency_limit: 0 } : {},
      queue: of === "queue" ? { concurrency_limit: 0 } : {},
      deployment:
        of === "deployment"
          ? { global_concurrency_limit: limit, concurrency_options: { collision_strategy: "ENQUEUE" } }
          : {},
    });
    world.usual(place);
    if (of === "deployment") world.limits.push({ ...limit, name: `deployment:${place.deployment.id}` });
    if (of === "tag") {
      world.limits.push(limit);
      const run = world.run(place, { name: "blocked-run", state_type: "RUNNING", start_time: at(NOW_S - 60) });
      const state = aState({ type: "PENDING", timestamp: at(NOW_S - 50) });
      const task = { id: world.id(), name: "waiting-task", flow_run_id: run.id, tags: ["db"], state };
      world.tasks.push(aTaskRun({ ...task, state_type: "PENDING", start_time: null }));
      return {
        place,
        run,
        oracle: { names: ["blocked-run"], leaf: ["waiting-task", /tag db is 0/], fix: /create db 1/ },
      };
    }
    const run = world.late(place, "blocked-run", of === "deployment" ? { state_name: "AwaitingConcurrencySlot" } : {});
    const fix = {
      pool: /set-concurrency-limit orders-pool 1/,
      queue: /set-concurrency-limit \S+ 1 --pool/,
      deployment: /--limit 1/,
    };
    return { place, run, oracle: { names: ["blocked-run"], leaf: [/limit .*is 0|its limit is 0/], fix: fix[of] } };
  };
}

/** Another queue of the same pool runs well. */
function pausedQueueOfTwo(world: World): Composed {
  const place = world.place("orders", "prod");
  const high = aWorkQueue({
    id: world.id(),
    name: "high",
    work_pool_id: place.pool.id,
    work_pool_name: place.pool.name,
    is_paused: true,
    status: "PAUSED",
    last_polled: at(NOW_S - 4_000),
  });
  world.queues.push(high);
  world.usual(place);
  const urgent = { ...place, queue: high };
  world.run(place, { name: "well-run", state_type: "RUNNING", start_time: at(NOW_S - 30) });
  const run = world.late(urgent, "blocked-run");
  return {
    place,
    run,
    oracle: {
      names: ["orders-pool"],
      leaf: [/queue high is paused/i],
      fix: /work-queue resume high --pool orders-pool/,
    },
  };
}

/** A subflow of a subflow is late in a paused pool. */
function grandchild(world: World): Composed {
  const place = world.place("orders", "prod");
  world.usual(place);
  const below = world.place("rollup", "daily");
  const lowest = world.place("export", "nightly", { pool: { is_paused: true, status: "PAUSED" } });
  const run = world.run(place, { name: "blocked-run", state_type: "RUNNING", start_time: at(NOW_S - 80) });
  const taskOf = (of: FlowRun) => {
    const task = aTaskRun({ id: world.id(), flow_run_id: of.id, state_type: "RUNNING", start_time: at(NOW_S - 70) });
    world.tasks.push(task);
    return task.id;
  };
  const middle = world.run(below, {
    name: "middle-run",
    state_type: "RUNNING",
    start_time: at(NOW_S - 60),
    parent_task_run_id: taskOf(run),
  });
  world.late(lowest, "lowest-run", { parent_task_run_id: taskOf(middle) });
  return {
    place,
    run,
    oracle: { names: ["lowest-run"], leaf: [/export-pool is paused/], fix: /work-pool resume export-pool/ },
  };
}

/** The child's process slept until its retry, and died. */
function childRetryLost(world: World): Composed {
  const place = world.place("orders", "prod");
  world.usual(place);
  const run = world.run(place, { name: "blocked-run", state_type: "RUNNING", start_time: at(-8_100) });
  const task = aTaskRun({ id: world.id(), flow_run_id: run.id, state_type: "RUNNING", start_time: at(-8_050) });
  world.tasks.push(task);
  const below = world.place("rollup", "daily");
  world.run(below, {
    name: "child-run",
    parent_task_run_id: task.id,
    state_type: "SCHEDULED",
    state_name: "AwaitingRetry",
    expected_start_time: at(NOW_S - 7_200),
    start_time: at(-8_000),
    run_count: 1,
    state: aState({
      type: "SCHEDULED",
      name: "AwaitingRetry",
      timestamp: at(-7_200),
      state_details: { scheduled_time: at(NOW_S - 7_200) },
    }),
    empirical_policy: { retry_type: "in_process" },
  });
  return { place, run, oracle: { names: ["child-run"], leaf: ["child-run", /in_process/], fix: /flow-run retry/ } };
}

/** A failed run made one automation act, and what that did made another one cancel the run. */
function automationsInChain(world: World): Composed {
  const other = world.place("feed", "hourly");
  const failed = ended(
    world,
    other,
    "feed-run",
    "FAILED",
    "Flow run encountered an exception: LookupError: the feed has no rows today",
    400,
  );
  const place = world.place("orders", "prod");
  const [first, second] = ["alarm", "pager"].map((name) => anAutomation({ id: world.id(), name }));
  if (!first || !second) throw new Error("two automations");
  world.automations.push(first, second);
  const failedEvent = world.event("prefect.flow-run.Failed", resource("flow-run", failed.id, "feed-run"), {
    occurred: at(NOW_S - 395),
  });
  const triggering = (id: string) => ({
    "prefect.resource.id": `prefect.event.${id}`,
    "prefect.resource.role": "triggering-event",
  });
  const fired = world.event("prefect.automation.triggered", resource("automation", first.id, "alarm"), {
    occurred: at(NOW_S - 390),
    related: [triggering(failedEvent.id)],
  });
  world.event("prefect.automation.triggered", resource("automation", second.id, "pager"), {
    occurred: at(NOW_S - 350),
    related: [triggering(fired.id)],
  });
  const run = ended(world, place, "blocked-run", "CANCELLED", `Cancelled by Automation ${second.id}`);
  return {
    place,
    run,
    isBeside: true,
    oracle: { names: ["alarm"], leaf: ["pager", "alarm", "feed-run", /LookupError/] },
  };
}

/** An automation names a flow that has no such events: the name in `match_related` is misspelt. */
function misspeltResource(world: World): Composed {
  const place = world.place("orders", "prod");
  world.usual(place);
  const run = ended(
    world,
    place,
    "some-run",
    "FAILED",
    "Flow run encountered an exception: LookupError: no such customer",
    9_000,
  );
  world.event("prefect.flow-run.Failed", resource("flow-run", run.id, "some-run"), {
    occurred: at(NOW_S - 9_000),
    related: [resource("flow", place.flow.id, "orders", "flow")],
  });
  const trigger = {
    type: "event",
    posture: "Reactive",
    expect: ["prefect.flow-run.Failed"],
    match: { "prefect.resource.id": "prefect.flow-run.*" },
    match_related: { "prefect.resource.role": "flow", "prefect.resource.name": "ordres" },
    for_each: [],
    threshold: 1,
    within: 0,
  };
  const actions = [{ type: "run-deployment", source: "selected", deployment_id: place.deployment.id }];
  world.automations.push(anAutomation({ id: world.id(), name: "pager", trigger, actions, created: at(-90_000) }));
  return {
    place,
    run: null,
    automation: "pager",
    isBeside: true,
    onlyIn: ["automation", "workspace"],
    oracle: { names: ["pager"], leaf: ["ordres", "orders"], fix: /orders/ },
  };
}

/** A proactive automation whose time has passed without a firing. */
function proactiveOverdue(world: World): Composed {
  const place = world.place("orders", "prod");
  const trigger = {
    type: "event",
    posture: "Proactive",
    expect: ["orders.batch.loaded"],
    match: {},
    match_related: {},
    for_each: [],
    after: [],
    threshold: 1,
    within: 600,
  };
  const actions = [{ type: "run-deployment", source: "selected", deployment_id: place.deployment.id }];
  const times = { created: at(NOW_S - 5_000), updated: at(NOW_S - 5_000) };
  world.automations.push(anAutomation({ id: world.id(), name: "watchdog", trigger, actions, ...times }));
  return {
    place,
    run: null,
    automation: "watchdog",
    onlyIn: ["automation"],
    oracle: { names: ["watchdog"], leaf: [/should have fired/] },
  };
}

/** Half of the runs fail, with one error: one problem, not two. */
function flakyWithError(world: World): Composed {
  const place = world.place("orders", "prod");
  let last: FlowRun | null = null;
  for (let n = 0; n < 8; n++) {
    const isBad = n % 2 === 1;
    const message = isBad
      ? "Flow run encountered an exception: LookupError: the rate of EUR is missing"
      : "All states completed.";
    const run = ended(
      world,
      place,
      `${isBad ? "bad" : "good"}-${n}`,
      isBad ? "FAILED" : "COMPLETED",
      message,
      3_000 - 300 * n,
    );
    if (isBad) last = run;
  }
  return {
    place,
    run: null,
    oracle: { names: [last?.name ?? ""], leaf: [/4 of its last 8 runs failed/, /LookupError/] },
  };
}

/** One partner is down: the same error in three deployments within minutes. */
function sameErrorElsewhere(world: World): Composed {
  const message = "Flow run encountered an exception: ConnectTimeout: no answer of billing.example";
  const places = ["orders", "stock", "refunds"].map((flow) => world.place(flow, "prod"));
  for (const place of places) world.usual(place);
  const runs = places.map((place, index) =>
    ended(world, place, `${place.flow.name}-run`, "FAILED", message, 300 + 60 * index),
  );
  const [place] = places;
  if (!place) throw new Error("a place");
  return {
    place,
    run: runs[0] ?? null,
    oracle: { names: ["stock/prod", "refunds/prod"], leaf: [/ConnectTimeout/, /stock\/prod/, /refunds\/prod/] },
  };
}

const CRASHES = {
  "worker shut down": {
    message: "Flow run infrastructure exited with non-zero status code 143.",
    leaf: /SIGTERM/,
    fix: /stopped/,
  },
  "segmentation fault": {
    message: "Flow run infrastructure exited with non-zero status code 139.",
    leaf: /segmentation fault/,
    fix: /native|log/,
  },
  "command not found": {
    message: "Flow run infrastructure exited with non-zero status code 127.",
    leaf: /command was not found/,
    fix: /image|command/,
  },
  "image pull": {
    message: "Pod could not start: ErrImagePull: manifest unknown for registry/etl:9",
    leaf: /registry\/etl:9/,
    fix: /image .*deployment run/,
  },
} as const;

function crash(kind: keyof typeof CRASHES): Blocker {
  return (world) => {
    const place = world.place("orders", "prod");
    world.usual(place);
    const { message, leaf, fix } = CRASHES[kind];
    const run = ended(world, place, "blocked-run", "CRASHED", message);
    return { place, run, oracle: { names: ["blocked-run"], leaf: [leaf], fix } };
  };
}

/** Kubernetes killed the container; the state says nothing of it. */
function killedByKubernetes(world: World): Composed {
  const place = world.place("orders", "prod");
  world.usual(place);
  const run = ended(world, place, "blocked-run", "CRASHED", "");
  world.event(
    "prefect.kubernetes.pod.failed",
    { ...resource("kubernetes.pod", world.id(), "orders-pod"), "kubernetes.reason": "OOMKilled" },
    { occurred: at(NOW_S - 305), related: [resource("flow-run", run.id, run.name, "flow-run")] },
  );
  return { place, run, oracle: { names: ["blocked-run"], leaf: [/OOMKilled|out of memory/], fix: /memory/ } };
}

const ERRORS = {
  "block missing": {
    message:
      "Flow run encountered an exception: ValueError: Unable to find block document named warehouse for block type snowflake-connector",
    leaf: [/warehouse/, /snowflake-connector/],
    fix: /block/,
  },
  "result storage missing": {
    message: "Flow run encountered an exception: ValueError: Path /results/3f2c does not exist.",
    leaf: [/\/results\/3f2c/],
    fix: /retry|deployment run/,
  },
  "parameters refused": {
    message:
      "Validation of flow parameters failed with error: ParameterTypeError: Flow run received invalid parameters: - batch_size: Input should be a valid integer",
    leaf: [/batch_size/],
    fix: /deployment run/,
  },
  "flow code missing": {
    message:
      "Flow could not be retrieved from deployment. FileNotFoundError: [Errno 2] No such file or directory: '/opt/prefect/flows/etl.py'",
    leaf: [/etl\.py/],
    fix: /entrypoint|deploy/,
  },
} as const;

function error(kind: keyof typeof ERRORS): Blocker {
  return (world) => {
    const place = world.place("orders", "prod");
    world.usual(place);
    const { message, leaf, fix } = ERRORS[kind];
    const run = ended(world, place, "blocked-run", "FAILED", message);
    return { place, run, oracle: { names: ["blocked-run"], leaf, fix } };
  };
}

/** A worker submitted it, and Kubernetes cannot place its pod. */
function unschedulable(world: World): Composed {
  const place = world.place("orders", "prod");
  world.usual(place);
  const since = NOW_S - 1_200;
  const run = world.run(place, {
    name: "blocked-run",
    state_type: "PENDING",
    start_time: null,
    end_time: null,
    expected_start_time: at(since - 10),
    run_count: 0,
    state: aState({ type: "PENDING", timestamp: at(since) }),
  });
  world.event(
    "prefect.worker.submitted-flow-run",
    { "prefect.resource.id": "prefect.worker.kubernetes.orders-worker", "prefect.resource.name": "orders-worker" },
    { occurred: at(since), related: [resource("flow-run", run.id, run.name, "flow-run")] },
  );
  world.event(
    "prefect.kubernetes.pod.pending",
    { ...resource("kubernetes.pod", world.id(), "orders-pod"), "kubernetes.reason": "Unschedulable" },
    { occurred: at(since + 20), related: [resource("flow-run", run.id, run.name, "flow-run")] },
  );
  return {
    place,
    run,
    oracle: { names: ["blocked-run", "orders-worker"], leaf: ["blocked-run", /Unschedulable/], fix: /./ },
  };
}

/** A slot of the pool is held by a run whose infrastructure never started. */
function heldByPending(world: World): Composed {
  const place = world.place("orders", "prod", { pool: { concurrency_limit: 1 } });
  world.usual(place);
  const since = NOW_S - 1_200;
  world.run(place, {
    name: "holder-run",
    state_type: "PENDING",
    start_time: null,
    end_time: null,
    expected_start_time: at(since - 10),
    run_count: 0,
    state: aState({ type: "PENDING", timestamp: at(since) }),
  });
  const run = world.late(place, "blocked-run");
  return { place, run, oracle: { names: ["orders-pool", "blocked-run"], leaf: ["holder-run", /Pending for 20 min/] } };
}

/** The task that holds the slot of a tag belongs to a flow run that crashed. */
function tagHeldByCrashed(world: World): Composed {
  const limit = aConcurrencyLimit({ id: world.id(), name: "tag:db", limit: 1, active_slots: 1 });
  world.limits.push(limit);
  const other = world.place("stock", "hourly");
  const gone = ended(world, other, "holder-run", "CRASHED", "Process exited with status code: -9.", 900);
  const place = world.place("orders", "prod");
  const run = world.run(place, { name: "blocked-run", state_type: "RUNNING", start_time: at(NOW_S - 60) });
  world.tasks.push(
    aTaskRun({
      id: world.id(),
      name: "holding-task",
      flow_run_id: gone.id,
      state_type: "RUNNING",
      tags: ["db"],
      start_time: at(NOW_S - 950),
    }),
    aTaskRun({
      id: world.id(),
      name: "waiting-task",
      flow_run_id: run.id,
      state_type: "PENDING",
      tags: ["db"],
      start_time: null,
      state: aState({ type: "PENDING", timestamp: at(NOW_S - 50) }),
    }),
  );
  return {
    place,
    run,
    isBeside: true,
    oracle: {
      names: ["holding-task"],
      leaf: ["waiting-task", "holder-run", /without giving its slot back/],
      fix: /active-slots 0|concurrency-limit reset db/,
    },
  };
}

/** No worker is there that could stop it. */
function cancellingWithoutWorker(world: World): Composed {
  const place = world.place("orders", "prod", { pool: { status: "NOT_READY" }, beat: 0 });
  const run = world.run(place, {
    name: "blocked-run",
    state_type: "CANCELLING",
    start_time: at(NOW_S - 3_000),
    end_time: null,
    state: aState({ type: "CANCELLING", timestamp: at(NOW_S - 1_200) }),
  });
  return {
    place,
    run,
    notIn: ["work_pool"],
    oracle: {
      names: ["blocked-run"],
      leaf: ["blocked-run", /no worker is online in pool orders-pool/],
      fix: /CANCELLED/,
    },
  };
}

/** `flow.serve` stopped. */
function servedNoMore(world: World): Composed {
  const place = world.place("orders", "prod", {
    deployment: { work_pool_name: null, work_queue_name: null, work_queue_id: null, status: "NOT_READY" },
  });
  const without = { work_pool_name: null, work_queue_id: null, work_queue_name: null };
  const run = world.late(place, "blocked-run", without);
  return {
    place,
    run,
    notIn: ["work_pool"],
    oracle: { names: ["orders/prod"], leaf: ["orders/prod", /no work pool/], fix: /serve/ },
  };
}

/** A suspended run whose timeout has passed. */
function suspendedTooLong(world: World): Composed {
  const place = world.place("orders", "prod");
  const run = world.run(place, {
    name: "blocked-run",
    state_type: "PAUSED",
    state_name: "Suspended",
    start_time: at(NOW_S - 8_000),
    end_time: null,
    state: aState({
      type: "PAUSED",
      name: "Suspended",
      timestamp: at(NOW_S - 7_900),
      state_details: { pause_reschedule: true, pause_timeout: at(NOW_S - 4_000) },
    }),
  });
  return { place, run, oracle: { names: ["blocked-run"], leaf: ["blocked-run", /timeout passed/], fix: /resume/ } };
}

/** Its schedule can never match. */
function scheduleNeverFires(schedule: JsonObject): Blocker {
  return (world) => {
    const place = world.place("orders", "prod");
    const id = world.id();
    const own = { id, schedule, active: true, created: at(-900_000), updated: at(-900_000) };
    world.deployments.splice(0, 1, { ...place.deployment, schedules: [own] } as Place["deployment"]);
    return {
      place,
      run: null,
      oracle: { names: ["orders/prod"], leaf: ["orders/prod", /never|no further|ended/], fix: /schedule/ },
    };
  };
}

/** The automation is to run a deployment that no longer exists. */
function actionTargetDeleted(world: World): Composed {
  const place = world.place("orders", "prod");
  const target = world.id();
  const actions = [{ type: "run-deployment", source: "selected", deployment_id: target }];
  const automation = anAutomation({ id: world.id(), name: "loader", actions, created: at(-9_000) });
  world.automations.push(automation);
  world.event("prefect.automation.triggered", resource("automation", automation.id, "loader"), {
    occurred: at(NOW_S - 500),
  });
  world.event("prefect.automation.action.failed", resource("automation", automation.id, "loader"), {
    occurred: at(NOW_S - 490),
    payload: {
      action_type: "run-deployment",
      reason: "Unexpected status from 'run-deployment' action: 404",
      status_code: 404,
    },
  });
  return {
    place,
    run: null,
    automation: "loader",
    onlyIn: ["automation", "workspace"],
    oracle: { names: ["loader"], leaf: ["loader", "run-deployment", /404/], fix: /automation/ },
  };
}

/** Retries of tasks hide a slow outage in two deployments. */
function worksWithRetries(world: World): Composed {
  const places = ["orders", "stock"].map((flow) => world.place(flow, "prod"));
  for (const place of places)
    for (let n = 0; n < 3; n++) {
      const run = ended(world, place, `${place.flow.name}-${n}`, "COMPLETED", "All states completed.", 300 + n);
      const task = aTaskRun({ id: world.id(), name: `fetch-${n}`, flow_run_id: run.id, run_count: 2 });
      world.tasks.push(task);
      world.event("prefect.task-run.AwaitingRetry", resource("task-run", task.id, task.name), {
        related: [
          resource("flow-run", run.id, run.name, "flow-run"),
          resource("flow", place.flow.id, place.flow.name, "flow"),
          resource("deployment", place.deployment.id, "prod", "deployment"),
        ],
      });
      world.logs.push(
        aLog({
          id: world.id(),
          level: 20,
          flow_run_id: run.id,
          task_run_id: task.id,
          message:
            "Task run failed with exception: HTTPError('502 Bad Gateway') - Retry 1/3 will start 2 second(s) from now",
        }),
      );
    }
  const [place] = places;
  if (!place) throw new Error("a place");
  return { place, run: null, oracle: { names: [/(orders|stock)-0/], leaf: [/502/, "orders/prod"] } };
}

export const FURTHER: ReadonlyMap<string, Blocker> = new Map<string, Blocker>([
  ...(["pool", "queue", "deployment", "tag"] as const).map((of): [string, Blocker] => [
    `zero limit, ${of}`,
    zeroLimit(of),
  ]),
  ["queue paused, one of two", pausedQueueOfTwo],
  ["child, of a child", grandchild],
  ["child, its retry is lost", childRetryLost],
  ["cancelled, two automations in a chain", automationsInChain],
  ["automation, misspelt resource", misspeltResource],
  ["automation, proactive and overdue", proactiveOverdue],
  ["automation, its target was deleted", actionTargetDeleted],
  ["failure, every second run", flakyWithError],
  ["failure, in three deployments", sameErrorElsewhere],
  ...(Object.keys(CRASHES) as (keyof typeof CRASHES)[]).map((kind): [string, Blocker] => [
    `crash, ${kind}`,
    crash(kind),
  ]),
  ["crash, killed by Kubernetes", killedByKubernetes],
  ...(Object.keys(ERRORS) as (keyof typeof ERRORS)[]).map((kind): [string, Blocker] => [
    `failure, ${kind}`,
    error(kind),
  ]),
  ["pending, pod cannot be placed", unschedulable],
  ["pool limit, held by a pending run", heldByPending],
  ["tag limit, held by a crashed run", tagHeldByCrashed],
  ["cancelling, no worker", cancellingWithoutWorker],
  ["no work pool, serve stopped", servedNoMore],
  ["paused, suspended too long", suspendedTooLong],
  ["schedule, 30 February", scheduleNeverFires({ cron: "0 2 30 2 *", timezone: "Europe/Berlin", day_or: true })],
  [
    "schedule, COUNT is used up",
    scheduleNeverFires({ rrule: "DTSTART:20250101T080000\nRRULE:FREQ=DAILY;COUNT=3", timezone: "UTC" }),
  ],
  ["retries, of tasks", worksWithRetries],
]);
