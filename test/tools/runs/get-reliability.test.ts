import { describe, expect, test } from "bun:test";
import { DAY_US, HOUR_US, SECOND_US } from "../../../src/lib/time.ts";
import { uuidToBytes } from "../../../src/lib/uuid.ts";
import type { FlowRun } from "../../../src/model/objects.ts";
import { getReliabilityTool } from "../../../src/tools/runs/get-reliability.ts";
import { aDeployment, aFlow, aFlowRun, anId, at, aWorkPool } from "../../support/builders.ts";
import { openToolHarness, questionsTo, type ToolHarness } from "../../support/tool-harness.ts";

const flow = aFlow({ id: anId(1), name: "etl", created: at(-90 * 86_400) });
const nightly = aDeployment({ id: anId(2), name: "nightly", flow_id: flow.id });
const hourly = aDeployment({ id: anId(3), name: "hourly", flow_id: flow.id });
const pool = aWorkPool({ id: anId(4), name: "batch" });

/** A run that began so many hours before now and took `seconds`; `lateBy` seconds after it was due. */
function aRun(
  deploymentId: string,
  hoursAgo: number,
  state: "COMPLETED" | "FAILED",
  seconds: number,
  lateBy = 0,
): FlowRun {
  const start = 3_600 - hoursAgo * 3_600;
  return aFlowRun({
    deployment_id: deploymentId,
    flow_id: flow.id,
    state_type: state,
    work_pool_name: pool.name,
    tags: ["daily"],
    expected_start_time: at(start - lateBy),
    start_time: at(start),
    end_time: at(start + seconds),
  });
}

/** Today: nightly fails twice of five and is slower; before it completed four times. hourly is the same in both. */
const RUNS: readonly FlowRun[] = [
  aRun(nightly.id, 2, "COMPLETED", 40),
  aRun(nightly.id, 5, "FAILED", 3),
  aRun(nightly.id, 8, "FAILED", 3, 60),
  aRun(nightly.id, 11, "COMPLETED", 50),
  aRun(nightly.id, 14, "COMPLETED", 60),
  aRun(nightly.id, 26, "COMPLETED", 10),
  aRun(nightly.id, 29, "COMPLETED", 20),
  aRun(nightly.id, 32, "COMPLETED", 12),
  aRun(nightly.id, 35, "COMPLETED", 11),
  ...[1, 6, 12, 25, 30, 40].map((hoursAgo) => aRun(hourly.id, hoursAgo, "COMPLETED", 5)),
];

function fillRecord(harness: ToolHarness, days = 10): void {
  harness.objects("flow", [flow]);
  harness.objects("deployment", [nightly, hourly]);
  harness.objects("work_pool", [pool]);
  harness.flowRuns(RUNS);
  harness.cover("flow_run", { fromUs: harness.nowUs - days * DAY_US });
  harness.cover("event", { fromUs: harness.nowUs - days * DAY_US });
  harness.following();
}

function fillPrefect({ fake: { workspace } }: ToolHarness): void {
  workspace.flows.push(flow);
  workspace.deployments.push(nightly, hourly);
  workspace.flowRuns.push(...RUNS);
}

/** The same figures by SQL, written by hand for this test. */
function bySql(harness: ToolHarness, deploymentId: string, hoursFrom: number, hoursTo: number) {
  const range = [
    uuidToBytes(deploymentId),
    harness.nowUs - hoursFrom * HOUR_US,
    harness.nowUs - hoursTo * HOUR_US,
  ] as const;
  return harness.db
    .prepare<Record<string, number>, [Uint8Array, number, number]>(
      `WITH r AS (SELECT * FROM flow_run WHERE deployment_id = ?1 AND coalesce(start_us, expected_us) BETWEEN ?2 AND ?3),
       d AS (SELECT (end_us - start_us) / 1e6 AS s, row_number() OVER (ORDER BY end_us - start_us) AS n,
                    count(*) OVER () AS c FROM r WHERE state_type = 'COMPLETED')
       SELECT count(*) AS runs, sum(state_type = 'COMPLETED') AS completed, sum(state_type IN ('FAILED', 'CRASHED')) AS failed,
         round(1.0 * sum(state_type = 'COMPLETED') / sum(state_type IN ('COMPLETED', 'FAILED', 'CRASHED')), 4) AS success_rate,
         (SELECT min(s) FROM d WHERE 100 * n >= 50 * c) AS p50_s, (SELECT min(s) FROM d WHERE 100 * n >= 95 * c) AS p95_s,
         sum(start_us - expected_us > 15000000) AS late FROM r`,
    )
    .get(...range);
}

