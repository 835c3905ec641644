import { describe, expect, test } from "bun:test";
import { DAY_US, HOUR_US, MINUTE_US } from "../../../src/lib/time.ts";
import type { FlowRun } from "../../../src/model/objects.ts";
import { getIncidentsTool } from "../../../src/tools/runs/get-incidents.ts";
import { aDeployment, aFlow, aFlowRun, anEvent, anId, aTaskRun, at } from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const [FLOW, LOAD, REPORT] = [anId(1), anId(11), anId(12)];
const REFUSED = (port: number) =>
  `Flow run encountered an exception: ConnectTimeout: partner.example:${port} refused the call`;

/** A run of `deployment_id` that began `seconds` after the builders' time and ended 12 seconds later. */
function ended(seconds: number, given: Partial<FlowRun> & { message?: string } = {}): FlowRun {
  const { message, ...rest } = given;
  const type = message === undefined ? "COMPLETED" : "FAILED";
  const timestamp = at(seconds + 12);
  const state = {
    id: anId(),
    type,
    name: type === "FAILED" ? "Failed" : "Completed",
    timestamp,
    message: message ?? null,
  };
  return aFlowRun({
    flow_id: FLOW,
    deployment_id: LOAD,
    start_time: at(seconds),
    expected_start_time: at(seconds),
    state_type: type,
    state: { ...state, type },
    ...rest,
  });
}

function record(harness: ToolHarness, runs: readonly FlowRun[], toUs = harness.nowUs): void {
  harness.objects("flow", [aFlow({ id: FLOW, name: "sales" })]);
  harness.objects("deployment", [
    aDeployment({ id: LOAD, name: "load", flow_id: FLOW }),
    aDeployment({ id: REPORT, name: "report", flow_id: FLOW }),
  ]);
  harness.flowRuns(runs);
  harness.cover("flow_run", { fromUs: harness.nowUs - 30 * DAY_US, toUs });
  harness.cover("event", { fromUs: harness.nowUs - 30 * DAY_US, toUs });
  harness.following();
}

