/**
 * Answers plain `tools/call` requests without the SDK, which takes longer to check such a request and its result against schemas than
 * most tools take to answer. The SDK answers all others, and every request that this file does not know exactly. Both write the same
 * bytes: `test/mcp/plain-calls.test.ts` compares them.
 */

import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { isJsonObject } from "../lib/exact-json.ts";
import type { ToolDefinition } from "../tools/definition/define-tool.ts";
import { structuredJson } from "../tools/definition/list-page.ts";
import type { CallResult } from "./call-result.ts";
import { callTool } from "./guard.ts";
import {
  CLIENT_CAPABILITIES_KEY,
  CLIENT_INFO_KEY,
  MODERN_REVISION,
  PROTOCOL_VERSION_KEY,
} from "./protocol/protocol-names.ts";
import { serverJson } from "./server-description.ts";
import type { Tenant } from "./tenant.ts";

/** Protocol revisions with one form of results: up to 2025-11-25, and 2026-07-28. */
export type Era = "2025" | "2026";

export type RequestId = string | number;

export interface PlainCall {
  readonly id: RequestId;
  readonly name: string;
  readonly args: unknown;
  readonly progressToken: RequestId | undefined;
}

const RESERVED = "io.modelcontextprotocol/";
const ENVELOPE_KEYS = [PROTOCOL_VERSION_KEY, CLIENT_INFO_KEY, CLIENT_CAPABILITIES_KEY] as const;

/** What a request of the 2026 era says about its client. */
export type Envelope = Readonly<Record<string, unknown>>;

type Fields = Readonly<Record<string, unknown>>;

/**
 * The call, if `message` is a plain one of this era; null for everything else. `accepted`: an envelope that the SDK has accepted; in the
 * 2026 era only requests with an equal one are plain.
 */
export function plainCall(message: unknown, era: Era, accepted: Envelope | null): PlainCall | null {
  if (!isJsonObject(message) || message.method !== "tools/call" || message.jsonrpc !== "2.0") return null;
  const { id, params } = message;
  if (!isRequestId(id) || !isJsonObject(params) || !hasOnly(message, MESSAGE_KEYS)) return null;
  const { name, arguments: args, _meta: meta } = params;
  if (typeof name !== "string" || !hasOnly(params, PARAM_KEYS)) return null;
  if (args !== undefined && (!isJsonObject(args) || Object.hasOwn(args, "__proto__"))) return null;
  if (meta === undefined) return era === "2025" ? { id, name, args, progressToken: undefined } : null;
  if (!isJsonObject(meta)) return null;
  const { progressToken } = meta;
  if (progressToken !== undefined && !isRequestId(progressToken)) return null;
  const reserved = Object.keys(meta).filter((key) => key.startsWith(RESERVED));
  const isKnown =
    era === "2025" ? reserved.length === 0 : accepted !== null && Bun.deepEquals(pick(meta, reserved), accepted);
  return isKnown ? { id, name, args, progressToken } : null;
}

/** The tool of a plain call; null where the SDK has to answer: a change may have to ask the user, which the SDK does. */
export function plainTool(tenant: Tenant, { name }: PlainCall): ToolDefinition | null {
  const tool = tenant.tools().find((one) => one.name === name);
  return tool === undefined || tool.isActing ? null : tool;
}

export const MESSAGE_KEYS: ReadonlySet<string> = new Set(["jsonrpc", "id", "method", "params"]);
const PARAM_KEYS: ReadonlySet<string> = new Set(["name", "arguments", "_meta"]);

export function hasOnly(fields: Fields, keys: ReadonlySet<string>): boolean {
  for (const key in fields) if (!keys.has(key)) return false;
  return true;
}

export function isRequestId(value: unknown): value is RequestId {
  return typeof value === "string" || Number.isSafeInteger(value);
}

function pick(fields: Fields, keys: readonly string[]): Envelope {
  return Object.fromEntries(keys.map((key) => [key, fields[key]]));
}

/** The envelope of a 2026 request; null where it has none, or one with members that this file does not know. */
export function envelopeOf(message: unknown): Envelope | null {
  const { params } = (message ?? {}) as { params?: { _meta?: unknown } };
  const meta = params?._meta;
  if (!isJsonObject(meta) || meta[PROTOCOL_VERSION_KEY] !== MODERN_REVISION) return null;
  const reserved = Object.keys(meta).filter((key) => key.startsWith(RESERVED));
  return reserved.every((key) => ENVELOPE_KEYS.some((known) => known === key)) ? pick(meta, reserved) : null;
}

