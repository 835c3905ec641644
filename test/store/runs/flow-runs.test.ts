import { describe, expect, test } from "bun:test";
import { SECOND_US } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import type { FlowRun, State } from "../../../src/model/objects.ts";
import { inTransaction, type RecordDb } from "../../../src/store/database.ts";
import {
  findFlowRunRow,
  findRunsToReconcile,
  findScheduledRuns,
  findUnfinishedRuns,
  markFlowRunsDeleted,
  toFlowRun,
  upsertFlowRuns,
} from "../../../src/store/runs/flow-runs.ts";
import { foldRunEvents } from "../../../src/store/runs/fold-events.ts";
import { aFlowRun, aFlowRunEvent, anEvent, anId, aState, at, T0_US } from "../../support/builders.ts";
import { memoryRecord } from "../../support/memory-record.ts";

function fold(db: RecordDb, ...events: PrefectEvent[]): string[] {
  return inTransaction(
    db,
    () =>
      foldRunEvents(
        db,
        events,
        events.map((_, index) => index),
      ).flowRunIds,
  );
}

function upsert(db: RecordDb, run: FlowRun, readUs: number, serverReadUs?: number): string[] {
  return inTransaction(db, () => upsertFlowRuns(db, [run], readUs, serverReadUs === undefined ? {} : { serverReadUs }));
}

function read(db: RecordDb, id: string): FlowRun {
  const row = findFlowRunRow(db, id);
  if (row === null) throw new Error("no such run");
  return toFlowRun(row);
}

const inState = (run: FlowRun, state: State, runCount = run.run_count ?? 0) =>
  aFlowRunEvent({ ...run, run_count: runCount }, { state });

const pending = aState({ type: "PENDING", timestamp: at(1) });
const running = aState({ type: "RUNNING", timestamp: at(2) });
const failed = aState({ type: "FAILED", timestamp: at(9), message: "boom" });

describe("flow runs folded from events", () => {
  test("have their state, times, flow and deployment before REST was read", () => {
    using db = memoryRecord();
    const run = aFlowRun({ deployment_id: anId(), tags: ["nightly"], run_count: 0 });
    expect(fold(db, inState(run, pending), inState(run, running, 1), inState(run, failed, 1))).toEqual([run.id]);
    expect(read(db, run.id)).toEqual({
      id: run.id,
      name: run.name,
      flow_id: run.flow_id,
      deployment_id: run.deployment_id ?? null,
      work_queue_id: null,
      work_queue_name: null,
      work_pool_name: null,
      parent_task_run_id: null,
      tags: ["nightly"],
      created: null,
      state_id: failed.id,
      state_type: "FAILED",
      state_name: "Failed",
      run_count: 1,
      expected_start_time: at(1),
      next_scheduled_start_time: null,
      start_time: at(2),
      end_time: at(9),
      total_run_time: 7,
      state: { id: failed.id, type: "FAILED", name: "Failed", timestamp: at(9), message: "boom" },
    });
    expect(findRunsToReconcile(db, 10)).toEqual([run.id]);
  });

  test("never return to an older state when events arrive late or twice", () => {
    using db = memoryRecord();
    const run = aFlowRun({});
    fold(db, inState(run, failed, 1));
    expect(fold(db, inState(run, failed, 1))).toEqual([]);
    expect(fold(db, inState(run, running, 1), inState(run, pending, 0))).toEqual([run.id]);
    expect(read(db, run.id)).toMatchObject({ state_type: "FAILED", start_time: at(2), expected_start_time: at(1) });
  });

  test("ignore heartbeats and custom events", () => {
    using db = memoryRecord();
    const beat = { ...inState(aFlowRun({}), running), event: "prefect.flow-run.heartbeat", resource: {} };
    expect(fold(db, beat, anEvent())).toEqual([]);
  });
});

