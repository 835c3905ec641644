/** Numbers keep every digit on their way from Prefect into the record and out of answers. */
import { expect, test } from "bun:test";
import { decode, encode, type ToWorker } from "../../src/app/worker-messages.ts";
import { ExactNumber } from "../../src/lib/exact-json.ts";
import { HOUR_US } from "../../src/lib/time.ts";
import type { LiveBatch } from "../../src/model/events/live-batch.ts";
import { createRedactor } from "../../src/model/secrets/redact.ts";
import type { ToolDefinition } from "../../src/tools/definition/define-tool.ts";
import { aggregateEventsTool } from "../../src/tools/events/aggregate-events.ts";
import { readEventsTool } from "../../src/tools/events/read-events.ts";
import { searchTool } from "../../src/tools/events/search.ts";
import { getAutomationsTool } from "../../src/tools/objects/get-automations.ts";
import { getDeploymentsTool } from "../../src/tools/objects/get-deployments.ts";
import { getWorkPoolsTool } from "../../src/tools/objects/get-work-pools.ts";
import { getFlowRunsTool } from "../../src/tools/runs/get-flow-runs.ts";
import { getTaskRunsTool } from "../../src/tools/runs/get-task-runs.ts";
import { getDashboardTool } from "../../src/tools/workspace/get-dashboard.ts";
import {
  aConcurrencyLimit,
  aDeployment,
  aFlow,
  aFlowRun,
  anAutomation,
  anEvent,
  anId,
  aTaskRun,
  aWorkPool,
} from "../support/builders.ts";
import { ingestOf } from "../support/harness-ingest.ts";
import { randomNumber } from "../support/numbers.ts";
import { seededRandom } from "../support/random.ts";
import { openToolHarness, type ToolHarness } from "../support/tool-harness.ts";

const NAMED = ["9223372036854775807", "18446744073709551616", "1.0", "-0.0", "0.0", "1e400", "5.2e-05", "0.10"];

function exactNumbers(count: number): ExactNumber[] {
  const next = seededRandom(5);
  const written = new Set(NAMED);
  while (written.size < count) {
    const text = randomNumber(next);
    if (String(Number(text)) !== text) written.add(text);
  }
  return [...written].map((text) => new ExactNumber(text));
}

/** Stores the live batches as the writer does, which gets them as text from another thread. */
function saveAll(h: ToolHarness): void {
  const ingest = ingestOf(h, ["a-credential-of-ours"]);
  for (const batch of h.saved.splice(0)) {
    const message = decode<Extract<ToWorker, { type: "save-live" }>>(encode({ type: "save-live", batch }));
    ingest.saveLive(message.batch as LiveBatch);
  }
}

/** The JSON of an answer in both forms. */
async function jsonOf(h: ToolHarness, tool: ToolDefinition, args: object): Promise<{ json: string; text: string }> {
  const { structured, text, isError } = await h.call(tool, args);
  expect(isError).toBe(false);
  return { json: JSON.stringify(structured), text };
}

function fill(h: ToolHarness, numbers: readonly ExactNumber[]) {
  const id = {
    run: anId(11),
    flow: anId(12),
    deployment: anId(13),
    pool: anId(14),
    task: anId(15),
    automation: anId(16),
  };
  const [first = 1] = numbers;
  const value = { list: numbers, one: first };
  const { workspace } = h.fake;
  workspace.flows.push(aFlow({ id: id.flow, name: "etl" }));
  workspace.flowRuns.push(
    aFlowRun({
      id: id.run,
      name: "exact",
      flow_id: id.flow,
      parameters: value,
      total_run_time: new ExactNumber("1.0"),
    }),
  );
  workspace.taskRuns.push(aTaskRun({ id: id.task, flow_run_id: id.run, name: "load", task_inputs: value }));
  workspace.deployments.push(aDeployment({ id: id.deployment, flow_id: id.flow, name: "nightly", parameters: value }));
  workspace.workPools.push(
    aWorkPool({ id: id.pool, name: "wide", concurrency_limit: first, base_job_template: { value } }),
  );
  workspace.concurrencyLimits.push(
    aConcurrencyLimit({
      id: anId(17),
      name: "wide-limit",
      limit: first,
      slot_decay_per_second: new ExactNumber("0.0"),
    }),
  );
  workspace.automations.push(
    anAutomation({
      id: id.automation,
      name: "many",
      trigger: { type: "event", threshold: first, within: new ExactNumber("60.0") },
    }),
  );
  h.fake.emit(anEvent({ id: anId(21), event: "shop.order", payload: value }));
  return { id, value: JSON.stringify(value) };
}

