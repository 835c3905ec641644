import { describe, expect, test } from "bun:test";
import { DAY_US, MINUTE_US } from "../../../src/lib/time.ts";
import { compareRunsTool } from "../../../src/tools/runs/compare-runs.ts";
import {
  aDeployment,
  aFlow,
  aFlowRun,
  aLog,
  anEvent,
  anId,
  aState,
  aTaskRun,
  at,
  aWorkPool,
} from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const flow = aFlow({ id: anId(1), name: "etl", created: at(-86_400) });
const deployment = aDeployment({ id: anId(2), name: "nightly", flow_id: flow.id });
const other = aDeployment({ id: anId(3), name: "hourly", flow_id: flow.id });
const pool = aWorkPool({ id: anId(4), name: "batch" });
const base = { flow_id: flow.id, deployment_id: deployment.id, work_pool_id: pool.id, work_pool_name: pool.name };
const good = aFlowRun({
  ...base,
  id: anId(11),
  name: "blue-fox",
  start_time: at(0),
  end_time: at(60),
  parameters: { day: 1, limit: 500 },
  flow_version: "v1",
  job_variables: { image: "etl:1" },
});
const bad = aFlowRun({
  ...base,
  id: anId(12),
  name: "calm-otter",
  state: aState({ type: "FAILED", message: "ValueError: no such column", timestamp: at(1_950) }),
  expected_start_time: at(1_770),
  start_time: at(1_800),
  end_time: at(1_950),
  parameters: { day: 2, limit: 500 },
  flow_version: "v2",
  job_variables: { image: "etl:2" },
});
/** A failed run in between, and a completed one of another deployment: neither is the last good one. */
const between = aFlowRun({ ...base, id: anId(13), state_type: "FAILED", start_time: at(900), end_time: at(910) });
const elsewhere = aFlowRun({
  ...base,
  id: anId(14),
  deployment_id: other.id,
  start_time: at(1_000),
  end_time: at(1_010),
});

const task = (
  flowRunId: string,
  name: string,
  start: number,
  end: number,
  state: "COMPLETED" | "FAILED" = "COMPLETED",
) => aTaskRun({ flow_run_id: flowRunId, name, state_type: state, start_time: at(start), end_time: at(end) });
const tasks = [
  task(good.id, "read-1a2", 1, 11),
  task(good.id, "write-3c4", 12, 50),
  task(good.id, "notify-5e6", 51, 52),
  task(bad.id, "read-7a8", 1_801, 1_851),
  task(bad.id, "write-9ab", 1_852, 1_940, "FAILED"),
  task(bad.id, "check-cde", 1_841, 1_842),
];
const line = (flowRunId: string, second: number, message: string, level = 20) =>
  aLog({ flow_run_id: flowRunId, timestamp: at(second), message, level });
const logs = [
  line(good.id, 1, "Beginning flow run 'blue-fox'"),
  line(good.id, 11, "read 500 rows"),
  line(good.id, 50, "wrote the table"),
  line(bad.id, 1_801, "Beginning flow run 'calm-otter'"),
  line(bad.id, 1_851, "read 812 rows"),
  line(bad.id, 1_940, "ValueError: no such column", 40),
];
const updated = anEvent({
  id: anId(21),
  event: "prefect.deployment.updated",
  occurred: at(1_200),
  resource: { "prefect.resource.id": `prefect.deployment.${deployment.id}`, "prefect.resource.name": "nightly" },
  payload: { updates: { job_variables: { from: { image: "etl:1" }, to: { image: "etl:2" } } } },
});

function fillRecord(harness: ToolHarness): void {
  harness.objects("flow", [flow]);
  harness.objects("deployment", [deployment, other]);
  harness.objects("work_pool", [pool]);
  harness.flowRuns([good, between, elsewhere, bad]);
  harness.taskRuns(tasks);
  harness.events([updated]);
  const fromUs = harness.nowUs - DAY_US;
  for (const kind of ["event", "flow_run", "task_run"]) harness.cover(kind, { fromUs });
  for (const scope of [good.id, bad.id]) harness.cover("task_run", { scope, fromUs: 0 });
  harness.following();
}

