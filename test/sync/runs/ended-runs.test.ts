import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/errors.ts";
import type { FlowRun, Log } from "../../../src/model/objects.ts";
import { findFlowRunRow } from "../../../src/store/runs/flow-runs.ts";
import { findTaskRunRow } from "../../../src/store/runs/task-runs.ts";
import { OtherServerError } from "../../../src/sync/context/loop.ts";
import { catchUp } from "../../../src/sync/events/catch-up.ts";
import { EndedRuns } from "../../../src/sync/runs/ended-runs.ts";
import { RunSync } from "../../../src/sync/runs/run-sync.ts";
import { aLog, aState, aTaskRun, aTaskRunEvent, at, T0_US } from "../../support/builders.ts";
import { aHarness, anEventAt, neverAborted, SECOND } from "../engine-harness.ts";
import { covered, fill, runAt, stateEvent } from "./run-builders.ts";

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

  test("have their task runs read from the start again when one was deleted between two pages, so that none is left out", async () => {
    const harness = aHarness({ tuning: { rowPage: 3 } });
    const run = runAt(-600);
    const tasks = Array.from({ length: 5 }, () => aTaskRun({ flow_run_id: run.id }));
    harness.prefect.flowRuns = [run];
    await fill(harness, -1_000);
    harness.prefect.taskRuns = tasks;
    let pages = 0;
    harness.prefect.before = (asked) => {
      if (asked.startsWith("task_runs of")) pages += 1;
      if (pages === 2) harness.prefect.taskRuns = tasks.slice(1);
    };
    const ended = new EndedRuns(harness.ctx);
    expect(await ended.readTaskRuns("reconcile", neverAborted)).toBe(true);
    expect(tasks.slice(1).filter(({ id }) => findTaskRunRow(harness.ctx.db, id) === null)).toEqual([]);
    expect(covered(harness, "task_run", run.id)).toHaveLength(1);
  });

  test("are not claimed while their task runs change during each reading, and are read again later", async () => {
    const harness = aHarness({ tuning: { rowPage: 3 } });
    const run = runAt(-600);
    harness.prefect.flowRuns = [run];
    await fill(harness, -1_000);
    harness.prefect.taskRuns = Array.from({ length: 20 }, () => aTaskRun({ flow_run_id: run.id }));
    harness.prefect.before = (asked) => {
      if (asked.startsWith("task_runs of")) harness.prefect.taskRuns = harness.prefect.taskRuns.slice(1);
    };
    const ended = new EndedRuns(harness.ctx);
    expect(await ended.readTaskRuns("reconcile", neverAborted)).toBe(false);
    expect([covered(harness, "task_run", run.id), ended.isRetryPending]).toEqual([[], true]);
    harness.prefect.before = () => {};
    harness.clock.us += 60 * SECOND;
    expect(await ended.readTaskRuns("reconcile", neverAborted)).toBe(true);
    expect(covered(harness, "task_run", run.id)).toHaveLength(1);
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

  test("that were deleted are found, a page a minute, but not from a server that has nothing of the record", async () => {
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
    await expect(pass(700)).rejects.toThrow(OtherServerError);
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
