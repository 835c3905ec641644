/** Another server answers at the URL than the one whose record this is: no answer mixes the two, and each one says so. */
import { describe, expect, test } from "bun:test";
import { addUs, DAY_US, formatIsoUs, HOUR_US, MINUTE_US, SECOND_US } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import { OTHER_SERVER_NOTE } from "../../src/queries/source/other-server.ts";
import { putFact, putStateJson } from "../../src/store/sync-state.ts";
import type { ToolDefinition } from "../../src/tools/definition/define-tool.ts";
import { aggregateEventsTool } from "../../src/tools/events/aggregate-events.ts";
import { getTimelineTool } from "../../src/tools/events/get-timeline.ts";
import { readEventsTool } from "../../src/tools/events/read-events.ts";
import { searchTool } from "../../src/tools/events/search.ts";
import { waitForTool } from "../../src/tools/events/wait-for.ts";
import { whatChangedTool } from "../../src/tools/events/what-changed.ts";
import { getFlowsTool } from "../../src/tools/objects/get-flows.ts";
import { diagnoseTool } from "../../src/tools/runs/diagnose.ts";
import { getFlowRunLogsTool } from "../../src/tools/runs/get-flow-run-logs.ts";
import { getFlowRunsTool } from "../../src/tools/runs/get-flow-runs.ts";
import { getTaskRunsTool } from "../../src/tools/runs/get-task-runs.ts";
import { getDashboardTool } from "../../src/tools/workspace/get-dashboard.ts";
import { getRecordStatusTool } from "../../src/tools/workspace/get-record-status.ts";
import { aFlow, aFlowRun, aFlowRunEvent, anId, aState } from "../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../support/tool-harness.ts";

const [FLOW, OTHER_FLOW, OTHER_RUN] = [anId(1), anId(2), anId(3)];
const RECORDED = Array.from({ length: 32 }, (_, n) => anId(1_000 + n));

function failedRun(h: ToolHarness, id: string, flowId: string) {
  const start = formatIsoUs(addUs(h.nowUs, -20 * MINUTE_US));
  const state = aState({ type: "FAILED", name: "Failed", timestamp: start });
  return aFlowRun({
    id,
    name: `run-${id.slice(-4)}`,
    flow_id: flowId,
    state,
    state_type: "FAILED",
    state_name: "Failed",
    start_time: start,
    expected_start_time: start,
    end_time: start,
  });
}

/** The events of the recorded runs, at the time of the harness. */
let recorded: PrefectEvent[] = [];

/** A record of 32 failed runs, complete as of a moment ago, and a server that has only one failed run, another one. */
async function open(): Promise<ToolHarness> {
  const h = await openToolHarness();
  const runs = RECORDED.map((id) => failedRun(h, id, FLOW));
  recorded = runs.map((run) => aFlowRunEvent(run));
  for (const kind of ["event", "flow_run"]) h.cover(kind);
  h.objects("flow", [aFlow({ id: FLOW, name: "etl" })]);
  h.flowRuns(runs);
  h.events(recorded);
  const other = failedRun(h, OTHER_RUN, OTHER_FLOW);
  h.fake.workspace.flows.push(aFlow({ id: OTHER_FLOW, name: "other" }));
  h.fake.workspace.flowRuns.push(other);
  h.fake.workspace.events.insert(aFlowRunEvent(other));
  return h;
}

test("for a day after the record came into use for another server, every answer says since when", async () => {
  await using h = await open();
  h.following();
  putFact(h.db, "serverChanged", { sinceUs: addUs(h.nowUs, -2 * HOUR_US) }, h.nowUs);
  const note =
    "Since 2026-08-20T08:15:00Z another server or database answers at this URL than before; what was recorded of the former one is kept and not used here.";
  for (const [tool, args] of TOOLS) {
    const { text, structured } = await h.call(tool, args);
    if (structured.code === undefined)
      expect([tool.name, text.split("\n")[0], structured.coverage?.notes?.[0]]).toEqual([tool.name, note, note]);
  }
  h.nowUs = addUs(h.nowUs, DAY_US);
  expect((await h.call(getRecordStatusTool)).text).not.toContain("another server or database");
});