describe("get_reliability from the record", () => {
  test("compares both windows, worst first, with the figures that SQL gives", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const { structured, text } = await harness.call(getReliabilityTool, { since: "24h", target: 0.9 });
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(structured).toMatchObject({ source: "record", coverage: { complete: true }, groups: 2, got_worse: 1 });
    const [first, second] = structured.results;
    expect(first).toMatchObject({ id: nightly.id, name: "etl/nightly", ...bySql(harness, nightly.id, 24, 0) });
    expect(first.before).toMatchObject({ ...bySql(harness, nightly.id, 48, 24) });
    expect(second).toMatchObject({ id: hourly.id, name: "etl/hourly", ...bySql(harness, hourly.id, 24, 0), worse: [] });
    expect(second.before).toMatchObject({ ...bySql(harness, hourly.id, 48, 24) });
    // By hand: 3 of 5 completed; durations 40, 50, 60; the outage lasted from 8 h ago (3 s long) to 2 h ago (40 s long).
    expect(first).toMatchObject({
      runs: 5,
      success_rate: 0.6,
      p50_s: 50,
      p95_s: 60,
      late: 1,
      late_p95_s: 60,
      time_to_recover_s: 6 * 3_600 + 37,
      outages_ended: 1,
      streak: { state: "completed", runs: 1 },
      longest_failing: 2,
      last_success: at(3_600 - 2 * 3_600 + 40),
      last_success_age_s: 2 * 3_600 - 40,
      failures_allowed: 0.5,
      budget_left: -3,
      before: {
        runs: 4,
        completed: 4,
        failed: 0,
        success_rate: 1,
        p50_s: 11,
        p95_s: 20,
        late: 0,
        time_to_recover_s: null,
      },
      worse: ["success 100% → 60%", "p50 11 s → 50 s", "late 0 of 4 → 1 of 5"],
    });
    expect(text).toContain("60% (100%)");
    // An overdrawn budget as counts, not as a share below zero.
    expect(text).toContain("|2 failed, 0.5 allowed|");
    expect(text).toContain("success 100% → 60%");
  });

  test.each([
    ["flow", flow.id, "etl"],
    ["work_pool", pool.id, "batch"],
    ["tag", "daily", "daily"],
  ])("groups by %s", async (group_by, id, name) => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const { structured } = await harness.call(getReliabilityTool, { since: "24h", group_by });
    expect(structured.results).toMatchObject([{ id, name, runs: 8, completed: 6, failed: 2, before: { runs: 7 } }]);
  });

  test("takes the shorthands of run lists, and says which runs are in no group", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    harness.flowRuns([aFlowRun({ flow_id: flow.id, start_time: at(0), end_time: at(3) })]);
    const { structured } = await harness.call(getReliabilityTool, { since: "24h", deployment: "etl/hourly" });
    expect(structured.results.map((one: { name: string }) => one.name)).toEqual(["etl/hourly"]);
    const all = await harness.call(getReliabilityTool, { since: "24h" });
    expect(all.structured.coverage.notes).toContain("Without a deployment, and in no row: 1 run.");
  });

  test("pages keep the window of the first page", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const first = await harness.call(getReliabilityTool, { since: "24h", limit: 1 });
    harness.nowUs += 30 * SECOND_US;
    harness.cover("flow_run", { fromUs: harness.nowUs - 10 * DAY_US });
    const second = await harness.call(getReliabilityTool, {
      since: "24h",
      limit: 1,
      cursor: first.structured.next_cursor,
    });
    expect(second.structured.window).toEqual(first.structured.window);
    expect(second.structured.results).toMatchObject([{ name: "etl/hourly" }]);
    expect(second.structured.next_cursor).toBeUndefined();
  });

  test("counts only groups as compared that had runs in the window before", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const young = aDeployment({ id: anId(5), name: "young", flow_id: flow.id });
    harness.objects("deployment", [nightly, hourly, young]);
    harness.flowRuns([aRun(young.id, 3, "FAILED", 5)]);
    const { text } = await harness.call(getReliabilityTool, { since: "24h" });
    expect(text).toContain("; 1 of 2 got worse; the window before has no runs of 1 group\n");
  });

  test("says that there is no window before the oldest flow, or only a part of one", async () => {
    const found = async (created: number) => {
      await using harness = await openToolHarness();
      fillRecord(harness);
      harness.objects("flow", [{ ...flow, created: at(created) }]);
      return (await harness.call(getReliabilityTool, { since: "6h" })).structured.coverage.notes;
    };
    expect(await found(3_600 - 3 * 3_600)).toEqual([
      `The oldest flow of the workspace is of ${at(-7_200)}, so there is no window before to compare with.`,
    ]);
    expect(await found(3_600 - 7 * 3_600)).toEqual([
      `The oldest flow of the workspace is of ${at(-21_600)}, so there were no runs in a part of the window before: compare rates, not counts.`,
    ]);
  });

  test("finds the last success before both windows", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    harness.flowRuns([aRun(nightly.id, 1, "FAILED", 3)]);
    const { structured } = await harness.call(getReliabilityTool, { since: "90m", deployment: "etl/nightly" });
    expect(structured.results).toMatchObject([
      { completed: 0, last_success: at(3_600 - 2 * 3_600 + 40), last_success_age_s: 2 * 3_600 - 40 },
    ]);
  });
});

