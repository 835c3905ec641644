import { expect, test } from "bun:test";
import { Client } from "@modelcontextprotocol/client";
import { InMemoryTransport } from "@modelcontextprotocol/server";
import { buildServer } from "../../src/mcp/server.ts";
import { allTools } from "../../src/tools/index.ts";
import { aFlowRun, anId } from "../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../support/tool-harness.ts";
import { fakeTenant } from "./fake-tenant.ts";

const run = aFlowRun({ id: anId(81), name: "wandering-guan", state_type: "FAILED" });

async function connect(harness: ToolHarness) {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const tenant = { ...fakeTenant(), tools: () => allTools, query: () => harness.query };
  const server = buildServer(tenant);
  await server.connect(ours);
  const client = new Client({ name: "test", version: "1" });
  await client.connect(theirs);
  return { client, [Symbol.asyncDispose]: () => client.close() };
}

async function recorded(): Promise<ToolHarness> {
  const harness = await openToolHarness();
  harness.flowRuns([run]);
  harness.cover("event");
  harness.cover("flow_run", { fromUs: 0 });
  return harness;
}

test("resources are listed, read through their tools, and completed from the record", async () => {
  await using harness = await recorded();
  await using wired = await connect(harness);
  const { client } = wired;
  const { resources } = await client.listResources();
  expect(resources.map((one) => one.uri)).toContain("prefect://dashboard");
  const { resourceTemplates } = await client.listResourceTemplates();
  expect(resourceTemplates.map((one) => one.uriTemplate)).toContain("prefect://flow-runs/{flow_run}/logs");
  const read = await client.readResource({ uri: "prefect://flow-runs/wandering-guan/timeline" });
  const [content] = read.contents as { uri: string; mimeType: string; text: string }[];
  expect(content).toMatchObject({ uri: "prefect://flow-runs/wandering-guan/timeline", mimeType: "application/json" });
  expect(JSON.parse(content?.text ?? "")).toMatchObject({ subject: { id: run.id } });
  const skill = await client.readResource({ uri: "prefect://skills/prefect-operations/SKILL.md" });
  expect(skill.contents[0]).toMatchObject({ mimeType: "text/markdown" });
  const completed = await client.complete({
    ref: { type: "ref/resource", uri: "prefect://flow-runs/{flow_run}" },
    argument: { name: "flow_run", value: "wand" },
  });
  expect(completed.completion).toEqual({ values: ["wandering-guan"], total: 1, hasMore: false });
});

test("a resource that is not there is -32602", async () => {
  await using harness = await recorded();
  await using wired = await connect(harness);
  for (const uri of ["prefect://nonsense", `prefect://flow-runs/${anId(99)}`, "prefect://flow-runs/unknown-owl/logs"]) {
    await expect(wired.client.readResource({ uri })).rejects.toMatchObject({ code: -32602 });
  }
});

test("prompts are listed and filled in, with completion of their arguments", async () => {
  await using harness = await recorded();
  await using wired = await connect(harness);
  const { prompts } = await wired.client.listPrompts();
  expect(prompts.map((one) => one.name)).toEqual(["triage", "late_runs", "morning_check"]);
  const { messages } = await wired.client.getPrompt({ name: "triage", arguments: { flow_run: "wandering-guan" } });
  expect(messages).toHaveLength(1);
  expect(JSON.stringify(messages)).toContain("wandering-guan");
  await expect(wired.client.getPrompt({ name: "triage", arguments: { run: "x" } })).rejects.toMatchObject({
    code: -32602,
  });
  const { completion } = await wired.client.complete({
    ref: { type: "ref/prompt", name: "triage" },
    argument: { name: "flow_run", value: "w" },
  });
  expect(completion.values).toEqual(["wandering-guan"]);
});
