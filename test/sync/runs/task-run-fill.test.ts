import { describe, expect, test } from "bun:test";
import type { TaskRun } from "../../../src/model/objects.ts";
import { coveredRanges } from "../../../src/store/coverage.ts";
import { dropBefore } from "../../../src/store/retention/retention.ts";
import { findTaskRunRow } from "../../../src/store/runs/task-runs.ts";
import { AbsentRuns } from "../../../src/sync/runs/absent-runs.ts";
import { fillNewestTaskRuns, fillTaskRunGap } from "../../../src/sync/runs/task-run-fill.ts";
import { aState, aTaskRun, at, T0_US } from "../../support/builders.ts";
import { aHarness, anEventAt, type EngineHarness, neverAborted, SECOND } from "../engine-harness.ts";
import { aReconciler, covered } from "./run-builders.ts";

const options = ({ ctx }: EngineHarness, goalSeconds: number) =>
  ({
    goalUs: T0_US + goalSeconds * SECOND,
    absentRuns: new AbsentRuns(ctx),
    priority: "reconcile",
    signal: neverAborted,
  }) as const;
const taskAt = (seconds: number, given: Partial<TaskRun> = {}) =>
  aTaskRun({ expected_start_time: at(seconds), ...given });
const isHeld = (harness: EngineHarness, run: TaskRun) => findTaskRunRow(harness.ctx.db, run.id) !== null;

describe("filling task runs", () => {
  test("reads the last minutes and what is scheduled by expected start, and claims what it has proven", async () => {
    const harness = aHarness();
    const [old, scheduled] = [taskAt(-3_600), taskAt(86_400)];
    const recent = Array.from({ length: 9 }, (_, i) => taskAt(-i * 50));
    harness.prefect.taskRuns = [old, scheduled, ...recent];
    await fillNewestTaskRuns(harness.ctx, options(harness, -7_200));
    expect([old, scheduled, ...recent].map((run) => isHeld(harness, run))).toEqual([
      false,
      true,
      ...recent.map(() => true),
    ]);
    expect(covered(harness, "task_run")).toEqual([[-600, -1]]);
    expect(harness.prefect.asked[0]).toBe("task_runs -600..");
  });

  test("does not claim an instant whose rows fill pages before all of them are stored", async () => {
    const harness = aHarness();
    harness.prefect.taskRuns = Array.from({ length: 10 }, () => taskAt(-60));
    harness.prefect.before = (asked) => {
      const claims = coveredRanges(harness.ctx.db, "task_run", "");
      const isClaimed = claims.some((range) => range.fromUs <= T0_US - 60 * SECOND);
      if (isClaimed && harness.prefect.taskRuns.some((run) => !isHeld(harness, run)))
        throw new Error(`claimed too early, before ${asked}`);
    };
    await fillNewestTaskRuns(harness.ctx, options(harness, -1_000));
    expect(harness.prefect.taskRuns.every((run) => isHeld(harness, run))).toBe(true);
    expect(covered(harness, "task_run")).toEqual([[-600, -1]]);
  });

  test("reads the overlap again in the next call, and finds what was made, changed and deleted without an event", async () => {
    const harness = aHarness();
    const [changed, deleted] = [taskAt(-20, { state_type: "RUNNING" }), taskAt(-30)];
    harness.prefect.taskRuns = [changed, deleted];
    await fillNewestTaskRuns(harness.ctx, options(harness, -7_200));
    harness.clock.us += 15 * SECOND;
    const made = taskAt(5);
    const state = aState({ type: "COMPLETED", timestamp: at(10) });
    harness.prefect.taskRuns = [{ ...changed, state, state_id: state.id ?? null, state_type: "COMPLETED" }, made];
    harness.prefect.asked.length = 0;
    await fillNewestTaskRuns(harness.ctx, options(harness, -7_200));
    expect(harness.prefect.asked.slice(0, 2)).toEqual(["task_runs -71..", "task_runs by id 1"]);
    expect(isHeld(harness, made)).toBe(true);
    expect(findTaskRunRow(harness.ctx.db, changed.id)?.state_type).toBe("COMPLETED");
    expect(covered(harness, "task_run").at(-1)?.[1]).toBe(14);
  });

  test("marks a task run deleted that Prefect returned before, and that is neither in its range nor found by its id", async () => {
    const harness = aHarness();
    const [kept, deleted, moved] = [taskAt(-20), taskAt(-30), taskAt(-40)];
    harness.prefect.taskRuns = [kept, deleted, moved];
    await fillNewestTaskRuns(harness.ctx, options(harness, -7_200));
    harness.clock.us += 15 * SECOND;
    harness.prefect.taskRuns = [kept, { ...moved, expected_start_time: at(-5_000) }];
    await fillNewestTaskRuns(harness.ctx, options(harness, -7_200));
    const deletions = [kept, deleted, moved].map((run) => findTaskRunRow(harness.ctx.db, run.id)?.deleted_us !== null);
    expect(deletions).toEqual([false, true, false]);
  });

  test("reads the history in steps of ten pages, newest first, and continues after an interruption", async () => {
    const harness = aHarness();
    await fillNewestTaskRuns(harness.ctx, options(harness, -7_200));
    harness.prefect.taskRuns = Array.from({ length: 60 }, (_, i) => taskAt(-700 - i * 10));
    expect(await fillTaskRunGap(harness.ctx, options(harness, -7_200))).toBe(true);
    const first = harness.prefect.taskRuns.filter((run) => isHeld(harness, run));
    expect(first).toEqual(harness.prefect.taskRuns.slice(0, first.length));
    expect(first.length).toBeLessThan(50);
    expect(covered(harness, "task_run").at(0)?.[0]).toBeGreaterThan(-7_200);
    for (let steps = 0; await fillTaskRunGap(harness.ctx, options(harness, -7_200)); steps += 1)
      expect(steps).toBeLessThan(5);
    expect(harness.prefect.taskRuns.every((run) => isHeld(harness, run))).toBe(true);
    expect(covered(harness, "task_run").at(0)?.[0]).toBe(-7_200);
    expect(covered(harness, "task_run").at(-1)?.[1]).toBe(-1);
  });

  test("claims up to the moment that it is given, as of which states are known", async () => {
    const harness = aHarness();
    const mark = harness.ctx.serverClock.mark();
    harness.clock.us += 10 * SECOND;
    harness.prefect.taskRuns = [taskAt(5)];
    await fillNewestTaskRuns(harness.ctx, { ...options(harness, -7_200), mark });
    expect(covered(harness, "task_run")).toEqual([[-590, -1]]);
    expect(coveredRanges(harness.ctx.db, "task_run", "")[0]?.verifiedUs).toBe(T0_US);
    expect(isHeld(harness, harness.prefect.taskRuns[0] as TaskRun)).toBe(true);
  });

  test("claims nothing and does not go on while the server clock is unknown", async () => {
    const harness = aHarness({ skewMs: null });
    harness.prefect.taskRuns = [taskAt(-60)];
    await fillNewestTaskRuns(harness.ctx, options(harness, -7_200));
    expect(covered(harness, "task_run")).toEqual([]);
    expect(await fillTaskRunGap(harness.ctx, options(harness, -7_200))).toBe(false);
  });

  test("loses the claim over what retention deletes", async () => {
    const harness = aHarness();
    await fillNewestTaskRuns(harness.ctx, options(harness, -7_200));
    dropBefore(harness.ctx.db, T0_US - 300 * SECOND);
    expect(covered(harness, "task_run")).toEqual([[-300, -1]]);
  });
});