/** The response in the order of members in which the SDK writes them. `server`: JSON of its name and version. */
export function responseText(
  id: RequestId,
  { content, structuredContent, isError, _meta }: CallResult,
  server: string | null,
): string {
  const texts = content.map(({ text }) => `{"type":"text","text":${JSON.stringify(text)}}`).join();
  const stamp = server === null ? "" : `"${RESERVED}serverInfo":${server}`;
  const own = _meta === undefined ? "" : JSON.stringify(_meta).slice(1, -1);
  const head = _meta === undefined ? "" : `"_meta":{${own}${own && stamp ? "," : ""}${stamp}},`;
  const failed = isError ? ',"isError":true' : "";
  const tail = server === null ? "" : `,"resultType":"complete"${_meta === undefined ? `,"_meta":{${stamp}}` : ""}`;
  const structured = structuredJson(structuredContent);
  return `{"result":{${head}"content":[${texts}],"structuredContent":${structured}${failed}${tail}},"jsonrpc":"2.0","id":${JSON.stringify(id)}}`;
}

/** Ids of 2026 requests whose answer will show that their envelope is accepted. */
const MAX_OBSERVED = 16;

export interface PlainCallsOptions {
  /** Writes whole lines. */
  write(text: string): Promise<void>;
  /** The request is answered, or cancelled. */
  settled(id: RequestId): void;
}

/**
 * The plain calls of one connection. Unless `begin` sets the era, it observes what passes to and from the SDK to learn it: a connection
 * has that of the first request that the SDK has answered, and keeps it.
 */
export class PlainCalls {
  private readonly tenant: Tenant;
  private readonly options: PlainCallsOptions;
  private readonly running = new Map<RequestId, AbortController>();
  private readonly observed = new Map<unknown, Envelope | "initialize">();
  private era: Era | null = null;
  private accepted: Envelope | null = null;

  constructor(tenant: Tenant, options: PlainCallsOptions) {
    this.tenant = tenant;
    this.options = options;
  }

  /** The era, and in the 2026 era the envelope, where the SDK is not asked because it would certainly accept the request. */
  begin(era: Era, accepted: Envelope | null): void {
    this.era = era;
    this.accepted = accepted;
  }

  /** Starts answering a plain call. False: the SDK has to answer. */
  take(message: unknown): boolean {
    const call = this.era && plainCall(message, this.era, this.accepted);
    const tool = call && plainTool(this.tenant, call);
    if (!call || !tool) return false;
    const stop = new AbortController();
    this.running.set(call.id, stop);
    void this.answer(call, tool, stop);
    return true;
  }

  /** A message that the SDK will process. */
  received(message: JSONRPCMessage): void {
    if (!("method" in message)) return;
    if (message.method === "notifications/cancelled") this.cancel(message.params);
    if (!("id" in message) || this.observed.size >= MAX_OBSERVED) return;
    const envelope = envelopeOf(message);
    if (message.method === "initialize" && envelope === null) this.observed.set(message.id, "initialize");
    if (message.method === "tools/call" && envelope !== null) this.observed.set(message.id, envelope);
  }

  /** A message of the SDK. */
  sent(message: JSONRPCMessage): void {
    if ("method" in message) return;
    const seen = this.observed.get(message.id);
    if (seen === undefined) return;
    this.observed.delete(message.id);
    if (!("result" in message)) return;
    this.era ??= seen === "initialize" ? "2025" : "2026";
    if (seen !== "initialize" && this.era === "2026") this.accepted = seen;
  }

  close(): void {
    for (const stop of this.running.values()) stop.abort();
    this.running.clear();
  }

  private cancel(params: Fields | undefined): void {
    const { requestId, reason } = params ?? {};
    if (reason !== undefined && typeof reason !== "string") return;
    this.running.get(requestId as RequestId)?.abort();
  }

  private async answer(call: PlainCall, tool: ToolDefinition, stop: AbortController): Promise<void> {
    const { id, args, progressToken } = call;
    const progress: Parameters<typeof callTool>[3]["progress"] = (done, total, message) => {
      if (progressToken === undefined) return;
      const params = { progressToken, progress: done, message, ...(total === null ? {} : { total }) };
      void this.write({ jsonrpc: "2.0", method: "notifications/progress", params });
    };
    const result = await callTool(this.tenant, tool, args, { signal: stop.signal, progress });
    if (this.running.get(id) === stop) this.running.delete(id);
    if (stop.signal.aborted) return;
    const text = responseText(id, result, this.era === "2026" ? serverJson(this.tenant.version) : null);
    await this.options.write(`${text}\n`).catch(() => undefined);
    this.options.settled(id);
  }

  private write(message: object): Promise<void> {
    return this.options.write(`${JSON.stringify(message)}\n`).catch(() => undefined);
  }
}
