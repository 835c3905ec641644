/** One MCP server for one connection or request: the same for both protocol eras and for every transport. */
import { McpServer, ProtocolError, ProtocolErrorCode, type ServerContext } from "@modelcontextprotocol/server";
import type { ToolDefinition } from "../tools/definition/define-tool.ts";
import { toolListing } from "../tools/definition/listing.ts";
import { LONGEST_NAME, nearest } from "../tools/definition/suggestions.ts";
import { INSTRUCTIONS } from "../tools/workspace/orientation.ts";
import { type CallHandle, callTool } from "./guard.ts";
import { offerPrompts } from "./offer-prompts.ts";
import { offerResources } from "./offer-resources.ts";
import { offerSubscriptions } from "./offer-subscriptions.ts";
import type { Tenant } from "./tenant.ts";

/** Lists that follow the settings, of which a client can be told. */
const OWN_LIST = { ttlMs: 300_000, cacheScope: "private" } as const;
/** The same in every workspace, for as long as this version runs. */
const COMMON_LIST = { ttlMs: 3_600_000, cacheScope: "public" } as const;

/** No elicitation is ever sent, so nothing has to be validated: this keeps the SDK's JSON Schema validator from being built. */
const NO_VALIDATOR = {
  getValidator(): never {
    throw new Error("this server sends no elicitation");
  },
};

/** Cheap: schemas stand at module scope, listings are made once per tool. */
export function buildServer(tenant: Tenant): McpServer {
  const mcp = new McpServer(
    { name: "prefect-mcp-bun", title: "Prefect (local record)", version: tenant.version },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { listChanged: true, subscribe: tenant.watch !== undefined },
        prompts: { listChanged: false },
        completions: {},
      },
      instructions: INSTRUCTIONS,
      jsonSchemaValidator: NO_VALIDATOR,
      cacheHints: {
        "tools/list": OWN_LIST,
        "resources/list": OWN_LIST,
        "resources/templates/list": OWN_LIST,
        "prompts/list": COMMON_LIST,
      },
    },
  );
  mcp.server.setRequestHandler("tools/list", () => ({ tools: tenant.tools().map(listed) }));
  mcp.server.setRequestHandler("tools/call", async (request, ctx) => {
    const { name, arguments: args } = request.params;
    const result = await callTool(tenant, toolNamed(tenant.tools(), name), args, handleOf(ctx));
    return { ...result, content: [...result.content] };
  });
  offerResources(mcp, tenant);
  offerPrompts(mcp);
  const unsubscribe = tenant.onToolsChanged(() => {
    if (!mcp.server.transport) return;
    // Which resources there are follows the tools. A client that has gone away needs no notice.
    Promise.all([mcp.server.sendToolListChanged(), mcp.server.sendResourceListChanged()]).catch(() => undefined);
  });
  const subscriptions = tenant.watch && offerSubscriptions(mcp, tenant.watch);
  mcp.server.onclose = () => {
    unsubscribe();
    subscriptions?.end();
  };
  return mcp;
}

function toolNamed(tools: readonly ToolDefinition[], name: string): ToolDefinition {
  const tool = tools.find((candidate) => candidate.name === name);
  if (tool) return tool;
  const names = tools.map((candidate) => candidate.name);
  const near = nearest(name, names);
  const shown = name.slice(0, LONGEST_NAME);
  throw new ProtocolError(
    ProtocolErrorCode.InvalidParams,
    `Unknown tool "${shown}"${near ? `; did you mean "${near}"?` : "."} Tools: ${names.join(", ")}.`,
  );
}

function handleOf(ctx: ServerContext): CallHandle {
  const progressToken = ctx.mcpReq._meta?.progressToken;
  return {
    signal: ctx.mcpReq.signal,
    progress: (done, total, message) => {
      if (progressToken === undefined) return;
      const params = { progressToken, progress: done, message, ...(total === null ? {} : { total }) };
      // A client that has gone away misses its progress; the call itself learns of it through the signal.
      ctx.mcpReq.notify({ method: "notifications/progress", params }).catch(() => undefined);
    },
  };
}

interface ListedTool {
  readonly name: string;
  readonly inputSchema: { readonly type: "object"; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}
const listings = new WeakMap<ToolDefinition, ListedTool>();

function listed(tool: ToolDefinition): ListedTool {
  const known = listings.get(tool);
  if (known) return known;
  const { inputSchema, ...rest } = toolListing(tool);
  const made = { ...rest, inputSchema: { ...inputSchema, type: "object" as const } };
  listings.set(tool, made);
  return made;
}
