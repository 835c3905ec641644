import { describe, expect, test } from "bun:test";
import { HOUR_US } from "../../../src/lib/time.ts";
import type { FlowRun, TaskRun } from "../../../src/model/objects.ts";
import { addCoverage } from "../../../src/store/coverage.ts";
import { inTransaction } from "../../../src/store/database.ts";
import { findActiveRuns, findRunningTaskRunTags } from "../../../src/store/runs/active-runs.ts";
import { upsertFlowRuns } from "../../../src/store/runs/flow-runs.ts";
import { countRunStates } from "../../../src/store/runs/run-hours.ts";
import { findFlowRunIdsBelow, findRunNames } from "../../../src/store/runs/run-tree.ts";
import { countRunsWithoutLogs, findProblemRuns, findRunsWithErrors } from "../../../src/store/runs/runs-in-window.ts";
import { countRunsOfDeployment, findNextRuns, findStartedRuns } from "../../../src/store/runs/runs-of-owner.ts";
import { upsertTaskRuns } from "../../../src/store/runs/task-runs.ts";
import { aFlowRun, anId, aTaskRun, at, T0_US } from "../../support/builders.ts";
import { memoryRecord } from "../../support/memory-record.ts";

const DEPLOYMENT = anId(900);
const SECONDS_US = 1_000_000;

function recordOf(flowRuns: readonly FlowRun[], taskRuns: readonly TaskRun[] = []) {
  const db = memoryRecord();
  inTransaction(db, () => {
    upsertFlowRuns(db, flowRuns, T0_US);
    upsertTaskRuns(db, taskRuns, T0_US);
  });
  return db;
}

const run = (name: string, given: Partial<FlowRun>) =>
  aFlowRun({ name, deployment_id: DEPLOYMENT, work_pool_name: "k8s", ...given });

const ok = run("ok", { start_time: at(10) });
const failed = run("failed", { state_type: "FAILED", start_time: at(20), end_time: at(50) });
const crashed = run("crashed", { state_type: "CRASHED", start_time: at(30), end_time: at(40) });
const running = run("running", { state_type: "RUNNING", start_time: at(60) });
const late = run("late", { state_type: "SCHEDULED", state_name: "Late", expected_start_time: at(70) });
const planned = run("planned", { state_type: "SCHEDULED", expected_start_time: at(500) });
const other = aFlowRun({ name: "other", start_time: at(15), work_pool_name: "local" });
const RUNS = [ok, failed, crashed, running, late, planned, other];
const WINDOW = { fromUs: T0_US, toUs: T0_US + 100 * SECONDS_US };

describe("flow runs of a window", () => {
  test("are counted by state, late ones apart, by their start or expected start", () => {
    using db = recordOf(RUNS);
    expect(countRunStates(db, WINDOW)).toEqual([
      { type: "COMPLETED", isLate: false, count: 2 },
      { type: "CRASHED", isLate: false, count: 1 },
      { type: "FAILED", isLate: false, count: 1 },
      { type: "RUNNING", isLate: false, count: 1 },
      { type: "SCHEDULED", isLate: true, count: 1 },
    ]);
  });

  test("that have problems are failed ones, last ended first, and late ones", () => {
    using db = recordOf(RUNS);
    const problems = findProblemRuns(db, WINDOW, 10);
    expect(problems.failed.map(({ name }) => name)).toEqual(["failed", "crashed"]);
    expect(problems.late.map(({ name, expected_us }) => [name, expected_us])).toEqual([
      ["late", T0_US + 70 * SECONDS_US],
    ]);
    expect(findProblemRuns(db, WINDOW, 1).failed.map(({ name }) => name)).toEqual(["failed"]);
  });

  test("whose logs can hold errors are found by deployment or pool, newest first", () => {
    using db = recordOf(RUNS);
    const ids = [running, crashed, failed].map(({ id }) => id);
    expect(findRunsWithErrors(db, { deploymentId: DEPLOYMENT }, WINDOW)).toEqual(ids);
    expect(findRunsWithErrors(db, { workPoolName: "k8s" }, WINDOW)).toEqual(ids);
    expect(findRunsWithErrors(db, { workPoolName: "local" }, WINDOW)).toEqual([]);
    const early = { fromUs: T0_US, toUs: T0_US + 25 * SECONDS_US };
    expect(findRunsWithErrors(db, { workPoolName: "k8s" }, early)).toEqual([failed.id]);
  });

  test("without a claim on their logs are counted among the started ones", () => {
    using db = recordOf(RUNS);
    expect(countRunsWithoutLogs(db, WINDOW, WINDOW.toUs)).toEqual({ runs: 5, missing: 5 });
    const begun = { fromUs: 0, toUs: T0_US, verifiedUs: T0_US, serverCount: null, recordCount: null } as const;
    inTransaction(db, () => addCoverage(db, "log", failed.id, { ...begun, source: "live" }));
    expect(countRunsWithoutLogs(db, WINDOW, WINDOW.toUs)).toEqual({ runs: 5, missing: 5 });
    const claim = { ...WINDOW, source: "live", verifiedUs: T0_US, serverCount: null, recordCount: null } as const;
    inTransaction(db, () => addCoverage(db, "log", failed.id, claim));
    expect(countRunsWithoutLogs(db, WINDOW, WINDOW.toUs)).toEqual({ runs: 5, missing: 4 });
    // Later lines are expected until ten minutes after the end.
    const laterUs = WINDOW.toUs + HOUR_US;
    expect(countRunsWithoutLogs(db, WINDOW, laterUs)).toEqual({ runs: 5, missing: 5 });
    inTransaction(db, () => addCoverage(db, "log", failed.id, { ...claim, toUs: WINDOW.toUs + HOUR_US }));
    expect(countRunsWithoutLogs(db, WINDOW, laterUs)).toEqual({ runs: 5, missing: 4 });
    expect(countRunsWithoutLogs(db, { fromUs: 0, toUs: 1 }, laterUs)).toEqual({ runs: 0, missing: 0 });
  });
});