test("an unfinished task run is read in each round when it has no event, otherwise only after it was idle", async () => {
  const harness = aHarness();
  const [silent, withEvents] = [taskAt(-60, { state_type: "RUNNING" }), taskAt(-60, { state_type: "RUNNING" })];
  const event = anEventAt(-59, {
    event: "prefect.task-run.Running",
    resource: {
      "prefect.resource.id": `prefect.task-run.${withEvents.id}`,
      "prefect.state-type": "RUNNING",
      "prefect.state-name": "Running",
      "prefect.state-timestamp": at(-59),
    },
  });
  harness.prefect.events = [event];
  harness.ctx.ingest.events([event], "catch-up", null);
  harness.prefect.taskRuns = [silent];
  await fillNewestTaskRuns(harness.ctx, options(harness, -7_200));
  harness.clock.us += 15 * SECOND;
  harness.prefect.asked.length = 0;
  const state = aState({ type: "COMPLETED", timestamp: at(10) });
  harness.prefect.taskRuns = [{ ...silent, state, state_id: state.id ?? null, state_type: "COMPLETED" }];
  await aReconciler(harness).readTaskRunsWithoutEvents(harness.clock.nowUs() - SECOND, "reconcile", neverAborted);
  expect(harness.prefect.asked).toEqual(["task_runs by id 1"]);
  expect(findTaskRunRow(harness.ctx.db, silent.id)?.state_type).toBe("COMPLETED");
});
