import { describe, expect, test } from "bun:test";
import { formatIsoUs, HOUR_US, parseIsoUs } from "../../src/lib/time.ts";
import { aggregateEventsTool } from "../../src/tools/events/aggregate-events.ts";
import { getTimelineTool } from "../../src/tools/events/get-timeline.ts";
import { readEventsTool } from "../../src/tools/events/read-events.ts";
import { searchTool } from "../../src/tools/events/search.ts";
import { whatChangedTool } from "../../src/tools/events/what-changed.ts";
import { diagnoseTool } from "../../src/tools/runs/diagnose.ts";
import { getFlowRunLogsTool } from "../../src/tools/runs/get-flow-run-logs.ts";
import { getFlowRunsTool } from "../../src/tools/runs/get-flow-runs.ts";
import { getDashboardTool } from "../../src/tools/workspace/get-dashboard.ts";
import { aDeployment, aFlowRun, aLog, anEvent, anId, at } from "../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../support/tool-harness.ts";

const deployment = aDeployment({ id: anId(1), name: "nightly" });
const run = aFlowRun({ id: anId(2), name: "calm-otter", state_type: "COMPLETED", start_time: at(0), end_time: at(60) });
const NOTE = "The window begins in the future; now is 2026-08-20T10:15:00Z.";

function fillRecord(harness: ToolHarness): void {
  harness.objects("deployment", [deployment]);
  for (const kind of ["flow", "work_pool", "work_queue", "worker", "concurrency_limit", "automation"] as const) {
    harness.objects(kind, []);
  }
  harness.flowRuns([run]);
  harness.logs([aLog({ id: anId(3), flow_run_id: run.id, timestamp: at(10) })]);
  harness.events([anEvent({ id: anId(4), occurred: at(20) })]);
  harness.cover("event");
  harness.cover("flow_run");
  harness.cover("log", { scope: run.id });
  harness.following();
}

const TOOLS = [
  ["read_events", readEventsTool, {}, "occurred_after", "occurred_before"],
  ["aggregate_events", aggregateEventsTool, { by: "event" }, "occurred_after", "occurred_before"],
  ["get_timeline of a deployment", getTimelineTool, { deployment: "nightly" }, "occurred_after", "occurred_before"],
  ["get_timeline of a run", getTimelineTool, { flow_run: run.id }, "occurred_after", "occurred_before"],
  ["diagnose", diagnoseTool, {}, "occurred_after", "occurred_before"],
  ["get_dashboard", getDashboardTool, {}, "since", "until"],
  ["what_changed", whatChangedTool, {}, "since", "until"],
  ["search", searchTool, { query: "order" }, "since", "until"],
  ["search of log lines", searchTool, { query: "order", kinds: ["log"] }, "since", "until"],
  ["get_flow_run_logs", getFlowRunLogsTool, { flow_run_id: run.id }, "since", "until"],
  ["get_flow_runs", getFlowRunsTool, {}, "since", "until"],
] as const;

/** The stated window does not end before it begins, nor does any part of the coverage. */
function expectForward(structured: Record<string, unknown>): void {
  const { window, coverage } = structured as {
    window?: { from: string; to: string };
    coverage: { from: string | null; to: string | null; gaps: { from: string; to: string }[] };
  };
  for (const { from, to } of [...(window ? [window] : []), coverage, ...coverage.gaps]) {
    if (from !== null && to !== null) expect(parseIsoUs(from) ?? 0).toBeLessThanOrEqual(parseIsoUs(to) ?? 0);
  }
}

