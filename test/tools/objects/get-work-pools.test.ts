import { describe, expect, test } from "bun:test";
import { SECOND_US } from "../../../src/lib/time.ts";
import { getWorkPoolsTool } from "../../../src/tools/objects/get-work-pools.ts";
import { aFlowRun, anId, at, aWorker, aWorkPool, aWorkQueue } from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const narrow = aWorkPool({ id: anId(1), name: "narrow", type: "kubernetes", concurrency_limit: 1, active_slots: 0 });
const idle = aWorkPool({ id: anId(2), name: "idle", status: "NOT_READY" });
const normal = aWorkQueue({ id: anId(3), work_pool_id: narrow.id, work_pool_name: "narrow" });
const slow = aWorkQueue({
  id: anId(4),
  name: "slow",
  priority: 2,
  concurrency_limit: 2,
  is_paused: true,
  status: "PAUSED",
  work_pool_id: narrow.id,
  work_pool_name: "narrow",
});
const plain = aWorkQueue({ id: anId(5), work_pool_id: idle.id, work_pool_name: "idle" });
const online = aWorker({ id: anId(6), name: "worker a", work_pool_id: narrow.id, last_heartbeat_time: at(3_588) });
const offline = aWorker({
  id: anId(7),
  name: "worker b",
  work_pool_id: narrow.id,
  status: "OFFLINE",
  last_heartbeat_time: at(0),
});
const holder = aFlowRun({
  id: anId(11),
  name: "quick-fox",
  state_type: "RUNNING",
  start_time: at(3_000),
  work_pool_name: "narrow",
  work_queue_id: normal.id,
  work_queue_name: "default",
});

function fillRecord(harness: ToolHarness): void {
  harness.objects("work_pool", [narrow, idle]);
  harness.objects("work_queue", [normal, slow, plain]);
  harness.objects("worker", [offline, online]);
  harness.flowRuns([holder]);
  harness.cover("flow_run");
  harness.following();
}

function fillPrefect(harness: ToolHarness): void {
  const { workspace } = harness.fake;
  workspace.workPools.push(narrow, idle);
  workspace.workQueues.push(normal, slow, plain);
  workspace.workers.push(offline, online);
  workspace.flowRuns.push(holder);
}

const NARROW = {
  id: narrow.id,
  name: "narrow",
  type: "kubernetes",
  status: "READY",
  is_paused: false,
  concurrency_limit: 1,
  active_slots: 1,
  slot_holders: [{ id: holder.id, name: "quick-fox" }],
  workers_online: 1,
  workers_offline: 1,
  last_heartbeat_seconds_ago: 12,
  queues: ["slow priority 2, limit 2 (0 taken), paused"],
};
const IDLE = { id: idle.id, name: "idle", type: "process", status: "NOT_READY", is_paused: false, workers_online: 0 };

describe("get_work_pools from the record", () => {
  test("lists by name, with counted slots, holders, workers and the age of their heartbeat", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const answer = await harness.call(getWorkPoolsTool, {});
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(answer.structured.work_pools).toEqual([IDLE, NARROW]);
    expect(answer.structured).toMatchObject({ source: "record", coverage: { complete: true } });
    expect(answer.tokens.text).toBeLessThanOrEqual(250);
  });

  test("shows a single pool with all queues and workers", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const answer = await harness.call(getWorkPoolsTool, { work_pool: "narrow" });
    expect(answer.structured.work_pools).toMatchObject([
      {
        id: narrow.id,
        active_slots: 1,
        slot_holders: [{ id: holder.id, name: "quick-fox" }],
        queues: [
          { name: "default", priority: 1, status: "READY", active_slots: 1 },
          { name: "slow", priority: 2, status: "PAUSED", is_paused: true, concurrency_limit: 2, active_slots: 0 },
        ],
        workers: [
          { name: "worker a", status: "ONLINE", heartbeat_seconds_ago: 12 },
          { name: "worker b", status: "OFFLINE", heartbeat_seconds_ago: 3_600 },
        ],
      },
    ]);
    expect(answer.text).toContain(
      "worker a, status ONLINE, heartbeat 12 s ago; worker b, status OFFLINE, heartbeat 1 h ago",
    );
    expect(answer.tokens.text).toBeLessThanOrEqual(250);
    const full = await harness.call(getWorkPoolsTool, { work_pool: "narrow", detail: "full" });
    expect(full.structured.work_pools[0]).toMatchObject({ base_job_template: {}, created: narrow.created });
  });

  test("filters by type", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    expect((await harness.call(getWorkPoolsTool, { type: "process" })).structured.work_pools).toEqual([IDLE]);
    expect(
      (await harness.call(getWorkPoolsTool, { filter: { name: { any_: ["narrow"] } } })).structured.work_pools,
    ).toEqual([NARROW]);
  });
});

