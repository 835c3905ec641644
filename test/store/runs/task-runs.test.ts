import { describe, expect, test } from "bun:test";
import { SECOND_US } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import type { TaskRun } from "../../../src/model/objects.ts";
import { inTransaction, type RecordDb } from "../../../src/store/database.ts";
import { markFlowRunsDeleted, upsertFlowRuns } from "../../../src/store/runs/flow-runs.ts";
import { foldRunEvents } from "../../../src/store/runs/fold-events.ts";
import {
  findMissingParentTaskRuns,
  findTaskRunRow,
  findUnfinishedTaskRuns,
  markTaskRunsDeleted,
  toTaskRun,
  upsertTaskRuns,
  withEventPayload,
} from "../../../src/store/runs/task-runs.ts";
import { aFlowRun, aFlowRunEvent, anId, aState, aTaskRun, aTaskRunEvent, at, T0_US } from "../../support/builders.ts";
import { memoryRecord } from "../../support/memory-record.ts";

function fold(db: RecordDb, ...events: PrefectEvent[]): string[] {
  return inTransaction(
    db,
    () =>
      foldRunEvents(
        db,
        events,
        events.map((_, index) => 100 + index),
      ).taskRunIds,
  );
}

function upsert(db: RecordDb, run: TaskRun, readUs: number): string[] {
  return inTransaction(db, () => upsertTaskRuns(db, [run], readUs));
}

function read(db: RecordDb, id: string): TaskRun {
  const row = findTaskRunRow(db, id);
  if (row === null) throw new Error("no such run");
  return toTaskRun(row);
}

const flowRunId = anId();
const base = aTaskRun({
  flow_run_id: flowRunId,
  tags: ["db"],
  task_inputs: { url: [{ input_type: "parameter", name: "u" }] },
});
const running = {
  ...base,
  start_time: at(1),
  end_time: null,
  total_run_time: 0,
  state: aState({ type: "RUNNING", timestamp: at(1) }),
};
const completed = {
  ...base,
  start_time: at(1),
  end_time: at(3),
  total_run_time: 2,
  state: aState({ timestamp: at(3) }),
};

describe("task runs folded from events", () => {
  test("copy what the client computed; the flow run comes from the related resources only", () => {
    using db = memoryRecord();
    const event = aTaskRunEvent(completed);
    expect(fold(db, aTaskRunEvent(running), event)).toEqual([base.id]);
    expect(findTaskRunRow(db, base.id)).toMatchObject({ t: 101, total_run_time: 2, run_count: 1, tags: '["db"]' });
    expect(withEventPayload(read(db, base.id), event)).toMatchObject({
      id: base.id,
      flow_run_id: flowRunId,
      task_key: base.task_key ?? "",
      task_inputs: { url: [{ input_type: "parameter", name: "u" }] },
      state_type: "COMPLETED",
      start_time: at(1),
      end_time: at(3),
    });
  });

  test("never return to an older state, in any order of arrival", () => {
    using db = memoryRecord();
    fold(db, aTaskRunEvent(completed));
    expect(fold(db, aTaskRunEvent(running))).toEqual([]);
    expect(read(db, base.id)).toMatchObject({ state_type: "COMPLETED", end_time: at(3) });
  });

  test("follow the rules of flow runs when the payload has no task run", () => {
    using db = memoryRecord();
    for (const run of [running, completed]) fold(db, aTaskRunEvent(run, { payload: {} }));
    expect(read(db, base.id)).toMatchObject({ start_time: at(1), end_time: at(3), total_run_time: 2, tags: [] });
  });

  test("are separated from flow runs of the same batch", () => {
    using db = memoryRecord();
    const run = aFlowRun({ id: flowRunId });
    const events = [aFlowRunEvent(run), aTaskRunEvent(completed)];
    expect(inTransaction(db, () => foldRunEvents(db, events, [1, 2]))).toEqual({
      flowRunIds: [flowRunId],
      taskRunIds: [base.id],
    });
  });
});