describe.each(TOOLS)("a window of %s", (name, tool, args, since, until) => {
  test("that ends before it starts is refused", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const { structured } = await harness.call(tool, { ...args, [since]: "1h", [until]: "2h" });
    expect(structured).toMatchObject({ code: "invalid_input", message: `${since} is after ${until}` });
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test.each([{}, { until: "2031-01-01T00:00:00Z" }])(
    "that starts in the future is empty, with a note: %p",
    async (end) => {
      await using harness = await openToolHarness();
      fillRecord(harness);
      const asked = { ...args, [since]: "2030-01-01T00:00:00Z", ...(end.until ? { [until]: end.until } : {}) };
      const { structured, text } = await harness.call(tool, asked);
      expectForward(structured);
      expect(structured.coverage).toMatchObject({ complete: name === "get_flow_runs", from: null, to: null });
      expect(structured.coverage.notes).toContain(NOTE);
      expect(text).toContain(NOTE);
      if (structured.window) expect(structured.window.from).toBe("2030-01-01T00:00:00Z");
      if (structured.flow_runs && !Array.isArray(structured.flow_runs)) expect(structured.flow_runs.total).toBe(0);
      const found =
        structured.events ?? structured.groups ?? structured.entries ?? structured.changes ?? structured.results;
      expect(found ?? structured.logs ?? []).toEqual([]);
    },
  );

  test("may be named by days, which begin in UTC, and the answer says so", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const iso = { [since]: "2026-08-19T00:00:00Z", [until]: "2026-08-20T00:00:00Z" };
    const expected = await harness.call(tool, { ...args, ...iso });
    const named = await harness.call(tool, { ...args, [since]: "yesterday", [until]: "Today" });
    const note = "Days begin at 00:00 UTC; it is 2026-08-20T10:15:00Z.";
    expect(expected.text).not.toContain(note);
    const { notes = [], ...coverage } = named.structured.coverage;
    expect(notes).toEqual([...(expected.structured.coverage.notes ?? []), note]);
    const { notes: _, ...sameCoverage } = expected.structured.coverage;
    expect({ ...named.structured, coverage }).toEqual({ ...expected.structured, coverage: sameCoverage });
    expect(named.text).toContain(note);
  });

  test("may be named by a day and a time, and the answer says which moment that is", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    const named = await harness.call(tool, { ...args, [since]: "last monday 9am Europe/Berlin", [until]: "yesterday" });
    const asked = await harness.call(tool, { ...args, [since]: "2026-08-17T07:00:00Z", [until]: "2026-08-19" });
    const note = `${since} "last monday 9am Europe/Berlin" is 2026-08-17T07:00:00Z. Days begin at 00:00 UTC; it is 2026-08-20T10:15:00Z.`;
    expect(named.structured.coverage.notes).toEqual([...(asked.structured.coverage.notes ?? []), note]);
    expect(named.text).toContain(note);
    const unclear = await harness.call(tool, { ...args, [since]: "last week" });
    expect(unclear.structured).toEqual({
      code: "invalid_input",
      message: `argument "${since}": "last week" may begin at different days`,
      hint: "Write the date, such as 2026-11-30, or an age such as 7d.",
      retryable: false,
    });
  });

  test("that starts now, or ends long ago without a start, is used as given", async () => {
    await using harness = await openToolHarness();
    fillRecord(harness);
    for (const asked of [{ [since]: "now" }, { [until]: "3d" }, { [until]: "2h" }]) {
      const { structured, isError } = await harness.call(tool, { ...args, ...asked });
      expect(isError).toBe(false);
      expectForward(structured);
      expect(structured.coverage.notes ?? []).not.toContain(NOTE);
    }
  });
});

test("a window in the future, such as a local time without its zone, gets a note", async () => {
  await using harness = await openToolHarness();
  fillRecord(harness);
  const local = formatIsoUs(harness.nowUs + 2 * HOUR_US).replace("Z", "");
  const { structured } = await harness.call(readEventsTool, { occurred_after: local });
  expect(structured).toMatchObject({ events: [], coverage: { complete: false, notes: [NOTE] } });
});

test("runs scheduled in the future are listed, as of now", async () => {
  await using harness = await openToolHarness();
  fillRecord(harness);
  const planned = { state_type: "SCHEDULED", state_name: "Scheduled", start_time: null, end_time: null } as const;
  harness.flowRuns([aFlowRun({ id: anId(9), ...planned, expected_start_time: "2030-02-01T00:00:00Z" })]);
  const { structured } = await harness.call(getFlowRunsTool, {
    filter: { expected_start_time: { after_: "2030-01-01T00:00:00Z" } },
  });
  expect(structured).toMatchObject({
    flow_runs: [{ id: anId(9) }],
    coverage: { complete: true, from: null, to: null },
  });
});

test("a cursor of what_changed for a window in the future continues from now", async () => {
  await using harness = await openToolHarness();
  fillRecord(harness);
  const { structured } = await harness.call(whatChangedTool, { since: "2030-01-01" });
  harness.nowUs += HOUR_US;
  harness.cover("event");
  const later = await harness.call(whatChangedTool, { cursor: structured.cursor });
  expect(later.structured).toMatchObject({ window: { from: at(3_600), to: at(7_200) }, coverage: { complete: true } });
  const before = await harness.call(whatChangedTool, { cursor: structured.cursor, until: "2h" });
  expect(before.structured).toMatchObject({ code: "invalid_input", message: "cursor is after until" });
});
