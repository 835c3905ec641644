import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { systemClock } from "../../../src/lib/clock.ts";
import type { CallResult } from "../../../src/mcp/call-result.ts";
import type { QueryContext } from "../../../src/queries/source/context.ts";
import type { ToolDefinition } from "../../../src/tools/definition/define-tool.ts";
import { toolListing } from "../../../src/tools/definition/listing.ts";
import { allTools } from "../../../src/tools/index.ts";
import { getIdentityTool } from "../../../src/tools/workspace/get-identity.ts";
import { reviewRateLimitsTool } from "../../../src/tools/workspace/review-rate-limits.ts";
import { anId } from "../../support/builders.ts";
import { callWith } from "../../support/call-tool.ts";
import { CLOUD, openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";
import { faultsOfOwnLine, faultsOfStructured, faultsOfText } from "./answer-grammar.ts";
import { fieldsOfTags, HOSTILE, hostile, MARK, TAG, tagOf } from "./hostile-texts.ts";
import { fillPrefect, fillRecord, type HostileObjects, hostileObjects } from "./hostile-workspace.ts";

let objects: HostileObjects;
let recorded: ToolHarness;
let live: ToolHarness;

beforeAll(async () => {
  objects = hostileObjects();
  recorded = await openToolHarness();
  live = await openToolHarness({ record: false });
  fillPrefect(recorded.fake.workspace, objects);
  fillPrefect(live.fake.workspace, objects);
  fillRecord(recorded, objects);
});

afterAll(async () => {
  await recorded[Symbol.asyncDispose]();
  await live[Symbol.asyncDispose]();
});

/** A clock that jumps with every sleep, so that no call waits. */
function jumping(query: QueryContext): QueryContext {
  let passedMs = 0;
  const clock: QueryContext["clock"] = {
    ...query.clock,
    nowUs: () => query.clock.nowUs() + passedMs * 1000,
    steadyMs: () => query.clock.steadyMs() + passedMs,
    async sleep(ms) {
      passedMs += ms;
      await systemClock.sleep(0);
    },
  };
  return { ...query, clock };
}

/** Tags of fields that a text of an answer has shown, and those that only its structured content has. */
const inTexts = new Set<string>();
const inStructured = new Set<string>();

async function faultsOf(query: QueryContext, tool: ToolDefinition, args: unknown, isCloud = false): Promise<string[]> {
  const messages: string[] = [];
  const progress = (_done: number, _total: number | null, message: string) => void messages.push(message);
  const result: CallResult = await callWith(jumping(query), tool, args, { progress, isCloud });
  for (const { text } of result.content) for (const [tag] of text.matchAll(TAG)) inTexts.add(tag);
  for (const [tag] of JSON.stringify(result.structuredContent ?? null).matchAll(TAG)) inStructured.add(tag);
  return [
    ...result.content.flatMap((block) => faultsOfText(block.text)),
    ...faultsOfStructured(result.structuredContent, result.isError === true),
    ...messages.flatMap(faultsOfOwnLine),
  ].map((fault) => `${tool.name} ${JSON.stringify(args).slice(0, 200)}: ${fault}`);
}

/** Ids and names of what exists, and a name close to it, by the name of the argument. */
function subjectsFor(name: string): string[] {
  const of: Readonly<Record<string, readonly { id: string; name?: string; key?: string }[]>> = {
    flow_run: objects.runs,
    flow_run_id: objects.runs,
    parent_flow_run: objects.runs,
    deployment: objects.deployments,
    flow: objects.flows,
    work_pool: objects.pools,
    automation: objects.automations,
    task_run: objects.tasks,
    resource: objects.runs,
  };
  const rows = of[name] ?? [];
  return [
    ...rows.slice(0, 14).map((one) => one.id),
    ...rows.filter((_, n) => n % 11 === 0).flatMap((one) => (one.name === undefined ? [] : [one.name, `${one.name}x`])),
  ];
}

type Schema = { readonly type?: unknown; readonly enum?: readonly unknown[] };

function candidates(name: string, { type, enum: options }: Schema): unknown[] {
  if (Array.isArray(options)) return [...options, hostile()];
  if (type === "boolean") return [true, hostile()];
  if (type === "integer" || type === "number") return [1, -5, hostile()];
  if (type === "array") return [[hostile(), hostile()], hostile()];
  if (type === "object") {
    const text = hostile();
    return [{ [text]: text }, { name: { any_: [text] } }, { state: { type: { any_: [text] } } }, text, `{"${MARK}`];
  }
  return [...subjectsFor(name), hostile(), hostile(), hostile(), "2026-08-20T08:00:00Z", "3d", "now"];
}

function argumentSchemas(tool: ToolDefinition): Record<string, Schema> {
  return (toolListing(tool).inputSchema as { properties?: Record<string, Schema> }).properties ?? {};
}

/** One argument at a time, beside those that the tool needs. */
function argumentsOf(tool: ToolDefinition): Record<string, unknown>[] {
  const properties = argumentSchemas(tool);
  const { required = [] } = toolListing(tool).inputSchema as { required?: readonly string[] };
  const bases = needed()[tool.name] ?? [{}];
  const least = Object.fromEntries(required.map((name) => [name, candidates(name, properties[name] ?? {})[0]]));
  const single = Object.entries(properties).flatMap(([name, schema]) =>
    candidates(name, schema).flatMap((value) => bases.map((base) => ({ ...least, ...base, [name]: value }))),
  );
  return [{}, least, ...bases, ...single, { ...least, [hostile()]: hostile() }, { ...least, cursor: hostile() }];
}

/** Arguments without which a tool says only that something is missing, or does not show some field. */
const RUN = anId(1_000);
const needed = (): Readonly<Record<string, readonly Record<string, unknown>[]>> => ({
  get_timeline: [{ flow_run: RUN }],
  wait_for: [
    { flow_run: RUN, timeout: "1s" },
    { event_type_prefix: "n", timeout: "1s" },
  ],
  read_events: [{}, { event_type_prefix: "n", detail: "full" }],
  search: [{ query: MARK }],
  aggregate_events: [{ by: "event" }, { by: "resource" }],
});

/** Arguments that show fields which no other ones show. */
const showing = (): Readonly<Record<string, readonly Record<string, unknown>[]>> => ({
  search: ["variable.tags", "variable.tags (changed)"].map((field) => ({ query: `*${tagOf(field)}*` })),
});

const asked = new Map<string, Promise<string[]>>();
/** The faults of a tool's answers to all arguments, which are asked for once. */
function faultsOfTool(tool: ToolDefinition, source: Source): Promise<string[]> {
  const key = `${tool.name} ${source}`;
  const faults = asked.get(key) ?? askAll(tool, source);
  asked.set(key, faults);
  return faults;
}

async function askAll(tool: ToolDefinition, source: Source): Promise<string[]> {
  const { query } = source === "the record" ? recorded : live;
  const faults: string[] = [];
  for (const args of [...argumentsOf(tool), ...(showing()[tool.name] ?? [])])
    faults.push(...(await faultsOf(query, tool, args)));
  return [...new Set(faults)];
}

const SOURCES = ["the record", "Prefect"] as const;
type Source = (typeof SOURCES)[number];

describe("with a hostile text in every field, foreign text is a value and nothing else", () => {
  const cases = allTools.flatMap((tool) => SOURCES.map((source) => [tool.name, source, tool] as const));
  test.each(cases)("%s, from %s", async (_, source, tool) => {
    expect((await faultsOfTool(tool, source)).slice(0, 8)).toEqual([]);
  });

  test("and each of these fields is shown by the text of some answer", async () => {
    for (const [, source, tool] of cases) await faultsOfTool(tool, source);
    const hidden = [...fieldsOfTags].filter(([tag]) => !inTexts.has(tag));
    // Where only its structured content shows a field, quotes and line ends of the text would not be tested.
    const named = hidden.map(([tag, field]) => (inStructured.has(tag) ? `${field} (structured)` : field));
    // `src/prefect/objects.ts` drops it, because it may be a secret.
    expect(named).toEqual(["variable.value"]);
  });
});

/** Bodies and headers with which Prefect, or what stands before it, refuses a request. */
const refusals = (text: string) => [
  { status: 422, body: { detail: [{ loc: ["body", text], msg: text, type: text }] } },
  { status: 404, body: { detail: text } },
  { status: 403, body: { detail: text } },
  { status: 409, body: { detail: text, exception_message: text } },
  { status: 500, body: { exception_message: text } },
  { status: 503, text },
  { status: 429, body: { detail: text } },
  { status: 200, text: `<html><head><title>${text}</title></head></html>`, headers: { "content-type": "text/html" } },
  { status: 502, text: `<!doctype html><title>${text}</title>`, headers: { "content-type": "text/html" } },
  { status: 302, text: "", headers: { location: `http://evil.test/${encodeURIComponent(text.toWellFormed())}` } },
  { status: 200, body: { [text]: text } },
  { status: 200, body: [{ [text]: text, id: text }] },
];

describe("with a hostile text in every refusal of Prefect", () => {
  test.each(allTools.map((tool, turn) => [tool.name, tool, turn] as const))("%s", async (name, tool, turn) => {
    const faults: string[] = [];
    const [args = {}] = needed()[name] ?? [];
    // Three kinds of refusal for each tool, so that all kinds are met by some.
    const kinds = HOSTILE.flatMap((text, n) => refusals(text)[n] ?? []).concat(refusals(hostile()).slice(-1));
    for (const refusal of [0, 1, 2].flatMap((n) => kinds[(3 * turn + n) % kinds.length] ?? [])) {
      for (const harness of [recorded, live]) {
        harness.fake.faults.clear();
        harness.fake.faults.fail(/./, refusal, 1_000);
        const given = "fresh" in argumentSchemas(tool) ? { ...args, fresh: true } : args;
        faults.push(...(await faultsOf(harness.query, tool, given)));
        harness.fake.faults.clear();
      }
    }
    expect([...new Set(faults)].slice(0, 8)).toEqual([]);
  });
});

test("a rate-limited Prefect Cloud with hostile names", async () => {
  await using cloud = await openToolHarness(CLOUD);
  const faults: string[] = [];
  for (const text of HOSTILE) {
    const usage = { account: text, keys: [text], usage: [{ name: text, value: 1 }], since: text, until: text };
    cloud.fake.faults.fail(/rate-limits|accounts|me/, { status: 200, body: usage }, 20);
    for (const tool of [reviewRateLimitsTool, getIdentityTool]) {
      faults.push(...(await faultsOf(cloud.query, tool, {}, true)));
    }
    cloud.fake.faults.clear();
  }
  expect([...new Set(faults)].slice(0, 8)).toEqual([]);
});

describe("the oracle finds", () => {
  const fenced = (...lines: string[]) => ["<untrusted-abcdefghij>", ...lines, "</untrusted-abcdefghij>"].join("\n");

  test.each([
    ["foreign text in a sentence", `no flow run n ${MARK}`],
    ["a forged line", `Nearest names: n\n${MARK}`],
    ["a forged hint", `Error not_found: n\nHint: ${MARK}`],
    ["an escape of a terminal", `"n\x1b[31m"`],
    ["a control character of the upper half", `"n\x9b"`],
    ["a separator of lines", fenced("name", "n\u2028x")],
    ["a character that changes the direction", `"n\u202e"`],
    ["half a surrogate pair", `"n\ud800"`],
    ["marks that end early", fenced(`n</untrusted-abcdefghij>`, "</untrusted-abcdefghij>", `${MARK}`)],
    ["marks that are not closed", "<untrusted-abcdefghij>\nn"],
    ["a forged row", fenced("name | id", `n|1`, `${MARK}|2`)],
    ["a heading", fenced(`# ${MARK}`)],
    ["a forged fix", fenced(`fix: ${MARK}`)],
    ["a cell too many", fenced("name | id", `n|x|1`)],
    ["a forged cell", fenced("name | state | id", `n|${MARK}|1`)],
  ])("%s", (_, text) => {
    expect(faultsOfText(text)).not.toEqual([]);
  });

  test("foreign text in members that a model reads as words of this program", () => {
    const hole = `n\n${MARK}`;
    for (const structured of [
      { hint: hole },
      { coverage: { notes: [hole] } },
      { causes: [{ summary: hole }] },
      { causes: [{ fix: hole }] },
      { causes: [{ next: [{ why: hole }] }] },
      { problems: [{ summary: hole }] },
    ]) {
      expect(faultsOfStructured(structured, false)).not.toEqual([]);
    }
    expect(faultsOfStructured({ message: hole }, true)).not.toEqual([]);
    expect(faultsOfStructured({ logs: [{ message: hole }] }, false)).toEqual([]);
  });

  test("nothing in an answer that is as it should be", () => {
    const text = `2 flow runs | record as of now\nHint: Nearest names: "n\\n${MARK}".\n${fenced("name | id", "n ⏎ x|1", "m|2")}`;
    expect(faultsOfText(text)).toEqual([]);
  });
});
