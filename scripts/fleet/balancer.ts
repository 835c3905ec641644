/**
 * A balancer for demonstrations: chooses a ready node by the hash of the tenant's headers. The calls that it gets only read, so it sends
 * one again when the connection to a node broke.
 */
import type { StageNode } from "./stage.ts";

const CHECK_EVERY_MS = 500;
const CHECK_LIMIT_MS = 1_000;
/** Of an answer: the node at which the request entered the fleet. */
export const ENTRY_HEADER = "x-entry-node";

export interface Balancer extends AsyncDisposable {
  readonly url: string;
}

export function startBalancer(nodes: readonly StageNode[]): Balancer {
  const ready = new Set(nodes);
  const stopping = new AbortController();
  const checking = keepChecking(nodes, ready, stopping.signal);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: async (request) => {
      const body = request.method === "POST" ? await request.text() : undefined;
      const tenant = `${request.headers.get("x-prefect-api-url")} ${request.headers.get("x-prefect-api-key")}`;
      for (const node of inOrder(tenant, [...ready])) {
        const response = await send(request, node, body);
        if (response !== null) return response;
        ready.delete(node);
      }
      return new Response("no node is ready\n", { status: 503 });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/mcp`,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await server.stop(true);
      await checking;
    },
  };
}

/** Rendezvous hashing of tenant and node: a node that leaves changes only the place of its own tenants. */
function inOrder(tenant: string, nodes: readonly StageNode[]): StageNode[] {
  const weight = (node: StageNode) => Bun.hash.xxHash64(`${node.name} ${tenant}`);
  return nodes.toSorted((a, b) => (weight(a) < weight(b) ? 1 : -1));
}

/** Null: the connection could not be made, or broke before an answer. */
async function send(request: Request, node: StageNode, body: string | undefined): Promise<Response | null> {
  const headers = new Headers(request.headers);
  headers.set("host", node.host);
  const response = await fetch(`http://${node.host}${new URL(request.url).pathname}`, {
    method: request.method,
    headers,
    proxy: false,
    timeout: false,
    signal: request.signal,
    ...(body === undefined ? {} : { body }),
  }).catch(() => null);
  if (response === null) return null;
  const passed = new Response(response.body, response);
  passed.headers.delete("content-encoding");
  passed.headers.set(ENTRY_HEADER, node.name);
  return passed;
}

async function keepChecking(nodes: readonly StageNode[], ready: Set<StageNode>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await Promise.all(
      nodes.map(async (node) => {
        const limit = AbortSignal.timeout(CHECK_LIMIT_MS);
        const isReady = await fetch(`http://${node.host}/readyz`, { signal: limit }).then(
          ({ ok }) => ok,
          () => false,
        );
        if (isReady) ready.add(node);
        else ready.delete(node);
      }),
    );
    await Bun.sleep(CHECK_EVERY_MS);
  }
}