describe("get_incidents from the record", () => {
  test("groups failures of one error over deployments, without a request", async () => {
    await using harness = await openToolHarness();
    const runs = [
      ended(0, { name: "good-one" }),
      ended(600, { name: "bad-one", message: REFUSED(8001) }),
      ended(1_200, { name: "bad-two", message: REFUSED(8002), deployment_id: REPORT }),
    ];
    record(harness, runs);
    const { structured, text } = await harness.call(getIncidentsTool);
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(structured).toMatchObject({ source: "record", coverage: { complete: true }, counts: { ongoing: 1 } });
    expect(structured.incidents).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{12}$/),
        fingerprint: "FAILED|ConnectTimeout|partner.example:# refused the call|",
        title: "ConnectTimeout: partner.example:8002 refused the call",
        state: "ongoing",
        count: 2,
        first: at(612),
        last: at(1_212),
        deployments: [
          { id: REPORT, name: "sales/report" },
          { id: LOAD, name: "sales/load" },
        ],
        flow_runs: [
          { id: runs[2]?.id, name: "bad-two" },
          { id: runs[1]?.id, name: "bad-one" },
        ],
        first_bad: { flow_run: "bad-one", last_good: "good-one", changes: [] },
      },
    ]);
    expect(text).toContain("ongoing ConnectTimeout: partner.example:8002 refused the call");
    expect(text).toContain("2 failures");
    expect(text).toContain("first bad run: bad-one, after good-one completed; no recorded change");
  });

  test("is closed when what failed was deleted, and open while another deployment fails", async () => {
    await using harness = await openToolHarness();
    record(harness, [
      ended(600, { name: "bad-one", message: REFUSED(8001) }),
      ended(1_200, { name: "bad-two", message: REFUSED(8002), deployment_id: REPORT }),
    ]);
    harness.objects("deployment", [aDeployment({ id: LOAD, name: "load", flow_id: FLOW })]);
    const half = await harness.call(getIncidentsTool);
    expect(half.structured.incidents).toMatchObject([{ state: "ongoing" }]);
    harness.objects("deployment", []);
    const { structured, text } = await harness.call(getIncidentsTool);
    expect(structured).toMatchObject({ counts: { closed: 1 }, source: "record" });
    expect(structured.incidents).toMatchObject([
      { state: "closed", closed: at(3_600), closed_because: "what failed was deleted in Prefect" },
    ]);
    expect(text).toContain(`closed ${at(3_600)}: what failed was deleted in Prefect`);
  });

  test("groups timeouts by their exception, over flows", async () => {
    await using harness = await openToolHarness();
    const late = (seconds: number) => `Flow run failed due to timeout: TimeoutError('no answer within ${seconds} s')`;
    record(harness, [
      ended(600, { name: "bad-one", message: late(20) }),
      ended(1_200, { name: "bad-two", message: late(45), flow_id: anId(2), deployment_id: REPORT }),
    ]);
    const { structured } = await harness.call(getIncidentsTool);
    expect(structured.incidents).toMatchObject([
      {
        count: 2,
        title: "TimeoutError: no answer within 45 s",
        fingerprint: "FAILED|TimeoutError|no answer within # s|",
      },
    ]);
  });

  test("states since when first occurrences are known, unless all runs are recorded", async () => {
    for (const isAll of [false, true]) {
      await using harness = await openToolHarness();
      record(harness, [ended(600, { name: "bad-one", message: REFUSED(8001) })]);
      if (isAll) harness.cover("flow_run", { fromUs: 0 });
      const { structured, text } = await harness.call(getIncidentsTool, {});
      expect(structured.incidents).toHaveLength(1);
      expect([text.includes("First occurrences are known back to"), text.includes("1970")]).toEqual([!isAll, false]);
    }
  });

  test("says in which state each incident is", async () => {
    await using harness = await openToolHarness();
    record(harness, [
      ended(0, { message: "Flow run encountered an exception: OSError: the disk of the host is full" }),
      ended(100, { message: REFUSED(1) }),
      ended(200),
      ended(300, { message: REFUSED(1), deployment_id: LOAD }),
      ended(400, {
        message: "Flow run encountered an exception: ValueError: the report has no rows",
        deployment_id: REPORT,
      }),
    ]);
    const found = async (state?: string) =>
      (await harness.call(getIncidentsTool, state ? { state } : {})).structured.incidents.map(
        (one: { state: string; title: string }) => [one.state, one.title.split(":")[0]],
      );
    expect(await found()).toEqual([
      ["new", "ValueError"],
      ["returned", "ConnectTimeout"],
      ["recovered", "OSError"],
    ]);
    expect(await found("returned")).toEqual([["returned", "ConnectTimeout"]]);
    expect(await found("ongoing")).toEqual([]);
  });

  test("a failure stays open until each affected deployment has completed a run", async () => {
    await using harness = await openToolHarness();
    record(harness, [
      ended(0, { message: REFUSED(1) }),
      ended(10, { message: REFUSED(2), deployment_id: REPORT }),
      ended(100, { deployment_id: REPORT }),
    ]);
    expect((await harness.call(getIncidentsTool)).structured.incidents).toMatchObject([{ state: "ongoing" }]);
    harness.flowRuns([ended(200)]);
    expect((await harness.call(getIncidentsTool)).structured.incidents).toMatchObject([
      { state: "recovered", recovered: at(212), count: 2 },
    ]);
  });

  test("shows what changed between the last good run and the first bad one", async () => {
    await using harness = await openToolHarness();
    harness.nowUs -= HOUR_US;
    harness.objects("flow", [aFlow({ id: FLOW, name: "sales" })]);
    harness.objects("deployment", [aDeployment({ id: LOAD, name: "load", flow_id: FLOW })]);
    harness.nowUs += 5 * MINUTE_US;
    harness.objects("deployment", [aDeployment({ id: LOAD, name: "load", flow_id: FLOW, entrypoint: "flows.py:new" })]);
    harness.nowUs += 55 * MINUTE_US;
    harness.flowRuns([
      ended(0, { name: "good", parameters: { day: 1 } }),
      ended(600, { name: "bad", parameters: { day: 2 }, message: REFUSED(1) }),
    ]);
    harness.cover("flow_run", { fromUs: harness.nowUs - 30 * DAY_US });
    harness.cover("event", { fromUs: harness.nowUs - 30 * DAY_US });
    harness.following();
    const { structured, text } = await harness.call(getIncidentsTool);
    expect(structured.incidents[0].first_bad).toEqual({
      flow_run: "bad",
      last_good: "good",
      changes: [
        'parameters: {"day":1} → {"day":2}',
        `deployment sales/load updated by ${at(300)}: entrypoint: "flows.py:load_orders" → "flows.py:new"`,
      ],
    });
    expect(text).toContain('entrypoint: "flows.py:load_orders" → "flows.py:new"');
  });

  test("a failure that a retry has replaced is known from its event, and over with the retry", async () => {
    await using harness = await openToolHarness();
    const run = ended(0, { name: "retried" });
    record(harness, [run]);
    harness.events([
      anEvent({
        event: "prefect.flow-run.Failed",
        occurred: at(5),
        resource: {
          "prefect.resource.id": `prefect.flow-run.${run.id}`,
          "prefect.resource.name": "retried",
          "prefect.state-type": "FAILED",
          "prefect.state-name": "Failed",
          "prefect.state-message": REFUSED(1),
        },
      }),
    ]);
    const { structured } = await harness.call(getIncidentsTool);
    expect(structured.incidents).toMatchObject([
      { state: "recovered", count: 1, first: at(5), recovered: at(12), flow_runs: [{ id: run.id, name: "retried" }] },
    ]);
  });

  test("a parent that failed because of its subflow is no incident of its own", async () => {
    await using harness = await openToolHarness();
    const task = aTaskRun({ id: anId(77), flow_run_id: anId(70) });
    record(harness, [
      ended(0, { id: anId(70), message: "Flow run encountered an exception: FailedRun: 1/1 states failed." }),
      ended(1, { id: anId(71), parent_task_run_id: task.id, message: REFUSED(1) }),
    ]);
    harness.taskRuns([task]);
    const { structured } = await harness.call(getIncidentsTool);
    expect(structured.incidents).toMatchObject([{ count: 1, failed_parents: 1, flow_runs: [{ id: anId(71) }] }]);
  });

  test("the incident of a subflow concerns the deployment of its parent", async () => {
    await using harness = await openToolHarness();
    const parent = ended(0, { id: anId(70), message: REFUSED(1) });
    const task = aTaskRun({ id: anId(72), flow_run_id: parent.id });
    record(harness, [
      parent,
      ended(1, { id: anId(71), deployment_id: null, parent_task_run_id: task.id, message: REFUSED(1) }),
    ]);
    harness.taskRuns([task]);
    const { structured } = await harness.call(getIncidentsTool, { deployment: "load" });
    expect(structured.incidents).toMatchObject([{ count: 1, failed_parents: 1 }]);
    const other = await harness.call(getIncidentsTool, { deployment: "report" });
    expect([other.structured.incidents, other.text.includes("No incident matches.")]).toEqual([[], true]);
    expect(other.text).not.toContain("No run failed");
  });

  test("narrows by deployment and since, and pages", async () => {
    await using harness = await openToolHarness();
    record(harness, [
      ended(0, { message: REFUSED(1) }),
      ended(600, {
        message: "Flow run encountered an exception: ValueError: the report has no rows",
        deployment_id: REPORT,
      }),
    ]);
    const one = await harness.call(getIncidentsTool, { deployment: "sales/load" });
    expect(one.structured.incidents).toMatchObject([{ deployments: [{ id: LOAD }] }]);
    expect((await harness.call(getIncidentsTool, { since: at(300) })).structured.incidents).toHaveLength(1);
    const first = await harness.call(getIncidentsTool, { limit: 1 });
    expect(first.structured.incidents).toMatchObject([{ deployments: [{ id: REPORT }] }]);
    const second = await harness.call(getIncidentsTool, { limit: 1, cursor: first.structured.next_cursor });
    expect(second.structured.incidents).toMatchObject([{ deployments: [{ id: LOAD }] }]);
    expect(second.structured.next_cursor).toBeUndefined();
  });

  test("answers offline, and says so", async () => {
    await using harness = await openToolHarness();
    record(harness, [ended(0, { message: REFUSED(1) })], harness.nowUs - 10 * MINUTE_US);
    harness.following({ lostSecondsAgo: 600 });
    await harness.fake.down();
    const { structured, text } = await harness.call(getIncidentsTool);
    expect(structured).toMatchObject({ source: "record", incidents: [{ state: "new" }] });
    expect(text).toContain("Prefect is unreachable");
  });

  test("says that nothing failed only of what is covered", async () => {
    await using harness = await openToolHarness();
    record(harness, [ended(0)]);
    const whole = await harness.call(getIncidentsTool);
    expect(whole.structured).toMatchObject({ incidents: [], coverage: { complete: true } });
    expect(whole.text).toContain("No run failed.");
    harness.following({ lostSecondsAgo: 0 });
    await harness.fake.down();
    const part = await harness.call(getIncidentsTool, { since: "60d" });
    expect(part.structured.coverage.complete).toBe(false);
    expect(part.text).toContain("In what could be read: No run failed.");
  });
});

