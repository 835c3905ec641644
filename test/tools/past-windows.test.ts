/** Questions about a window that is over: what is so today must not be told of that time. */
import { describe, expect, test } from "bun:test";
import { addUs, DAY_US, formatIsoUs, HOUR_US, MINUTE_US } from "../../src/lib/time.ts";
import { getTimelineTool } from "../../src/tools/events/get-timeline.ts";
import { searchTool } from "../../src/tools/events/search.ts";
import { whatChangedTool } from "../../src/tools/events/what-changed.ts";
import { diagnoseTool } from "../../src/tools/runs/diagnose.ts";
import { getFlowRunsTool } from "../../src/tools/runs/get-flow-runs.ts";
import { getDashboardTool } from "../../src/tools/workspace/get-dashboard.ts";
import {
  aConcurrencyLimit,
  aDeployment,
  aFlow,
  aFlowRun,
  anAutomation,
  anEvent,
  anId,
  aState,
  aWorker,
  aWorkPool,
  aWorkQueue,
} from "../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../support/tool-harness.ts";

const [FLOW, DEPLOYMENT, POOL, QUEUE, AUTOMATION, LONG] = [anId(1), anId(2), anId(3), anId(4), anId(5), anId(6)];
const YESTERDAY = { occurred_after: "48h", occurred_before: "24h" };
const RUNS = "The window is over; its runs count by the state that they have now.";

/** Today everything is wrong; yesterday one run failed. */
async function openTroubled(
  changed: { readonly deploymentHoursAgo?: number; readonly automationHoursAgo?: number } = {},
) {
  const h = await openToolHarness();
  const ago = (hours: number) => formatIsoUs(addUs(h.nowUs, -hours * HOUR_US));
  const where = {
    flow_id: FLOW,
    deployment_id: DEPLOYMENT,
    work_pool_id: POOL,
    work_pool_name: "main",
    work_queue_id: QUEUE,
    work_queue_name: "default",
  };
  h.objects("flow", [aFlow({ id: FLOW, name: "etl" })]);
  h.objects("work_pool", [
    aWorkPool({ id: POOL, name: "main", concurrency_limit: 1, status: "NOT_READY", updated: ago(1) }),
  ]);
  h.objects("work_queue", [aWorkQueue({ id: QUEUE, work_pool_id: POOL, work_pool_name: "main" })]);
  h.objects("worker", [aWorker({ id: anId(7), name: "dead", work_pool_id: POOL, last_heartbeat_time: ago(2) })]);
  h.objects("concurrency_limit", [
    aConcurrencyLimit({ id: anId(8), name: `deployment:${DEPLOYMENT}`, limit: 1, active_slots: 1 }),
  ]);
  h.objects("deployment", [
    aDeployment({
      id: DEPLOYMENT,
      flow_id: FLOW,
      name: "nightly",
      paused: true,
      work_pool_name: "main",
      updated: ago(changed.deploymentHoursAgo ?? 1),
    }),
  ]);
  h.objects("automation", [
    anAutomation({
      id: AUTOMATION,
      name: "alert",
      enabled: false,
      created: ago(200),
      updated: ago(changed.automationHoursAgo ?? 1),
    }),
  ]);
  const message = "Flow run encountered an exception: KeyError: 'price'";
  h.flowRuns([
    aFlowRun({
      id: anId(9),
      name: "failed-yesterday",
      ...where,
      state: aState({ type: "FAILED", message, timestamp: ago(30) }),
      state_type: "FAILED",
      state_name: "Failed",
      start_time: ago(31),
      expected_start_time: ago(31),
      end_time: ago(30),
    }),
    aFlowRun({
      id: LONG,
      name: "holder-of-today",
      ...where,
      state: aState({ type: "RUNNING", name: "Running", timestamp: ago(25) }),
      state_type: "RUNNING",
      start_time: ago(25),
      expected_start_time: ago(25),
      end_time: null,
    }),
    aFlowRun({
      id: anId(10),
      name: "late-today",
      ...where,
      state: aState({ type: "SCHEDULED", name: "Late", timestamp: ago(2) }),
      state_type: "SCHEDULED",
      state_name: "Late",
      start_time: null,
      expected_start_time: ago(2),
      end_time: null,
    }),
  ]);
  h.events([anEvent({ id: anId(20), occurred: ago(1), event: "prefect.automation.triggered", resource: ownLabels() })]);
  for (const kind of ["event", "flow_run"]) h.cover(kind, { fromUs: h.nowUs - 10 * DAY_US });
  h.cover("log", { scope: anId(9), fromUs: 0 });
  h.following();
  return h;
}

