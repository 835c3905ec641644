/** An MCP server of documentation over streamable HTTP, for one tool call. */
export interface FakeDocs extends Disposable {
  readonly url: string;
  /** Bodies as received. */
  readonly calls: {
    readonly method: string;
    readonly params?: { readonly name?: string; readonly arguments?: unknown };
  }[];
  readonly headers: Headers[];
}

export type DocsMode = "json" | "stream" | "silent" | "broken";

export function startFakeDocs(mode: DocsMode): FakeDocs {
  const calls: FakeDocs["calls"] = [];
  const headers: Headers[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const body = (await request.json()) as FakeDocs["calls"][number] & { id?: number };
      calls.push(body);
      headers.push(request.headers);
      if (mode === "silent") return new Promise<Response>(() => undefined);
      if (mode === "broken") return new Response("no", { status: 502 });
      if (body.id === undefined) return new Response(null, { status: 202 });
      const text = `found for ${JSON.stringify(body.params?.arguments)}`;
      const result = body.method === "initialize" ? { capabilities: {} } : { content: [{ type: "text", text }] };
      const message = JSON.stringify({ jsonrpc: "2.0", id: body.id, result });
      const session = { "mcp-session-id": "s-1" };
      if (mode === "json")
        return new Response(message, { headers: { "content-type": "application/json", ...session } });
      const stream = `event: message\ndata: ${message}\n\n`;
      return new Response(stream, { headers: { "content-type": "text/event-stream", ...session } });
    },
  });
  return { url: `http://127.0.0.1:${server.port}/mcp`, calls, headers, [Symbol.dispose]: () => void server.stop(true) };
}
