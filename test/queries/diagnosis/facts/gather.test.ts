import { describe, expect, test } from "bun:test";
import { DAY_US } from "../../../../src/lib/time.ts";
import { diagnose } from "../../../../src/queries/diagnosis/diagnose.ts";
import { gatherFacts } from "../../../../src/queries/diagnosis/facts/gather.ts";
import { isWaiting } from "../../../../src/queries/diagnosis/facts/gather-runs.ts";
import { startGathering } from "../../../../src/queries/diagnosis/facts/gathering.ts";
import {
  aConcurrencyLimit,
  aDeployment,
  aFlow,
  aFlowRun,
  aLog,
  anEvent,
  anId,
  aState,
  aTaskRun,
  at,
  T0_US,
} from "../../../support/builders.ts";
import { NOW_US } from "../../../support/diagnosis/facts.ts";
import { openToolHarness, type ToolHarness } from "../../../support/tool-harness.ts";

const flow = aFlow({ id: anId(1) });
const deployment = aDeployment({ id: anId(2), name: "nightly", flow_id: flow.id });
const other = aDeployment({ id: anId(3), name: "hourly", flow_id: flow.id });
const failure = (message: string) =>
  aState({ type: "FAILED", message: `Flow run encountered an exception: ${message}` });
const own = { flow_id: flow.id, deployment_id: deployment.id };

async function open(): Promise<ToolHarness> {
  const harness = await openToolHarness();
  harness.objects("flow", [flow]);
  harness.objects("deployment", [deployment, other]);
  for (const kind of ["work_pool", "work_queue", "worker", "concurrency_limit", "automation"] as const)
    harness.objects(kind, []);
  for (const kind of ["flow_run", "task_run", "event"]) harness.cover(kind, { fromUs: harness.nowUs - 2 * DAY_US });
  // As where Prefect has no older task runs.
  harness.cover("task_run", { fromUs: 0 });
  harness.following();
  return harness;
}

const subject = (id: string) => ({ kind: "flow_run" as const, id, name: "r" });
const window = { fromUs: NOW_US - DAY_US, toUs: NOW_US, isGiven: false };
const facts = (harness: ToolHarness, about: Parameters<typeof gatherFacts>[1]) =>
  gatherFacts(harness.query, about, window, startGathering(harness.query));