describe("get_work_pools of a type that no pool has", () => {
  for (const source of ["record", "live"] as const) {
    test(`names the nearest type and those that there are, ${source}`, async () => {
      await using harness = await openToolHarness({ record: source === "record" });
      if (source === "record") fillRecord(harness);
      else fillPrefect(harness);
      const ask = async (type: string) => (await harness.call(getWorkPoolsTool, { type })).structured;
      const misspelt = await ask("proces");
      expect(misspelt).toMatchObject({ work_pools: [], source, coverage: { complete: true } });
      expect(misspelt.coverage.notes).toEqual([
        'No work pool has the type "proces"; did you mean "process"? Types: kubernetes, process.',
      ]);
      expect((await ask("docker")).coverage.notes).toEqual([
        'No work pool has the type "docker". Types: kubernetes, process.',
      ]);
      expect((await ask("process")).coverage).not.toHaveProperty("notes");
    });
  }
});

describe("get_work_pools from Prefect", () => {
  test("reads pools, queues, workers and slots, and saves the lists", async () => {
    await using harness = await openToolHarness();
    fillPrefect(harness);
    const answer = await harness.call(getWorkPoolsTool, {});
    expect(answer.structured).toMatchObject({ source: "live", coverage: { complete: true } });
    expect(answer.structured.work_pools).toEqual([IDLE, NARROW]);
    expect(harness.fake.takeRequests().toSorted()).toEqual([
      "POST /work_pools/filter",
      "POST /work_pools/idle/concurrency_status",
      "POST /work_pools/idle/workers/filter",
      "POST /work_pools/narrow/concurrency_status",
      "POST /work_pools/narrow/workers/filter",
      "POST /work_queues/filter",
    ]);
    const kept = harness.saved.map(
      (batch) => `${batch.kind} ${"isWhole" in batch && batch.isWhole ? "whole" : "part"}`,
    );
    expect(kept.toSorted()).toEqual(["work_pool whole", "work_queue whole", "worker whole"]);
  });

  test("reads only old lists again", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    fillPrefect(harness);
    harness.nowUs += 61 * SECOND_US;
    harness.objects("work_pool", [narrow, idle]);
    harness.objects("work_queue", [normal, slow, plain]);
    harness.cover("flow_run");
    harness.following();
    const answer = await harness.call(getWorkPoolsTool, {});
    expect(answer.structured.source).toBe("mixed");
    expect(harness.fake.takeRequests().toSorted()).toEqual([
      "POST /work_pools/idle/workers/filter",
      "POST /work_pools/narrow/workers/filter",
    ]);
  });
});

describe("get_work_pools fails", () => {
  test("on operators that Prefect's filter lacks, on an unknown pool, and when Prefect is unreachable", async () => {
    await using harness = await openToolHarness();
    fillPrefect(harness);
    const wrong = await harness.call(getWorkPoolsTool, { filter: { name: { like_: "prod-%" } } });
    expect(wrong.structured).toMatchObject({ code: "invalid_input", hint: "Valid fields of filter.name: any_." });
    const unknown = await harness.call(getWorkPoolsTool, { work_pool: "no-such" });
    expect(unknown.structured).toMatchObject({ code: "not_found", message: 'no work pool "no-such"' });
    await harness.fake.down();
    expect((await harness.call(getWorkPoolsTool, {})).structured).toMatchObject({ code: "unavailable" });
  });
});