test("every number is answered as Prefect wrote it, live and from the record", async () => {
  const numbers = exactNumbers(24);
  await using h = await openToolHarness();
  const { id, value } = fill(h, numbers);
  const since = "3h";
  const questions: readonly (readonly [ToolDefinition, object])[] = [
    [readEventsTool, { occurred_after: since, detail: "full" }],
    [getFlowRunsTool, { filter: { id: { any_: [id.run] } }, detail: "full" }],
    [getTaskRunsTool, { filter: { id: { any_: [id.task] } }, detail: "full" }],
    [getDeploymentsTool, { detail: "full" }],
    [getWorkPoolsTool, { detail: "full" }],
  ];
  const ask = async () => {
    for (const [tool, args] of questions) {
      const { json, text } = await jsonOf(h, tool, args);
      expect(json).toContain(value);
      expect(text).toContain(value);
    }
    const automations = await jsonOf(h, getAutomationsTool, { detail: "full" });
    expect(automations.json).toContain(`"threshold":${numbers[0]},"within":60.0`);
    expect((await jsonOf(h, getAutomationsTool, {})).text).toContain(`${numbers[0]} times`);
    const runs = await jsonOf(h, getFlowRunsTool, { filter: { id: { any_: [id.run] } }, detail: "full" });
    expect(runs.json).toContain('"total_run_time":1.0');
    const pools = await jsonOf(h, getWorkPoolsTool, {});
    expect(pools.json).toContain(`"concurrency_limit":${numbers[0]}`);
    expect(pools.text).toContain(`${numbers[0]}`);
    const dashboard = await jsonOf(h, getDashboardTool, {});
    expect(dashboard.json).toContain(`"kind":"global","limit":${numbers[0]},"active_slots":0,"name":"wide-limit"`);
  };
  await ask();
  saveAll(h);
  for (const kind of ["event", "flow_run", "task_run"]) h.cover(kind);
  h.following();
  h.nowUs += 1_000_000;
  h.following();
  h.fake.takeRequests();
  await ask();
  expect(
    h.fake.takeRequests().filter((request) => /(events|runs|deployments|pools|automations).filter/.test(request)),
  ).toEqual([]);
});

test("text searches see numbers as they are written", async () => {
  const numbers = exactNumbers(40);
  await using h = await openToolHarness();
  const events = numbers.map((number, n) => anEvent({ id: anId(100 + n), event: "shop.order", payload: { number } }));
  h.fake.emit(events);
  h.events(events);
  const live = { fresh: true };
  h.cover("event", { fromUs: h.nowUs - 3 * HOUR_US });
  h.following();
  for (const [n, number] of numbers.entries()) {
    const filter = { text: { query: `"\\"number\\": ${number}}"` } };
    const found = await h.call(readEventsTool, { occurred_after: "3h", filter });
    expect(found.structured.events.map((event: { id: string }) => event.id)).toEqual([anId(100 + n)]);
    const counted = await h.call(aggregateEventsTool, { occurred_after: "3h", by: "event", filter });
    expect(counted.structured.total).toBe(1);
  }
  const words = await h.call(searchTool, {
    query: "shop.order",
    since: "3h",
    kinds: ["event"],
    detail: "full",
    ...live,
  });
  expect(JSON.stringify(words.structured)).toContain(`{"number":${numbers[0]}}`);
});

test("a number in a filter reaches Prefect as the caller wrote it", async () => {
  await using h = await openToolHarness();
  const args = '{"filter":{"concurrency_limit":{"ge_":9223372036854775807}},"fresh":true}';
  expect((await h.call(getDeploymentsTool, args)).isError).toBe(false);
  const [request] = h.fake.requestsTo("POST /deployments/filter");
  expect(JSON.stringify(request?.body)).toContain('{"ge_":9223372036854775807}');
  const other = await h.call(getDeploymentsTool, '{"filter":{"concurrency_limit":{"ge_":1.5}}}');
  expect(other.structured.message).toBe("filter.concurrency_limit.ge_ must be a whole number, not 1.5");
});

test("redacting an answer keeps its numbers", () => {
  const redact = createRedactor({ credentials: ["a-credential-of-ours"] });
  const key = "AKIAIOSFODNN7EXAMPLE";
  const aws = { key, secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", n: new ExactNumber("1.0") };
  expect(JSON.stringify(redact.object(aws))).toContain('"n":1.0');
  let deep: unknown = { n: new ExactNumber("-0.0"), secret: "a-credential-of-ours" };
  for (let level = 0; level < 500; level += 1) deep = [deep];
  expect(JSON.stringify(redact.object(deep))).toContain('{"n":-0.0,"secret":"[redacted:');
  const block = { event: "prefect.block-document.created", payload: { data: { password: new ExactNumber("1.0") } } };
  expect(JSON.stringify(redact.object(block))).not.toContain("1.0");
});
