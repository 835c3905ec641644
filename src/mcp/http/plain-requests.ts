/**
 * Answers plain `tools/call` requests of the 2026 era without the SDK, which builds a server for each request. The SDK answers all
 * others, and the first one of each envelope. Both send the same status, headers and bytes: `test/mcp/http/plain-requests.test.ts`
 * compares them.
 */

import type { ToolDefinition } from "../../tools/definition/define-tool.ts";
import { callTool } from "../guard.ts";
import { envelopeOf, type PlainCall, plainCall, plainTool, responseText } from "../plain-calls.ts";
import { MODERN_REVISION } from "../protocol/protocol-names.ts";
import { serverJson } from "../server-description.ts";
import type { Tenant } from "../tenant.ts";
import type { TenantHost } from "./tenants/tenant-host.ts";

/** Envelopes that are remembered: one for each version of each client program. */
const MAX_ENVELOPES = 100;
const MAX_ENVELOPE_CHARACTERS = 2_048;
/** The status of the SDK for a request whose client has disconnected or whose tenant was closed. Nothing is left to read it. */
const DISCONNECTED = 499;

/** Plain requests of all callers of one HTTP server. */
export class PlainRequests {
  /** JSON of envelopes that the SDK has accepted. They hold no data of a workspace, so callers share them. */
  private readonly accepted = new Set<string>();

  /** `bySdk` answers as the SDK does. */
  async respond(host: TenantHost, request: Request, body: unknown, bySdk: () => Promise<Response>): Promise<Response> {
    const envelope = envelopeOf(body);
    const call = envelope && plainCall(body, "2026", envelope);
    if (!envelope || !call || call.progressToken !== undefined || !hasPlainHeaders(request.headers, call))
      return bySdk();
    const key = JSON.stringify(envelope);
    if (!this.accepted.has(key)) return this.learn(key, await bySdk());
    const tool = plainTool(host.tenant, call);
    return tool ? answer(host.tenant, tool, call, request.signal) : bySdk();
  }

  /** Remembers the envelope when the answer shows that the SDK has accepted it. */
  private async learn(key: string, response: Response): Promise<Response> {
    const isWanted = this.accepted.size < MAX_ENVELOPES && key.length <= MAX_ENVELOPE_CHARACTERS;
    if (!isWanted || response.status !== 200 || response.headers.get("content-type") !== JSON_TYPE) return response;
    const text = await response.text();
    if (text.startsWith('{"result":')) this.accepted.add(key);
    return new Response(text, { headers: response.headers });
  }
}

const JSON_TYPE = "application/json";

/** Exactly what a client sends that follows the transport: the SDK accepts more, and refuses the rest. */
function hasPlainHeaders(headers: Headers, { name }: PlainCall): boolean {
  return (
    headers.get("mcp-protocol-version") === MODERN_REVISION &&
    headers.get("mcp-method") === "tools/call" &&
    headers.get("mcp-name") === name
  );
}

async function answer(
  tenant: Tenant,
  tool: ToolDefinition,
  { id, args }: PlainCall,
  signal: AbortSignal,
): Promise<Response> {
  const result = await callTool(tenant, tool, args, { signal, progress: () => undefined });
  if (signal.aborted || tenant.ended?.aborted) return new Response(null, { status: DISCONNECTED });
  const text = responseText(id, result, serverJson(tenant.version));
  return new Response(text, { headers: { "content-type": JSON_TYPE } });
}
