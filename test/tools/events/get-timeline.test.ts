import { describe, expect, test } from "bun:test";
import { HOUR_US, MINUTE_US } from "../../../src/lib/time.ts";
import { markFlowRunsDeleted } from "../../../src/store/runs/flow-runs.ts";
import { getTimelineTool } from "../../../src/tools/events/get-timeline.ts";
import {
  aDeployment,
  aFlowRun,
  aFlowRunEvent,
  aLog,
  anEvent,
  anId,
  aState,
  aTaskRun,
  at,
  aWorkPool,
  T0_US,
} from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const pool = aWorkPool({ id: anId(41), name: "etl-pool", status: "NOT_READY" });
const deployment = aDeployment({ id: anId(42), name: "nightly", work_pool_name: "etl-pool" });
const run = aFlowRun({
  id: anId(43),
  name: "wandering-guan",
  state_type: "FAILED",
  deployment_id: deployment.id,
  work_pool_name: "etl-pool",
  work_pool_id: pool.id,
  expected_start_time: at(0),
  start_time: at(20),
  end_time: at(40),
});
const states = { Pending: anId(44), Running: anId(45), Failed: anId(46) } as const;

/** By the slow clock of its sender, Running occurred before Pending; `follows` shows the right order. */
const EVENTS = [
  anEvent({
    id: anId(47),
    event: "prefect.work-pool.not-ready",
    occurred: at(-30),
    resource: { "prefect.resource.id": `prefect.work-pool.${pool.id}`, "prefect.resource.name": "etl-pool" },
  }),
  aFlowRunEvent(run, { id: states.Pending, occurred: at(10), event: "prefect.flow-run.Pending" }),
  aFlowRunEvent(run, {
    id: states.Running,
    occurred: at(9),
    event: "prefect.flow-run.Running",
    follows: states.Pending,
  }),
  ...["Running", "Completed", "Failed"].map((name, n) =>
    anEvent({
      id: anId(50 + n),
      event: `prefect.task-run.${name}`,
      occurred: at(30 + n),
      resource: { "prefect.resource.id": `prefect.task-run.${anId(60)}`, "prefect.resource.name": "load-0" },
      related: [
        { "prefect.resource.id": `prefect.flow-run.${run.id}`, "prefect.resource.role": "flow-run" },
        { "prefect.resource.id": `prefect.deployment.${deployment.id}`, "prefect.resource.role": "deployment" },
      ],
    }),
  ),
  aFlowRunEvent(run, { id: states.Failed, occurred: at(40), follows: states.Running }),
];
const ERROR = aLog({ id: anId(48), flow_run_id: run.id, level: 40, message: "disk quota exceeded", timestamp: at(35) });
const INFO = aLog({ id: anId(49), flow_run_id: run.id, message: "fetched 500 rows", timestamp: at(25) });

function fillRecord(harness: ToolHarness): void {
  harness.objects("work_pool", [pool]);
  harness.objects("deployment", [deployment]);
  harness.flowRuns([run]);
  harness.events(EVENTS);
  harness.logs([INFO, ERROR]);
  harness.cover("log", { scope: run.id });
  for (const kind of ["event", "flow_run"]) harness.cover(kind);
}

/** The entries of the run, oldest first. */
const WHOLE_RUN = [
  "infrastructure prefect.work-pool.not-ready",
  "state Pending",
  "state Running",
  "state task-run Failed",
  "log ERROR line 2",
  "state Failed",
];

const entryTexts = (answer: { entries: { kind: string; what: string }[] }) =>
  answer.entries.map((one) => `${one.kind} ${one.what}`);

