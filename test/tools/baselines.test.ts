import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parseIsoUs, SECOND_US } from "../../src/lib/time.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import { readEventsTool } from "../../src/tools/events/read-events.ts";
import { getObjectSchemaTool } from "../../src/tools/objects/get-object-schema.ts";
import { getFlowRunLogsTool } from "../../src/tools/runs/get-flow-run-logs.ts";
import { aFlowRun, aLog, at, T0_US } from "../support/builders.ts";
import { openToolHarness } from "../support/tool-harness.ts";

/**
 * Tokens of the text of answers that the official server gives too (o200k, measured on PyPI prefect-mcp 0.0.1b13). A change may
 * lower these; raising one needs a reason.
 */
// 71 since the text states the day and the zone of times without a date.
const PER_EVENT = { peer: 108, ours: 71 };
const PER_LOG_LINE = { peer: 46, ours: 19 };
const AUTOMATION_SCHEMA = { peer: 5_377, ours: 1_400 };

const { exchanges } = JSON.parse(
  readFileSync(`${import.meta.dir}/../fixtures/prefect-3.8.8/events-filter.json`, "utf8"),
);
const recorded: PrefectEvent[] = exchanges.flatMap(
  (one: { response: { body: { events?: PrefectEvent[] } } }) => one.response.body.events ?? [],
);
const events = [...new Map(recorded.map((event) => [event.id, event])).values()];

test("an event of a real workspace takes at most its baseline of tokens", async () => {
  await using harness = await openToolHarness();
  harness.nowUs =
    (parseIsoUs(
      events
        .map((event) => event.occurred)
        .sort()
        .at(-1) ?? "",
    ) ?? 0) + SECOND_US;
  harness.events(events);
  harness.cover("event");
  const { structured, tokens } = await harness.call(readEventsTool, { limit: 50 });
  expect(structured.events).toHaveLength(50);
  expect(tokens.text / 50).toBeLessThanOrEqual(PER_EVENT.ours);
  expect(tokens.structured / 50).toBeLessThanOrEqual(PER_EVENT.peer);
  const first = await harness.call(readEventsTool);
  expect(Math.max(first.tokens.text, first.tokens.structured)).toBeLessThanOrEqual(2_500);
});

test("a log line takes at most its baseline of tokens", async () => {
  await using harness = await openToolHarness();
  const run = aFlowRun({ start_time: at(0), end_time: at(60) });
  const lines = Array.from({ length: 100 }, (_, n) =>
    aLog({ flow_run_id: run.id, timestamp: at(n / 7), message: `row ${String(n).padStart(5, "0")} processed` }),
  );
  harness.flowRuns([run]);
  harness.logs(lines);
  harness.cover("event");
  harness.cover("log", { scope: run.id, fromUs: 0, verifiedUs: T0_US + 120 * SECOND_US });
  const { structured, tokens } = await harness.call(getFlowRunLogsTool, { flow_run_id: run.id, limit: 100 });
  expect(structured.logs).toHaveLength(100);
  expect(tokens.text / 100).toBeLessThanOrEqual(PER_LOG_LINE.ours);
  expect(tokens.structured / 100).toBeLessThanOrEqual(PER_LOG_LINE.peer);
});

test("the schema of an automation takes at most its baseline of tokens", async () => {
  await using harness = await openToolHarness({ record: false });
  const { tokens } = await harness.call(getObjectSchemaTool, { object_type: "automation" });
  expect(tokens.text).toBeLessThanOrEqual(AUTOMATION_SCHEMA.ours);
});
