import { describe, expect, test } from "bun:test";
import type { LocalUs } from "../../../src/lib/time.ts";
import type { TaskRun } from "../../../src/model/objects.ts";
import { findFlowRunRow } from "../../../src/store/runs/flow-runs.ts";
import { findTaskRunRow } from "../../../src/store/runs/task-runs.ts";
import { findFact } from "../../../src/store/sync-state.ts";
import { anId, aState, aTaskRun, aTaskRunEvent, at, T0_US } from "../../support/builders.ts";
import { aHarness, neverAborted, SECOND } from "../engine-harness.ts";
import { aReconciler, fill, runAt, stateEvent } from "./run-builders.ts";

describe("reconciling runs", () => {
  test("asks by id for the runs whose events are newer than their row", async () => {
    const harness = aHarness();
    const id = anId();
    harness.ctx.ingest.events([stateEvent(id, "Running", -60)], "stream", null);
    const row = runAt(-70, { id, state_type: "COMPLETED", tags: ["nightly"] });
    harness.prefect.flowRuns = [row];
    expect(await aReconciler(harness).readChangedRuns(neverAborted)).toBe(false);
    expect(harness.prefect.asked).toEqual(["flow_runs by id 1"]);
    expect(findFlowRunRow(harness.ctx.db, id)).toMatchObject({
      state_type: "COMPLETED",
      dirty: 0,
      tags: '["nightly"]',
    });
  });

  test.each([true, false])("shows how the server sorts runs without an end: first %p", async (isFirst) => {
    const harness = aHarness();
    const ended = runAt(-900, { state_type: "COMPLETED", end_time: at(-800) });
    const running = runAt(-100, { state_type: "RUNNING", end_time: null });
    harness.prefect.flowRuns = [ended, running];
    harness.prefect.areNullsLargest = isFirst;
    await fill(harness, -1_000);
    harness.clock.us += 30 * SECOND;
    const learnt = () => findFact(harness.ctx.db, "instance")?.areNullsLargest;
    const read = () => aReconciler(harness).readUnfinishedRuns(harness.clock.us - SECOND, "reconcile", neverAborted);
    const instance = { url: "http://127.0.0.1:4200/api", version: null, retentionUs: null, createdUs: 1 as LocalUs };
    harness.ctx.ingest.putFact("instance", instance);
    harness.prefect.asked.length = 0;
    await read();
    expect([learnt(), harness.prefect.asked]).toEqual([isFirst, ["flow_runs by id 2"]]);
    // Known: one that has ended is not read with them.
    harness.prefect.asked.length = 0;
    harness.clock.us += 30 * SECOND;
    await read();
    expect([learnt(), harness.prefect.asked]).toEqual([isFirst, ["flow_runs by id 1"]]);
  });

  test("marks a run deleted that Prefect does not have, unless its row may not be committed yet", async () => {
    const harness = aHarness();
    const [old, young] = [anId(), anId()];
    harness.ctx.ingest.events([stateEvent(old, "Running", -150), stateEvent(young, "Pending", -2)], "stream", null);
    const reconciler = aReconciler(harness);
    await reconciler.readChangedRuns(neverAborted);
    expect(findFlowRunRow(harness.ctx.db, old)?.deleted_us).toBe(T0_US);
    expect(findFlowRunRow(harness.ctx.db, young)?.deleted_us).toBeNull();
    harness.clock.us += 150 * SECOND;
    await reconciler.readChangedRuns(neverAborted);
    expect(findFlowRunRow(harness.ctx.db, young)?.deleted_us).toBe(T0_US + 150 * SECOND);
  });

  test("finds a deleted scheduled run also when there are more of them than it reads", async () => {
    const harness = aHarness();
    const scheduled = { state: aState({ type: "SCHEDULED", timestamp: at(-100) }), state_type: "SCHEDULED" as const };
    const plans = Array.from({ length: 25 }, (_, index) => runAt(600 + index * 60, scheduled));
    harness.prefect.flowRuns = [...plans];
    const { filterFlowRuns } = harness.prefect;
    harness.prefect.filterFlowRuns = async (body) => {
      if (body.sort !== "NEXT_SCHEDULED_START_TIME_ASC") return filterFlowRuns.call(harness.prefect, body);
      const [offset, limit] = [Number(body.offset), Number(body.limit)];
      return harness.prefect.flowRuns.slice(offset, offset + limit);
    };
    const reconciler = aReconciler(harness);
    await reconciler.readScheduledRuns("reconcile", neverAborted);
    harness.prefect.flowRuns = plans.filter((_, index) => index !== 1);
    harness.clock.us += SECOND;
    await reconciler.readScheduledRuns("reconcile", neverAborted);
    const deleted = plans.map((plan) => findFlowRunRow(harness.ctx.db, plan.id)?.deleted_us ?? null);
    expect(deleted.flatMap((us, index) => (us === null ? [] : [index]))).toEqual([1]);
  });

  test("asks for the parents of subflows also when many task runs look unfinished", async () => {
    const harness = aHarness();
    const crashed = runAt(-900, { state_type: "CRASHED" });
    const parent = runAt(-100, { state_type: "RUNNING" });
    const standIn = aTaskRun({ flow_run_id: parent.id, state_type: "RUNNING" });
    const child = runAt(-50, { state_type: "RUNNING", parent_task_run_id: standIn.id });
    const zombies = Array.from({ length: 4 }, () => aTaskRun({ flow_run_id: crashed.id, state_type: "RUNNING" }));
    harness.prefect.flowRuns = [crashed, parent, child];
    harness.prefect.taskRuns = [standIn, ...zombies];
    await fill(harness, -1_000);
    harness.ctx.ingest.taskRuns(zombies, harness.clock.us, {});
    harness.clock.us += 30 * SECOND;
    await aReconciler(harness).readTaskRunsWithoutEvents(harness.clock.us - 10 * SECOND, "reconcile", neverAborted);
    expect(findTaskRunRow(harness.ctx.db, standIn.id)).not.toBeNull();
  });

  test("takes the end of a task run from the server although the clock of its client was ahead", async () => {
    const harness = aHarness();
    const ended = runAt(-900, { state_type: "CANCELLED" });
    harness.prefect.flowRuns = [ended];
    await fill(harness, -1_000);
    const task = aTaskRun({ flow_run_id: ended.id, state_type: "RUNNING", start_time: at(600) });
    harness.ctx.ingest.events([{ ...aTaskRunEvent(task), received: at(-5) }], "stream", null);
    harness.prefect.taskRuns = [
      { ...task, state: aState({ type: "CANCELLED", timestamp: at(0) }), state_type: "CANCELLED" },
    ];
    const reconciler = aReconciler(harness);
    const look = async (seconds: number) => {
      harness.clock.us += seconds * SECOND;
      await reconciler.readTaskRunsWithoutEvents(harness.clock.us - SECOND, "reconcile", neverAborted);
      return findTaskRunRow(harness.ctx.db, task.id)?.state_type;
    };
    expect([await look(60), await look(600)]).toEqual(["RUNNING", "CANCELLED"]);
  });

  test("takes the state of a task run without events from the later answer, as after a restored database", () => {
    const harness = aHarness();
    const ended = aTaskRun({ state: aState({ timestamp: at(-6) }), start_time: at(-10) });
    const pending = {
      ...ended,
      state: aState({ type: "PENDING", timestamp: at(-10) }),
      state_type: "PENDING" as const,
    };
    const read = (row: TaskRun) => {
      harness.clock.us += SECOND;
      harness.ctx.ingest.taskRuns([row], harness.clock.us, {});
      return findTaskRunRow(harness.ctx.db, ended.id)?.state_type;
    };
    expect([read(ended), read(pending)]).toEqual(["COMPLETED", "PENDING"]);
    // The answer to a request of before.
    harness.ctx.ingest.taskRuns([ended], T0_US, {});
    expect(findTaskRunRow(harness.ctx.db, ended.id)?.state_type).toBe("PENDING");
  });

  test("takes the state of a task run from the server when that has given up writing a newer one", () => {
    const harness = aHarness();
    const ended = aTaskRun({ state: aState({ timestamp: at(-6) }), start_time: at(-10) });
    harness.ctx.ingest.events([{ ...aTaskRunEvent(ended), received: at(-5) }], "stream", null);
    const running = {
      ...ended,
      state: aState({ type: "RUNNING", timestamp: at(-10) }),
      state_type: "RUNNING" as const,
    };
    const read = (seconds: number) => {
      harness.clock.us += seconds * SECOND;
      harness.ctx.ingest.taskRuns([running], harness.clock.us, {});
      return findTaskRunRow(harness.ctx.db, ended.id)?.state_type;
    };
    expect([read(60), read(600)]).toEqual(["COMPLETED", "RUNNING"]);
  });

  test.each([
    ["", -6],
    [", also when its client's clock was ahead", 20],
  ])(
    "takes an earlier state of a task run at once from a restored database, which lost the later one%s",
    (_, endedAt) => {
      const harness = aHarness();
      const ended = aTaskRun({ state: aState({ timestamp: at(endedAt) }), start_time: at(-10) });
      const event = { ...aTaskRunEvent(ended), received: at(-5) };
      harness.ctx.ingest.events([event], "stream", null);
      const running = {
        ...ended,
        state: aState({ type: "RUNNING", timestamp: at(-10) }),
        state_type: "RUNNING" as const,
      };
      const read = () => {
        harness.clock.us += SECOND;
        harness.ctx.ingest.taskRuns([running], harness.clock.us, {});
        return findTaskRunRow(harness.ctx.db, ended.id)?.state_type;
      };
      const before = read();
      harness.ctx.ingest.databaseRestored({
        sinceUs: T0_US - 8 * SECOND,
        lostIds: [event.id],
        keptIds: [],
        doubt: { untilUs: T0_US - 5 * SECOND, lostUntilUs: T0_US - 5 * SECOND },
      });
      expect([before, read()]).toEqual(["COMPLETED", "RUNNING"]);
    },
  );

  test("marks a run deleted that a live batch lacks only when Prefect has returned it before", () => {
    const harness = aHarness();
    const [shown, announced] = [runAt(-60, { state_type: "RUNNING" }), anId()];
    harness.ctx.ingest.flowRuns([shown], T0_US - 30 * SECOND, {});
    harness.ctx.ingest.events([stateEvent(announced, "Pending", -1)], "stream", null);
    harness.ctx.ingest.saveLive({ kind: "flow_run", rows: [], readUs: T0_US, missing: [shown.id, announced] });
    const deletedUs = (id: string) => findFlowRunRow(harness.ctx.db, id)?.deleted_us;
    expect([deletedUs(shown.id), deletedUs(announced)]).toEqual([T0_US, null]);
  });

  test.each([0, 3_600_000])(
    "shows deleted runs again that a restored database has, whatever the skew: %i ms",
    (skewMs) => {
      const harness = aHarness({ skewMs });
      const run = runAt(-60, { state_type: "RUNNING" });
      const task = aTaskRun({ flow_run_id: run.id, state_type: "RUNNING" });
      const deletedUs = () => [
        findFlowRunRow(harness.ctx.db, run.id)?.deleted_us,
        findTaskRunRow(harness.ctx.db, task.id)?.deleted_us,
      ];
      const read = (readUs: number) => {
        harness.ctx.ingest.flowRuns([run], readUs, {});
        harness.ctx.ingest.taskRuns([task], readUs, {});
      };
      read(T0_US - 30 * SECOND);
      harness.ctx.ingest.flowRuns([], T0_US, { missing: [run.id] });
      harness.ctx.ingest.taskRuns([], T0_US, { missing: [task.id] });
      // The answer to a request of before.
      read(T0_US - SECOND);
      expect(deletedUs()).toEqual([T0_US + skewMs * 1_000, T0_US + skewMs * 1_000]);
      harness.clock.us += 30 * SECOND;
      read(T0_US + 29 * SECOND);
      expect(deletedUs()).toEqual([null, null]);
    },
  );

  test("marks a run deleted also when the server clock is far ahead of the local one", async () => {
    const harness = aHarness({ skewMs: 3_600_000 });
    const id = anId();
    harness.ctx.ingest.events([stateEvent(id, "Running", 3_450)], "stream", null);
    await aReconciler(harness).readChangedRuns(neverAborted);
    expect(findFlowRunRow(harness.ctx.db, id)?.deleted_us).not.toBeNull();
  });

  test("finds scheduled runs that were deleted without an event, by a request for their ids", async () => {
    const harness = aHarness();
    const plan = () => ({
      state: aState({ type: "SCHEDULED", timestamp: at(-100) }),
      state_type: "SCHEDULED" as const,
    });
    const kept = runAt(600, plan());
    const deleted = runAt(1_200, plan());
    harness.prefect.flowRuns = [kept, deleted];
    const reconciler = aReconciler(harness);
    await reconciler.readScheduledRuns("reconcile", neverAborted);
    harness.prefect.flowRuns = [kept];
    harness.clock.us += SECOND;
    harness.prefect.asked.length = 0;
    await reconciler.readScheduledRuns("reconcile", neverAborted);
    expect(harness.prefect.asked).toEqual(["flow_runs planned", "flow_runs by id 1"]);
    expect(findFlowRunRow(harness.ctx.db, deleted.id)?.deleted_us).toBe(T0_US + SECOND);
    expect(findFlowRunRow(harness.ctx.db, kept.id)?.deleted_us).toBeNull();
  });

  test("reads unfinished runs again, and task runs that look unfinished although their flow run has ended", async () => {
    const harness = aHarness();
    const running = runAt(-600, { state_type: "RUNNING" });
    const ended = runAt(-900, { state_type: "CANCELLED" });
    const task = aTaskRun({ flow_run_id: ended.id, state_type: "RUNNING" });
    harness.prefect.flowRuns = [running, ended];
    harness.prefect.taskRuns = [task];
    await fill(harness, -1_000);
    harness.ctx.ingest.taskRuns([task], harness.clock.us, {});
    const reconciler = aReconciler(harness);
    harness.clock.us += 60 * SECOND;
    harness.prefect.flowRuns = [ended];
    harness.prefect.taskRuns = [
      {
        ...task,
        state_type: "CANCELLED",
        state: { ...(task.state ?? { id: anId(), name: null }), type: "CANCELLED", timestamp: at(30) },
      },
    ];
    await reconciler.readUnfinishedRuns(harness.clock.us - SECOND, "reconcile", neverAborted);
    await reconciler.readTaskRunsWithoutEvents(harness.clock.us - SECOND, "reconcile", neverAborted);
    expect(findFlowRunRow(harness.ctx.db, running.id)?.deleted_us).toBe(harness.clock.us);
    expect(findTaskRunRow(harness.ctx.db, task.id)?.state_type).toBe("CANCELLED");
  });

  test("marks a task run deleted when its row is overdue or was there before, not when it may still be written", async () => {
    const harness = aHarness();
    const ended = runAt(-900);
    harness.prefect.flowRuns = [ended];
    await fill(harness, -1_000);
    const started = (given: Partial<TaskRun> = {}) =>
      aTaskRun({ flow_run_id: ended.id, state_type: "RUNNING", start_time: at(-20), ...given });
    const [late, dropped] = [started(), started()];
    harness.ctx.ingest.events(
      [late, dropped].map((run) => aTaskRunEvent(run)),
      "stream",
      null,
    );
    harness.ctx.ingest.taskRuns([dropped], T0_US - 10 * SECOND, {});
    const reconciler = aReconciler(harness);
    const look = () => reconciler.readTaskRunsWithoutEvents(harness.clock.us + SECOND, "reconcile", neverAborted);
    const deletedUs = (run: TaskRun) => findTaskRunRow(harness.ctx.db, run.id)?.deleted_us;
    await look();
    expect([deletedUs(late), deletedUs(dropped)]).toEqual([null, T0_US]);
    harness.clock.us += 500 * SECOND;
    await look();
    expect(deletedUs(late)).toBeNull();
    harness.clock.us += 200 * SECOND;
    await look();
    expect(deletedUs(late)).toBe(harness.clock.us);
  });
});

test("a state from an event is not replaced by an older answer of REST", async () => {
  const harness = aHarness();
  const id = anId();
  const before = runAt(-70, { id, state_type: "RUNNING", start_time: at(-70) });
  harness.ctx.ingest.flowRuns([before], T0_US - 60 * SECOND, {});
  harness.ctx.ingest.events([stateEvent(id, "Completed", -5)], "stream", null);
  harness.ctx.ingest.flowRuns([before], T0_US, {});
  expect(findFlowRunRow(harness.ctx.db, id)?.state_type).toBe("COMPLETED");
  expect(harness.commits[1]).toMatchObject({
    kinds: ["event", "flow_run"],
    flowRunIds: [id],
    newestUs: T0_US - 5 * SECOND,
    lateRange: null,
  });
});