describe("task runs from REST", () => {
  test("add the other fields; a reading that lags behind the event keeps the newer state", () => {
    using db = memoryRecord();
    fold(db, aTaskRunEvent(completed));
    upsert(db, running, 1000);
    expect(read(db, base.id)).toMatchObject({
      state_type: "COMPLETED",
      end_time: at(3),
      task_key: base.task_key ?? "",
    });
    expect(upsert(db, completed, 2000)).toEqual([]);
    expect(read(db, base.id)).toEqual(completed);
    upsert(db, running, 1500);
    expect(read(db, base.id)).toEqual(completed);
  });

  test("those that represent subflow runs are missing until they are read", () => {
    using db = memoryRecord();
    const parent = aTaskRun({});
    inTransaction(db, () => upsertFlowRuns(db, [aFlowRun({ parent_task_run_id: parent.id })], 1000));
    expect(findMissingParentTaskRuns(db, 5)).toEqual([parent.id]);
    upsert(db, parent, 1000);
    expect(findMissingParentTaskRuns(db, 5)).toEqual([]);
  });
});

describe("unfinished and deleted task runs", () => {
  test("are found when their flow run has ended, because they get no event of their own", () => {
    using db = memoryRecord();
    const [ended, open] = [aFlowRun({}), aFlowRun({ state_type: "RUNNING" })];
    inTransaction(db, () => upsertFlowRuns(db, [ended, open], 1000));
    const orphan = { ...running, id: anId(), flow_run_id: ended.id };
    const busy = { ...running, id: anId(), flow_run_id: open.id };
    fold(db, aTaskRunEvent(orphan), aTaskRunEvent(busy));
    expect(findUnfinishedTaskRuns(db, { limit: 5, readBeforeUs: 5000, idleSinceUs: T0_US })).toEqual([orphan.id]);
    const later = { limit: 5, readBeforeUs: 5000, idleSinceUs: T0_US + 9 * SECOND_US };
    expect(findUnfinishedTaskRuns(db, later).toSorted()).toEqual([orphan.id, busy.id].toSorted());
  });

  test("are marked deleted with their flow run, or by themselves", () => {
    using db = memoryRecord();
    fold(db, aTaskRunEvent(running));
    inTransaction(db, () => markTaskRunsDeleted(db, [base.id], T0_US));
    expect(findTaskRunRow(db, base.id)?.deleted_us).toBeNull();
    inTransaction(db, () => markFlowRunsDeleted(db, [flowRunId], T0_US + 5 * SECOND_US));
    expect(findTaskRunRow(db, base.id)?.deleted_us).toBe(T0_US + 5 * SECOND_US);
    fold(db, aTaskRunEvent({ ...completed, state: aState({ timestamp: at(8) }) }));
    expect(findTaskRunRow(db, base.id)?.deleted_us).toBeNull();
  });

  test("stay deleted with their flow run although their client still sends events", () => {
    using db = memoryRecord();
    inTransaction(db, () =>
      upsertFlowRuns(db, [aFlowRun({ id: flowRunId, state: aState({ timestamp: at(0) }) })], T0_US),
    );
    fold(db, aTaskRunEvent(running));
    inTransaction(db, () => markFlowRunsDeleted(db, [flowRunId], T0_US + 5 * SECOND_US));
    fold(db, aTaskRunEvent({ ...completed, state: aState({ timestamp: at(8) }) }));
    expect(findTaskRunRow(db, base.id)).toMatchObject({ state_type: "COMPLETED", deleted_us: T0_US + 5 * SECOND_US });
  });

  test("lose the mark with a flow run that still exists, except those marked before it", () => {
    using db = memoryRecord();
    const parent = aFlowRun({ id: flowRunId, state: aState({ type: "RUNNING", timestamp: at(0) }) });
    const removed = { ...running, id: anId() };
    const deletedUs = (id: string) => findTaskRunRow(db, id)?.deleted_us;
    inTransaction(db, () => upsertFlowRuns(db, [parent], T0_US));
    fold(db, aTaskRunEvent(running), aTaskRunEvent(removed));
    const [first, second, third] = [2, 5, 6].map((seconds) => T0_US + seconds * SECOND_US) as [number, number, number];
    inTransaction(db, () => markTaskRunsDeleted(db, [removed.id], first));
    inTransaction(db, () => markFlowRunsDeleted(db, [flowRunId], second));
    expect([deletedUs(base.id), deletedUs(removed.id)]).toEqual([second, first]);
    inTransaction(db, () => upsertFlowRuns(db, [parent], third));
    expect([deletedUs(base.id), deletedUs(removed.id)]).toEqual([null, first]);
    // A run that was read after the time of the mark is not marked, and neither are its task runs.
    inTransaction(db, () => markFlowRunsDeleted(db, [flowRunId], second));
    expect(deletedUs(base.id)).toBeNull();
  });
});
