/** The MCP server of Prefect's documentation: one tool call over streamable HTTP, without credentials. */

import { AppError } from "../errors.ts";
import { findJsonExcess } from "../lib/json-bounds.ts";
import { asReason, sentence } from "../lib/shown-text.ts";

export interface DocsCall {
  /** https://…/mcp */
  readonly url: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** Aborts the call: the client gave up, or its time is over. */
  readonly signal: AbortSignal;
}

interface Reply {
  readonly id?: number;
  readonly result?: {
    readonly content?: readonly { readonly type: string; readonly text?: string }[];
    readonly isError?: boolean;
  };
  readonly error?: { readonly message: string };
}

const MAX_CHARS = 2_000_000;
const BOUNDS = { maxDepth: 100, maxValues: 100_000 };

/** The text of the tool's answer. Throws AppError `unavailable`, whatever went wrong. */
export async function callDocsServer({ url, tool, args, signal }: DocsCall): Promise<string> {
  try {
    const initialized = await send(url, {}, signal, "initialize", {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "prefect-mcp-bun", version: "1" },
    });
    const session = initialized.headers.get("mcp-session-id");
    const headers: Record<string, string> = { "mcp-protocol-version": "2025-06-18" };
    if (session !== null) headers["mcp-session-id"] = session;
    await readReply(initialized);
    await post(url, headers, signal, { jsonrpc: "2.0", method: "notifications/initialized" });
    const reply = await readReply(await send(url, headers, signal, "tools/call", { name: tool, arguments: args }));
    const text = (reply.result?.content ?? []).map((block) => block.text ?? "").join("\n");
    if (reply.error || reply.result?.isError) throw new Error(reply.error?.message ?? text.slice(0, 200));
    return text;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new AppError(
      "unavailable",
      sentence`the documentation server did not answer (${asReason(why.slice(0, 200))})`,
      {
        cause: error,
      },
    );
  }
}

function send(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  method: string,
  params: object,
) {
  return post(url, headers, signal, { jsonrpc: "2.0", id: 1, method, params });
}

async function post(url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal, body: object) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
    body: JSON.stringify(body),
    redirect: "error",
    signal,
  });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response;
}

/** The answer is either plain JSON or an event of an SSE stream, of which nothing more is read then. */
async function readReply(response: Response): Promise<Reply> {
  const isStream = response.headers.get("content-type")?.includes("text/event-stream") === true;
  const decoder = new TextDecoder();
  let rest = "";
  let size = 0;
  for await (const chunk of response.body ?? []) {
    const text = decoder.decode(chunk, { stream: true });
    size += text.length;
    if (size > MAX_CHARS) throw new Error("the answer is too large");
    rest += text;
    // Only then is a line complete: splitting after every chunk would take quadratic time.
    if (!isStream || !text.includes("\n")) continue;
    const lines = rest.split(/\r?\n/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("data:")) continue;
      const reply = parseReply(line.slice(5));
      if (reply.id !== undefined) return reply;
    }
  }
  if (isStream) throw new Error("no answer in the stream");
  return parseReply(rest);
}

function parseReply(text: string): Reply {
  const excess = findJsonExcess(text, BOUNDS);
  if (excess !== null) throw new Error(`the answer ${excess.what}`);
  return JSON.parse(text) as Reply;
}