describe("about a run", () => {
  const bad = aFlowRun({
    id: anId(10),
    name: "bad",
    ...own,
    state_type: "FAILED",
    start_time: at(100),
    state: failure("KeyError: 'row 7'"),
  });

  test("finds its history, its error, and the same error elsewhere, without a request", async () => {
    await using harness = await open();
    const good = aFlowRun({ name: "good", ...own, start_time: at(10) });
    const same = aFlowRun({
      name: "same",
      flow_id: flow.id,
      deployment_id: other.id,
      state_type: "FAILED",
      start_time: at(20),
      state: failure("KeyError: 'row 12'"),
    });
    const different = aFlowRun({ state_type: "FAILED", start_time: at(30), state: failure("OSError: full") });
    harness.flowRuns([bad, good, same, different]);
    harness.logs([aLog({ level: 40, message: "no such row", flow_run_id: bad.id }), aLog({ flow_run_id: bad.id })]);
    harness.cover("log", { scope: bad.id });
    harness.cover("task_run", { scope: bad.id });
    const found = await facts(harness, subject(bad.id));
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(found.run?.history.map((run) => run.name)).toEqual(["good"]);
    expect(found.sameError.map((one) => [one.run.name, one.deploymentName])).toEqual([["same", "hourly"]]);
    expect(found.run?.error).toMatchObject({ type: "KeyError", message: "'row 7'" });
    expect(found.unchecked).toEqual([]);
  });

  test("a subflow that failed with its parent counts once, and its own subflows do not count", async () => {
    await using harness = await open();
    const failedAt = (seconds: number, given: object) =>
      aFlowRun({ flow_id: flow.id, state_type: "FAILED", start_time: at(seconds), state: bad.state ?? null, ...given });
    const parent = failedAt(20, { id: anId(13), name: "parent", end_time: at(50) });
    const [ofParent, ofBad] = [parent.id, bad.id].map((id, n) => aTaskRun({ id: anId(16 + n), flow_run_id: id }));
    const child = failedAt(25, { name: "child", parent_task_run_id: ofParent?.id, end_time: at(45) });
    const ownChild = failedAt(101, { name: "own", parent_task_run_id: ofBad?.id, end_time: at(105) });
    harness.flowRuns([bad, parent, child, ownChild]);
    harness.taskRuns([ofParent, ofBad].flatMap((task) => task ?? []));
    for (const run of [bad, ownChild]) for (const kind of ["log", "task_run"]) harness.cover(kind, { scope: run.id });
    const found = await facts(harness, subject(bad.id));
    expect(found.sameError.map((one) => one.run.name)).toEqual(["parent"]);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("its subflows are read from Prefect when it began before what the record covers", async () => {
    await using harness = await open();
    const start = -3 * 86_400;
    const old = aFlowRun({ ...bad, start_time: at(start), end_time: at(start + 60) });
    const task = aTaskRun({ flow_run_id: old.id, expected_start_time: at(start + 10) });
    const child = aFlowRun({
      name: "old-child",
      flow_id: flow.id,
      parent_task_run_id: task.id,
      state_type: "FAILED",
      start_time: at(start + 10),
      expected_start_time: at(start + 10),
    });
    harness.flowRuns([old]);
    harness.fake.workspace.flowRuns.push(old, child);
    harness.fake.workspace.taskRuns.push(task);
    const found = await facts(harness, subject(old.id));
    expect(found.run?.children.map((one) => one.run.name)).toEqual(["old-child"]);
  });

  test("its subflows may have been due before it began", async () => {
    await using harness = await open();
    const parent = aFlowRun({ ...bad, start_time: at(-60), end_time: at(0) });
    const task = aTaskRun({ flow_run_id: parent.id, expected_start_time: at(-30) });
    const due = { state_type: "SCHEDULED" as const, start_time: null, expected_start_time: at(-600) };
    const child = aFlowRun({ name: "late-child", flow_id: flow.id, parent_task_run_id: task.id, ...due });
    harness.flowRuns([parent, child]);
    harness.taskRuns([task]);
    const found = await facts(harness, subject(parent.id));
    expect(found.run?.children.map((one) => one.run.name)).toEqual(["late-child"]);
  });

  test("its log is read again when it was read last before the run ended", async () => {
    await using harness = await open();
    harness.flowRuns([bad]);
    const early = aLog({ level: 40, message: "a retry failed", flow_run_id: bad.id, timestamp: at(100) });
    const late = aLog({ level: 40, message: "no such row", flow_run_id: bad.id, timestamp: at(101) });
    harness.logs([early]);
    harness.cover("log", { scope: bad.id, fromUs: 0, toUs: T0_US + 100_000_000 });
    harness.cover("task_run", { scope: bad.id });
    harness.fake.workspace.logs.push(early, late);
    const found = await facts(harness, subject(bad.id));
    expect(found.run?.logs?.map((log) => log.message)).toEqual(["a retry failed", "no such row"]);
  });

  test("limits are read only when something can wait for them", async () => {
    await using harness = await open();
    const running = aFlowRun({ id: anId(11), ...own, state_type: "RUNNING", start_time: at(3_000) });
    harness.flowRuns([running]);
    await facts(harness, subject(running.id));
    expect(harness.fake.takeRequests()).toEqual(["POST /logs/filter"]);
    const task = { flow_run_id: running.id, tags: ["db"], state_type: "PENDING" as const, start_time: at(3_001) };
    harness.taskRuns([aTaskRun(task)]);
    await facts(harness, subject(running.id));
    expect(harness.fake.takeRequests().toSorted()).toEqual([
      "POST /concurrency_limits/filter",
      "POST /logs/filter",
      "POST /v2/concurrency_limits/filter",
    ]);
  });

  test("names what Prefect did not answer", async () => {
    await using harness = await open();
    const running = aFlowRun({ id: anId(12), name: "r", ...own, state_type: "RUNNING", start_time: at(3_000) });
    harness.flowRuns([running]);
    await harness.fake.down();
    const found = await facts(harness, subject(running.id));
    expect(found.run?.run.name).toBe("r");
    expect(found.unchecked.join("; ")).toContain("the log of r");
  });
});

describe("about a deployment", () => {
  test("failures are grouped by error; a run of a deployment that shares the limit holds it too", async () => {
    await using harness = await open();
    const limit = aConcurrencyLimit({ id: anId(20), name: "shared", limit: 1, active_slots: 1 });
    for (const one of [deployment, other])
      harness.db.sqlite.run(
        "UPDATE object SET doc = json_set(doc, '$.global_concurrency_limit', json(?)) WHERE id = ?",
        [JSON.stringify(limit), one.id],
      );
    harness.fake.workspace.concurrencyLimits.push(limit);
    const bad = [1, 2, 3].map((n) =>
      aFlowRun({
        ...own,
        state_type: "FAILED",
        start_time: at(n),
        state: failure(`LookupError: no customer ${n * 71}`),
      }),
    );
    const odd = aFlowRun({ ...own, state_type: "FAILED", start_time: at(9), state: failure("OSError: full") });
    const holder = { flow_id: flow.id, deployment_id: other.id, name: "holder" };
    harness.flowRuns([
      ...bad,
      odd,
      aFlowRun({ ...holder, state_type: "RUNNING", start_time: at(3_000) }),
      aFlowRun({ ...own, name: "refused", state_type: "SCHEDULED", state_name: "AwaitingConcurrencySlot" }),
    ]);
    const found = await facts(harness, { kind: "deployment", id: deployment.id, name: "nightly" });
    expect(found.failures.map((group) => group.runs.length)).toEqual([3, 1]);
    expect(found.waiting.map((one) => one.run.name)).toEqual(["refused"]);
    expect(found.limits[0]?.holders.map((one) => one.name)).toEqual(["holder"]);
  });
});

describe("running runs in wider questions", () => {
  const running = aFlowRun({ ...own, name: "silent", state_type: "RUNNING", start_time: at(0) });
  const resource = { "prefect.resource.id": `prefect.flow-run.${running.id}` };
  const beat = (seconds: number) =>
    anEvent({ event: "prefect.flow-run.heartbeat", occurred: at(seconds), resource, related: [] });

  test("one without heartbeats and a paused one are problems, without a request", async () => {
    await using harness = await open();
    harness.flowRuns([running, aFlowRun({ ...own, name: "halt", state_type: "PAUSED", start_time: at(1) })]);
    harness.events([beat(300), beat(600)]);
    for (const subject of [null, { kind: "deployment", text: deployment.id } as const]) {
      const found = await diagnose(harness.query, { subject });
      expect(found.verdict).toBe("problem");
      expect(found.findings.slice(0, 2).map((one) => one.code)).toEqual(["paused", "zombie_run"]);
      expect(found.unchecked).toEqual([]);
    }
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("one with recent heartbeats is no problem", async () => {
    await using harness = await open();
    harness.flowRuns([running]);
    harness.events([beat(300), beat(3_500)]);
    expect(await diagnose(harness.query, { subject: null })).toMatchObject({ verdict: "nothing_wrong", findings: [] });
  });

  test("missing heartbeats are no problem while Prefect is unreachable", async () => {
    await using harness = await open();
    harness.flowRuns([running]);
    harness.events([beat(2_900)]);
    harness.following({ lostSecondsAgo: 600 });
    for (const subject of [null, { kind: "flow_run", text: running.id } as const])
      expect((await diagnose(harness.query, { subject })).findings).toEqual([]);
  });

  test("without a record the heartbeats are named as unchecked", async () => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.workspace.flowRuns.push(running);
    const found = await diagnose(harness.query, { subject: null });
    expect<unknown>(found.unchecked).toEqual([
      "whether running runs still send heartbeats, and what their tasks wait for",
      "whether deployments are paused or without runs to come",
      "retries of runs and tasks",
      "automations whose actions failed or whose events never occur",
    ]);
  });
});

describe("about a deployment that Prefect has deleted", () => {
  const named = { kind: "deployment", text: deployment.id } as const;
  const run = aFlowRun({ ...own, name: "last", start_time: at(3_000) });

  test("its runs are found, and its deletion is the cause", async () => {
    await using harness = await open();
    harness.flowRuns([run]);
    harness.objects("deployment", [other]);
    const found = await diagnose(harness.query, { subject: named });
    expect(found.verdict).toBe("problem");
    expect(found.findings.map((one) => one.code)).toEqual(["deployment_deleted"]);
    expect(found.state).toStartWith("1 run ended (0 failed or crashed)");
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("names a successor of the same flow and name, not one of another flow", async () => {
    await using harness = await open();
    const successor = aDeployment({ id: anId(4), name: "nightly", flow_id: flow.id });
    const ofOtherFlow = aDeployment({ id: anId(5), name: "nightly", flow_id: anId(99) });
    harness.objects("deployment", [other, ofOtherFlow]);
    const alone = await diagnose(harness.query, { subject: named });
    expect(alone.findings[0]?.evidence).not.toHaveProperty("successor");
    harness.objects("deployment", [other, ofOtherFlow, successor]);
    const found = await diagnose(harness.query, { subject: named });
    expect(found.findings[0]?.evidence).toMatchObject({ successor: { id: successor.id } });
    expect(harness.fake.takeRequests()).toEqual([]);
  });
});

describe("a run that began before the window", () => {
  const long = aFlowRun({
    ...own,
    name: "two-hours",
    state_type: "FAILED",
    start_time: at(-7_200),
    end_time: at(1_800),
    state: failure("OSError: full"),
  });
  const before = aFlowRun({ ...own, name: "before", state_type: "FAILED", start_time: at(-7_200), end_time: at(-60) });

  test("counts when it ended in the window, without a request", async () => {
    await using harness = await open();
    harness.flowRuns([long, before]);
    harness.cover("log", { scope: long.id });
    const found = await diagnose(harness.query, { subject: null, sinceUs: T0_US });
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(found.state).toStartWith("1 run ended (1 failed or crashed; the last to fail was two-hours at");
    expect(found.findings[0]?.summary).toContain("OSError: full");
  });

  test("counts the same when Prefect is asked", async () => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.workspace.flowRuns.push(long, before);
    const found = await diagnose(harness.query, { subject: null, sinceUs: T0_US });
    expect(found.state).toStartWith("1 run ended (1 failed or crashed; the last to fail was two-hours at");
  });

  test("a record that begins inside the window asks Prefect", async () => {
    await using harness = await open();
    harness.objects("flow", [{ ...flow, created: at(-10 * 86_400) }]);
    await diagnose(harness.query, { subject: null, sinceUs: NOW_US - 3 * DAY_US });
    expect(harness.fake.takeRequests()).toEqual(["POST /flow_runs/filter"]);
  });
});

describe("more runs than are listed", () => {
  const bad = [1, 2, 3].map((n) =>
    aFlowRun({
      name: `bad-${n}`,
      flow_id: flow.id,
      deployment_id: other.id,
      state_type: n === 3 ? "CRASHED" : "FAILED",
      start_time: at(10 * n),
      state: failure("KeyError: 'price'"),
    }),
  );
  const good = Array.from({ length: 260 }, (_, n) => aFlowRun({ ...own, name: `good-${n}`, start_time: at(200 + n) }));

  test("failures before them are found and counted; what was left out is named", async () => {
    await using harness = await open();
    harness.flowRuns([...bad, ...good]);
    for (const run of bad) harness.cover("log", { scope: run.id });
    const found = await diagnose(harness.query, { subject: null });
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(found.verdict).toBe("problem");
    expect(found.state).toStartWith("263 runs ended (3 failed or crashed; the last to fail was bad-3 at");
    expect(found.findings.map((one) => [one.code, one.runsExplained])).toEqual([
      ["repeated_failure", 2],
      ["failure", 1],
    ]);
    expect(found.ruledOut).not.toContain("none of 199 ended runs failed");
    expect<unknown>(found.unchecked).toEqual(["order and durations of all but the newest 199 of 263 ended runs"]);
  });

  test("a completed run between the failures and the newest runs makes them notes", async () => {
    await using harness = await open();
    const since = aFlowRun({ flow_id: flow.id, deployment_id: other.id, start_time: at(100) });
    harness.flowRuns([...bad, since, ...good]);
    for (const run of bad) harness.cover("log", { scope: run.id });
    const found = await diagnose(harness.query, { subject: null });
    expect(found.findings.map((one) => one.severity)).toEqual(["note", "note"]);
  });

  test("without a record Prefect counts", async () => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.workspace.flowRuns.push(...bad, ...good);
    const found = await diagnose(harness.query, { subject: null });
    expect(found.state).toStartWith("263 runs ended (3 failed or crashed");
    expect<unknown>(found.unchecked).toContain("whether flows that failed have completed before or since");
  });
});

test("without a problem, what was checked is named as ruled out", async () => {
  await using harness = await open();
  harness.flowRuns([aFlowRun({ ...own, start_time: at(3_000) })]);
  const found = await diagnose(harness.query, { subject: null });
  expect(found).toMatchObject({ verdict: "nothing_wrong", findings: [], ruledOut: ["none of 1 ended run failed"] });
});

test("runs that are due wait; those scheduled for later, retries and running ones do not", () => {
  const scheduled = { state_type: "SCHEDULED" as const, expected_start_time: at(0) };
  expect(isWaiting(aFlowRun({ ...scheduled, state_name: "Late" }), T0_US)).toBe(true);
  expect(isWaiting(aFlowRun(scheduled), NOW_US)).toBe(true);
  expect(isWaiting(aFlowRun(scheduled), T0_US)).toBe(false);
  expect(isWaiting(aFlowRun({ ...scheduled, state_name: "AwaitingRetry" }), NOW_US)).toBe(false);
  expect(isWaiting(aFlowRun({ state_type: "PENDING" }), T0_US)).toBe(true);
  expect(isWaiting(aFlowRun({ state_type: "RUNNING" }), NOW_US)).toBe(false);
});
