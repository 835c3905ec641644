/** A list that a name or a tag leaves empty says what is near it. */
import { expect, test } from "bun:test";
import type { ToolDefinition } from "../../../src/tools/definition/define-tool.ts";
import { readEventsTool } from "../../../src/tools/events/read-events.ts";
import { getAutomationsTool } from "../../../src/tools/objects/get-automations.ts";
import { getDeploymentsTool } from "../../../src/tools/objects/get-deployments.ts";
import { getFlowsTool } from "../../../src/tools/objects/get-flows.ts";
import { getFlowRunsTool } from "../../../src/tools/runs/get-flow-runs.ts";
import { getTaskRunsTool } from "../../../src/tools/runs/get-task-runs.ts";
import { aDeployment, aFlow, aFlowRun, anAutomation, anEvent, anId, aTaskRun, at } from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const flow = aFlow({ id: anId(1), name: "billing-import", tags: ["finance"] });
const deployment = aDeployment({ id: anId(2), name: "daily", flow_id: flow.id, tags: ["finance"] });
const run = aFlowRun({ id: anId(3), name: "vanilla-agama", flow_id: flow.id, tags: ["finance"], start_time: at(600) });
const task = aTaskRun({ id: anId(4), name: "load_batch-1a2", flow_run_id: run.id, tags: ["finance"] });

function fill(harness: ToolHarness): void {
  harness.objects("flow", [flow]);
  harness.objects("deployment", [deployment]);
  harness.objects("automation", [anAutomation({ name: "repair-billing-import", tags: ["finance"] })]);
  harness.flowRuns([run]);
  harness.taskRuns([task]);
  const id = "shop.inbox.web";
  harness.events([
    anEvent({ occurred: at(600), resource: { "prefect.resource.id": id, "prefect.resource.name": "web inbox" } }),
  ]);
  for (const kind of ["event", "flow_run", "task_run"]) harness.cover(kind, { fromUs: 0 });
  harness.following();
}

const names: readonly [ToolDefinition, string, string][] = [
  [getFlowRunsTool, "agma", "vanilla-agama."],
  [getTaskRunsTool, "load_bach", "load_batch-1a2."],
  [getDeploymentsTool, "daly", "billing-import/daily."],
  [getFlowsTool, "biling", "billing-import."],
  [getAutomationsTool, "repair", "repair-billing-import (name is compared as a whole here)."],
];

test.each(names)("%# a name that nothing has", async (tool, name, near) => {
  await using harness = await openToolHarness();
  fill(harness);
  const { structured, text } = await harness.call(tool, { name });
  const note = `Nearest recorded names to "${name}": ${near}`;
  expect([structured.coverage.notes, text.includes(note)]).toEqual([[note], true]);
  const far = await harness.call(tool, { name: "zzzzzz" });
  expect(far.structured.coverage.notes ?? []).toEqual([]);
});

test.each(
  [getFlowRunsTool, getTaskRunsTool, getDeploymentsTool, getFlowsTool, getAutomationsTool].map(
    (tool) => [tool.name, tool] as const,
  ),
)("a tag that nothing has, or in another case: %s", async (_, tool) => {
  await using harness = await openToolHarness();
  fill(harness);
  for (const [tag, how] of [
    ["finanze", ""],
    ["Finance", " (upper and lower case count)"],
  ] as const) {
    const { structured } = await harness.call(tool, { tags: tag });
    expect(structured.coverage.notes).toEqual([`Nearest recorded tags to "${tag}": finance${how}.`]);
  }
  const other = await harness.call(tool, { tags: "finance", name: "zzzzzz" });
  expect(other.structured.coverage.notes ?? []).toEqual([]);
});

test("a resource that no event names", async () => {
  await using harness = await openToolHarness();
  fill(harness);
  const { structured } = await harness.call(readEventsTool, { resource: "web inbx" });
  expect(structured.hint).toStartWith('Nearest names: "web inbox". Give the whole resource id');
});
