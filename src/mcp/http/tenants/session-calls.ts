/**
 * Answers plain `tools/call` requests of a session without the SDK: with the same stream. The SDK answers all other requests of the
 * session, and this ends what they cancel. `test/mcp/http/session-calls.test.ts` compares both.
 */

import type { Clock } from "../../../lib/clock.ts";
import type { ToolDefinition } from "../../../tools/definition/define-tool.ts";
import { callTool } from "../../guard.ts";
import { type PlainCall, plainCall, plainTool, responseText } from "../../plain-calls.ts";
import type { Tenant } from "../../tenant.ts";

export interface SessionCallsOptions {
  readonly tenant: Tenant;
  readonly clock: Clock;
}

/** The time after which the SDK sends a comment in a stream without messages, so that proxies keep the connection. */
const KEEP_ALIVE_MS = 15_000;
/** Values of the header in which clients of the 2025 era repeat the revision. The SDK accepts more. */
const REVISIONS: ReadonlySet<string | null> = new Set([null, "2025-03-26", "2025-06-18", "2025-11-25"]);

/** The plain calls of one session. */
export class SessionCalls {
  private readonly options: SessionCallsOptions;
  private readonly running = new Map<string | number, AbortController>();

  constructor(options: SessionCallsOptions) {
    this.options = options;
  }

  /** The answer, or null where the SDK has to answer. */
  answer(sessionId: string, request: Request, body: unknown): Response | null {
    const call = hasPlainHeaders(request) ? plainCall(body, "2025", null) : null;
    if (!call || call.progressToken !== undefined || this.running.has(call.id)) return null;
    const tool = plainTool(this.options.tenant, call);
    return (
      tool && new Response(this.stream(tool, call), { headers: { ...STREAM_HEADERS, "mcp-session-id": sessionId } })
    );
  }

  /** Ends a call and its stream without an answer. */
  cancel(id: string | number): void {
    this.running.get(id)?.abort();
  }

  /** The session has ended. */
  close(): void {
    for (const stop of this.running.values()) stop.abort();
    this.running.clear();
  }

  private stream(tool: ToolDefinition, call: PlainCall): ReadableStream<Uint8Array> {
    const { tenant, clock } = this.options;
    const stop = new AbortController();
    const ended = new AbortController();
    let isRead = true;
    this.running.set(call.id, stop);
    return new ReadableStream<Uint8Array>({
      start: async (controller) => {
        const send = (text: string) => void (isRead && controller.enqueue(new TextEncoder().encode(text)));
        const end = () => {
          if (ended.signal.aborted) return;
          ended.abort();
          if (this.running.get(call.id) === stop) this.running.delete(call.id);
          if (isRead) controller.close();
        };
        stop.signal.addEventListener("abort", end, { once: true });
        void keepAlive(clock, ended.signal, send);
        const result = await callTool(tenant, tool, call.args, { signal: stop.signal, progress: () => undefined });
        if (!stop.signal.aborted) send(`event: message\ndata: ${responseText(call.id, result, null)}\n\n`);
        end();
      },
      cancel() {
        isRead = false;
      },
    });
  }
}

const STREAM_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  connection: "keep-alive",
  "x-accel-buffering": "no",
};

/** Exactly what a client sends that follows the transport: the SDK refuses a request that accepts only one of the two. */
function hasPlainHeaders({ method, headers }: Request): boolean {
  const accepted = headers.get("accept") ?? "";
  const acceptsBoth = accepted.includes("application/json") && accepted.includes("text/event-stream");
  return method === "POST" && acceptsBoth && REVISIONS.has(headers.get("mcp-protocol-version"));
}

async function keepAlive(clock: Clock, ended: AbortSignal, send: (text: string) => void): Promise<void> {
  for (;;) {
    await clock.sleep(KEEP_ALIVE_MS, ended);
    if (ended.aborted) return;
    send(": keepalive\n\n");
  }
}
