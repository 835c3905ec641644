/** Troubles set up on a real Prefect server, and what one call says of each. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Scene } from "../support/diagnosis-scene.ts";
import { type Product, startProduct, type ToolResult } from "../support/product.ts";
import { type RealPrefect, startRealPrefect } from "../support/real-prefect.ts";

const SETUP_MS = 240_000;
const SETTLE_MS = 8_000;

interface Cause {
  readonly code: string;
  readonly severity: string;
  readonly summary: string;
  readonly evidence: unknown;
}

interface Expectation {
  readonly ask: Record<string, string>;
  readonly verdict?: string;
  /** Each stands in the first cause. */
  readonly first?: readonly (string | RegExp)[];
  /** Each stands somewhere in the answer. */
  readonly anywhere?: readonly (string | RegExp)[];
  /** None stands in any summary. */
  readonly never?: readonly RegExp[];
}

const NO_WORKER = /no worker|worker .* offline/i;
const PAUSED = /is paused/i;
const FULL = /is full/i;

let prefect: RealPrefect;
let product: Product;
let folder: string;
const cases = new Map<string, Expectation>();
const table: string[] = [];

beforeAll(async () => {
  prefect = await startRealPrefect();
  folder = mkdtempSync(join(tmpdir(), "diagnosis-"));
  product = await startProduct({ env: { HOME: folder, PREFECT_API_URL: prefect.url, PREFECT_MCP_DATA_DIR: folder } });
  const scene = new Scene(prefect);
  await setUp(scene);
  await scene.beat();
  await Bun.sleep(SETTLE_MS);
}, SETUP_MS);

afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
  await prefect?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
  process.stderr.write(`${table.join("\n")}\n`);
});

