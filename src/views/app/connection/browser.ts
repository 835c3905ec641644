/**
 * Answers over MCP, from the server that sent this page: `POST /mcp` of revision 2026-07-28,
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/transports. The token is in the fragment of the address, which a browser
 * does not send to any server.
 */
import { isObject, objectAt, textAt } from "../answers/read.ts";
import { CallError, type Connection, type Structured } from "./connection.ts";

const REVISION = "2026-07-28";
const META = {
  "io.modelcontextprotocol/protocolVersion": REVISION,
  "io.modelcontextprotocol/clientInfo": { name: "prefect-mcp-bun-web", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};
/** Resources whose changes are those of the record. */
const WATCHED = ["prefect://dashboard", "prefect://events", "prefect://incidents"];
/** Between two attempts to follow changes. */
const RETRY_MS = 5_000;
/** Changes that arrive within this time are one. */
const GATHER_MS = 1_000;

export function browserConnection(token: string | null): Connection {
  let lastId = 0;
  const listeners = new Set<() => void>();
  const liveListeners = new Set<(isLive: boolean) => void>();
  let following: AbortController | null = null;

  function post(method: string, params: Structured, signal?: AbortSignal): Promise<Response> {
    lastId += 1;
    const name = textAt(params, "name");
    const headers: Record<string, string> = {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": REVISION,
      "mcp-method": method,
      ...(name === null ? {} : { "mcp-name": name }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    };
    const body = JSON.stringify({ jsonrpc: "2.0", id: lastId, method, params: { ...params, _meta: META } });
    return fetch("/mcp", { method: "POST", headers, body, ...(signal ? { signal } : {}) });
  }

  function notify(): void {
    for (const listener of listeners) listener();
  }

  function setLive(isLive: boolean): void {
    for (const listener of liveListeners) listener(isLive);
  }

  /** Reads notifications until the page stops following. A stream that ends is opened again; what was missed is loaded then. */
  async function follow(signal: AbortSignal): Promise<void> {
    let isFirst = true;
    while (!signal.aborted) {
      try {
        const response = await post(
          "subscriptions/listen",
          { notifications: { resourceSubscriptions: WATCHED } },
          signal,
        );
        setLive(response.ok);
        if (!isFirst) notify();
        isFirst = false;
        if (response.ok && response.body) await readNotices(response.body, notify);
      } catch {
        // Not reachable: the next attempt follows.
        if (!signal.aborted) setLive(false);
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  return {
    kind: "browser",
    async call(tool, args) {
      let response: Response;
      try {
        response = await post("tools/call", { name: tool, arguments: args });
      } catch {
        throw new CallError({
          message: "The program that serves this page does not answer.",
          hint: "Start it again: prefect-mcp-bun web",
        });
      }
      const answer: unknown = await messageOf(response);
      const error = isObject(answer) ? objectAt(answer, "error") : {};
      if (textAt(error, "message") !== null) throw new CallError(error);
      const result = isObject(answer) ? objectAt(answer, "result") : {};
      const structured = objectAt(result, "structuredContent");
      if (!response.ok || result.isError === true || !isObject(result.structuredContent))
        throw new CallError(structured);
      return structured;
    },
    onLive(listener) {
      liveListeners.add(listener);
      return () => void liveListeners.delete(listener);
    },
    onChange(listener) {
      let timer: ReturnType<typeof setTimeout> | null = null;
      const gathered = () => {
        timer ??= setTimeout(() => {
          timer = null;
          listener();
        }, GATHER_MS);
      };
      listeners.add(gathered);
      if (following === null) {
        following = new AbortController();
        void follow(following.signal);
      }
      return () => {
        listeners.delete(gathered);
        if (timer !== null) clearTimeout(timer);
        if (listeners.size > 0) return;
        following?.abort();
        following = null;
      };
    },
  };
}

/** The JSON body, or the last message of an event stream. */
async function messageOf(response: Response): Promise<unknown> {
  const text = await response.text();
  const data = [...text.matchAll(/^data: (.+)$/gm)].at(-1)?.[1] ?? text;
  try {
    return JSON.parse(data);
  } catch {
    return {};
  }
}

async function readNotices(body: ReadableStream<Uint8Array<ArrayBuffer>>, notify: () => void): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = `${rest}${value}`.split("\n");
    rest = lines.pop() ?? "";
    if (lines.some((line) => line.startsWith("data: ") && line.includes('"notifications/resources/updated"'))) notify();
  }
}