function coverLogs(harness: ToolHarness): void {
  harness.logs(logs);
  for (const scope of [good.id, bad.id]) harness.cover("log", { scope, fromUs: 0 });
}

const EXPECTED = {
  flow_run: {
    id: bad.id,
    name: "calm-otter",
    of: "etl/nightly",
    state: "Failed",
    state_message: "ValueError: no such column",
  },
  with: { id: good.id, name: "blue-fox", reason: "the last completed run of the same deployment before it" },
  duration: { seconds: 150, with_seconds: 60, late_seconds: 30, with_late_seconds: 0 },
  parameters: ["day: 1 → 2"],
  versions: ['flow_version: "v1" → "v2"'],
  infrastructure: ['job_variables: {"image":"etl:1"} → {"image":"etl:2"}'],
  tasks: {
    failed: [{ name: "write", now: { runs: 1, failed: 1 }, before: { runs: 1, mean_s: 38 } }],
    new: [{ name: "check", runs: 1, mean_s: 1 }],
    missing: [{ name: "notify", runs: 1, mean_s: 1 }],
    slower: [{ name: "read", now: { runs: 1, mean_s: 50 }, before: { runs: 1, mean_s: 10 } }],
    same: 0,
  },
  logs: {
    first_different: { n: 3, level: "ERROR", message: "ValueError: no such column" },
    first_missing: { n: 3, message: "wrote the table" },
    same_before: 2,
  },
  changes: [
    {
      id: deployment.id,
      at: at(1_200),
      kind: "deployment",
      name: "etl/nightly",
      change: "updated",
      fields: ['job_variables: {"image":"etl:1"} → {"image":"etl:2"}'],
    },
  ],
};

