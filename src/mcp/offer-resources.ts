/** Request handlers for resources, their templates and completion. Tools produce the content. */

import type { McpServer } from "@modelcontextprotocol/server";
import { AppError } from "../errors.ts";
import { jsonLine, type Line, oneLine, quote, sentence } from "../lib/shown-text.ts";
import { isKind } from "../model/kinds.ts";
import { PROMPTS } from "../prompts/index.ts";
import { completeName } from "../resources/completion.ts";
import { matchTemplate, splitWorkspace, type ToolCall, WORKSPACE_VARIABLE } from "../resources/define.ts";
import { RESOURCE_TEMPLATES, RESOURCES } from "../resources/index.ts";
import { LONGEST_NAME } from "../tools/definition/suggestions.ts";
import { errorOf } from "./call-result.ts";
import { type CallHandle, callTool, publicError } from "./guard.ts";
import { appResources, readApp, showsApps } from "./offer-apps.ts";
import { internalError, invalidParamsError, LISTS, resourceNotFound, shownUri } from "./protocol/protocol-errors.ts";
import type { Tenant } from "./tenant.ts";

/** A resource whose tool is not offered is not listed. */
export function offerResources(mcp: McpServer, tenant: Tenant): void {
  const { server } = mcp;
  const isOffered = (tool: string) => tenant.tools().some((one) => one.name === tool);
  const resources = () => RESOURCES.filter(({ content }) => "text" in content || isOffered(content.tool));
  const templates = () => RESOURCE_TEMPLATES.filter((one) => isOffered(one.toolCall({}).tool));
  server.setRequestHandler("resources/list", (_, ctx) => ({
    resources: [
      ...resources().map(({ content: __, ...listed }) => listed),
      ...(showsApps(mcp, ctx) ? appResources(isOffered) : []),
    ],
  }));
  server.setRequestHandler("resources/templates/list", () => {
    const listed = templates().map(({ toolCall: _, complete: __, ...one }) => one);
    // Templates, by their name, of resources that have no other variable.
    const fixed = resources().flatMap(({ content, uri, name, ...one }) =>
      "tool" in content ? [{ ...one, name: `${name}-of-workspace`, uriTemplate: uri }] : [],
    );
    if ((tenant.workspaces?.activeName() ?? null) === null) return { resourceTemplates: listed };
    const all = [...listed, ...fixed].map((one) => ({
      ...one,
      uriTemplate: `${one.uriTemplate}${WORKSPACE_VARIABLE}`,
    }));
    return { resourceTemplates: all };
  });
  server.setRequestHandler("resources/read", async ({ params: { uri } }, ctx) => {
    const app = await readApp(uri);
    if (app !== null) return { contents: [app] };
    const { uri: plain, workspace } = splitWorkspace(uri);
    const resource = resources().find((one) => one.uri === plain);
    if (resource && "text" in resource.content && workspace === null) {
      return { contents: [{ uri, mimeType: resource.mimeType, text: resource.content.text }] };
    }
    const found = resource ? resource.content : toolCallOf(templates(), plain);
    const toolCall = found && "tool" in found ? inWorkspaceOf(found, workspace) : null;
    if (!toolCall) throw resourceNotFound(uri, sentence`There is no resource ${shownUri(uri)}; ${LISTS}`);
    const call: CallHandle = { signal: ctx.mcpReq.signal, progress: () => undefined };
    return { contents: [await readResource(tenant, toolCall, uri, call)] };
  });
  server.setRequestHandler("completion/complete", ({ params: { ref, argument } }) => {
    let values: readonly Line[];
    try {
      values = completionsFor(tenant, ref, argument);
    } catch (error) {
      throw error instanceof AppError ? publicError(tenant, "completion", error) : error;
    }
    return { completion: { values: [...values], total: values.length, hasMore: false } };
  });
}

function inWorkspaceOf({ tool, args }: ToolCall, workspace: string | null): ToolCall {
  return { tool, args: workspace === null ? args : { ...args, workspace } };
}

function toolCallOf(templates: typeof RESOURCE_TEMPLATES, uri: string): ToolCall | null {
  for (const template of templates) {
    const values = matchTemplate(template.uriTemplate, uri);
    if (values) return template.toolCall(values);
  }
  return null;
}

/** The tool's structured content as JSON. Throws its error as an error of the protocol. */
async function readResource(tenant: Tenant, { tool: name, args }: ToolCall, uri: string, call: CallHandle) {
  const tool = tenant.tools().find((one) => one.name === name);
  if (!tool) throw resourceNotFound(uri, sentence`There is no resource ${shownUri(uri)}.`);
  const { structuredContent, isError, _meta } = await callTool(tenant, tool, args, call);
  if (isError) {
    const { code, text } = errorOf(structuredContent);
    throw code === "not_found" || code === "invalid_input" ? resourceNotFound(uri, text) : internalError(text, code);
  }
  // A resource for one run: the name that the URI gives belongs to no run.
  const lists = Object.values(structuredContent).filter(Array.isArray);
  if (name === "get_flow_runs" && args.flow_run !== undefined && lists[0]?.length === 0) {
    throw resourceNotFound(uri, sentence`no flow run ${quote(String(args.flow_run))}`);
  }
  return { uri, mimeType: "application/json", text: jsonLine(structuredContent), ...(_meta ? { _meta } : {}) };
}

/** Names of workspaces that begin with the text. */
function workspacesFor({ workspaces }: Tenant, begin: string): Line[] {
  const names = workspaces?.knownNames() ?? [];
  return names
    .filter((name) => name.toLowerCase().startsWith(begin.toLowerCase()))
    .map(oneLine)
    .slice(0, 100);
}

interface Reference {
  readonly type: string;
  readonly uri?: string;
  readonly name?: string;
}

function completionsFor(tenant: Tenant, ref: Reference, argument: { name: string; value: string }): readonly Line[] {
  if (ref.type === "ref/resource") {
    const uriTemplate = ref.uri?.replace(WORKSPACE_VARIABLE, "");
    if (argument.name === "workspace" && ref.uri !== uriTemplate) return workspacesFor(tenant, argument.value);
    const template = RESOURCE_TEMPLATES.find((one) => one.uriTemplate === uriTemplate);
    if (!template) throw invalidParamsError(sentence`There is no template ${shownUri(ref.uri ?? "")}.`);
    return template.complete(tenant.query(), argument.name, argument.value);
  }
  const prompt = PROMPTS.find((one) => one.name === ref.name);
  if (!prompt) throw invalidParamsError(sentence`There is no prompt ${quote(ref.name ?? "", LONGEST_NAME)}.`);
  const kind = argument.name;
  return isKind(kind) ? completeName(tenant.query(), kind, argument.value) : [];
}
