/** One question of one tenant through a balancer, and what the answer says of itself. */
import { ENTRY_HEADER } from "./balancer.ts";

export interface FleetTenant {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface FleetReply {
  readonly ok: boolean;
  /** Why not, or the first line of the answer. */
  readonly text: string;
  /** The node that answered; "-" when none did. */
  readonly node: string;
  /** The node at which the request entered, where the balancer says so. */
  readonly entry: string;
  /** `record`, `live`, `mixed` or "-". */
  readonly source: string;
  /** Age of what was answered, seconds. */
  readonly ageS: number | null;
  readonly tookMs: number;
  readonly structured: Readonly<Record<string, unknown>>;
}

const HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const LIMIT_MS = 30_000;

export async function ask(url: string, tenant: FleetTenant, tool: string, args: object = {}): Promise<FleetReply> {
  const startMs = performance.now();
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: tool, arguments: args } });
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { ...HEADERS, ...tenant.headers },
      body,
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    const raw = await response.text();
    const json = raw.startsWith("{") ? raw : (/^data: (\{.*)$/m.exec(raw)?.[1] ?? "{}");
    const { result } = JSON.parse(json);
    const structured = result?.structuredContent ?? {};
    return {
      ok: response.status === 200 && result !== undefined && result.isError !== true,
      text: (result?.content?.[0]?.text ?? `${response.status} ${raw}`).split("\n")[0],
      node: response.headers.get("x-prefect-mcp-node") ?? "-",
      entry: response.headers.get(ENTRY_HEADER) ?? "-",
      source: structured.source ?? "-",
      ageS: typeof structured.as_of === "string" ? (Date.now() - Date.parse(structured.as_of)) / 1000 : null,
      tookMs: performance.now() - startMs,
      structured,
    };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const tookMs = performance.now() - startMs;
    return { ok: false, text, node: "-", entry: "-", source: "-", ageS: null, tookMs, structured: {} };
  }
}