describe("compare_runs from the record", () => {
  test("compares a failed run with the last good one of its deployment, without a request", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    coverLogs(harness);
    const { structured, text } = await harness.call(compareRunsTool, { flow_run: "calm-otter" });
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(structured).toMatchObject({ ...EXPECTED, source: "record", coverage: { complete: true } });
    for (const words of ["day: 1 → 2", "tasks failed: write", "tasks slower: read", "wrote the table", "etl/nightly"])
      expect(text).toContain(words);
  });

  test("the first different line shows the frame of the flow, not those of libraries, and the name of its level", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const frame =
      '  File "/usr/lib/python3.12/site-packages/prefect/flow_engine.py", line 800, in call_flow_fn\n    result = f()\n';
    const message = `Encountered exception during execution:\nTraceback (most recent call last):\n${frame.repeat(30)}  File "/srv/flows.py", line 3, in load\n    open(path)\nOSError: full`;
    harness.logs([...logs.slice(0, -1), line(bad.id, 1_940.25, message, 40)]);
    for (const scope of [good.id, bad.id]) harness.cover("log", { scope, fromUs: 0 });
    const { structured, text } = await harness.call(compareRunsTool, { flow_run: "calm-otter" });
    const shown = structured.logs.first_different.message;
    expect(shown).toContain("30 frames of libraries");
    expect(shown).toEndWith('File "/srv/flows.py", line 3, in load\n    open(path)\nOSError: full');
    expect(text).toContain(`3 ${at(1_940)} ERROR Encountered exception`);
    expect(text).not.toContain("flow_engine.py");
  });

  test("compares with any other run, also a later one", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    coverLogs(harness);
    const { structured } = await harness.call(compareRunsTool, { flow_run: good.id, with: "calm-otter" });
    expect(structured).toMatchObject({
      with: { id: bad.id, reason: "the run that was asked for" },
      parameters: ["day: 2 → 1"],
      tasks: { failed: [], new: [{ name: "notify" }], missing: [{ name: "check" }] },
      changes: [{ id: deployment.id }],
    });
  });

  test("changes without an event, of other objects too, come after those of the run's own", async () => {
    await using harness = await openToolHarness();
    harness.nowUs -= 45 * MINUTE_US;
    harness.objects("deployment", [deployment, other]);
    harness.objects("work_pool", [pool]);
    harness.nowUs += 5 * MINUTE_US;
    harness.objects("deployment", [deployment, { ...other, paused: true }]);
    harness.objects("work_pool", [{ ...pool, concurrency_limit: 1 }]);
    harness.nowUs += 40 * MINUTE_US;
    fillRecord(harness);
    coverLogs(harness);
    const { structured } = await harness.call(compareRunsTool, { flow_run: bad.id });
    const shown = structured.changes.map((one: { id: string; fields: readonly string[] }) => [one.id, one.fields[0]]);
    expect(shown.slice(0, 3)).toEqual(
      expect.arrayContaining([
        [pool.id, "concurrency_limit: null → 1"],
        [deployment.id, 'job_variables: {"image":"etl:1"} → {"image":"etl:2"}'],
      ]),
    );
    expect(shown.at(-1)?.[0]).toBe(other.id);
    // The deployment was read 15 minutes after the good run began.
    expect(structured.coverage.notes).toEqual([
      `The deployment is recorded since ${at(900)}, later than the earlier run began: what changed before without an event (pauses, limits, schedules) is unknown.`,
    ]);
  });

  test("says where the log is not recorded, and compares the rest", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    harness.following({ lostSecondsAgo: 5 });
    harness.fake.faults.fail("", { drop: true }, 200);
    const { structured, text } = await harness.call(compareRunsTool, { flow_run: bad.id });
    const { logs: _, ...rest } = EXPECTED;
    expect(structured).toMatchObject({ parameters: rest.parameters, tasks: rest.tasks, source: "record" });
    expect(structured.logs.not_compared).toMatch(/^The log/);
    expect(text).toContain(structured.logs.not_compared);
  });

  test("what was read from Prefect beside the record makes the answer mixed", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    harness.fake.workspace.flowRuns.push(good, bad);
    harness.fake.workspace.logs.push(...logs);
    const { structured, text } = await harness.call(compareRunsTool, { flow_run: bad.id });
    expect(harness.fake.takeRequests()).not.toEqual([]);
    expect(structured).toMatchObject({ source: "mixed", logs: EXPECTED.logs });
    expect(text).toContain("mixed");
  });

  test("refuses to compare a run with itself", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const { structured } = await harness.call(compareRunsTool, { flow_run: bad.id, with: bad.id });
    expect(structured).toMatchObject({
      code: "invalid_input",
      message: `A run is compared with another one, and both are ${bad.id}.`,
    });
  });

  test("says that no earlier run completed", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const { structured } = await harness.call(compareRunsTool, { flow_run: good.id });
    expect(structured).toMatchObject({ code: "not_found" });
    expect(structured.message).toContain("No earlier run of the same deployment completed");
  });
});

describe("compare_runs without a record", () => {
  test("asks Prefect", async () => {
    await using harness = await openToolHarness({ record: false });
    const { workspace } = harness.fake;
    workspace.flows.push(flow);
    workspace.deployments.push(deployment, other);
    workspace.flowRuns.push(good, between, elsewhere, bad);
    workspace.taskRuns.push(...tasks);
    workspace.logs.push(...logs);
    const { structured } = await harness.call(compareRunsTool, { flow_run: bad.id });
    const { changes: _, ...rest } = EXPECTED;
    expect(structured).toMatchObject({ ...rest, source: "live", changes: [] });
    expect(structured.coverage.notes).toEqual([
      "Without a record only changes with an event are known: not those of pauses, limits and schedules.",
    ]);
  });

  test("fails for a run that does not exist, and where Prefect does not answer", async () => {
    await using harness = await openToolHarness({ record: false });
    expect((await harness.call(compareRunsTool, { flow_run: anId(99) })).structured.code).toBe("not_found");
    harness.fake.faults.fail("", { status: 503 }, 100);
    const { structured } = await harness.call(compareRunsTool, { flow_run: anId(98) });
    expect(structured).toMatchObject({ code: "unavailable", retryable: true });
  });
});