describe("flow runs from REST", () => {
  test("replace what was folded and need no further reading", () => {
    using db = memoryRecord();
    const run = aFlowRun({ state: failed, tags: ["own"], expected_start_time: at(0), total_run_time: 6.5 });
    fold(db, inState({ ...run, tags: ["own", "flow"] }, failed, 1));
    expect(upsert(db, run, T0_US + 20 * SECOND_US)).toEqual([run.id]);
    expect(read(db, run.id)).toEqual(run);
    expect(findRunsToReconcile(db, 10)).toEqual([]);
    expect(upsert(db, run, T0_US + 30 * SECOND_US)).toEqual([]);
  });

  test("keep a newer folded state, and are to be read again", () => {
    using db = memoryRecord();
    const run = aFlowRun({ state: running, expected_start_time: at(-60), parameters: { day: 3 } });
    fold(db, inState(run, failed, 1));
    upsert(db, run, T0_US + 3 * SECOND_US);
    expect(read(db, run.id)).toMatchObject({
      state_type: "FAILED",
      state: { id: failed.id, message: "boom" },
      end_time: at(9),
      expected_start_time: at(-60),
      parameters: { day: 3 },
    });
    expect(findRunsToReconcile(db, 10)).toEqual([run.id]);
  });

  test("replace a state that was published and rolled back, once two minutes have passed on the server clock", () => {
    using db = memoryRecord();
    const run = aFlowRun({ state: running });
    fold(db, inState(run, failed, 1));
    upsert(db, run, 1000, T0_US + 60 * SECOND_US);
    expect(read(db, run.id).state_type).toBe("FAILED");
    upsert(db, run, 2000, T0_US + 130 * SECOND_US);
    expect(read(db, run.id)).toEqual(run);
  });

  test("replace a state from before the server clock was set back, which seems newer than all that follow", () => {
    using db = memoryRecord();
    const run = aFlowRun({ state: aState({ type: "RUNNING", timestamp: at(7_200) }) });
    const ended = { ...run, state: aState({ type: "COMPLETED", timestamp: at(60) }), state_type: "COMPLETED" as const };
    const aheadUs = T0_US + 120 * SECOND_US;
    const store = (one: FlowRun, readUs: number) =>
      inTransaction(db, () => upsertFlowRuns(db, [one], readUs, { serverReadUs: T0_US + 61 * SECOND_US, aheadUs }));
    store(run, 1_000);
    const { flowRunIds } = inTransaction(db, () => foldRunEvents(db, [aFlowRunEvent(ended)], [0], aheadUs));
    // Its event says that REST knows better.
    expect([flowRunIds, findRunsToReconcile(db, 10)]).toEqual([[run.id], [run.id]]);
    store(ended, 2_000);
    expect(read(db, run.id)).toEqual(ended);
    expect(findRunsToReconcile(db, 10)).toEqual([]);
  });

  test("keep the newer of two states from before the server clock was set back", () => {
    using db = memoryRecord();
    const run = aFlowRun({ state: aState({ type: "RUNNING", timestamp: at(7_200) }) });
    fold(db, inState(run, aState({ type: "FAILED", timestamp: at(7_210) }), 1));
    inTransaction(db, () => upsertFlowRuns(db, [run], 1_000, { serverReadUs: T0_US, aheadUs: T0_US + 60 * SECOND_US }));
    expect(read(db, run.id).state_type).toBe("FAILED");
  });

  test("an older reading never overwrites a newer one", () => {
    using db = memoryRecord();
    const run = aFlowRun({ state: failed, name: "new" });
    upsert(db, run, 2000);
    upsert(db, { ...run, name: "old", state: running }, 1000);
    expect(read(db, run.id)).toEqual(run);
  });

  test("a late event that is older than the reading changes nothing", () => {
    using db = memoryRecord();
    const run = aFlowRun({ state: failed, start_time: at(2), expected_start_time: at(0) });
    upsert(db, run, 1000);
    expect(fold(db, inState(run, running, 1), inState(run, pending, 0))).toEqual([]);
    expect(read(db, run.id)).toEqual(run);
  });
});

describe("runs that Prefect has deleted", () => {
  test("are marked once, not after a later state or reading, and lose the mark when Prefect returns them again", () => {
    using db = memoryRecord();
    const run = aFlowRun({ state: running });
    upsert(db, run, T0_US + 5 * SECOND_US);
    const mark = (atUs: number) => inTransaction(db, () => markFlowRunsDeleted(db, [run.id], atUs));
    mark(T0_US + 4 * SECOND_US);
    expect(findFlowRunRow(db, run.id)?.deleted_us).toBeNull();
    mark(T0_US + 6 * SECOND_US);
    mark(T0_US + 8 * SECOND_US);
    expect(findFlowRunRow(db, run.id)?.deleted_us).toBe(T0_US + 6 * SECOND_US);
    upsert(db, run, T0_US + 9 * SECOND_US);
    expect(findFlowRunRow(db, run.id)?.deleted_us).toBeNull();
  });

  test("lose the mark with a later state", () => {
    using db = memoryRecord();
    const run = aFlowRun({ state: pending });
    upsert(db, run, T0_US + 2 * SECOND_US);
    inTransaction(db, () => markFlowRunsDeleted(db, [run.id], T0_US + 3 * SECOND_US));
    fold(db, inState(run, failed, 1));
    expect(findFlowRunRow(db, run.id)).toMatchObject({ deleted_us: null, dirty: 1 });
  });
});

describe("runs that should be read again", () => {
  test("are the unfinished ones, longest unread first, without runs scheduled for later", () => {
    using db = memoryRecord();
    const old = aFlowRun({ state: running });
    const plan = aFlowRun({ state_type: "SCHEDULED", expected_start_time: at(3600) });
    const late = aFlowRun({ state_type: "SCHEDULED", state_name: "Late", expected_start_time: at(-30) });
    const done = aFlowRun({ state: failed });
    for (const [index, run] of [late, old, plan, done].entries()) upsert(db, run, 1000 + index);
    expect(findUnfinishedRuns(db, { limit: 9, readBeforeUs: 5000, expectedBeforeUs: T0_US })).toEqual([
      late.id,
      old.id,
    ]);
    expect(findUnfinishedRuns(db, { limit: 9, readBeforeUs: 1001 })).toEqual([late.id]);
    expect(findScheduledRuns(db, T0_US, T0_US + 7200 * SECOND_US, 5000)).toEqual([plan.id]);
    expect(findScheduledRuns(db, T0_US, T0_US + 7200 * SECOND_US, 1000)).toEqual([]);
  });
});
