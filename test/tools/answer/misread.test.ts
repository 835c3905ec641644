/** Parts of answers that a reader took for something else. */
import { describe, expect, test } from "bun:test";
import { SECOND_US } from "../../../src/lib/time.ts";
import { aggregateEventsTool } from "../../../src/tools/events/aggregate-events.ts";
import { getTimelineTool } from "../../../src/tools/events/get-timeline.ts";
import { readEventsTool } from "../../../src/tools/events/read-events.ts";
import { searchTool } from "../../../src/tools/events/search.ts";
import { waitForTool } from "../../../src/tools/events/wait-for.ts";
import { diagnoseTool } from "../../../src/tools/runs/diagnose.ts";
import { getFlowRunLogsTool } from "../../../src/tools/runs/get-flow-run-logs.ts";
import { getFlowRunsTool } from "../../../src/tools/runs/get-flow-runs.ts";
import { getRecordStatusTool } from "../../../src/tools/workspace/get-record-status.ts";
import { aFlowRun, aLog, anEvent, anId, at } from "../../support/builders.ts";
import { losePrefect, openToolHarness } from "../../support/tool-harness.ts";

test("as_of is not earlier than an event that the answer shows", async () => {
  await using harness = await openToolHarness();
  harness.cover("event", { toUs: harness.nowUs - 5 * SECOND_US });
  harness.following();
  const occurred = at(3_598);
  harness.events([anEvent({ id: anId(1), occurred })]);
  const { structured, text } = await harness.call(readEventsTool, {});
  expect(structured.events).toHaveLength(1);
  expect(structured).toMatchObject({ source: "record", as_of: occurred });
  expect(text).toContain("record as of 2026-08-20T10:14:58Z (2 s ago)");
});

test("the width of buckets is a duration, and counts have separators", async () => {
  await using harness = await openToolHarness();
  harness.cover("event");
  harness.following();
  const many = Array.from({ length: 1_234 }, (_, n) => anEvent({ id: anId(100 + n), occurred: at(n) }));
  harness.events(many);
  const { text } = await harness.call(aggregateEventsTool, { interval: "6h", occurred_after: "12h" });
  expect(text).toContain("1,234 events in 3 groups of 6 h each");
});

test("a prefix that is part of a name is answered with that name alone", async () => {
  await using harness = await openToolHarness();
  harness.cover("event");
  harness.following();
  harness.events([
    anEvent({ event: "shop.orders.batch-loaded", occurred: at(1) }),
    anEvent({ event: "prefect.worker.executed-flow-run", occurred: at(2) }),
    anEvent({ event: "prefect.worker.started", occurred: at(3) }),
  ]);
  const { text } = await harness.call(readEventsTool, { event_type_prefix: "orders" });
  expect(text).toContain("Near it: shop.orders.batch-loaded.");
});

test("frames of libraries are left out of the error lines of a timeline, unless the detail is full", async () => {
  await using harness = await openToolHarness();
  const run = aFlowRun({ id: anId(1), name: "wise-owl", start_time: at(10), end_time: at(20) });
  const message = [
    "Encountered an exception",
    "Traceback (most recent call last):",
    ...Array.from(
      { length: 6 },
      (_, n) => `  File "/usr/lib/python3.12/site-packages/prefect/engine.py", line ${n}, in run\n    run()`,
    ),
    '  File "/srv/flows/orders.py", line 9, in load',
    "    raise ValueError(1)",
    "ValueError: 1",
  ].join("\n");
  harness.flowRuns([run]);
  harness.fake.workspace.flowRuns.push(run);
  harness.fake.workspace.logs.push(aLog({ flow_run_id: run.id, level: 40, timestamp: at(15), message }));
  harness.cover("event", { fromUs: 0 });
  const brief = await harness.call(getTimelineTool, { flow_run: "wise-owl" });
  const shown = brief.structured.entries.find((entry: { kind: string }) => entry.kind === "log").message;
  expect(shown).toContain("/srv/flows/orders.py");
  expect(shown).not.toContain('site-packages/prefect/engine.py", line 2');
  const full = await harness.call(getTimelineTool, { flow_run: "wise-owl", detail: "full" });
  expect(full.structured.entries.find((entry: { kind: string }) => entry.kind === "log").message).toBe(message);
});

test("times in what wait_for has seen have their day and zone beside them", async () => {
  await using harness = await openToolHarness();
  harness.cover("event");
  harness.following();
  harness.events([anEvent({ event: "shop.order.placed", occurred: at(3_500) })]);
  const { text } = await harness.call(waitForTool, { event_type_prefix: "shop.", occurred_after: "10m" });
  expect(text).toContain("reached: shop.order.placed; waited 0 s | ");
  expect(text).toContain("Undated times: 2026-08-20 UTC");
});