describe("get_reliability without the whole record", () => {
  test("does not compare with a part of the window before", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness, 1.5);
    harness.following({ lostSecondsAgo: 5 });
    harness.fake.faults.fail("", { drop: true }, 100);
    const { structured, text } = await harness.call(getReliabilityTool, { since: "24h" });
    expect(structured).toMatchObject({ source: "record", window_before: null, got_worse: null });
    expect(structured.results).toMatchObject([
      { name: "etl/nightly", success_rate: 0.6, before: null, worse: [] },
      { name: "etl/hourly", success_rate: 1, before: null, worse: [] },
    ]);
    expect(text).toContain("is not covered completely, so nothing is compared with it.");
    expect(text).not.toContain("worst change first");
  });

  test("reads the window before from Prefect where the record lacks it", async () => {
    await using harness = await openToolHarness();
    fillPrefect(harness);
    fillRecord(harness, 1);
    const { structured } = await harness.call(getReliabilityTool, { since: "24h" });
    expect(structured).toMatchObject({ source: "mixed", coverage: { complete: true } });
    expect(structured.results[0]).toMatchObject({
      name: "etl/nightly",
      success_rate: 0.6,
      before: { success_rate: 1 },
    });
    expect(questionsTo(harness.fake)).toHaveLength(1);
  });

  test("asks Prefect without a record", async () => {
    await using harness = await openToolHarness({ record: false });
    fillPrefect(harness);
    const { structured } = await harness.call(getReliabilityTool, { since: "24h" });
    expect(structured).toMatchObject({ source: "live", groups: 2 });
    expect(structured.results[0]).toMatchObject({ name: "etl/nightly", p95_s: 60, before: { p95_s: 20 } });
  });

  test("fails where Prefect does not answer and nothing is recorded", async () => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.faults.fail("", { status: 503 }, 100);
    const answer = await harness.call(getReliabilityTool, {});
    expect(answer).toMatchObject({ isError: true, structured: { code: "unavailable", retryable: true } });
  });

  test("refuses a group and a target that do not exist", async () => {
    await using harness = await openToolHarness();
    expect((await harness.call(getReliabilityTool, { group_by: "queue" })).structured.code).toBe("invalid_input");
    expect((await harness.call(getReliabilityTool, { target: 99 })).structured.code).toBe("invalid_input");
  });
});