const ownLabels = () => ({
  "prefect.resource.id": `prefect.automation.${AUTOMATION}`,
  "prefect.resource.name": "alert",
});
const codes = (structured: { causes: { code: string }[] }) => structured.causes.map(({ code }) => code);

describe("get_dashboard", () => {
  test("leaves limits, holders and pools of today out of yesterday, and says so", async () => {
    await using h = await openTroubled();
    const today = await h.call(getDashboardTool, {});
    expect(today.structured.slots).not.toEqual([]);
    expect(today.structured.problems.map((one: { code: string }) => one.code)).toContain("limit_full");
    expect(today.text).not.toContain("The window is over");
    h.fake.takeRequests();
    const { structured, text } = await h.call(getDashboardTool, { since: "48h", until: "24h" });
    expect(structured).toMatchObject({ slots: [], work_pools: [], flow_runs: { failed: 1, running: 1, total: 2 } });
    expect(structured.problems.map((one: { code: string }) => one.code)).toEqual(["failed_runs"]);
    const note = `${RUNS} Limits with their holders and work pools are known only as they are now, so they are left out.`;
    expect(structured.coverage).toMatchObject({ complete: true, notes: [note] });
    expect(text).toContain(note);
    expect(text).not.toContain("holder-of-today");
    expect(h.fake.takeRequests()).toEqual([]);
  });
});

describe("diagnose", () => {
  test.each([
    ["the workspace", {}],
    ["a deployment", { deployment: DEPLOYMENT }],
    ["a work pool", { work_pool: "main" }],
  ])("of %s names no cause of today for yesterday", async (_, subject) => {
    await using h = await openTroubled();
    const today = await h.call(diagnoseTool, subject);
    expect(codes(today.structured)).toContain("worker_offline");
    const { structured, text } = await h.call(diagnoseTool, { ...subject, ...YESTERDAY });
    expect(codes(structured)).toEqual(["failure"]);
    expect(structured.state).toStartWith("1 run ended (1 failed or crashed");
    expect(structured.state).not.toContain("waiting");
    expect(structured.could_not_check).toEqual([
      "which runs waited then, and the workers, pools, queues and limits of that time",
    ]);
    expect(structured.coverage.notes).toEqual([RUNS]);
    for (const word of ["dead", "holder-of-today", "late-today", "paused"]) expect(text).not.toContain(word);
  });

  test("is unknown, not well, where nothing ended in a window that is over", async () => {
    await using h = await openTroubled();
    const window = { occurred_after: "200h", occurred_before: "190h" };
    const { structured } = await h.call(diagnoseTool, window);
    expect(structured).toMatchObject({ verdict: "unknown", causes: [] });
  });

  test("names the pause of a deployment that has not been changed since", async () => {
    await using h = await openTroubled({ deploymentHoursAgo: 60 });
    const { structured } = await h.call(diagnoseTool, { deployment: DEPLOYMENT, ...YESTERDAY });
    expect(codes(structured).toSorted()).toEqual(["deployment_paused", "failure", "no_schedule"]);
  });

  test("names the deletion of a deployment only from then on", async () => {
    await using h = await openTroubled();
    h.objects("deployment", []);
    const now = await h.call(diagnoseTool, { deployment: DEPLOYMENT });
    expect(codes(now.structured)).toContain("deployment_deleted");
    const { structured } = await h.call(diagnoseTool, { deployment: DEPLOYMENT, ...YESTERDAY });
    expect(codes(structured)).toEqual(["failure"]);
  });

  test("does not judge an automation by what it became later", async () => {
    await using changed = await openTroubled();
    const { structured } = await changed.call(diagnoseTool, { automation: AUTOMATION, ...YESTERDAY });
    expect(structured).toMatchObject({
      verdict: "unknown",
      causes: [],
      state: "whether alert was enabled then is not known",
      could_not_check: ["its trigger, and whether it was enabled: it was changed after the window"],
    });
    await using unchanged = await openTroubled({ automationHoursAgo: 100 });
    const held = await unchanged.call(diagnoseTool, { automation: AUTOMATION, ...YESTERDAY });
    expect(codes(held.structured)).toEqual(["automation_disabled"]);
    const today = await unchanged.call(diagnoseTool, { automation: AUTOMATION });
    expect(codes(today.structured)).toContain("automation_fired");
    const before = { occurred_after: "300h", occurred_before: "250h" };
    const early = await unchanged.call(diagnoseTool, { automation: AUTOMATION, ...before });
    expect(early.structured.causes).toEqual([]);
    expect(early.structured.coverage.notes.join()).toContain("The automation was created after the window");
  });
});

