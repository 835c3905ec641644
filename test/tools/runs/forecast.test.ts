import { describe, expect, test } from "bun:test";
import { SECOND_US } from "../../../src/lib/time.ts";
import type { DeploymentSchedule, JsonObject } from "../../../src/model/objects.ts";
import { forecastTool } from "../../../src/tools/runs/forecast.ts";
import {
  aConcurrencyLimit,
  aDeployment,
  aFlow,
  aFlowRun,
  anEvent,
  anId,
  at,
  aWorkPool,
  aWorkQueue,
} from "../../support/builders.ts";
import { openToolHarness, questionsTo, type ToolHarness } from "../../support/tool-harness.ts";

// It is 10:15:00 UTC on 20 August 2026: `at(3_600)`.
const NOW = 3_600;
const flow = aFlow({ id: anId(1), name: "etl", created: at(-86_400) });
const pool = aWorkPool({ id: anId(2), name: "batch", concurrency_limit: 1, status: "READY" });
const queue = aWorkQueue({
  id: anId(3),
  name: "default",
  work_pool_id: pool.id,
  work_pool_name: pool.name,
  concurrency_limit: null,
});
const scheduled = (n: number, schedule: JsonObject, active = true): DeploymentSchedule => ({
  id: anId(n),
  schedule,
  active,
});
const inPool = { flow_id: flow.id, work_pool_name: pool.name, work_queue_name: queue.name, work_queue_id: queue.id };
/** Every hour at half past, for 20 minutes; the run of 10:30 is there already. */
const hourly = aDeployment({
  ...inPool,
  id: anId(4),
  name: "hourly",
  schedules: [scheduled(40, { cron: "30 * * * *" })],
});
/** Every two hours, five minutes after `hourly`, for 30 minutes. */
const report = aDeployment({
  ...inPool,
  id: anId(5),
  name: "report",
  schedules: [scheduled(50, { interval: 7_200, anchor_date: "2026-08-20T10:35:00Z" })],
});
const paused = aDeployment({
  ...inPool,
  id: anId(6),
  name: "paused",
  paused: true,
  schedules: [scheduled(60, { cron: "0 * * * *" })],
});
const over = aDeployment({
  ...inPool,
  id: anId(7),
  name: "over",
  schedules: [
    scheduled(70, { rrule: "FREQ=DAILY;UNTIL=20250101T000000" }),
    scheduled(71, { cron: "0 5 * * *" }, false),
  ],
});
const deployments = [hourly, report, paused, over];
const of = (deployment: { readonly id: string }) => ({
  flow_id: flow.id,
  deployment_id: deployment.id,
  work_pool_id: pool.id,
  work_pool_name: pool.name,
  work_queue_id: queue.id,
  work_queue_name: queue.name,
});
const completed = (deployment: { readonly id: string }, start: number, seconds: number) =>
  aFlowRun({ ...of(deployment), start_time: at(start), end_time: at(start + seconds) });
const runs = [
  completed(hourly, -9_000, 1_200),
  completed(hourly, -5_400, 1_100),
  completed(hourly, -1_800, 1_300),
  completed(report, -7_200, 1_800),
  aFlowRun({
    ...of(hourly),
    id: anId(20),
    state_type: "SCHEDULED",
    expected_start_time: at(NOW + 900),
    auto_scheduled: true,
  }),
];

function fillRecord(harness: ToolHarness, given: readonly (typeof runs)[number][] = runs, pools = [pool]): void {
  harness.objects("flow", [flow]);
  harness.objects("deployment", deployments);
  harness.objects("work_pool", pools);
  harness.objects("work_queue", [queue]);
  harness.flowRuns(given);
  for (const kind of ["event", "flow_run"]) harness.cover(kind);
  harness.following();
}

const row = (deployment: string, expected: string, duration_s: number, late_by_s: number, isMade = false) => ({
  deployment,
  expected: `2026-08-20T${expected}:00Z`,
  duration_s,
  late_by_s,
  waits_for: late_by_s > 0 ? "work_pool batch (1 slot)" : null,
  is_scheduled: isMade,
});

/** By hand: `report` is due at 10:35 and 12:35, while `hourly` runs from 10:30 and 12:30 to 50 past: it waits 15 minutes. */
const EXPECTED = [
  row("etl/hourly", "10:30", 1_200, 0, true),
  row("etl/report", "10:35", 1_800, 900),
  row("etl/hourly", "11:30", 1_200, 0),
  row("etl/hourly", "12:30", 1_200, 0),
  row("etl/report", "12:35", 1_800, 900),
];

