import { describe, expect, test } from "bun:test";
import { SECOND_US } from "../../../src/lib/time.ts";
import type { FlowRun } from "../../../src/model/objects.ts";
import { getDashboardTool } from "../../../src/tools/workspace/get-dashboard.ts";
import {
  aConcurrencyLimit,
  aDeployment,
  aFlow,
  aFlowRun,
  anEvent,
  anId,
  aState,
  aTaskRun,
  at,
  aWorkPool,
  aWorkQueue,
} from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const flow = aFlow({ id: anId(1), name: "orders-etl" });
const pool = aWorkPool({ id: anId(4), name: "narrow-pool", concurrency_limit: 1, active_slots: 1 });
const idle = aWorkPool({ id: anId(5), name: "idle-pool", status: "NOT_READY" });
const queue = aWorkQueue({ id: anId(6), work_pool_id: pool.id, work_pool_name: pool.name, concurrency_limit: 3 });
const deployment = aDeployment({ id: anId(7), name: "orders-narrow", flow_id: flow.id });
const limits = [
  aConcurrencyLimit({ id: anId(11), name: `deployment:${deployment.id}`, limit: 1, active_slots: 1 }),
  aConcurrencyLimit({ id: anId(12), name: "tag:db", limit: 2, active_slots: 1 }),
  aConcurrencyLimit({ id: anId(13), name: "warehouse", limit: 2, active_slots: 1 }),
  aConcurrencyLimit({ id: anId(14), name: "api-calls", limit: 5, active_slots: 0 }),
];
const failure = aState({
  type: "FAILED",
  timestamp: at(3_000),
  message: "Flow run encountered an exception: ValueError: no such partition",
});
const holder = aFlowRun({
  id: anId(21),
  name: "burgundy-pony",
  state_type: "RUNNING",
  start_time: at(10),
  deployment_id: deployment.id,
  work_pool_name: pool.name,
  work_pool_id: pool.id,
  work_queue_name: queue.name,
  work_queue_id: queue.id,
});
const runs: FlowRun[] = [
  holder,
  aFlowRun({ id: anId(22), state_type: "COMPLETED", start_time: at(20) }),
  aFlowRun({ id: anId(23), state_type: "COMPLETED", start_time: at(30) }),
  aFlowRun({
    id: anId(24),
    name: "wandering-guan",
    state_type: "FAILED",
    start_time: at(40),
    end_time: at(3_000),
    state: failure,
  }),
  aFlowRun({ id: anId(25), state_type: "CRASHED", start_time: at(50), end_time: at(60) }),
  aFlowRun({
    id: anId(26),
    state_type: "SCHEDULED",
    state_name: "Late",
    name: "zircon-caribou",
    expected_start_time: at(1_800),
    work_pool_name: pool.name,
  }),
  aFlowRun({ id: anId(27), state_type: "SCHEDULED", expected_start_time: at(3_590) }),
  // Planned for tomorrow: no run of the last 24 hours.
  aFlowRun({ id: anId(28), state_type: "SCHEDULED", expected_start_time: at(90_000) }),
  aFlowRun({ id: anId(29), state_type: "CANCELLED", start_time: at(70) }),
  // The day before.
  aFlowRun({ id: anId(30), state_type: "COMPLETED", start_time: at(-100_000) }),
];
const task = aTaskRun({
  id: anId(41),
  name: "dbtask-2d9",
  state_type: "RUNNING",
  tags: ["db"],
  flow_run_id: holder.id,
});
const acquired = anEvent({
  id: anId(51),
  event: "prefect.concurrency-limit.acquired",
  occurred: at(3_500),
  resource: { "prefect.resource.id": `prefect.concurrency-limit.${anId(13)}`, "prefect.resource.name": "warehouse" },
  related: [
    {
      "prefect.resource.id": `prefect.flow-run.${holder.id}`,
      "prefect.resource.role": "flow-run",
      "prefect.resource.name": holder.name,
    },
  ],
});