describe("others", () => {
  test("get_timeline shows the state of a run only where it had begun in the window", async () => {
    await using h = await openTroubled();
    const args = { flow_run: LONG, occurred_after: "30h" };
    const state = async (until: number) => {
      const occurred_before = formatIsoUs(addUs(h.nowUs, -until));
      return (await h.call(getTimelineTool, { ...args, occurred_before })).structured.subject.state;
    };
    expect(await state(26 * HOUR_US)).toBeUndefined();
    expect(await state(25 * HOUR_US - MINUTE_US)).toBe("Running");
  });

  test("what_changed and search say what is shown as it is now", async () => {
    await using h = await openTroubled();
    const changed = await h.call(whatChangedTool, { since: "48h", until: "24h" });
    expect(changed.structured.coverage.notes).toContain(RUNS);
    const found = await h.call(searchTool, { query: "nightly", kinds: ["deployment"], since: "48h", until: "24h" });
    expect(found.structured.results).toHaveLength(1);
    expect(found.structured.coverage.notes).toContain("The window is over; objects are shown as they are now.");
    const present = await h.call(whatChangedTool, { since: "48h" });
    expect(present.text).not.toContain("The window is over");
  });

  test("get_flow_runs says that it finds runs by the state of now", async () => {
    await using h = await openTroubled();
    const note = "The window is over; runs are found by the state that they have now.";
    const past = { since: "48h", until: "24h" };
    const running = await h.call(getFlowRunsTool, { ...past, state: "Running" });
    expect(running.structured.flow_runs).toHaveLength(1);
    expect(running.structured.coverage).toMatchObject({ complete: true, notes: [note] });
    expect(running.text).toContain(note);
    for (const args of [past, { since: "48h", state: "Running" }])
      expect((await h.call(getFlowRunsTool, args)).text).not.toContain("The window is over");
  });

  test("nothing is said to have happened only where all was seen", async () => {
    await using h = await openTroubled();
    const unread = await h.call(whatChangedTool, { since: "48h", until: "47h" });
    expect(unread.structured.coverage.complete).toBe(false);
    // As if the lists had been read for three days.
    h.db.sqlite.run("UPDATE object SET first_us = first_us - 3 * 86400000000");
    const seen = await h.call(whatChangedTool, { since: "48h", until: "47h" });
    expect(seen.structured.coverage.complete).toBe(true);
    expect(seen.text).toEndWith("\nNothing changed.");
    const unseen = await h.call(whatChangedTool, { since: "400h", until: "300h" });
    expect(unseen.structured.coverage.complete).toBe(false);
    expect(unseen.text).toEndWith("\nIn what could be read: Nothing changed.");
  });

  test("a window that ended within the age that an answer may have is not over", async () => {
    await using h: ToolHarness = await openTroubled();
    const { structured } = await h.call(getDashboardTool, { since: "24h", until: "30s" });
    expect(structured.slots).not.toEqual([]);
  });
});
