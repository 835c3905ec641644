/** Hostile texts in resources, their errors, subscriptions, completion and prompts: a value stays one, as in the answers of tools. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Client } from "@modelcontextprotocol/client";
import { InMemoryTransport } from "@modelcontextprotocol/server";
import type { ResourceWatch } from "../../src/mcp/resource-watch.ts";
import { buildServer } from "../../src/mcp/server.ts";
import { RESOURCE_TEMPLATES, RESOURCES } from "../../src/resources/index.ts";
import { allTools } from "../../src/tools/index.ts";
import { openToolHarness, type ToolHarness } from "../support/tool-harness.ts";
import { faultsOfOwnLine, faultsOfStructured } from "../tools/foreign/answer-grammar.ts";
import { HOSTILE } from "../tools/foreign/hostile-texts.ts";
import { fillPrefect, fillRecord, type HostileObjects, hostileObjects } from "../tools/foreign/hostile-workspace.ts";
import { fakeTenant } from "./fake-tenant.ts";

const INVISIBLE = /[^\P{Cc}\n\t]|[\u2028\u2029\ufff9-\ufffb]|\p{Default_Ignorable_Code_Point}|\p{Cs}/u;

let objects: HostileObjects;
let harness: ToolHarness;
let client: Client;
const watched = new Map<string, () => void>();

const watch: ResourceWatch = {
  get size() {
    return watched.size;
  },
  add(uri, notify) {
    watched.set(uri, notify);
    return () => void watched.delete(uri);
  },
};

beforeAll(async () => {
  objects = hostileObjects();
  harness = await openToolHarness();
  fillPrefect(harness.fake.workspace, objects);
  fillRecord(harness, objects);
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await buildServer({ ...fakeTenant(), tools: () => allTools, query: () => harness.query, watch }).connect(ours);
  client = new Client({ name: "test", version: "1" });
  await client.connect(theirs);
});

afterAll(async () => {
  await client.close();
  await harness[Symbol.asyncDispose]();
});

/** What is wrong with the message of the protocol's error; nothing without an error. */
async function faultsOfError(request: Promise<unknown>): Promise<string[]> {
  try {
    await request;
    return [];
  } catch (error) {
    // The SDK of the client puts its own words in front.
    const { message } = error as Error;
    return faultsOfOwnLine(message.replace(/^MCP error -?\d+: /, ""));
  }
}

/** The URIs of a template with each of the values. */
function urisOf(template: string, values: readonly string[]): string[] {
  return values.map((value) => template.replace(/\{\w+\}/, encodeURIComponent(value.toWellFormed()).slice(0, 4_000)));
}

test("resources hold one visible line of JSON whose own words have no foreign text outside of quotes", async () => {
  const ids = [...objects.runs.slice(0, 30), ...objects.deployments].map(({ id }) => id);
  const names = [...HOSTILE, ...objects.runs.slice(0, 3).map(({ name }) => name)];
  const uris = [
    ...RESOURCES.map(({ uri }) => uri),
    ...RESOURCE_TEMPLATES.flatMap(({ uriTemplate }) => urisOf(uriTemplate, [...ids, ...names])),
  ];
  let read = 0;
  for (const uri of uris) {
    const request = client.readResource({ uri });
    const answer = await request.catch(() => null);
    if (answer === null) {
      expect({ uri, faults: await faultsOfError(request) }).toEqual({ uri, faults: [] });
      continue;
    }
    for (const content of answer.contents) {
      const { mimeType, text } = content as { mimeType: string; text: string };
      if (mimeType !== "application/json") continue;
      read += 1;
      expect({ uri, found: INVISIBLE.exec(text) }).toEqual({ uri, found: null });
      expect({ uri, faults: faultsOfStructured(JSON.parse(text), false) }).toEqual({ uri, faults: [] });
    }
  }
  expect(read).toBeGreaterThan(50);
});

test("errors of resources, subscriptions, completion and prompts are one line that quotes what was sent", async () => {
  for (const text of HOSTILE) {
    const wellFormed = text.toWellFormed();
    const faults = [
      ...(await faultsOfError(client.readResource({ uri: wellFormed }))),
      ...(await faultsOfError(client.readResource({ uri: `prefect://${wellFormed}` }))),
      ...(await faultsOfError(client.subscribeResource({ uri: `prefect://${wellFormed}` }))),
      ...(await faultsOfError(
        client.complete({ ref: { type: "ref/resource", uri: wellFormed }, argument: { name: "a", value: "b" } }),
      )),
      ...(await faultsOfError(
        client.complete({ ref: { type: "ref/prompt", name: wellFormed }, argument: { name: "a", value: "b" } }),
      )),
      ...(await faultsOfError(client.getPrompt({ name: wellFormed }))),
      ...(await faultsOfError(client.getPrompt({ name: "triage", arguments: { [wellFormed]: "x" } }))),
      ...(await faultsOfError(client.callTool({ name: wellFormed, arguments: {} }))),
    ];
    expect(faults).toEqual([]);
  }
});

test("a prompt quotes its arguments", async () => {
  const { prompts } = await client.listPrompts();
  for (const { name, arguments: given = [] } of prompts) {
    for (const text of HOSTILE) {
      const values = Object.fromEntries(given.map((one) => [one.name, text.toWellFormed()]));
      const { messages } = await client.getPrompt({ name, arguments: values });
      const texts = messages.map(({ content }) => (content as { text: string }).text);
      expect(texts.flatMap((one) => one.split("\n")).flatMap(faultsOfOwnLine)).toEqual([]);
      expect(texts.some((one) => INVISIBLE.test(one))).toBe(false);
    }
  }
});

test("completion offers only values that are one visible line", async () => {
  for (const { uriTemplate } of RESOURCE_TEMPLATES) {
    const name = /\{(\w+)\}/.exec(uriTemplate)?.[1] ?? "";
    for (const value of ["", "n", "prefect", ...HOSTILE.map((text) => text.toWellFormed())]) {
      const { completion } = await client.complete({
        ref: { type: "ref/resource", uri: uriTemplate },
        argument: { name, value },
      });
      expect(completion.values.filter((one) => INVISIBLE.test(one) || one.includes("\n"))).toEqual([]);
    }
  }
});

test("a notification about a subscribed resource has the URI that was sent, and nothing else", async () => {
  const uri = `prefect://flow-runs/${encodeURIComponent(HOSTILE[2] ?? "")}`;
  const received: unknown[] = [];
  client.setNotificationHandler("notifications/resources/updated", ({ params }) => void received.push(params));
  await client.subscribeResource({ uri });
  watched.get(uri)?.();
  // An answered request proves that the notification before it has arrived.
  await client.listResources();
  expect(received).toEqual([{ uri }]);
  await client.unsubscribeResource({ uri });
});
