/** The argument `at`: the workspace as it was, without a fact of the present. */
import { describe, expect, test } from "bun:test";
import { DAY_US, formatIsoUs, MINUTE_US, SECOND_US } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import type { FlowRun } from "../../../src/model/objects.ts";
import type { ToolDefinition } from "../../../src/tools/definition/define-tool.ts";
import { getAutomationsTool } from "../../../src/tools/objects/get-automations.ts";
import { getDeploymentsTool } from "../../../src/tools/objects/get-deployments.ts";
import { getWorkPoolsTool } from "../../../src/tools/objects/get-work-pools.ts";
import { getFlowRunsTool } from "../../../src/tools/runs/get-flow-runs.ts";
import { getDashboardTool } from "../../../src/tools/workspace/get-dashboard.ts";
import {
  aDeployment,
  aFlow,
  aFlowRun,
  anAutomation,
  anEvent,
  anId,
  aState,
  at,
  aWorker,
  aWorkPool,
  aWorkQueue,
} from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const [FLOW, LOAD, POOL, QUEUE, RUN] = [anId(1), anId(11), anId(21), anId(22), anId(31)];
const flow = aFlow({ id: FLOW, name: "sales" });
const load = aDeployment({ id: LOAD, name: "load", flow_id: FLOW, work_pool_name: "batch", work_queue_id: QUEUE });
const pool = aWorkPool({ id: POOL, name: "batch", concurrency_limit: 2 });
const queue = aWorkQueue({ id: QUEUE, work_pool_id: POOL, work_pool_name: "batch" });
const worker = aWorker({ id: anId(41), name: "w1", work_pool_id: POOL });
const automation = anAutomation({ id: anId(51), name: "pager" });

/** Moments, seconds after the builders' time. */
const [READ, CHANGED, LATER, NOW] = [0, 1_000, 2_000, 3_600];

function stateEvent(run: FlowRun, seconds: number, type: string, before: string): PrefectEvent {
  return anEvent({
    event: `prefect.flow-run.${type.charAt(0)}${type.slice(1).toLowerCase()}`,
    occurred: at(seconds),
    resource: {
      "prefect.resource.id": `prefect.flow-run.${run.id}`,
      "prefect.resource.name": run.name,
      "prefect.state-type": type,
      "prefect.state-name": `${type.charAt(0)}${type.slice(1).toLowerCase()}`,
      "prefect.state-message": "",
      "prefect.run-count": "1",
    },
    payload: {
      intended: { from: before, to: type },
      initial_state: { type: before, name: `${before.charAt(0)}${before.slice(1).toLowerCase()}` },
    },
  });
}

/** A workspace that is read at READ, changes before CHANGED, and ends with other objects and states. */
function history(harness: ToolHarness): FlowRun {
  const now = harness.nowUs;
  const moment = (seconds: number) => {
    harness.nowUs = now + (seconds - NOW) * SECOND_US;
  };
  moment(READ);
  harness.objects("flow", [flow]);
  harness.objects("deployment", [load]);
  harness.objects("work_pool", [pool]);
  harness.objects("work_queue", [queue]);
  harness.objects("worker", [worker]);
  harness.objects("automation", [automation]);
  harness.objects("concurrency_limit", []);
  moment(CHANGED);
  harness.objects("deployment", [
    { ...load, paused: true },
    aDeployment({ id: anId(12), name: "report", flow_id: FLOW, created: at(990) }),
  ]);
  harness.objects("work_pool", [{ ...pool, concurrency_limit: 1, is_paused: true, status: "PAUSED" }]);
  harness.objects("worker", [{ ...worker, status: "OFFLINE" }]);
  harness.objects("automation", []);
  moment(NOW);
  const run = aFlowRun({
    id: RUN,
    name: "night",
    flow_id: FLOW,
    deployment_id: LOAD,
    work_pool_name: "batch",
    work_queue_id: QUEUE,
    created: at(100),
    expected_start_time: at(101),
    start_time: at(110),
    end_time: at(1_500),
    state: aState({ type: "FAILED", name: "Failed", timestamp: at(1_500), message: "the disk is full" }),
    state_type: "FAILED",
    parameters: { day: 1 },
  });
  harness.events([
    stateEvent(run, 105, "PENDING", "SCHEDULED"),
    stateEvent(run, 110, "RUNNING", "PENDING"),
    stateEvent(run, 1_500, "FAILED", "RUNNING"),
    anEvent({
      event: "prefect.work-pool.ready",
      occurred: at(50),
      resource: { "prefect.resource.id": `prefect.work-pool.${POOL}`, "prefect.resource.name": "batch" },
    }),
    anEvent({
      event: "prefect.work-pool.paused",
      occurred: at(990),
      resource: { "prefect.resource.id": `prefect.work-pool.${POOL}`, "prefect.resource.name": "batch" },
    }),
  ]);
  harness.flowRuns([run, aFlowRun({ flow_id: FLOW, start_time: at(2_500), created: at(2_500), name: "not yet" })]);
  harness.cover("flow_run", { fromUs: harness.nowUs - 40 * DAY_US });
  harness.cover("event", { fromUs: harness.nowUs - 40 * DAY_US });
  harness.following();
  return run;
}

