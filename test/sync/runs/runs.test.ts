import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/errors.ts";
import type { FlowRun, Log, TaskRun } from "../../../src/model/objects.ts";
import { coveredRanges } from "../../../src/store/coverage.ts";
import { findFlowRunRow } from "../../../src/store/runs/flow-runs.ts";
import { findTaskRunRow } from "../../../src/store/runs/task-runs.ts";
import { catchUp } from "../../../src/sync/events/catch-up.ts";
import { EndedRuns } from "../../../src/sync/runs/ended-runs.ts";
import { fillFlowRuns } from "../../../src/sync/runs/flow-run-fill.ts";
import { Reconciler } from "../../../src/sync/runs/reconcile.ts";
import { RunSync } from "../../../src/sync/runs/run-sync.ts";
import { aFlowRun, aLog, anId, aState, aTaskRun, aTaskRunEvent, at, T0_US } from "../../support/builders.ts";
import { aHarness, anEventAt, type EngineHarness, neverAborted, SECOND } from "../engine-harness.ts";

const fill = (harness: EngineHarness, goalSeconds: number) =>
  fillFlowRuns(harness.ctx, { goalUs: T0_US + goalSeconds * SECOND, priority: "reconcile", signal: neverAborted });

const runAt = (seconds: number, given: Partial<FlowRun> = {}) =>
  aFlowRun({ expected_start_time: at(seconds), ...given });

function stateEvent(run: string, type: string, seconds: number, stateId = anId()) {
  return anEventAt(seconds, {
    id: stateId,
    event: `prefect.flow-run.${type}`,
    resource: {
      "prefect.resource.id": `prefect.flow-run.${run}`,
      "prefect.resource.name": "amber-heron",
      "prefect.run-count": "1",
      "prefect.state-name": type,
      "prefect.state-type": type.toUpperCase(),
      "prefect.state-timestamp": at(seconds),
    },
  });
}

const covered = (harness: EngineHarness, kind: string, scope = "") =>
  coveredRanges(harness.ctx.db, kind, scope).map((range) => [
    Math.round((range.fromUs - T0_US) / SECOND),
    Math.round((range.toUs - T0_US) / SECOND),
  ]);

describe("filling flow runs", () => {
  test("reads them by expected start, newest first, and claims what it has proven", async () => {
    const harness = aHarness();
    harness.prefect.flowRuns = Array.from({ length: 11 }, (_, i) => runAt(-i * 600));
    await fill(harness, -7_200);
    expect(harness.prefect.flowRuns.every((run) => findFlowRunRow(harness.ctx.db, run.id) !== null)).toBe(true);
    expect(covered(harness, "flow_run")).toEqual([[-7_200, -1]]);
    expect(harness.prefect.asked.every((asked) => asked.startsWith("flow_runs -"))).toBe(true);
  });

  test("reads only the newest part in the next call", async () => {
    const harness = aHarness();
    await fill(harness, -7_200);
    harness.clock.us += 60 * SECOND;
    const fresh = runAt(30);
    harness.prefect.flowRuns = [fresh];
    harness.prefect.asked.length = 0;
    await fill(harness, -7_200);
    expect(harness.prefect.asked).toEqual(["flow_runs -121..60"]);
    expect(findFlowRunRow(harness.ctx.db, fresh.id)).not.toBeNull();
    expect(covered(harness, "flow_run").at(-1)?.[1]).toBe(59);
  });

  test("pages by offset inside an instant that fills a page", async () => {
    const harness = aHarness();
    harness.prefect.flowRuns = Array.from({ length: 10 }, () => runAt(-600));
    await fill(harness, -1_000);
    expect(harness.prefect.flowRuns.every((run) => findFlowRunRow(harness.ctx.db, run.id) !== null)).toBe(true);
  });

  test("ends also when a server ignores the offset", async () => {
    const harness = aHarness();
    harness.prefect.flowRuns = Array.from({ length: 10 }, () => runAt(-600));
    const filter = harness.prefect.filterFlowRuns;
    harness.prefect.filterFlowRuns = (body) => filter({ ...body, offset: 0 });
    expect(fill(harness, -1_000)).rejects.toThrow("contradict");
  });
});