const COUNTS = {
  completed: 2,
  failed: 1,
  crashed: 1,
  cancelled: 1,
  running: 1,
  pending: 0,
  scheduled: 1,
  late: 1,
  paused: 0,
  cancelling: 0,
  total: 8,
};
const SLOTS = [
  {
    name: "narrow-pool",
    kind: "work_pool",
    limit: 1,
    active_slots: 1,
    holders: [{ id: holder.id, name: "burgundy-pony" }],
  },
  {
    name: "orders-etl/orders-narrow",
    kind: "deployment",
    limit: 1,
    active_slots: 1,
    holders: [{ id: holder.id, name: "burgundy-pony" }],
  },
  { name: "db", kind: "tag", limit: 2, active_slots: 1, holders: [{ id: task.id, name: "dbtask-2d9" }] },
  { name: "warehouse", kind: "global", limit: 2, active_slots: 1, holders: [{ id: holder.id, name: "burgundy-pony" }] },
  {
    name: "narrow-pool/default",
    kind: "work_queue",
    limit: 3,
    active_slots: 1,
    holders: [{ id: holder.id, name: "burgundy-pony" }],
  },
  { name: "api-calls", kind: "global", limit: 5, active_slots: 0, holders: [] },
];

function fillRecord(harness: ToolHarness): void {
  harness.flowRuns(runs);
  harness.taskRuns([task]);
  harness.events([acquired]);
  for (const kind of ["event", "flow_run", "task_run"])
    harness.cover(kind, { fromUs: harness.nowUs - 3 * 86_400 * SECOND_US });
  harness.objects("flow", [flow]);
  harness.objects("deployment", [deployment]);
  harness.objects("work_pool", [pool, idle]);
  harness.objects("work_queue", [queue]);
  harness.objects("concurrency_limit", limits);
}

function fillPrefect({ fake }: ToolHarness): void {
  fake.workspace.flowRuns.push(...runs);
  fake.workspace.taskRuns.push(task);
  fake.workspace.flows.push(flow);
  fake.workspace.deployments.push(deployment);
  fake.workspace.workPools.push(pool, idle);
  fake.workspace.workQueues.push(queue);
  fake.workspace.concurrencyLimits.push(...limits);
  fake.workspace.tagHolders.set("db", [task.id]);
  fake.emit(acquired, { socket: false });
}