describe("wrong values of arguments", () => {
  const cases = [
    [readEventsTool, { order: "descending" }, '"descending" is not one of asc, desc; did you mean desc?', "order"],
    [aggregateEventsTool, { by: "states" }, '"states" is not one of time, event', "by"],
    [searchTool, { query: "x", kinds: ["logs"] }, '"logs" is not one of event, log', "kinds"],
    [readEventsTool, { fresh: "maybe" }, '"maybe" is not true or false', "fresh"],
    [readEventsTool, { limit: 1.5 }, "1.5 is not a whole number from 1 to 500", "limit"],
    [readEventsTool, { filter: 3 }, "3 is not a JSON object", "filter"],
    [getFlowRunLogsTool, {}, 'argument "flow_run_id" is missing', "flow_run_id"],
  ] as const;
  for (const [tool, args, message, name] of cases) {
    test(`${tool.name} ${JSON.stringify(args)} is answered in words, not with a schema`, async () => {
      await using harness = await openToolHarness();
      const { structured } = await harness.call(tool, args);
      expect(structured.code).toBe("invalid_input");
      expect(structured.message).toContain(message);
      expect(structured.hint).toStartWith(`${name} must be `);
      expect(`${structured.message} ${structured.hint}`).not.toMatch(/\{"|expected|received|Invalid/);
    });
  }

  test.each([
    [getFlowRunLogsTool, { flow_run_id: "x", tail: 3 }, "tail"],
    [getFlowRunLogsTool, { flow_run_id: "x", head: 20 }, "head"],
    [readEventsTool, { fresh: 2 }, "fresh"],
  ] as const)("a number for an argument that is true or false names the limit: %#", async (tool, args, name) => {
    await using harness = await openToolHarness();
    const { structured } = await harness.call(tool, args);
    expect(structured.hint).toStartWith(`${name} must be true or false`);
    expect(structured.hint).toEndWith(". For a number of items use limit.");
  });

  test("an option that is near is named", async () => {
    await using harness = await openToolHarness();
    const { structured } = await harness.call(searchTool, { query: "x", kinds: ["logs"] });
    expect(structured.message).toEndWith("did you mean log?");
  });
});

test("what has no beginning is covered in words, while the structure keeps its times", async () => {
  for (const record of [true, false]) {
    await using harness = await openToolHarness({ record });
    if (record) {
      for (const kind of ["flow_run", "task_run"]) harness.cover(kind, { fromUs: 0 });
      harness.following();
    }
    const { structured, text } = await harness.call(getFlowRunsTool, { since: "1970-01-01" });
    expect(structured.coverage).toMatchObject({ complete: true, from: "1970-01-01T00:00:00Z", gaps: [] });
    expect(text).toMatch(/covers all of it up to 2026-08-20T10:1\d:\d\dZ/);
    expect(text).not.toContain("1970");
  }
  await using harness = await openToolHarness();
  harness.cover("flow_run");
  losePrefect(harness, 10);
  const { structured, text } = await harness.call(getFlowRunsTool, {});
  expect(structured.coverage.gaps[0].from).toBe("1970-01-01T00:00:00Z");
  expect(text).toContain("INCOMPLETE");
  expect(text).toMatch(/not covered: everything before 2026-\S+Z/);
  harness.cover("event", { fromUs: 0 });
  const status = await harness.call(getRecordStatusTool);
  expect(status.text).toMatch(/covered event: all of it up to 2026-\S+Z/);
  expect(status.structured.coverage.event[0].from).toBe("1970-01-01T00:00:00Z");
});

test("times in the evidence of a diagnosis have their date and zone, also those of other days", async () => {
  await using harness = await openToolHarness();
  const failed = (n: number, hours: number) =>
    aFlowRun({
      id: anId(n),
      name: `owl-${n}`,
      state_type: "FAILED",
      state_name: "Failed",
      start_time: at(-hours * 3_600),
      end_time: at(-hours * 3_600 + 10),
    });
  harness.flowRuns([failed(1, 1), failed(2, 2)]);
  for (const kind of ["event", "flow_run", "task_run"]) harness.cover(kind, { fromUs: 0 });
  harness.following();
  const { text } = await harness.call(diagnoseTool, {});
  const times = text.split("\n").filter((line) => /^ +(?:first_seen|last_seen): /.test(line));
  expect(times.length).toBeGreaterThanOrEqual(2);
  for (const line of times) expect(line).toMatch(/: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
});

test("without a matching event, no empty buckets are listed", async () => {
  await using harness = await openToolHarness();
  harness.cover("event");
  harness.following();
  harness.events([anEvent({ occurred: at(1) })]);
  const { structured, text } = await harness.call(aggregateEventsTool, { event_type_prefix: "nothing.such" });
  expect(structured).toMatchObject({ groups: [], total: 0, coverage: { complete: true } });
  expect(structured).not.toHaveProperty("next_cursor");
  expect(text).toMatch(/\n0 events in \d+ groups? of /);
  expect(text).toContain("No event in this window matches. No recorded event has such a name.");
});