describe("reconciling runs", () => {
  test("asks by id for the runs whose events are newer than their row", async () => {
    const harness = aHarness();
    const id = anId();
    harness.ctx.ingest.events([stateEvent(id, "Running", -60)], "stream", null);
    const row = runAt(-70, { id, state_type: "COMPLETED", tags: ["nightly"] });
    harness.prefect.flowRuns = [row];
    expect(await new Reconciler(harness.ctx).readChangedRuns(neverAborted)).toBe(false);
    expect(harness.prefect.asked).toEqual(["flow_runs by id 1"]);
    expect(findFlowRunRow(harness.ctx.db, id)).toMatchObject({
      state_type: "COMPLETED",
      dirty: 0,
      tags: '["nightly"]',
    });
  });

  test("marks a run deleted that Prefect does not have, unless its row may not be committed yet", async () => {
    const harness = aHarness();
    const [old, young] = [anId(), anId()];
    harness.ctx.ingest.events([stateEvent(old, "Running", -150), stateEvent(young, "Pending", -2)], "stream", null);
    const reconciler = new Reconciler(harness.ctx);
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
    const reconciler = new Reconciler(harness.ctx);
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
    await new Reconciler(harness.ctx).readTaskRunsWithoutEvents(
      harness.clock.us - 10 * SECOND,
      "reconcile",
      neverAborted,
    );
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
    const reconciler = new Reconciler(harness.ctx);
    const look = async (seconds: number) => {
      harness.clock.us += seconds * SECOND;
      await reconciler.readTaskRunsWithoutEvents(harness.clock.us - SECOND, "reconcile", neverAborted);
      return findTaskRunRow(harness.ctx.db, task.id)?.state_type;
    };
    expect([await look(60), await look(600)]).toEqual(["RUNNING", "CANCELLED"]);
  });

  test("marks a run deleted that a live batch lacks only when Prefect has returned it before", () => {
    const harness = aHarness();
    const [shown, announced] = [runAt(-60, { state_type: "RUNNING" }), anId()];
    harness.ctx.ingest.flowRuns([shown], T0_US - 30 * SECOND, {});
    harness.ctx.ingest.events([stateEvent(announced, "Pending", -1)], "stream", null);
    harness.ctx.ingest.saveLive({ kind: "flow_run", rows: [], readUs: T0_US, missing: [shown.id, announced] }, T0_US);
    const deletedUs = (id: string) => findFlowRunRow(harness.ctx.db, id)?.deleted_us;
    expect([deletedUs(shown.id), deletedUs(announced)]).toEqual([T0_US, null]);
  });

  test("marks a run deleted also when the server clock is far ahead of the local one", async () => {
    const harness = aHarness({ skewMs: 3_600_000 });
    const id = anId();
    harness.ctx.ingest.events([stateEvent(id, "Running", 3_450)], "stream", null);
    await new Reconciler(harness.ctx).readChangedRuns(neverAborted);
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
    const reconciler = new Reconciler(harness.ctx);
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
    const reconciler = new Reconciler(harness.ctx);
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
    const reconciler = new Reconciler(harness.ctx);
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

describe("ended runs", () => {
  const line = (run: FlowRun, seconds: number, given: Partial<Log> = {}) =>
    aLog({ flow_run_id: run.id, timestamp: at(seconds), ...given });

  test("have all their task runs read and claimed, several flow runs in one request", async () => {
    const harness = aHarness();
    const runs = [runAt(-600), runAt(-500)];
    harness.prefect.flowRuns = runs;
    harness.prefect.taskRuns = runs.flatMap((run) => [1, 2, 3].map(() => aTaskRun({ flow_run_id: run.id })));
    await fill(harness, -1_000);
    harness.prefect.asked.length = 0;
    const ended = new EndedRuns(harness.ctx);
    expect(await ended.readTaskRuns("reconcile", neverAborted)).toBe(true);
    expect(await ended.readTaskRuns("reconcile", neverAborted)).toBe(false);
    expect(harness.prefect.asked).toEqual(["task_runs of 2 runs", "task_runs of 2 runs"]);
    expect(harness.prefect.taskRuns.every((run) => findTaskRunRow(harness.ctx.db, run.id) !== null)).toBe(true);
    expect(covered(harness, "task_run", runs[0]?.id ?? "")[0]?.[1]).toBe(-1);
  });

  test("are read again while rows are older than their events, and claimed once no row can follow", async () => {
    const harness = aHarness();
    const run = runAt(-600, { end_time: at(-10), state: aState({ timestamp: at(-10) }) });
    const [prompt, stale, late, lost] = [0, 1, 2, 3].map(() => aTaskRun({ flow_run_id: run.id, start_time: at(-20) }));
    if (!prompt || !stale || !late || !lost) throw new Error("four task runs");
    harness.prefect.flowRuns = [run];
    await fill(harness, -1_000);
    harness.ctx.ingest.events(
      [prompt, stale, late].map((task) => aTaskRunEvent(task)),
      "stream",
      null,
    );
    const ended = new EndedRuns(harness.ctx);
    const claims = () => covered(harness, "task_run", run.id).length;
    const look = async () => {
      harness.clock.us += 60 * SECOND;
      return [await ended.readTaskRuns("reconcile", neverAborted), ended.isRetryPending, claims()];
    };
    const behind = { ...stale, state: aState({ type: "RUNNING", timestamp: at(-30) }) };
    harness.prefect.taskRuns = [prompt, behind];
    expect(await look()).toEqual([false, true, 0]);
    harness.prefect.taskRuns = [prompt, stale];
    expect(await look()).toEqual([false, true, 0]);
    harness.prefect.asked.length = 0;
    expect(await ended.readTaskRuns("reconcile", neverAborted)).toBe(false);
    expect(harness.prefect.asked).toEqual([]);
    harness.prefect.taskRuns = [prompt, stale, late];
    expect(await look()).toEqual([true, false, 1]);
    harness.ctx.ingest.events([aTaskRunEvent(lost)], "stream", null);
    harness.ctx.db.sqlite.run("DELETE FROM coverage WHERE kind = 'task_run'");
    ended.runEnded(T0_US - 10 * SECOND);
    expect(await look()).toEqual([false, true, 0]);
    harness.clock.us += 600 * SECOND;
    expect(await look()).toEqual([true, false, 1]);
  });

  test("have all their log lines read when they failed, and twice more for late lines", async () => {
    const harness = aHarness();
    const failed = runAt(-40, { state_type: "FAILED", start_time: at(-40), end_time: at(-20) });
    const fine = runAt(-60);
    harness.prefect.flowRuns = [failed, fine];
    harness.prefect.logs = Array.from({ length: 9 }, (_, i) => line(failed, -39 + (i < 5 ? 1 : i)));
    await fill(harness, -1_000);
    const ended = new EndedRuns(harness.ctx);
    const count = () => harness.ctx.db.sqlite.query<{ n: number }, []>("SELECT count(*) AS n FROM log").get()?.n;
    expect(await ended.readLogs("reconcile", neverAborted)).toBe(true);
    expect(await ended.readLogs("reconcile", neverAborted)).toBe(false);
    expect(count()).toBe(9);
    harness.prefect.logs.push(line(failed, -18));
    harness.clock.us += 60 * SECOND;
    expect(await ended.readLogs("reconcile", neverAborted)).toBe(true);
    expect(await ended.readLogs("reconcile", neverAborted)).toBe(false);
    expect(count()).toBe(10);
    harness.prefect.logs.push(line(failed, 300));
    harness.clock.us += 600 * SECOND;
    expect(await ended.readLogs("reconcile", neverAborted)).toBe(true);
    expect(count()).toBe(11);
    harness.prefect.asked.length = 0;
    harness.clock.us += 600 * SECOND;
    expect(await ended.readLogs("reconcile", neverAborted)).toBe(false);
    expect(harness.prefect.asked).toEqual([]);
  });

  test("are read once more when they fail a second time", async () => {
    const harness = aHarness();
    const failed = runAt(-400, { state_type: "FAILED", start_time: at(-400), end_time: at(-300) });
    harness.prefect.flowRuns = [failed];
    await fill(harness, -1_000);
    const ended = new EndedRuns(harness.ctx);
    while (await ended.readLogs("reconcile", neverAborted));
    harness.clock.us += 600 * SECOND;
    const again = stateEvent(failed.id, "Failed", 500);
    harness.ctx.ingest.events([again], "stream", null);
    ended.runEnded(T0_US + 500 * SECOND);
    expect(await ended.readLogs("reconcile", neverAborted)).toBe(true);
  });

  test("have their logs read also when those of another run cannot be read", async () => {
    const harness = aHarness();
    const failed = (seconds: number) =>
      runAt(seconds, { state_type: "FAILED", start_time: at(seconds), end_time: at(seconds + 100) });
    const [bad, good] = [failed(-900), failed(-1_200)];
    harness.prefect.flowRuns = [bad, good];
    harness.prefect.logs = [line(good, -1_100)];
    const { filterLogs } = harness.prefect;
    harness.prefect.filterLogs = async (body) => {
      if (JSON.stringify(body).includes(bad.id)) throw new AppError("unavailable", "no answer in 60 s");
      return filterLogs.call(harness.prefect, body);
    };
    await fill(harness, -2_000);
    const ended = new EndedRuns(harness.ctx);
    await expect(ended.readLogs("backfill", neverAborted)).rejects.toThrow("no answer");
    expect(await ended.readLogs("backfill", neverAborted)).toBe(true);
    expect(covered(harness, "log", good.id)).toHaveLength(1);
    expect(await ended.readLogs("backfill", neverAborted)).toBe(false);
    harness.clock.us += 601 * SECOND;
    await expect(ended.readLogs("backfill", neverAborted)).rejects.toThrow("no answer");
  });

  test("that were deleted are found, a page a minute, unless the server has none of them and may have been reset", async () => {
    const harness = aHarness();
    const runs = [runAt(-600), runAt(-500, { state_type: "FAILED" })];
    harness.prefect.flowRuns = [...runs];
    harness.prefect.events = [anEventAt(-5)];
    await catchUp(harness.ctx, neverAborted);
    const sync = new RunSync(harness.ctx, { goalUs: () => T0_US - 1_000 * SECOND, isClientActive: () => true });
    const deleted = () => runs.map((run) => findFlowRunRow(harness.ctx.db, run.id)?.deleted_us != null);
    const pass = async (seconds: number) => {
      harness.prefect.asked.length = 0;
      harness.clock.us += seconds * SECOND;
      await sync.syncRound(neverAborted);
      return harness.prefect.asked.filter((asked) => asked === "flow_runs by id 2").length;
    };
    await sync.syncRound(neverAborted);
    harness.prefect.flowRuns = runs.slice(1);
    expect([await pass(300), deleted()]).toEqual([0, [false, false]]);
    expect([await pass(400), deleted()]).toEqual([1, [true, false]]);
    harness.prefect.flowRuns = [];
    harness.prefect.events = [];
    await pass(700);
    expect(deleted()).toEqual([true, false]);
  });

  test("are not read for ever when the server clock is unknown", async () => {
    const harness = aHarness();
    harness.prefect.flowRuns = [runAt(-600, { state_type: "FAILED" })];
    await fill(harness, -1_000);
    harness.prefect.skewMs = null;
    const ended = new EndedRuns(harness.ctx);
    expect([
      await ended.readTaskRuns("reconcile", neverAborted),
      await ended.readLogs("reconcile", neverAborted),
    ]).toEqual([false, false]);
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