async function setUp(scene: Scene): Promise<void> {
  const late: { id: string; name: string }[] = [];
  const expectCase = (name: string, expectation: Expectation) => cases.set(name, expectation);

  await scene.pool("empty-pool");
  const noWorker = await scene.deployment("nightly-load", "nightly", "empty-pool");
  for (const name of ["wait-1", "wait-2", "wait-3"]) late.push(await scene.lateRun(noWorker, name));
  expectCase("late, no worker", {
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
  expectCase("pool slots held", {
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
  expectCase("queue slots held", {
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
  expectCase("deployment limit held", {
    ask: { deployment: "limit-dep" },
    verdict: "problem",
    first: ["limit-dep", "dep-holder", /1 of 1/],
    never: [NO_WORKER],
  });

  const orphan = await scene.deployment("orphan-flow", "orphan-dep", null);
  late.push(await scene.lateRun(orphan, "orphan-run"));
  expectCase("no work pool", {
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
  expectCase("nothing late", { ask: { deployment: "good-dep" }, verdict: "nothing_wrong" });

  const future = await scene.run(fine, "future-run", {
    state: { type: "SCHEDULED", state_details: { scheduled_time: new Date(Date.now() + 6 * 3_600_000).toISOString() } },
  });
  expectCase("scheduled for later", {
    ask: { flow_run: future.id },
    verdict: "nothing_wrong",
    first: [/scheduled for/],
  });

  const oom = await scene.run(fine, "oom-run");
  await scene.start(oom);
  await scene.event(
    "prefect.worker.executed-flow-run",
    { "prefect.resource.id": "prefect.worker.process.fine-pool-worker", "prefect.resource.name": "fine-pool-worker" },
    [
      {
        "prefect.resource.id": `prefect.flow-run.${oom.id}`,
        "prefect.resource.role": "flow-run",
        "prefect.resource.name": "oom-run",
        "prefect.infrastructure.status-code": "137",
      },
    ],
  );
  await scene.state(oom, "CRASHED", "Crashed", "Flow run infrastructure exited with non-zero status code 137.");
  expectCase("killed for memory", {
    ask: { flow_run: "oom-run" },
    verdict: "problem",
    first: ["137", /memory/],
    never: [NO_WORKER],
  });

  const params = await scene.deployment("param-flow", "param-dep", "fine-pool", {
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
  expectCase("parameter changed", {
    ask: { flow_run: "param-bad" },
    verdict: "problem",
    first: ["ZeroDivisionError", "batch_size", /500.*0/, "split_batches"],
  });

  const many = await scene.deployment("many-flow", "many-dep", "fine-pool");
  for (let index = 0; index < 12; index++) {
    const run = await scene.run(many, `many-${index}`);
    await scene.start(run);
    await scene.fail(run, "LookupError", `no customer ${4711 + index * 13} in shard eu-${index % 4}`, "find_customer");
  }
  expectCase("many failures, one cause", {
    ask: { deployment: "many-dep" },
    verdict: "problem",
    first: ["12 runs", "LookupError", "find_customer"],
  });

  await scene.pool("stale-pool");
  await scene.post("/work_pools/stale-pool/workers/heartbeat", { name: "tired-worker", heartbeat_interval_seconds: 1 });
  const stale = await scene.deployment("stale-flow", "stale-dep", "stale-pool");
  late.push(await scene.lateRun(stale, "stale-run"));
  expectCase("worker stale", {
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
  expectCase("pool paused", {
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
  expectCase("queue paused", {
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
  expectCase("deployment paused", {
    ask: { deployment: "held-dep" },
    verdict: "problem",
    first: ["held-dep", PAUSED],
    never: [NO_WORKER, /pool .* is paused/i],
  });
  await scene.deployment("idle-flow", "idle-dep", "fine-pool", { schedules: [{ ...every, active: false }] });
  expectCase("schedule inactive", {
    ask: { deployment: "idle-dep" },
    verdict: "problem",
    first: [/schedule/, /inactive/],
    never: [NO_WORKER, PAUSED],
  });

  const input = await scene.run(fine, "input-run");
  await scene.start(input);
  await scene.state(input, "PAUSED", "Paused", undefined, {
    state_details: {
      pause_timeout: new Date(Date.now() + 3_600_000).toISOString(),
      pause_key: "1",
      run_input_keyset: { schema: "paused-1-schema", response: "paused-1-response" },
    },
  });
  expectCase("awaiting input", {
    ask: { flow_run: input.id },
    verdict: "problem",
    first: [/paused/i, /input/i],
    never: [NO_WORKER, /crash/i],
  });

  const retry = await scene.run(fine, "retry-run");
  await scene.start(retry);
  await scene.fail(retry, "TimeoutError", "upstream did not answer");
  await scene.state(retry, "SCHEDULED", "AwaitingRetry", undefined, {
    state_details: { scheduled_time: new Date(Date.now() + 6 * 3_600_000).toISOString() },
  });
  expectCase("awaiting retry", {
    ask: { flow_run: "retry-run" },
    anywhere: [/retry/i, "TimeoutError"],
    never: [/late/i, NO_WORKER],
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
  expectCase("pending without infrastructure", {
    ask: { flow_run: stuck.id },
    verdict: "problem",
    first: ["silent-worker", /heartbeat|offline/],
    never: [PAUSED, /late/i],
  });

  const slow = await scene.deployment("slow-flow", "slow-dep", "fine-pool");
  for (let index = 0; index < 10; index++) {
    const run = await scene.run(slow, `slow-${index}`);
    await scene.start(run);
    await Bun.sleep(index < 8 ? 100 : 2_000);
    await scene.state(run, "COMPLETED");
  }
  expectCase("duration regression", {
    ask: { deployment: "slow-dep" },
    verdict: "problem",
    first: [/slower/, "slow-dep"],
    never: [/exception|crash/i],
  });

  await automations(scene, expectCase);
  const missing = crypto.randomUUID();
  expectCase("missing flow run", { ask: { flow_run: missing }, anywhere: ["not_found", missing] });
  await scene.untilLate(late);
}

async function automations(scene: Scene, expectCase: (name: string, expectation: Expectation) => void): Promise<void> {
  const source = await scene.deployment("auto-flow", "auto-source", "fine-pool");
  const target = await scene.deployment("auto-target-flow", "auto-target", "fine-pool");
  const trigger = (over: object) => ({
    type: "event",
    posture: "Reactive",
    expect: ["prefect.flow-run.Failed"],
    match: { "prefect.resource.id": "prefect.flow-run.*" },
    match_related: { "prefect.resource.role": "deployment", "prefect.resource.id": `prefect.deployment.${source.id}` },
    for_each: [],
    threshold: 1,
    within: 0,
    ...over,
  });
  const make = (name: string, over: object, actions: object[] = [{ type: "do-nothing" }], enabled = true) =>
    scene.post("/automations/", { name, enabled, trigger: trigger(over), actions });
  const run = (id: string) => [{ type: "run-deployment", source: "selected", deployment_id: id }];
  await make("auto-fires", {}, run(target.id));
  await make("auto-threshold", { threshold: 3, within: 300 });
  await make("auto-disabled", {}, undefined, false);
  await make("auto-broken", {}, run(crypto.randomUUID()));
  await make("auto-elsewhere", {
    match_related: { "prefect.resource.id": "prefect.deployment.00000000-0000-4000-8000-000000000000" },
  });
  await make("auto-waiting", {
    posture: "Proactive",
    after: ["prefect.flow-run.Pending"],
    expect: ["prefect.flow-run.Running", "prefect.flow-run.Crashed"],
    for_each: ["prefect.resource.id"],
    within: 7_200,
  });
  await Bun.sleep(3_000);
  const failing = await scene.run(source, "auto-failing");
  await scene.start(failing);
  await scene.fail(failing, "RuntimeError", "boom");
  await scene.state(await scene.run(source, "auto-pending"), "PENDING");

  expectCase("automation fired", {
    ask: { automation: "auto-fires" },
    verdict: "nothing_wrong",
    first: [/fired/, /executed/],
  });
  expectCase("automation threshold", {
    ask: { automation: "auto-threshold" },
    verdict: "problem",
    first: [/threshold is 3/, /only 1/],
    never: [/disabled/, /action .* failed/],
  });
  expectCase("automation disabled", {
    ask: { automation: "auto-disabled" },
    verdict: "problem",
    first: [/disabled/],
    never: [/threshold/, /action .* failed/],
  });
  expectCase("automation action failed", {
    ask: { automation: "auto-broken" },
    verdict: "problem",
    first: ["run-deployment", "404"],
    never: [/threshold/, /has not fired/],
  });
  expectCase("automation: other resource", {
    ask: { automation: "auto-elsewhere" },
    verdict: "problem",
    first: [/match_related|related resource/],
  });
  expectCase("automation waits", {
    ask: { automation: "auto-waiting" },
    verdict: "nothing_wrong",
    first: [/not before/],
  });
}

function check(name: string, answer: ToolResult, expectation: Expectation): void {
  const causes: readonly Cause[] = answer.structured.causes ?? [];
  const summaries = causes.map((cause) => cause.summary).join("\n");
  const firstCause = JSON.stringify(causes[0] ?? null);
  const all = JSON.stringify(answer.structured);
  if (expectation.verdict)
    expect({ name, verdict: answer.structured.verdict, summaries }).toMatchObject({ verdict: expectation.verdict });
  for (const part of expectation.first ?? []) expect(firstCause).toMatch(part);
  for (const part of expectation.anywhere ?? []) expect(all).toMatch(part);
  for (const part of expectation.never ?? []) expect(summaries).not.toMatch(part);
  const tokens = Math.ceil(Math.max(answer.text.length, all.length) / 4);
  expect(tokens).toBeLessThanOrEqual(1_500);
}

const NAMES = [
  "late, no worker",
  "pool slots held",
  "queue slots held",
  "deployment limit held",
  "no work pool",
  "nothing late",
  "scheduled for later",
  "killed for memory",
  "parameter changed",
  "many failures, one cause",
  "worker stale",
  "pool paused",
  "queue paused",
  "deployment paused",
  "schedule inactive",
  "awaiting input",
  "awaiting retry",
  "pending without infrastructure",
  "duration regression",
  "automation fired",
  "automation threshold",
  "automation disabled",
  "automation action failed",
  "automation: other resource",
  "automation waits",
  "missing flow run",
];

describe("one call to the cause, on a real server", () => {
  test.each(NAMES)("%s", async (name) => {
    const expectation = cases.get(name);
    if (!expectation) throw new Error(`not set up: ${name}`);
    const startMs = performance.now();
    const answer = await product.call("diagnose", expectation.ask);
    const tokens = Math.ceil(answer.text.length / 4);
    table.push(
      `${name.padEnd(34)} ${String(tokens).padStart(5)} tokens ${(performance.now() - startMs).toFixed(0).padStart(5)} ms`,
    );
    check(name, answer, expectation);
  });
});

describe("the same without Prefect", () => {
  beforeAll(async () => {
    await prefect.stop();
    await Bun.sleep(3_000);
  }, 60_000);

  test.each(NAMES.filter((name) => name !== "missing flow run"))("%s", async (name) => {
    const expectation = cases.get(name);
    if (!expectation) throw new Error(`not set up: ${name}`);
    const answer = await product.call("diagnose", expectation.ask);
    check(name, answer, expectation);
    expect(answer.structured.source).toBe("record");
  });
});
