/** A fleet of real processes for tests. Each node reaches PostgreSQL, and is reached by the others, through a proxy that can be cut. */
import { join } from "node:path";
import { startPostgres } from "../../scripts/postgres.ts";
import { type HttpProduct, startHttpProduct } from "../mcp/http/http-product.ts";
import { type FaultProxy, startFaultProxy } from "../support/proxies/fault-proxy.ts";

const ROOT = join(import.meta.dir, "..", "..");
export const FLEET_SECRET = "a secret of tests, long enough for a fleet";

export interface FleetNode extends HttpProduct {
  readonly name: string;
  /** Its way to PostgreSQL. */
  readonly database: FaultProxy;
  /** The way of the other nodes to it. */
  readonly peers: FaultProxy;
}

export interface FleetAnswer {
  readonly status: number;
  readonly isError: boolean;
  readonly text: string;
  readonly structured: Readonly<Record<string, unknown>>;
}

export interface TestFleet extends AsyncDisposable {
  readonly databaseUrl: string;
  /** `command`: see `HttpProductOptions`. */
  start(name: string, env?: Readonly<Record<string, string>>, command?: readonly string[]): Promise<FleetNode>;
}

export async function startTestFleet(prefectUrl: string): Promise<TestFleet> {
  const server = await startPostgres(ROOT);
  const databaseUrl = `${server.url}/postgres`;
  const nodes: FleetNode[] = [];
  return {
    databaseUrl,
    async start(name, env = {}, command) {
      const database = startFaultProxy({ hostname: "127.0.0.1", port: Number(new URL(server.url).port) });
      const reached = { hostname: "127.0.0.1", port: 0 };
      const peers = startFaultProxy(reached);
      const product = await startHttpProduct({
        ...(command ? { command } : {}),
        env: {
          PREFECT_API_URL: prefectUrl,
          PREFECT_MCP_FLEET_URL: `postgres://postgres@127.0.0.1:${database.port}/postgres`,
          PREFECT_MCP_FLEET_NODE: name,
          PREFECT_MCP_FLEET_ADDRESS: `http://127.0.0.1:${peers.port}`,
          PREFECT_MCP_FLEET_SECRET: FLEET_SECRET,
          PREFECT_MCP_LOG_LEVEL: "info",
          ...env,
        },
      });
      reached.port = Number(new URL(product.url).port);
      const node: FleetNode = Object.assign(product, { name, database, peers });
      nodes.push(node);
      return node;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
      for (const { database, peers } of nodes) {
        database[Symbol.dispose]();
        peers[Symbol.dispose]();
      }
      await server.stop();
    },
  };
}

const HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" };

/** Calls a tool of the 2025 era without a session. */
export async function callNode(
  { url }: Pick<FleetNode, "url">,
  tool: string,
  headers: Readonly<Record<string, string>> = {},
  args: object = {},
): Promise<FleetAnswer> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: tool, arguments: args } });
  const response = await fetch(url, { method: "POST", headers: { ...HEADERS, ...headers }, body });
  const raw = await response.text();
  const json = raw.startsWith("{") ? raw : (/^data: (\{.*)$/m.exec(raw)?.[1] ?? "{}");
  const { result, error } = JSON.parse(json);
  return {
    status: response.status,
    isError: error !== undefined || result?.isError === true,
    text: result?.content?.[0]?.text ?? error?.message ?? raw,
    structured: result?.structuredContent ?? {},
  };
}

export async function metricOf({ url }: Pick<FleetNode, "url">, name: string): Promise<number> {
  const text = await (await fetch(url.replace("/mcp", "/metrics"))).text();
  return Number(new RegExp(`^prefect_mcp_${name} (\\S+)$`, "m").exec(text)?.[1] ?? "NaN");
}