describe("get_timeline from the record", () => {
  test("shows infrastructure, states, task failures and error lines of a run, causes before effects", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const { structured, text } = await harness.call(getTimelineTool, { flow_run: "wandering-guan" });
    expect(entryTexts(structured)).toEqual(WHOLE_RUN);
    expect(structured).toMatchObject({
      subject: { kind: "flow_run", id: run.id, name: "wandering-guan", state: "Failed" },
      window: { from: at(-300), to: at(100) },
      total: 6,
      hidden: 2,
      source: "record",
      coverage: { complete: true },
    });
    expect(structured.entries[4]).toMatchObject({ time: at(35), message: "disk quota exceeded", id: ERROR.id });
    expect(text).toContain('2 routine steps of task runs left out; detail: "full" shows them');
    expect(harness.fake.takeRequests()).toEqual([]);
    const full = await harness.call(getTimelineTool, { flow_run: run.id, detail: "full" });
    expect(full.structured).toMatchObject({ total: 8 });
    expect(full.structured).not.toHaveProperty("hidden");
  });

  test("says that subflows may be missing where runs of its time were not read", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([run]);
    harness.events(EVENTS);
    harness.cover("log", { scope: run.id });
    harness.cover("event");
    const { structured } = await harness.call(getTimelineTool, { flow_run: run.id });
    expect(structured.coverage).toMatchObject({
      complete: false,
      notes: ["The runs of this time are not recorded completely, so subflows may be missing."],
    });
  });

  test("shows only the deployment, pool and workers of the run", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const ofPool = { "prefect.resource.id": `prefect.work-pool.${pool.id}`, "prefect.resource.role": "work-pool" };
    const happened = (n: number, event: string, resource: string, more: object[] = []) =>
      anEvent({
        id: anId(n),
        event,
        occurred: at(n - 80),
        resource: { "prefect.resource.id": resource, "prefect.resource.name": resource },
        related: [ofPool, ...(more as (typeof ofPool)[])],
      });
    const worker = "prefect.worker.process.w-1";
    const other = { "prefect.resource.id": `prefect.flow-run.${anId(90)}`, "prefect.resource.role": "flow-run" };
    const own = { "prefect.resource.id": `prefect.flow-run.${run.id}`, "prefect.resource.role": "flow-run" };
    harness.events([
      happened(70, "prefect.deployment.created", `prefect.deployment.${anId(91)}`),
      happened(71, "prefect.work-queue.ready", `prefect.work-queue.${anId(92)}`),
      happened(72, "prefect.worker.started", worker),
      happened(73, "prefect.worker.submitted-flow-run", worker, [other]),
      happened(74, "prefect.worker.executed-flow-run", worker, [other]),
      happened(75, "prefect.deployment.ready", `prefect.deployment.${deployment.id}`),
      happened(76, "prefect.worker.submitted-flow-run", worker, [own]),
    ]);
    const { structured } = await harness.call(getTimelineTool, { flow_run: run.id });
    expect(entryTexts(structured).slice(0, 5)).toEqual([
      "infrastructure prefect.work-pool.not-ready",
      "infrastructure prefect.worker.started",
      "infrastructure prefect.deployment.ready",
      "infrastructure prefect.worker.submitted-flow-run",
      "state Pending",
    ]);
  });

  test("shows the first and the last state of each subflow run of a parent run", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const task = aTaskRun({ id: anId(61), flow_run_id: run.id });
    const child = aFlowRun({ id: anId(62), name: "crafty-lynx", parent_task_run_id: task.id });
    harness.taskRuns([task]);
    harness.flowRuns([child]);
    harness.events(
      ["Pending", "Running", "Completed"].map((name, n) =>
        aFlowRunEvent(child, { id: anId(63 + n), occurred: at(21 + n), event: `prefect.flow-run.${name}` }),
      ),
    );
    const { structured } = await harness.call(getTimelineTool, { flow_run: run.id });
    const ofChild = structured.entries.filter((one: { of?: string }) => one.of === "crafty-lynx");
    expect(ofChild.map((one: { time: string; what: string }) => `${one.time} ${one.what}`)).toEqual([
      `${at(21)} Pending`,
      `${at(23)} Completed`,
    ]);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("marks a run that Prefect has deleted", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    markFlowRunsDeleted(harness.db, [run.id], harness.nowUs);
    const { structured, text } = await harness.call(getTimelineTool, { flow_run: run.id });
    expect(structured.subject).toMatchObject({ state: "Failed", deleted: at(3_600) });
    expect(structured.coverage.notes[0]).toContain(`(${run.id}) was deleted in Prefect (seen ${at(3_600)}`);
    expect(text).toContain("(Failed, deleted), oldest first");
    expect(entryTexts(structured)).toContain("log ERROR line 2");
  });

  test("of a deployment and of a pool ends with what happened last, and pages back", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    harness.nowUs += 1_000_000;
    harness.objects("deployment", [{ ...deployment, paused: true }]);
    const first = await harness.call(getTimelineTool, { deployment: "nightly", limit: 3 });
    const { next_cursor: cursor } = first.structured;
    const second = await harness.call(getTimelineTool, { deployment: "nightly", limit: 3, cursor });
    expect(entryTexts(first.structured)).toEqual(["log ERROR line 2", "state Failed", "change updated"]);
    expect(entryTexts(second.structured)).toEqual(["state Pending", "state Running"]);
    expect(second.structured).not.toHaveProperty("next_cursor");
    expect(first.structured.entries[2]).toMatchObject({ of: "nightly", message: "paused" });
    expect(first.text).toContain(", the last ones, oldest first");
    const ofPool = await harness.call(getTimelineTool, { work_pool: "etl-pool" });
    expect(entryTexts(ofPool.structured)).toEqual(["infrastructure prefect.work-pool.not-ready", "log ERROR line 2"]);
  });
});