describe("at", () => {
  test("get_deployments shows them as they were, also one that did not exist yet or was not paused", async () => {
    await using harness = await openToolHarness();
    history(harness);
    const before = await harness.call(getDeploymentsTool, { at: at(500) });
    expect(before.structured).toMatchObject({ source: "record", as_of: at(500), at: at(500) });
    expect(before.structured.coverage.complete).toBe(true);
    expect(before.structured.deployments).toMatchObject([
      { name: "load", flow_name: "sales", paused: false, last_run_state: "Running", last_run_start: at(110) },
    ]);
    expect(before.structured.deployments[0]).not.toHaveProperty("status");
    expect(before.text).toStartWith(`As it was at ${at(500)}, from recorded changes and events.`);
    expect(before.text).not.toContain(" ago)");
    expect((await harness.call(getDashboardTool, { at: at(500) })).text).not.toContain(" ago)");
    const after = await harness.call(getDeploymentsTool, { at: at(LATER) });
    expect(after.structured.deployments).toMatchObject([
      { name: "load", paused: true, last_run_state: "Failed" },
      { name: "report" },
    ]);
    expect((await harness.call(getDeploymentsTool, { at: at(500), paused: true })).structured.deployments).toEqual([]);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("get_work_pools shows limit, status, workers and the runs that held slots then", async () => {
    await using harness = await openToolHarness();
    history(harness);
    const [before] = (await harness.call(getWorkPoolsTool, { at: at(500) })).structured.work_pools;
    expect(before).toMatchObject({
      name: "batch",
      status: "READY",
      is_paused: false,
      concurrency_limit: 2,
      active_slots: 1,
      workers_online: 1,
    });
    expect(before).not.toHaveProperty("last_heartbeat_seconds_ago");
    const [after] = (await harness.call(getWorkPoolsTool, { at: at(LATER) })).structured.work_pools;
    expect(after).toMatchObject({ status: "PAUSED", is_paused: true, concurrency_limit: 1, workers_offline: 1 });
    expect(after.active_slots).toBe(0);
  });

  test("get_automations shows one that was deleted since", async () => {
    await using harness = await openToolHarness();
    history(harness);
    expect((await harness.call(getAutomationsTool, { at: at(500) })).structured.automations).toMatchObject([
      { name: "pager" },
    ]);
    expect((await harness.call(getAutomationsTool, { at: at(LATER) })).structured.automations).toEqual([]);
  });

  test("get_flow_runs shows the states of then, and none of a run that began later", async () => {
    await using harness = await openToolHarness();
    history(harness);
    const states = async (seconds: number) =>
      (await harness.call(getFlowRunsTool, { at: at(seconds), since: "1h" })).structured.flow_runs.map(
        (run: { name: string; state_name: string }) => [run.name, run.state_name],
      );
    expect(await states(102)).toEqual([["night", "Scheduled"]]);
    expect(await states(107)).toEqual([["night", "Pending"]]);
    expect(await states(500)).toEqual([["night", "Running"]]);
    expect(await states(1_600)).toEqual([["night", "Failed"]]);
    expect(await states(50)).toEqual([]);
    const running = await harness.call(getFlowRunsTool, { at: at(500), since: "1h", state: "RUNNING", detail: "full" });
    expect(running.structured.flow_runs).toMatchObject([{ id: RUN, end_time: null, parameters: { day: 1 } }]);
    expect(running.text).not.toContain("the disk is full");
    expect(running.structured.coverage.complete).toBe(true);
  });

  test("get_dashboard counts the runs and the slots of then", async () => {
    await using harness = await openToolHarness();
    history(harness);
    const { structured } = await harness.call(getDashboardTool, { at: at(500) });
    expect(structured.window.to).toBe(at(500));
    expect(structured.flow_runs).toMatchObject({ running: 1, failed: 0, total: 1 });
    expect(structured.slots).toMatchObject([
      { kind: "work_pool", name: "batch", limit: 2, active_slots: 1, holders: [{ name: "night" }] },
    ]);
    expect(structured.work_pools).toMatchObject([{ name: "batch", status: "READY" }]);
    const later = await harness.call(getDashboardTool, { at: at(1_600) });
    expect(later.structured.flow_runs).toMatchObject({ running: 0, failed: 1 });
  });

  test("the age of an answer is not that of the present", async () => {
    await using harness = await openToolHarness();
    history(harness);
    const { text, structured } = await harness.call(getDashboardTool, { at: at(500) });
    expect(structured.as_of).toBe(at(500));
    expect(text).toContain(`as of ${at(500)}`);
    for (const tool of [getDashboardTool, getDeploymentsTool, getWorkPoolsTool, getFlowRunsTool]) {
      const past = await harness.call(tool, { at: at(500) });
      expect([past.isError, past.text.split("<untrusted")[0]?.includes(" ago)")]).toEqual([false, false]);
    }
  });

  test("an object that changed between two readings is shown as in the one before, and a note says so", async () => {
    await using harness = await openToolHarness();
    history(harness);
    const { structured, text } = await harness.call(getDeploymentsTool, { at: at(995) });
    expect(structured.deployments).toMatchObject([{ name: "load", paused: false }, { name: "report" }]);
    expect(text).toContain("changed around that moment: deployments");
  });

  test("the present is asked about as ever, and a moment by any form of a time", async () => {
    await using harness = await openToolHarness();
    history(harness);
    expect((await harness.call(getDeploymentsTool, { at: "50m" })).structured.at).toBe(at(600));
    const today = await harness.call(getDeploymentsTool, { at: "today" });
    expect(today.isError).toBe(true);
    harness.fake.workspace.deployments.push(load);
    expect((await harness.call(getDeploymentsTool)).structured).toMatchObject({ source: "live", deployments: [{}] });
  });
});

describe("at says where it does not know", () => {
  const LISTS: readonly [ToolDefinition, string][] = [
    [getDeploymentsTool, "deployments"],
    [getWorkPoolsTool, "work pools"],
    [getAutomationsTool, "automations"],
  ];

  test.each(LISTS.map(([tool, plural]) => [plural, tool] as const))(
    "%s before the record begins",
    async (plural, tool) => {
      await using harness = await openToolHarness();
      history(harness);
      const { isError, structured } = await harness.call(tool, { at: at(-600) });
      expect(isError).toBe(true);
      expect(structured).toMatchObject({ code: "not_found", retryable: false });
      expect(structured.message).toContain(plural);
      expect(structured.hint).toContain(`begins at ${at(READ)}`);
    },
  );

  test("pools without the workers and queues that were first read later, and a note", async () => {
    await using harness = await openToolHarness();
    const now = harness.nowUs;
    harness.nowUs = now - 3_000 * SECOND_US;
    harness.objects("work_pool", [pool]);
    harness.nowUs = now;
    harness.objects("work_queue", [queue]);
    harness.objects("worker", [worker]);
    const { structured, text } = await harness.call(getWorkPoolsTool, { at: at(1_000), work_pool: "batch" });
    const [shown] = structured.work_pools;
    expect(shown).toMatchObject({ name: "batch", concurrency_limit: 2 });
    expect(shown).not.toHaveProperty("workers");
    expect(shown).not.toHaveProperty("queues");
    expect(structured.coverage.complete).toBe(false);
    expect(structured.coverage.notes).toContain(
      `How work queues and workers were at ${at(1_000).slice(0, 19)}Z is not recorded. The record of work queues and workers begins at ${at(3_600).slice(0, 19)}Z; Prefect keeps no past states.`,
    );
    expect(text).toContain("How work queues and workers were");
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("a cursor belongs to its moment", async () => {
    await using harness = await openToolHarness();
    history(harness);
    const { structured } = await harness.call(getDeploymentsTool, { at: at(1_500), limit: 1 });
    const cursor = structured.next_cursor;
    expect((await harness.call(getDeploymentsTool, { at: at(1_500), limit: 1, cursor })).isError).toBe(false);
    for (const other of [{ at: at(1_600) }, {}])
      expect((await harness.call(getDeploymentsTool, { ...other, limit: 1, cursor })).structured).toMatchObject({
        code: "invalid_input",
        message: "cursor belongs to other arguments",
      });
  });

  test("the dashboard has the runs of a time from which limits are not recorded, and says so", async () => {
    await using harness = await openToolHarness();
    history(harness);
    harness.flowRuns([aFlowRun({ flow_id: FLOW, start_time: at(-900), created: at(-900) })]);
    const { structured } = await harness.call(getDashboardTool, { at: at(-600) });
    expect(structured).toMatchObject({ flow_runs: { total: 1, completed: 1 } });
    // Empty lists would be facts.
    expect(structured).not.toHaveProperty("slots");
    expect(structured).not.toHaveProperty("work_pools");
    expect(structured.coverage.complete).toBe(false);
    expect(structured.coverage.notes.join(" ")).toContain("recorded only since later");
  });

  test("runs and deployments of flows that were first read later, by the names that never change, and a note", async () => {
    await using harness = await openToolHarness();
    const now = harness.nowUs;
    const others = aDeployment({ id: anId(12), name: "old", flow_id: anId(2), created: at(-9_000) });
    harness.nowUs = now - NOW * SECOND_US;
    harness.objects("deployment", [{ ...load, created: at(-9_000) }, others]);
    harness.nowUs = now;
    harness.objects("deployment", [load]);
    harness.objects("flow", [{ ...flow, created: at(-9_000) }]);
    const begin = { end_time: at(200), created: at(90) };
    harness.flowRuns([
      aFlowRun({ ...begin, name: "night", flow_id: FLOW, deployment_id: LOAD, start_time: at(110) }),
      aFlowRun({ ...begin, name: "day", flow_id: anId(2), deployment_id: others.id, start_time: at(100) }),
    ]);
    harness.cover("flow_run", { fromUs: now - 40 * DAY_US });
    harness.following();
    const note = `The record of flows begins at ${at(NOW)}: those that were deleted before it have no names here.`;
    const runs = await harness.call(getFlowRunsTool, { at: at(1_000), since: "1h" });
    expect(runs.structured.flow_runs).toMatchObject([
      { name: "night", flow_name: "sales", deployment_name: "sales/load" },
      { name: "day", flow_id: anId(2), deployment_name: "old" },
    ]);
    expect([runs.structured.coverage.complete, runs.text.startsWith("INCOMPLETE.")]).toEqual([false, true]);
    expect(runs.text).toContain(note);
    const deployments = await harness.call(getDeploymentsTool, { at: at(1_000) });
    expect(deployments.structured.deployments).toMatchObject([
      { name: "load", flow_name: "sales" },
      { name: "old", flow_id: anId(2) },
    ]);
    expect(deployments.text).toContain(note);
    expect(
      (await harness.call(getFlowRunsTool, { at: at(1_000), since: "1h", flow: "sales" })).structured,
    ).toMatchObject({
      flow_runs: [{ name: "night" }],
      coverage: { complete: false },
    });
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("runs without names where flows were never read", async () => {
    await using harness = await openToolHarness();
    harness.flowRuns([aFlowRun({ name: "night", flow_id: FLOW, start_time: at(100), created: at(90) })]);
    harness.cover("flow_run", { fromUs: harness.nowUs - 40 * DAY_US });
    harness.following();
    const { structured, text } = await harness.call(getFlowRunsTool, { at: at(1_000), since: "1h" });
    expect(structured.flow_runs).toMatchObject([{ name: "night", flow_id: FLOW }]);
    expect(text).toContain("The record has never read flows, so they have no names here.");
  });

  test("counts of recorded runs without zeros where runs are not recorded of then", async () => {
    await using harness = await openToolHarness();
    harness.objects("flow", [flow]);
    harness.flowRuns([aFlowRun({ flow_id: FLOW, start_time: at(100), end_time: at(200), created: at(90) })]);
    harness.cover("flow_run", { fromUs: harness.nowUs - MINUTE_US });
    harness.following();
    const { text } = await harness.call(getDashboardTool, { at: at(1_000) });
    expect(text).toContain("of the recorded runs: completed 1, total 1");
    expect(text).not.toContain("failed 0");
    expect(text.split("Prefect keeps no past states")).toHaveLength(2);
  });

  test("nothing is recorded of then, without a hint to start Prefect", async () => {
    await using harness = await openToolHarness();
    harness.objects("flow", [flow]);
    harness.cover("flow_run", { fromUs: harness.nowUs - MINUTE_US });
    harness.following();
    for (const tool of [getFlowRunsTool, getDashboardTool]) {
      const { structured } = await harness.call(tool, { at: at(1_000) });
      expect(structured).toMatchObject({ code: "not_found", message: `Nothing of this is recorded at ${at(1_000)}.` });
      expect(structured.hint).toStartWith("Prefect keeps no past states; get_record_status says since when");
    }
  });

  test("runs of flows whose names are not recorded of then are not taken for runs of one flow", async () => {
    await using harness = await openToolHarness();
    history(harness);
    const begin = { flow_id: FLOW, start_time: at(-900), created: at(-900), end_time: at(-800) };
    harness.flowRuns([aFlowRun({ ...begin, name: "bad-run", state_type: "FAILED", state_name: "Failed" })]);
    const { text } = await harness.call(getDashboardTool, { at: at(-600) });
    expect(text).toContain("failed_runs: flows of unknown name: 1 failed or crashed, last bad-run");
  });

  test("without a record, in the future, and with fresh", async () => {
    await using without = await openToolHarness({ record: false });
    expect((await without.call(getFlowRunsTool, { at: "1h" })).structured).toMatchObject({ code: "not_found" });
    await using harness = await openToolHarness();
    history(harness);
    const future = formatIsoUs(harness.nowUs + 10 * MINUTE_US);
    expect((await harness.call(getFlowRunsTool, { at: future })).structured).toMatchObject({ code: "invalid_input" });
    expect((await harness.call(getFlowRunsTool, { at: "1h", fresh: true })).structured).toMatchObject({
      code: "invalid_input",
    });
    expect((await harness.call(getFlowRunsTool, { at: "soon" })).structured).toMatchObject({ code: "invalid_input" });
  });

  test("a name that did not exist then is not found, and Prefect is not asked", async () => {
    await using harness = await openToolHarness();
    history(harness);
    const { structured } = await harness.call(getDeploymentsTool, { at: at(500), deployment: "sales/report" });
    expect(structured).toMatchObject({ code: "not_found" });
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("a run whose events are not recorded is left out, and the answer is not complete", async () => {
    await using harness = await openToolHarness();
    history(harness);
    harness.flowRuns([
      aFlowRun({
        flow_id: FLOW,
        created: at(10),
        start_time: at(20),
        end_time: at(1_900),
        state: aState({ timestamp: at(1_900) }),
      }),
    ]);
    const { structured, text } = await harness.call(getFlowRunsTool, { at: at(500), since: "1h" });
    expect(structured.flow_runs).toHaveLength(1);
    expect(structured.coverage.complete).toBe(false);
    expect(text).toContain("Left out, because the state of then is not recorded: 1 flow run.");
  });

  test("a window beyond what is covered is not complete, and no note claims an outage", async () => {
    await using harness = await openToolHarness();
    history(harness);
    const { structured, text } = await harness.call(getFlowRunsTool, { at: at(500), since: "90d" });
    expect(structured.coverage.complete).toBe(false);
    expect(text).not.toContain("unreachable");
    expect(text).toContain("Prefect keeps no past states");
  });
});
