/** Random `tools/call` requests, valid and invalid, for the comparison of two ways to answer them. */
import { z } from "zod";
import { quoteJson } from "../../src/lib/shown-text.ts";
import type { Era } from "../../src/mcp/plain-calls.ts";
import { answerText } from "../../src/tools/answer/fenced.ts";
import { defineTool } from "../../src/tools/definition/define-tool.ts";

export const ENVELOPE = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};

/** Marks members that hold text of flows. */
export const markedTool = defineTool({
  name: "marked",
  title: "Marked",
  description: "Has texts of flows.",
  input: z.strictObject({ text: z.string().optional() }),
  output: z.looseObject({}),
  run: async (_ctx, { text = "" }) => ({
    structured: { events: [{ text }], count: 1 },
    text: answerText([quoteJson(text)]),
    untrusted: ["events"],
  }),
});

/** Says whether it could ask the user. */
export const changeTool = defineTool({
  name: "change",
  title: "Change",
  description: "Changes something.",
  input: z.strictObject({}),
  output: z.looseObject({}),
  isActing: true,
  run: async ({ confirmation }) => {
    const structured = { can_ask: confirmation !== undefined };
    return { structured, text: answerText([quoteJson(structured)]) };
  },
});

/** Numbers from 0 to 1 that a seed decides. https://github.com/bryc/code/blob/master/jshash/PRNGs.md#mulberry32 */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const NAMES = [
  "marked",
  "echo",
  "echo",
  "echo",
  "instance",
  "count_up",
  "count_up",
  "wait",
  "not_found",
  "crash",
  "nothing",
  "",
  7,
];
const ARGUMENTS: readonly unknown[] = [
  { text: "x" },
  { text: 'quotes " \\ \u2028 \u0007 é 😀 \ud800' },
  { text: "a", times: 40 },
  { text: "a", filter: { id: 12, deep: [[{}]] } },
  { text: 5 },
  { texts: "x" },
  {},
  { unknown: true },
  null,
  undefined,
  [],
  "text",
  '{"text": "in text"}',
  { times: null, text: "null is absent" },
];
const METAS: readonly unknown[] = [
  {},
  { progressToken: 5 },
  { progressToken: "five" },
  { progressToken: 5.5 },
  { progressToken: null },
  { progressToken: {} },
  { "claudecode/toolUseId": "toolu_1" },
  { "io.modelcontextprotocol/related-task": { taskId: "1" } },
  { "io.modelcontextprotocol/logLevel": "debug" },
  { "io.modelcontextprotocol/clientInfo": { name: "other", version: "2" } },
  { "io.modelcontextprotocol/clientInfo": 7 },
  { "io.modelcontextprotocol/protocolVersion": "2025-11-25" },
  { "io.modelcontextprotocol/protocolVersion": "1999-01-01" },
  null,
  [],
];
const EXTRA_PARAMS = [{ task: { ttl: 5 } }, { inputResponses: {} }, { requestState: "x" }, { other: 1 }];
const EXTRA_MEMBERS = [{ jsonrpc: "1.0" }, { other: 1 }, { method: "tools/calls" }, { params: [] }, { params: null }];
/** Put into the text where JSON.stringify cannot write them. */
const RAW = [
  '{"__proto__":{"text":"x"}}',
  '{"text":"x","times":1e400}',
  '{"text":"x","filter":{"id":123456789012345678901}}',
  "NaN",
];

/** The lines of a session; each request has an id of its own. */
export function randomSession(era: Era, seed: number, count: number): string[] {
  const random = randomNumbers(seed);
  const one = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const isRare = () => random() < 0.12;
  const lines: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const id = random() < 0.7 ? n + 100 : isRare() ? n + 0.5 : `call-${n}`;
    const envelope = era === "2026" && random() < 0.95 ? ENVELOPE : {};
    const more = random() < 0.4 ? one(METAS) : undefined;
    const isObject = typeof more === "object" && more !== null && !Array.isArray(more);
    const meta = more !== undefined && !isObject ? more : { ...envelope, ...(isObject ? more : {}) };
    const params = {
      name: one(NAMES),
      ...(random() < 0.9 ? { arguments: one(ARGUMENTS) } : {}),
      ...(era === "2026" || random() < 0.4 ? { _meta: meta } : {}),
      ...(isRare() ? one(EXTRA_PARAMS) : {}),
    };
    const message = { jsonrpc: "2.0", id, method: "tools/call", params, ...(isRare() ? one(EXTRA_MEMBERS) : {}) };
    const text = JSON.stringify(message);
    lines.push(isRare() ? text.replace('"arguments":{"text":"x"}', `"arguments":${one(RAW)}`) : text);
    if (params.name === "wait" || random() < 0.1) {
      const reason = random() < 0.2 ? { reason: one(["given up", 5]) } : {};
      lines.push(
        JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id, ...reason } }),
      );
    }
    if (random() < 0.02) lines.push(JSON.stringify({ jsonrpc: "2.0", id: `ping-${n}`, method: "ping" }));
  }
  return lines;
}