test("a timeline names runs whose id is all that a log line or an event has", async () => {
  await using harness = await openToolHarness();
  fillRecord(harness);
  harness.events([
    anEvent({
      event: "prefect.flow-run.pull-step.executed",
      occurred: at(15),
      resource: { "prefect.resource.id": `prefect.flow-run.${run.id}` },
      related: [
        { "prefect.resource.id": `prefect.deployment.${deployment.id}`, "prefect.resource.role": "deployment" },
      ],
    }),
  ]);
  const { structured, text } = await harness.call(getTimelineTool, { deployment: "nightly", occurred_after: at(0) });
  const unnamed = structured.entries.filter(
    ({ kind, what }: { kind: string; what: string }) => kind === "log" || what.includes("pull-step"),
  );
  expect(unnamed.map(({ of }: { of?: string }) => of)).toEqual(["wandering-guan", "wandering-guan"]);
  expect(text).not.toContain("prefect.flow-run.#");
});

describe("get_timeline from Prefect", () => {
  test("answers without a record, with the states that Prefect keeps longer than events", async () => {
    await using harness = await openToolHarness({ record: false });
    const { fake } = harness;
    fake.workspace.flowRuns.push(run);
    fake.workspace.logs.push(INFO, ERROR);
    fake.emit([...EVENTS], { socket: false });
    const { structured } = await harness.call(getTimelineTool, { flow_run: run.id });
    expect(entryTexts(structured)).toEqual(WHOLE_RUN);
    expect(structured.source).toBe("live");
  });

  test("shows states where Prefect has deleted the events, and states the gap", async () => {
    await using harness = await openToolHarness();
    const { putFact } = await import("../../../src/store/sync-state.ts");
    const retentionUs = 10 * MINUTE_US;
    putFact(harness.db, "instance", { url: "x", version: "3.8.8", retentionUs, createdUs: 0 }, 0);
    harness.flowRuns([run]);
    harness.fake.workspace.flowRuns.push(run);
    harness.cover("event", { fromUs: T0_US + HOUR_US - retentionUs });
    const crashed = aState({ type: "FAILED", name: "Failed", timestamp: at(40), message: "Flow run failed" });
    harness.fake.answer("GET /flow_run_states/", [crashed]);
    const { structured, text } = await harness.call(getTimelineTool, { flow_run: run.id });
    expect(structured.entries).toEqual([
      { time: at(40), kind: "state", what: "Failed", message: "Flow run failed", id: crashed.id },
    ]);
    expect(structured.coverage.complete).toBe(false);
    expect(text).toContain("INCOMPLETE");
  });
});

describe("get_timeline fails", () => {
  test("without exactly one subject, on an unknown subject, and with neither record nor Prefect", async () => {
    await using harness = await openToolHarness();
    for (const args of [{}, { flow_run: "a", deployment: "b" }]) {
      const { structured } = await harness.call(getTimelineTool, args);
      expect(structured).toMatchObject({ code: "invalid_input", message: expect.stringContaining("exactly one") });
    }
    const unknown = await harness.call(getTimelineTool, { flow_run: anId(99) });
    expect(unknown.structured).toMatchObject({ code: "not_found" });
    await harness.fake.down();
    const away = await harness.call(getTimelineTool, { flow_run: anId(99) });
    expect(away.structured).toMatchObject({ code: "unavailable", retryable: true });
  });
});
