/**
 * MCP Apps: a client that declares the extension gets a view beside the answers of some tools. Other clients see no difference.
 * https://github.com/modelcontextprotocol/ext-apps/blob/main/specification/2026-01-26/apps.mdx
 */
import type { McpServer, ServerContext } from "@modelcontextprotocol/server";
import { isJsonObject } from "../lib/exact-json.ts";
import { FIRST_TOOL, VIEWS, type View, viewOfTool } from "../views/calls.ts";
import { CLIENT_CAPABILITIES_KEY } from "./protocol/protocol-names.ts";

export const APPS_EXTENSION = "io.modelcontextprotocol/ui";
/** https://github.com/modelcontextprotocol/ext-apps/blob/main/src/constants.ts */
const APP_MIME_TYPE = "text/html;profile=mcp-app";

/** Whether the client of this request, or of this session, shows apps. */
export function showsApps(mcp: McpServer, ctx: ServerContext): boolean {
  const envelope: unknown = ctx.mcpReq.envelope;
  const own = isJsonObject(envelope) ? envelope[CLIENT_CAPABILITIES_KEY] : undefined;
  return declaresApps(own ?? mcp.server.getClientCapabilities());
}

/** Whether these capabilities of a client say that it shows apps. */
export function declaresApps(declared: unknown): boolean {
  const extensions = isJsonObject(declared) ? declared.extensions : undefined;
  const apps = isJsonObject(extensions) ? extensions[APPS_EXTENSION] : undefined;
  if (!isJsonObject(apps)) return false;
  return Array.isArray(apps.mimeTypes) && apps.mimeTypes.includes(APP_MIME_TYPE);
}

function uriOf(view: View): string {
  return `ui://prefect/${view}`;
}

/** `_meta` of a tool that has a view. */
export function appMeta(tool: string): { readonly _meta?: { readonly ui: { readonly resourceUri: string } } } {
  const view = viewOfTool(tool);
  return view === null ? {} : { _meta: { ui: { resourceUri: uriOf(view) } } };
}

/** Nothing is requested from the network: the page asks through its host. */
const RESOURCE_META = { ui: { csp: { connectDomains: [], resourceDomains: [] }, prefersBorder: true } };

/** The views whose tool is offered. */
export function appResources(isOffered: (tool: string) => boolean) {
  return VIEWS.filter((view) => isOffered(FIRST_TOOL[view])).map((view) => ({
    uri: uriOf(view),
    name: `view-${view}`,
    title: `View: ${view}`,
    mimeType: APP_MIME_TYPE,
    _meta: RESOURCE_META,
  }));
}

/** The page of a view; null for another URI. */
export async function readApp(uri: string) {
  const view = VIEWS.find((one) => uriOf(one) === uri);
  if (view === undefined) return null;
  const { pageHtml } = await import("../views/page.ts");
  return { uri, mimeType: APP_MIME_TYPE, text: pageHtml({ view }), _meta: RESOURCE_META };
}