describe("flow runs of a deployment or flow", () => {
  test("are the last that started and the next that are scheduled", () => {
    using db = recordOf(RUNS);
    expect(findStartedRuns(db, "deployment_id", DEPLOYMENT, 2).map(({ name }) => name)).toEqual(["running", "crashed"]);
    expect(findNextRuns(db, "deployment_id", DEPLOYMENT, T0_US + 100 * SECONDS_US, 2)).toEqual([
      {
        id: planned.id,
        name: "planned",
        stateType: "SCHEDULED",
        stateName: "Scheduled",
        expectedUs: T0_US + 500 * SECONDS_US,
        startUs: null,
        endUs: null,
      },
    ]);
    expect(findStartedRuns(db, "flow_id", ok.flow_id, 10)).toHaveLength(5);
  });

  test("are counted up to a limit", () => {
    using db = recordOf(RUNS);
    expect([countRunsOfDeployment(db, DEPLOYMENT, 100), countRunsOfDeployment(db, DEPLOYMENT, 3)]).toEqual([6, 3]);
    expect(countRunsOfDeployment(db, anId(901), 100)).toBe(0);
  });
});

describe("runs in progress", () => {
  test("are flow runs in an active state, with what holds their slots", () => {
    const queue = anId(700);
    const pending = aFlowRun({ name: "pending", state_type: "PENDING", work_queue_id: queue, work_queue_name: "fast" });
    using db = recordOf([...RUNS, pending]);
    expect(findActiveRuns(db)).toMatchObject([
      { id: pending.id, stateType: "PENDING", workQueueId: queue, workQueueName: "fast", deploymentId: null },
      { id: running.id, stateType: "RUNNING", workPoolName: "k8s", workQueueId: null, deploymentId: DEPLOYMENT },
    ]);
  });

  test("are task runs that are RUNNING, once for each tag", () => {
    const both = aTaskRun({ name: "both", state_type: "RUNNING", tags: ["db", "gpu"] });
    const one = aTaskRun({ name: "one", state_type: "RUNNING", tags: ["db"], start_time: at(5) });
    using db = recordOf([], [one, both, aTaskRun({ tags: ["db"] })]);
    expect(findRunningTaskRunTags(db)).toEqual([
      { id: both.id, name: "both", tag: "db" },
      { id: both.id, name: "both", tag: "gpu" },
      { id: one.id, name: "one", tag: "db" },
    ]);
  });
});

describe("subflow runs", () => {
  test("are found level by level through the task runs that represent them", () => {
    const parent = aFlowRun();
    const task = aTaskRun({ flow_run_id: parent.id });
    const child = aFlowRun({ name: "child", parent_task_run_id: task.id });
    const childTask = aTaskRun({ flow_run_id: child.id });
    const grandchild = aFlowRun({ name: "grandchild", parent_task_run_id: childTask.id });
    using db = recordOf([parent, child, grandchild], [task, childTask]);
    expect(findFlowRunIdsBelow(db, parent.id, 1)).toEqual([child.id]);
    expect(findFlowRunIdsBelow(db, parent.id, 5)).toEqual([child.id, grandchild.id]);
    expect(findRunNames(db, "flow_run", [child.id, anId(404)])).toEqual(new Map([[child.id, "child"]]));
  });
});