describe("forecast from the record", () => {
  test("says what will run, what waits, and which schedules never fire, without a request", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const units = await harness.call(forecastTool, { hours: "180m" });
    const { structured, text } = await harness.call(forecastTool, { hours: 3 });
    expect(units.structured).toEqual(structured);
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(structured).toMatchObject({ source: "record", coverage: { complete: true }, total: 5, late: 2 });
    expect(structured.runs).toEqual(EXPECTED);
    const collision = {
      kind: "work_pool",
      name: "batch",
      limit: 1,
      runs: 1,
      longest_wait_s: 900,
      deployments: ["etl/report"],
    };
    expect(structured.collisions).toEqual([
      { ...collision, from: "2026-08-20T10:35:00Z", to: "2026-08-20T10:50:00Z" },
      { ...collision, from: "2026-08-20T12:35:00Z", to: "2026-08-20T12:50:00Z" },
    ]);
    expect(structured.never_fires).toMatchObject([
      { deployment: "etl/over", why: "no_more_dates" },
      { deployment: "etl/over", why: "schedule_off" },
      { deployment: "etl/paused", why: "deployment_paused" },
    ]);
    expect(structured.assumptions[0]).toContain("median of the last 20 completed runs");
    for (const words of [
      "etl/report|10:35:00|30 min|15 min|work_pool batch (1 slot)",
      "never fires: etl/paused",
      "assumed: Runs take",
    ])
      expect(text).toContain(words);
  });

  test("shows one deployment, which still waits for the others", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const { structured } = await harness.call(forecastTool, { hours: 3, deployment: "etl/report" });
    expect(structured.runs).toEqual(EXPECTED.filter((one) => one.deployment === "etl/report"));
    expect(structured.never_fires).toEqual([]);
    const other = await harness.call(forecastTool, { hours: 3, work_pool: "batch", limit: 2 });
    expect(other.structured.runs).toEqual(EXPECTED.slice(0, 2));
    const rest = await harness.call(forecastTool, {
      hours: 3,
      work_pool: "batch",
      limit: 3,
      cursor: other.structured.next_cursor,
    });
    expect(rest.structured.runs).toEqual(EXPECTED.slice(2));
  });

  test("limits that earlier runs of the flow took are counted, and the answer says which cannot be known", async () => {
    await using harness = await openToolHarness();
    const limits = [
      aConcurrencyLimit({ id: anId(90), name: "tag:warehouse", limit: 1 }),
      aConcurrencyLimit({ id: anId(91), name: "api-calls", limit: 1, slot_decay_per_second: 0.5 }),
      aConcurrencyLimit({ id: anId(92), name: "never-taken", limit: 1 }),
    ];
    harness.objects("concurrency_limit", limits);
    harness.events(
      limits.slice(0, 2).map(({ id, name }) =>
        anEvent({
          event: "prefect.concurrency-limit.acquired",
          occurred: at(0),
          resource: { "prefect.resource.id": `prefect.concurrency-limit.${id}`, "prefect.resource.name": name },
          related: [{ "prefect.resource.id": `prefect.flow.${flow.id}`, "prefect.resource.role": "flow" }],
        }),
      ),
    );
    fillRecord(harness, runs, [{ ...pool, concurrency_limit: null }]);
    const { structured } = await harness.call(forecastTool, { hours: 3 });
    const taken = 'concurrency_limit "tag:warehouse" (1 slot)';
    expect(structured.runs).toEqual(
      EXPECTED.map((one) => ({ ...one, waits_for: one.waits_for === null ? null : taken })),
    );
    expect(structured.collisions).toMatchObject([
      { kind: "concurrency_limit", name: "tag:warehouse", limit: 1 },
      { kind: "concurrency_limit", name: "tag:warehouse", limit: 1 },
    ]);
    expect(structured.assumptions).toContain(
      'Global and tag limits that earlier runs of the flow took ("tag:warehouse") are counted as one slot for the whole run, taken before it starts; which others the code takes (concurrency() and tags) cannot be known.',
    );
  });

  test("says why global limits are not counted", async () => {
    for (const isRead of [false, true]) {
      await using harness = await openToolHarness();
      if (isRead) harness.objects("concurrency_limit", []);
      fillRecord(harness);
      const { structured } = await harness.call(forecastTool, { hours: 3 });
      expect(structured.assumptions.join(" ")).toContain(
        isRead ? "No global or tag limit is counted" : "Slots of tags and global limits are not counted",
      );
    }
  });

  test("a run in progress holds its slot for its usual time", async () => {
    await using harness = await openToolHarness();
    const running = aFlowRun({ ...of(report), state_type: "RUNNING", start_time: at(NOW - 600) });
    fillRecord(harness, [...runs, running]);
    const { structured } = await harness.call(forecastTool, { hours: 1 });
    // It began at 10:05 and takes 30 minutes.
    expect(structured.runs[0]).toMatchObject({ deployment: "etl/hourly", late_by_s: 300 });
  });

  test("predicts no start at a slot of a run whose end is not known: without heartbeats, or with no earlier run", async () => {
    await using harness = await openToolHarness();
    const running = aFlowRun({
      ...of(report),
      id: anId(30),
      name: "silent-skua",
      state_type: "RUNNING",
      start_time: at(NOW - 2_880),
    });
    fillRecord(harness, [...runs, running]);
    const first = await harness.call(forecastTool, { hours: 1 });
    expect(first.structured.runs[0].outcome).toBeUndefined();
    const beat = (seconds: number) =>
      anEvent({
        event: "prefect.flow-run.heartbeat",
        occurred: at(NOW - seconds),
        resource: { "prefect.resource.id": `prefect.flow-run.${running.id}` },
      });
    harness.events([beat(2_700)]);
    const { structured, text } = await harness.call(forecastTool, { hours: 1 });
    const why =
      "work_pool batch (1 slot), held by silent-skua, which has run 48 min, the last 45 min of them without a heartbeat";
    expect(structured.runs).toMatchObject([
      { deployment: "etl/hourly", late_by_s: null, waits_for: why, outcome: "unknown" },
      { deployment: "etl/report", late_by_s: null, waits_for: why, outcome: "unknown" },
    ]);
    expect(structured.collisions).toMatchObject([{ to: null, longest_wait_s: null }]);
    expect(text).toContain("2 runs wait, until when is not known");
    harness.events([beat(60)]);
    const alive = await harness.call(forecastTool, { hours: 1 });
    expect(alive.structured.runs[0].outcome).toBeUndefined();

    await using other = await openToolHarness();
    const unknown = { ...running, deployment_id: over.id, name: "first-skua" };
    fillRecord(other, [...runs, unknown]);
    const found = await other.call(forecastTool, { hours: 1 });
    expect(found.structured.runs[0]).toMatchObject({
      late_by_s: null,
      outcome: "unknown",
      waits_for:
        "work_pool batch (1 slot), held by first-skua, which has run 48 min; how long runs of its deployment take is not known",
    });
  });

  test("says how many runs there are in all, beside how many are shown", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const { text } = await harness.call(forecastTool, { hours: 3, limit: 1 });
    expect(text).toContain("1 run of 5 due until 2026-08-20T13:15:00Z; 2 of the 5 wait or do not start, more match");
  });

  test("a run of the schedule that was cancelled is not made again", async () => {
    await using harness = await openToolHarness();
    const cancelled = aFlowRun({
      ...of(hourly),
      id: anId(20),
      state_type: "CANCELLED",
      expected_start_time: at(NOW + 900),
    });
    fillRecord(harness, [...runs.slice(0, 4), { ...cancelled, start_time: null, end_time: null }]);
    const { structured } = await harness.call(forecastTool, { hours: 1 });
    expect(structured.runs).toMatchObject([{ deployment: "etl/report", late_by_s: 0 }]);
  });

  test("two schedules of a deployment with the same time make two runs, of which one is there already", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const schedules = [scheduled(40, { cron: "30 * * * *" }), scheduled(44, { cron: "30 10,11 * * *" })];
    harness.objects("deployment", [{ ...hourly, schedules }]);
    const { structured } = await harness.call(forecastTool, { hours: 2 });
    expect(structured.runs).toMatchObject([
      row("etl/hourly", "10:30", 1_200, 0, true),
      row("etl/hourly", "10:30", 1_200, 1_200),
      row("etl/hourly", "11:30", 1_200, 0),
      row("etl/hourly", "11:30", 1_200, 1_200),
    ]);
  });

  test("nothing starts in a paused pool, and one without a worker", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness, runs, [{ ...pool, is_paused: true, status: "PAUSED" }]);
    const { structured, text } = await harness.call(forecastTool, { hours: 1 });
    expect(structured.runs).toMatchObject([
      { late_by_s: null, waits_for: "work_pool batch (paused)", outcome: "does not start" },
      { late_by_s: null, waits_for: "work_pool batch (paused)" },
    ]);
    expect(structured.collisions).toMatchObject([{ blocked: "paused", runs: 2, to: null, longest_wait_s: null }]);
    expect(text).toContain("work_pool batch stays as it is: paused.");
  });

  test("a deployment with CANCEL_NEW cancels what does not fit", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness, runs, [{ ...pool, concurrency_limit: null }]);
    const limited = {
      ...hourly,
      schedules: [scheduled(41, { cron: "*/10 * * * *" })],
      global_concurrency_limit: aConcurrencyLimit({ name: `deployment:${hourly.id}`, limit: 1 }),
      concurrency_options: { collision_strategy: "CANCEL_NEW" },
    };
    harness.objects("deployment", [limited]);
    const { structured } = await harness.call(forecastTool, { hours: 0.5 });
    expect(structured.runs.map((one: { outcome?: string }) => one.outcome ?? "runs")).toEqual([
      "runs",
      "cancelled",
      "runs",
    ]);
  });

  test("states that the clocks are set in the time", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    harness.objects("deployment", [
      { ...hourly, schedules: [scheduled(42, { cron: "0 9 * * *", timezone: "Europe/Berlin" })] },
    ]);
    const { structured } = await harness.call(forecastTool, { hours: 24 * 31 });
    expect(structured.assumptions.some((one: string) => one.includes("clocks"))).toBe(false);
    harness.nowUs += 60 * 86_400 * SECOND_US;
    fillRecord(harness);
    harness.objects("deployment", [
      { ...hourly, schedules: [scheduled(42, { cron: "0 9 * * *", timezone: "Europe/Berlin" })] },
    ]);
    const later = await harness.call(forecastTool, { hours: 24 * 31, deployment: "etl/hourly" });
    expect(later.structured.assumptions.at(-1)).toContain("The clocks of Europe/Berlin are set");
    // 9:00 of the clock: 07:00 UTC in summer, 08:00 in winter.
    expect(new Set(later.structured.runs.map((one: { expected: string }) => one.expected.slice(11, 16)))).toEqual(
      new Set(["07:00", "08:00"]),
    );
  });

  test("looks at so many runs, and says up to when", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    harness.objects("deployment", [{ ...hourly, schedules: [scheduled(43, { cron: "* * * * *" })] }]);
    const { structured, text } = await harness.call(forecastTool, { hours: 24 * 31 });
    expect(structured).toMatchObject({ total: 3_000, coverage: { complete: false } });
    // The minutes from 10:15 on, of which the run of 10:30 is one.
    const note = "More runs are due than are looked at: 3,000 runs, up to 2026-08-22T12:15:00Z. Ask for fewer hours.";
    expect(structured.coverage.notes).toEqual([note]);
    expect(text).toContain(note);
  });

  test("answers offline with its age", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    harness.nowUs += 600 * SECOND_US;
    harness.following({ lostSecondsAgo: 590 });
    harness.fake.faults.fail("", { drop: true }, 200);
    const { structured } = await harness.call(forecastTool, { hours: 3 });
    expect(structured.runs).toEqual(EXPECTED);
    expect(structured).toMatchObject({ source: "record", as_of: at(NOW) });
    expect(structured.coverage.notes[0]).toContain("Prefect is unreachable");
  });
});

describe("forecast without a record", () => {
  test("asks Prefect, in few requests", async () => {
    await using harness = await openToolHarness({ record: false });
    const { workspace } = harness.fake;
    workspace.flows.push(flow);
    workspace.deployments.push(...deployments);
    workspace.workPools.push(pool);
    workspace.workQueues.push(queue);
    workspace.flowRuns.push(...runs);
    const { structured } = await harness.call(forecastTool, { hours: 3 });
    expect(structured).toMatchObject({ source: "live", total: 5, late: 2 });
    expect(structured.runs).toEqual(EXPECTED);
    expect(questionsTo(harness.fake).length).toBeLessThanOrEqual(8);
  });

  test("fails where Prefect does not answer, and for hours that are none", async () => {
    await using harness = await openToolHarness({ record: false });
    expect((await harness.call(forecastTool, { hours: 0 })).structured.code).toBe("invalid_input");
    harness.fake.faults.fail("", { status: 503 }, 100);
    expect((await harness.call(forecastTool, {})).structured).toMatchObject({ code: "unavailable", retryable: true });
  });
});
