import { describe, expect, test } from "bun:test";
import { findFlowRunRow } from "../../../src/store/runs/flow-runs.ts";
import { findTaskRunRow } from "../../../src/store/runs/task-runs.ts";
import type { Tuning } from "../../../src/sync/context/tuning.ts";
import { AbsentRuns } from "../../../src/sync/runs/absent-runs.ts";
import { fillNewestTaskRuns, fillTaskRunGap } from "../../../src/sync/runs/task-run-fill.ts";
import { verifyRuns } from "../../../src/sync/runs/verify-runs.ts";
import { aState, aTaskRun, aTaskRunEvent, at, T0_US } from "../../support/builders.ts";
import { aHarness, anEventAt, type EngineHarness, neverAborted, SECOND } from "../engine-harness.ts";
import { fill, runAt } from "./run-builders.ts";

async function aFilledHarness(tuning: Partial<Tuning> = {}): Promise<EngineHarness> {
  const harness = aHarness({ tuning });
  // A server that has this event is the same one as before.
  const event = anEventAt(-30);
  harness.prefect.events = [event];
  harness.ctx.ingest.events([event], "catch-up", null);
  harness.prefect.flowRuns = Array.from({ length: 20 }, (_, i) => runAt(-600 - i * 300));
  harness.prefect.taskRuns = Array.from({ length: 20 }, (_, i) =>
    aTaskRun({ expected_start_time: at(-600 - i * 300) }),
  );
  const absentRuns = new AbsentRuns(harness.ctx);
  const options = { goalUs: T0_US - 7_200 * SECOND, absentRuns, priority: "backfill", signal: neverAborted } as const;
  await fill(harness, -7_200);
  await fillNewestTaskRuns(harness.ctx, options);
  while (await fillTaskRunGap(harness.ctx, options));
  harness.clock.us += 60 * SECOND;
  harness.prefect.asked.length = 0;
  return harness;
}

const verify = (harness: EngineHarness) =>
  verifyRuns(harness.ctx, { absentRuns: new AbsentRuns(harness.ctx), signal: neverAborted });

describe("counting runs", () => {
  test("takes one request for each kind while nothing differs, and one for a page of ended task runs", async () => {
    const harness = await aFilledHarness();
    expect(await verify(harness)).toBe(0);
    expect(harness.prefect.asked).toEqual([
      "task_runs by id 4",
      "count flow_runs -7200..-121",
      "count task_runs -7200..-121",
    ]);
  });

  test("finds a task run that was deleted while another one was made for the past: the counts are equal", async () => {
    const harness = await aFilledHarness({ rowPage: 50 });
    const { prefect, ctx } = harness;
    const [deleted] = prefect.taskRuns.splice(3, 1);
    const made = aTaskRun({ expected_start_time: at(-1_502) });
    prefect.taskRuns.push(made);
    await verify(harness);
    expect(findTaskRunRow(ctx.db, deleted?.id ?? "")?.deleted_us).not.toBeNull();
    expect(findTaskRunRow(ctx.db, made.id)?.deleted_us).toBeNull();
  });

  test("finds the state that an ended task run got over REST", async () => {
    const harness = await aFilledHarness({ rowPage: 50 });
    const { prefect, ctx } = harness;
    const run = prefect.taskRuns[3] ?? aTaskRun();
    const state = aState({ type: "FAILED", name: "Failed", timestamp: at(30) });
    prefect.taskRuns[3] = { ...run, state, state_id: state.id, state_type: "FAILED", state_name: "Failed" };
    await verify(harness);
    expect(findTaskRunRow(ctx.db, run.id)).toMatchObject({ state_type: "FAILED", deleted_us: null });
  });

  test("asks for the ended task runs that were read longest ago, one page each time", async () => {
    const harness = await aFilledHarness({ rowPage: 8 });
    const { prefect, ctx } = harness;
    const read = () => prefect.taskRuns.map(({ id }) => findTaskRunRow(ctx.db, id)?.read_us ?? 0);
    const before = Math.max(...read());
    for (const left of [12, 4, 0]) {
      harness.clock.us += SECOND;
      await verify(harness);
      expect(read().filter((us) => us <= before)).toHaveLength(left);
    }
  });

  test("keeps task runs while nothing shows that the server that has none of them is the same one", async () => {
    const harness = await aFilledHarness();
    const { prefect, ctx } = harness;
    const [first] = prefect.taskRuns;
    // Without events, lists and block types there is nothing that a server could be recognised by.
    prefect.blockTypes = new Map();
    for (const event of prefect.events.splice(0)) ctx.ingest.unconfirm([event.id]);
    prefect.taskRuns = [];
    prefect.flowRuns = [];
    await verify(harness);
    expect(findTaskRunRow(ctx.db, first?.id ?? "")?.deleted_us).toBeNull();
  });

  test("finds ended runs that were deleted, and a task run that was made for the past", async () => {
    const harness = await aFilledHarness();
    const { prefect, ctx } = harness;
    const [flowRun] = prefect.flowRuns.splice(7, 1);
    const [taskRun] = prefect.taskRuns.splice(3, 1);
    const made = aTaskRun({ expected_start_time: at(-5_000) });
    const other = aTaskRun({ expected_start_time: at(-4_000) });
    prefect.taskRuns.push(made, other);
    expect(await verify(harness)).toBeGreaterThan(0);
    expect(findFlowRunRow(ctx.db, flowRun?.id ?? "")?.deleted_us).not.toBeNull();
    expect(findTaskRunRow(ctx.db, taskRun?.id ?? "")?.deleted_us).not.toBeNull();
    for (const { id } of [made, other]) expect(findTaskRunRow(ctx.db, id)?.deleted_us).toBeNull();
    expect(prefect.flowRuns.every(({ id }) => findFlowRunRow(ctx.db, id)?.deleted_us === null)).toBe(true);
    prefect.asked.length = 0;
    expect(await verify(harness)).toBe(0);
    expect(prefect.asked).toHaveLength(3);
  });

  test("finds task runs that are known from events alone and that Prefect does not have", async () => {
    const harness = await aFilledHarness();
    const { prefect, ctx } = harness;
    const [absent, late, young] = [-3_000, -2_000, -200].map((second) => {
      const run = aTaskRun({ expected_start_time: at(second) });
      const state = aState({ type: "COMPLETED", timestamp: at(second + 1) });
      const event = aTaskRunEvent(run, { state });
      prefect.events.push(event);
      ctx.ingest.events([event], "catch-up", null);
      return run;
    });
    if (late) prefect.taskRuns.push(late);
    await verify(harness);
    expect(findTaskRunRow(ctx.db, absent?.id ?? "")?.deleted_us).not.toBeNull();
    expect(findTaskRunRow(ctx.db, late?.id ?? "")).toMatchObject({ deleted_us: null, read_us: expect.any(Number) });
    expect(findTaskRunRow(ctx.db, young?.id ?? "")?.deleted_us).toBeNull();
  });

  test("asks for task runs that are known from events alone, also without an expected start or outside of covered time", async () => {
    const harness = await aFilledHarness();
    const { prefect, ctx } = harness;
    const known = [null, at(-9_000)].map((expected_start_time) => {
      const run = aTaskRun({ expected_start_time });
      const state = aState({ type: "COMPLETED", timestamp: at(-3_000) });
      const event = aTaskRunEvent(run, { state });
      prefect.events.push(event);
      ctx.ingest.events([event], "catch-up", null);
      return run.id;
    });
    await verify(harness);
    for (const id of known) expect(findTaskRunRow(ctx.db, id)?.deleted_us).not.toBeNull();
  });
});