describe("get_incidents without a record", () => {
  test("reads the newest failures, and says what only a record knows", async () => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.workspace.flowRuns.push(
      ended(0, { message: REFUSED(1) }),
      ended(100, { message: REFUSED(2), deployment_id: REPORT }),
      ended(200),
    );
    harness.fake.workspace.deployments.push(
      aDeployment({ id: LOAD, name: "load", flow_id: FLOW }),
      aDeployment({ id: REPORT, name: "report", flow_id: FLOW }),
    );
    harness.fake.workspace.flows.push(aFlow({ id: FLOW, name: "sales" }));
    const { structured, text } = await harness.call(getIncidentsTool);
    expect(structured).toMatchObject({
      source: "live",
      incidents: [{ state: "ongoing", count: 2, deployments: [{ name: "sales/report" }, { name: "sales/load" }] }],
    });
    expect(structured.incidents[0]).not.toHaveProperty("first_bad");
    expect(text).toContain("Without a record");
  });

  test("fails with the reason when Prefect does not answer", async () => {
    await using harness = await openToolHarness({ record: false });
    harness.fake.faults.fail("", { status: 503 }, 100);
    const { isError, structured } = await harness.call(getIncidentsTool);
    expect(isError).toBe(true);
    expect(structured).toMatchObject({ code: "unavailable", retryable: true });
  });

  test("refuses a state that no incident has", async () => {
    await using harness = await openToolHarness();
    const { structured } = await harness.call(getIncidentsTool, { state: "open" });
    expect(structured).toMatchObject({ code: "invalid_input" });
    expect(structured.hint).toContain("new, ongoing, recovered, returned");
  });
});