describe("get_dashboard", () => {
  test("returns counts, trend, limits with holders, pools and problems from the record, without a request", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const { structured, text, tokens } = await harness.call(getDashboardTool);
    expect(structured).toEqual({
      window: { from: at(3_600 - 86_400), to: at(3_600) },
      flow_runs: COUNTS,
      trend: {
        total: { before: 1, change: 7 },
        completed: { before: 1, change: 1 },
        failed: { before: 0, change: 1 },
        crashed: { before: 0, change: 1 },
      },
      problems: [
        {
          code: "failed_runs",
          summary: expect.stringMatching(
            /^orders-etl: 2 failed or crashed, last wandering-guan Failed: Flow run encountered an exception: ValueError/,
          ),
          count: 2,
          flow_run_id: anId(24),
        },
        {
          code: "late_runs",
          summary: "1 late in pool narrow-pool (READY), longest zircon-caribou (orders-etl), due 30 min ago",
          count: 1,
          flow_run_id: anId(26),
        },
        { code: "limit_full", summary: "work_pool narrow-pool: 1 of 1 slots taken, held by burgundy-pony" },
        {
          code: "limit_full",
          summary: "deployment orders-etl/orders-narrow: 1 of 1 slots taken, held by burgundy-pony",
        },
      ],
      slots: SLOTS,
      work_pools: [
        { id: idle.id, name: "idle-pool", type: "process", status: "NOT_READY" },
        { id: pool.id, name: "narrow-pool", type: "process", status: "READY" },
      ],
      source: "record",
      as_of: at(3_600),
      coverage: { complete: true, from: at(3_600 - 86_400), to: at(3_600), gaps: [], verified_at: at(3_600) },
    });
    expect(text).toContain(
      "completed 2, failed 1, crashed 1, cancelled 1, running 1, pending 0, scheduled 1, late 1, paused 0, cancelling 0, total 8",
    );
    expect(text).toContain("window before: total 1 (+7), completed 1 (+1), failed 0 (+1), crashed 0 (+1)");
    expect(tokens.text).toBeLessThanOrEqual(700);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("shows all runs that are late now, also those that were due before the window", async () => {
    for (const record of [true, false]) {
      await using harness = await openToolHarness({ record });
      if (record) fillRecord(harness);
      fillPrefect(harness);
      const { structured } = await harness.call(getDashboardTool, { since: "10m" });
      expect(structured).toMatchObject({ source: record ? "record" : "live", flow_runs: { late: 0 } });
      expect(structured.problems).toContainEqual({
        code: "late_runs",
        summary: expect.stringMatching(/^1 late in pool narrow-pool .*, due 30 min ago$/),
        count: 1,
        flow_run_id: anId(26),
      });
    }
  });

  test("returns the same figures from Prefect, with one count request per state", async () => {
    await using harness = await openToolHarness({ record: false });
    fillPrefect(harness);
    const { structured } = await harness.call(getDashboardTool);
    expect(structured).toMatchObject({ source: "live", flow_runs: COUNTS, trend: { total: { before: 1, change: 7 } } });
    expect(structured.slots).toEqual(
      SLOTS.map((slot) =>
        slot.kind === "work_pool" || slot.kind === "work_queue" ? { ...slot, holders: expect.any(Array) } : slot,
      ),
    );
    expect(structured.problems.map((problem: { code: string }) => problem.code)).toEqual([
      "failed_runs",
      "late_runs",
      "limit_full",
      "limit_full",
    ]);
    const requests = harness.fake.takeRequests();
    expect(requests.filter((request) => request === "POST /flow_runs/count")).toHaveLength(14);
    expect(requests.length).toBeLessThanOrEqual(27);
    expect(new Set(requests.map((request) => request.split(" ")[0]))).toEqual(new Set(["POST"]));
  });

  test("asks Prefect again only for slots of tags and global limits when they are some seconds old", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    fillPrefect(harness);
    harness.nowUs += 10 * SECOND_US;
    const { structured } = await harness.call(getDashboardTool);
    expect(structured).toMatchObject({ source: "mixed", slots: SLOTS });
    expect(harness.fake.takeRequests()).toEqual([
      "POST /v2/concurrency_limits/filter",
      "POST /concurrency_limits/filter",
    ]);
  });

  test("does not wait for Prefect while a process follows it and reads the limits; the answer states their age", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    fillPrefect(harness);
    harness.nowUs += 17 * SECOND_US;
    harness.following();
    const { structured, text } = await harness.call(getDashboardTool);
    const note = "Slots of tags and global limits were counted 17 s ago.";
    expect(structured).toMatchObject({ source: "record", slots: SLOTS, coverage: { complete: true, notes: [note] } });
    expect(text).toContain(note);
    expect(harness.fake.takeRequests()).toEqual([]);
    harness.nowUs += 4 * SECOND_US;
    harness.following();
    expect((await harness.call(getDashboardTool)).structured).toMatchObject({ source: "mixed", slots: SLOTS });
  });

  test("counts the runs of a given window by their start", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const { structured } = await harness.call(getDashboardTool, { since: at(15), until: at(45) });
    expect(structured.flow_runs).toMatchObject({ completed: 2, failed: 1, total: 3, late: 0, running: 0 });
    expect(structured.window).toEqual({ from: at(15), to: at(45) });
  });

  test("returns the recorded figures with their age while Prefect is unreachable", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    harness.nowUs += 600 * SECOND_US;
    harness.following({ lostSecondsAgo: 590 });
    await harness.fake.down();
    const { structured } = await harness.call(getDashboardTool);
    expect(structured).toMatchObject({ source: "record", as_of: at(3_600), flow_runs: { completed: 2, failed: 1 } });
    expect(structured.coverage.notes.join(" ")).toContain("Prefect is unreachable");
  });

  test("fails with a hint when there is neither a record nor Prefect", async () => {
    await using harness = await openToolHarness({ record: false });
    await harness.fake.down();
    const { isError, structured } = await harness.call(getDashboardTool);
    expect(isError).toBe(true);
    expect(structured).toMatchObject({ code: "unavailable", hint: expect.stringContaining("PREFECT_API_URL") });
  });

  test("stays within its token budget with a hundred limits and pools, and counts what it leaves out", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    harness.objects(
      "work_pool",
      Array.from({ length: 60 }, (_, n) => aWorkPool({ id: anId(300 + n), name: `pool-${n}` })),
    );
    harness.objects(
      "concurrency_limit",
      Array.from({ length: 100 }, (_, n) => aConcurrencyLimit({ id: anId(400 + n), name: `limit-${n}`, limit: 5 })),
    );
    const { structured, tokens } = await harness.call(getDashboardTool);
    expect(Math.max(tokens.text, tokens.structured)).toBeLessThanOrEqual(2_500);
    expect(structured.slots.length + (structured.more_slots ?? 0)).toBe(101);
    expect(structured.work_pools.length + (structured.more_work_pools ?? 0)).toBe(60);
  });
});
