import { describe, expect, test } from "bun:test";
import { Client } from "@modelcontextprotocol/client";
import { InMemoryTransport } from "@modelcontextprotocol/server";
import { z } from "zod";
import { AppError } from "../../src/errors.ts";
import { watchableUrisOf, withWatchableUris } from "../../src/mcp/offer-subscriptions.ts";
import type { ResourceWatch } from "../../src/mcp/resource-watch.ts";
import { buildServer } from "../../src/mcp/server.ts";
import { allTools } from "../../src/tools/index.ts";
import { aFlowRun, anId } from "../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../support/tool-harness.ts";
import { fakeTenant } from "./fake-tenant.ts";

const run = aFlowRun({ id: anId(81), name: "wandering-guan", state_type: "FAILED" });

async function connect(harness: ToolHarness, watch?: ResourceWatch) {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const tenant = { ...fakeTenant(), tools: () => allTools, query: () => harness.query, ...(watch ? { watch } : {}) };
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
  const skill = await client.readResource({ uri: "skill://prefect-operations/SKILL.md" });
  expect(skill.contents[0]).toMatchObject({ mimeType: "text/markdown" });
  const completed = await client.complete({
    ref: { type: "ref/resource", uri: "prefect://flow-runs/{flow_run}" },
    argument: { name: "flow_run", value: "wand" },
  });
  expect(completed.completion).toEqual({ values: ["wandering-guan"], total: 1, hasMore: false });
});

test("a resource that does not exist is error -32602", async () => {
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

test("a resource can be subscribed to when it exists and the limit is not reached", async () => {
  const watched: string[] = [];
  const watch: ResourceWatch = {
    get size() {
      return watched.length;
    },
    add(uri) {
      if (watched.length === 3 && !watched.includes(uri))
        throw new AppError("rate_limited", "Too many.", { hint: "End some." });
      watched.push(uri);
      return () => void watched.splice(watched.indexOf(uri), 1);
    },
  };
  await using harness = await recorded();
  await using wired = await connect(harness, watch);
  const uris = ["prefect://dashboard", "prefect://flow-runs/wandering-guan/logs", "prefect://events/prefect.flow-run."];
  for (const uri of uris) await wired.client.subscribeResource({ uri });
  expect(watched).toEqual(uris);
  const unknown = [
    "prefect://nope",
    "prefect://flow-runs/a/b",
    "http://dashboard",
    `prefect://events/${"x".repeat(500)}`,
  ];
  for (const uri of unknown) {
    await expect(wired.client.subscribeResource({ uri })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining("resources/templates/list"),
    });
  }
  await expect(wired.client.subscribeResource({ uri: "prefect://events" })).rejects.toMatchObject({
    code: -32603,
    message: "Too many. End some.",
    data: { code: "rate_limited" },
  });
  await wired.client.subscribeResource({ uri: "prefect://dashboard" });
  expect(watched.toSorted()).toEqual(uris.toSorted());
});

describe("a subscriptions/listen request", () => {
  const listen = (resourceSubscriptions: unknown) => ({
    jsonrpc: "2.0",
    id: 1,
    method: "subscriptions/listen",
    params: { notifications: { toolsListChanged: true, resourceSubscriptions }, _meta: { a: 1 } },
  });
  const known = Array.from({ length: 250 }, (_, n) => `prefect://flow-runs/run-${n}`);

  test.each<[string, unknown[], string[]]>([
    ["what is no resource", ["prefect://nope", "prefect://events", "prefect://flow-runs/%zz"], ["prefect://events"]],
    ["what it names twice", ["prefect://events", "prefect://events"], ["prefect://events"]],
    ["what is too long", [`prefect://events/${"x".repeat(484)}`], []],
    ["all but 200", known, known.slice(0, 200)],
  ])("is passed on without %s", (_, asked, honoured) => {
    const message = listen(asked);
    expect(withWatchableUris(message)).toEqual(listen(honoured));
    expect(watchableUrisOf(message)).toEqual(honoured);
    expect(message).toEqual(listen(asked));
  });

  test("is not read beyond the limit of subscriptions", () => {
    expect(watchableUrisOf(listen([...Array(1_999).fill("prefect://nope"), ...known]))).toEqual(known.slice(0, 1));
  });

  test.each<[string, unknown]>([
    ["names only resources", listen(["prefect://events", `prefect://events/${"x".repeat(483)}`])],
    ["names none", { ...listen([]), params: { notifications: {} } }],
    ["has a list that the protocol refuses", listen(["prefect://nope", 5])],
    ["has no list", listen("prefect://nope")],
    ["has no params", { jsonrpc: "2.0", id: 1, method: "subscriptions/listen", params: null }],
    ["is another request", { ...listen(["prefect://nope"]), method: "tools/list" }],
    ["is no message", null],
  ])("stays the same object where it %s", (_, message) => {
    expect(withWatchableUris(message)).toBe(message);
  });
});

test("skills are declared, listed and found by their URI, and their digest is that of the resource", async () => {
  await using harness = await recorded();
  await using wired = await connect(harness);
  const { client } = wired;
  expect(client.getServerCapabilities()?.extensions).toMatchObject({ "io.modelcontextprotocol/skills": {} });
  const skills = z.object({ skills: z.array(z.object({ uri: z.string() }).loose()) }).loose();
  const listed = await client.request({ method: "skills/list", params: {} }, skills);
  expect(listed.skills.map(({ uri }) => uri)).toEqual([
    "skill://prefect-events-offline/SKILL.md",
    "skill://prefect-operations/SKILL.md",
    "skill://prefect-triage/SKILL.md",
  ]);
  for (const entry of listed.skills) {
    const one = z.object({ skill: z.unknown() }).loose();
    const { skill } = await client.request({ method: "skills/get", params: { uri: entry.uri } }, one);
    expect(skill).toEqual(entry);
    const [content] = (await client.readResource({ uri: entry.uri })).contents as { text: string }[];
    const digest = `sha256:${new Bun.CryptoHasher("sha256").update(content?.text ?? "").digest("hex")}`;
    expect(entry.resources).toEqual([{ uri: entry.uri, digest, size: Buffer.byteLength(content?.text ?? "") }]);
  }
  const wrong = client.request({ method: "skills/get", params: { uri: "skill://none/SKILL.md" } }, z.unknown());
  await expect(wrong).rejects.toMatchObject({ code: -32602 });
});