const TOOLS: readonly (readonly [ToolDefinition, object])[] = [
  [getDashboardTool, {}],
  [diagnoseTool, {}],
  [diagnoseTool, { flow_run: OTHER_RUN }],
  [getFlowRunsTool, { since: "3h" }],
  [getTaskRunsTool, {}],
  [getFlowRunLogsTool, { flow_run: OTHER_RUN }],
  [getFlowsTool, {}],
  [readEventsTool, { occurred_after: "3h" }],
  [aggregateEventsTool, { occurred_after: "3h", by: "event" }],
  [searchTool, { query: "etl", since: "3h" }],
  [whatChangedTool, { since: "3h" }],
  [getTimelineTool, { flow_run: OTHER_RUN }],
  [waitForTool, { flow_run: OTHER_RUN, timeout: "1s" }],
];

const namesRecorded = (text: string) => [FLOW, ...RECORDED].filter((id) => text.includes(id));

describe("while another server answers", () => {
  test.each(TOOLS.map(([tool, args]) => [`${tool.name} ${JSON.stringify(args)}`, tool, args] as const))(
    "%s says so first, and has nothing from the record",
    async (_, tool, args) => {
      await using h = await open();
      h.following();
      putFact(h.db, "otherServer", { sinceUs: h.nowUs }, h.nowUs);
      const { isError, structured, text } = await h.call(tool, args);
      expect(isError).toBe(false);
      expect(structured.source).toBe("live");
      expect(structured.coverage.notes[0]).toBe(OTHER_SERVER_NOTE);
      expect(text.split("\n")[0]).toBe(OTHER_SERVER_NOTE);
      expect(namesRecorded(JSON.stringify(structured) + text)).toEqual([]);
      expect(h.saved).toEqual([]);
    },
  );

  test("the status of the record is that of the record, and says so too", async () => {
    await using h = await open();
    h.following();
    putFact(h.db, "otherServer", { sinceUs: h.nowUs }, h.nowUs);
    const { structured, text } = await h.call(getRecordStatusTool);
    expect(structured).toMatchObject({ events: 32, coverage: { notes: expect.arrayContaining([OTHER_SERVER_NOTE]) } });
    expect(text).toStartWith(OTHER_SERVER_NOTE);
  });

  test("an error says so in its hint", async () => {
    await using h = await open();
    h.following();
    putFact(h.db, "otherServer", { sinceUs: h.nowUs }, h.nowUs);
    const { isError, structured } = await h.call(getFlowRunLogsTool, { flow_run: RECORDED[0] });
    expect([isError, structured.code]).toEqual([true, "not_found"]);
    expect(structured.hint).toEndWith(OTHER_SERVER_NOTE);
  });
});

describe("a record that nothing keeps up to date", () => {
  test("is not used when the server has nothing of it, and is used again when its own server is back", async () => {
    await using h = await open();
    putStateJson(h.db, "server.proven", { localUs: h.nowUs, serverUs: h.nowUs }, h.nowUs);
    const away = await h.call(getDashboardTool);
    expect(away.text).toStartWith(OTHER_SERVER_NOTE);
    expect(away.structured.source).toBe("live");
    // Asked at most every thirty seconds.
    const asked = () => h.fake.requests.filter((one) => one.path === "/events/filter").length;
    const before = asked();
    expect((await h.call(getFlowsTool)).structured.coverage.notes).toContain(OTHER_SERVER_NOTE);
    expect(asked()).toBe(before);
    h.fake.workspace.flows.push(aFlow({ id: FLOW, name: "etl" }));
    h.nowUs += 31 * SECOND_US;
    const back = await h.call(getDashboardTool);
    expect(back.text).not.toContain(OTHER_SERVER_NOTE);
    expect(back.structured.flow_runs).toBeDefined();
  });

  test("is used when the server has its newest events, though many others", async () => {
    await using h = await open();
    putStateJson(h.db, "server.proven", { localUs: h.nowUs, serverUs: h.nowUs }, h.nowUs);
    for (const event of recorded) h.fake.workspace.events.insert(event);
    const { text } = await h.call(getDashboardTool);
    expect(text).not.toContain(OTHER_SERVER_NOTE);
  });

  test("its status sends no request", async () => {
    await using h = await open();
    putStateJson(h.db, "server.proven", { localUs: h.nowUs, serverUs: h.nowUs }, h.nowUs);
    h.fake.takeRequests();
    const { structured } = await h.call(getRecordStatusTool);
    expect([structured.events, h.fake.takeRequests()]).toEqual([32, []]);
  });

  test("is used while Prefect does not answer", async () => {
    await using h = await open();
    putStateJson(h.db, "server.proven", { localUs: h.nowUs, serverUs: h.nowUs }, h.nowUs);
    await h.fake.stop();
    const { text } = await h.call(getFlowsTool);
    expect(text).not.toContain(OTHER_SERVER_NOTE);
  });
});
