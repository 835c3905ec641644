import { McpServer, type ServerContext } from "@modelcontextprotocol/server";
import { systemClock } from "../lib/clock.ts";
import { asNames, quote, sentence } from "../lib/shown-text.ts";
import type { ToolDefinition } from "../tools/definition/define-tool.ts";
import { INSTRUCTIONS } from "../tools/definition/instructions.ts";
import { LONGEST_NAME, nearest } from "../tools/definition/suggestions.ts";
import { toolNamed } from "../tools/index.ts";
import type { CallResult } from "./call-result.ts";
import { askUser, confirmationOf, declaredCapabilities } from "./confirm-call.ts";
import { type CallHandle, callTool } from "./guard.ts";
import { showsApps } from "./offer-apps.ts";
import { offerPrompts } from "./offer-prompts.ts";
import { offerResources } from "./offer-resources.ts";
import { offerSkills } from "./offer-skills.ts";
import { offerSubscriptions } from "./offer-subscriptions.ts";
import { invalidParamsError } from "./protocol/protocol-errors.ts";
import { listedTools, makesTasks, OWN_LIST, serverCapabilities, serverInfo } from "./server-description.ts";
import { noTaskError, offerTasks, runAsTask, taskWayOf, tooManyTasksError } from "./tasks/offer-tasks.ts";
import type { TaskHandle } from "./tasks/task-store.ts";
import type { Tenant } from "./tenant.ts";

/** Lists that are the same in every workspace and change only with the version. */
const COMMON_LIST = { ttlMs: 3_600_000, cacheScope: "public" } as const;

/** Answers to elicitations are checked where they are read. Without this the SDK would build a JSON Schema validator for them. */
const NO_VALIDATOR = {
  getValidator(): never {
    throw new Error("this server checks answers to elicitations itself");
  },
};

/**
 * The MCP server of one connection, session or request; the same for both protocol eras and all transports. Cheap to build: schemas are
 * made once per process, listings once per tool.
 */
export function buildServer(tenant: Tenant): McpServer {
  const mcp = new McpServer(serverInfo(tenant.version), {
    capabilities: serverCapabilities(tenant, "2025"),
    instructions: INSTRUCTIONS,
    jsonSchemaValidator: NO_VALIDATOR,
    cacheHints: {
      "tools/list": OWN_LIST,
      "resources/list": OWN_LIST,
      "resources/templates/list": OWN_LIST,
      "prompts/list": COMMON_LIST,
    },
  });
  mcp.server.setRequestHandler("tools/list", (_, ctx) => ({
    tools: listedTools(tenant.tools(), { showsApps: showsApps(mcp, ctx), hasTasks: tenant.tasks !== undefined }),
  }));
  mcp.server.setRequestHandler("tools/call", async (request, ctx) => {
    const { name, arguments: args } = request.params;
    const tool = toolOrError(tenant.tools(), name);
    const confirmation = tool.isActing ? confirmationOf(mcp, ctx) : undefined;
    const handle = { ...toCallHandle(ctx), confirmation };
    const capabilities = declaredCapabilities(mcp, ctx);
    const way = taskWayOf(ctx, capabilities, request.params);
    if (way.kind === "asked" && !tool.isActing && makesTasks(tenant)) throw noTaskError();
    // A user is asked before the task begins, and a preview is no task unless the client wants one.
    const isAsking = confirmation?.answer === null;
    const isConfirmed = confirmation?.answer?.isAccepted === true || args?.confirm !== undefined;
    const isTask = tool.isActing && !isAsking && (way.kind === "asked" || isConfirmed);
    if (isTask && way.kind !== "none" && tenant.tasks !== undefined) {
      const made = await runAsTask(
        tenant.tasks,
        way,
        { callerId: handle.callerId ?? "", signal: handle.signal, sleep: (ms) => systemClock.sleep(ms, handle.signal) },
        (task) => callTool(tenant, tool, args, taskHandle(handle, task)),
      );
      if (made !== "too many") return "handle" in made ? (made.handle as never) : answerOf(made.result);
      if (way.kind === "asked") throw tooManyTasksError();
    }
    return answerOf(await callTool(tenant, tool, args, handle));
  });
  if (tenant.tasks) offerTasks(mcp, tenant.tasks, (ctx) => declaredCapabilities(mcp, ctx));
  offerResources(mcp, tenant);
  offerPrompts(mcp);
  offerSkills(mcp);
  const unsubscribe = tenant.onToolsChanged(() => {
    if (!mcp.server.transport) return;
    // The list of resources depends on the tools. A client that has disconnected is not notified.
    Promise.all([mcp.server.sendToolListChanged(), mcp.server.sendResourceListChanged()]).catch(() => undefined);
  });
  const subscriptions = tenant.watch && offerSubscriptions(mcp, tenant);
  mcp.server.onclose = () => {
    unsubscribe();
    subscriptions?.end();
  };
  return mcp;
}

function answerOf({ ask, ...result }: CallResult) {
  return ask ? askUser(result, ask.token) : { ...result, content: [...result.content] };
}

/** The task outlives the request: it has a signal of its own, and its progress is read from it. */
function taskHandle(handle: CallHandle, { signal, report }: TaskHandle): CallHandle {
  return { ...handle, signal, progress: (_done, _total, message) => report(message) };
}

function toolOrError(tools: readonly ToolDefinition[], name: string): ToolDefinition {
  const tool = toolNamed(tools, name);
  if (tool) return tool;
  const names = tools.map((candidate) => candidate.name);
  const near = nearest(name, names);
  throw invalidParamsError(
    sentence`Unknown tool ${quote(name.slice(0, LONGEST_NAME))}${near ? sentence`; did you mean ${quote(near)}?` : "."} Tools: ${asNames(names)}.`,
  );
}

function toCallHandle(ctx: ServerContext): CallHandle {
  const progressToken = ctx.mcpReq._meta?.progressToken;
  return {
    signal: ctx.mcpReq.signal,
    callerId: ctx.http?.authInfo?.clientId,
    progress: (done, total, message) => {
      if (progressToken === undefined) return;
      const params = { progressToken, progress: done, message, ...(total === null ? {} : { total }) };
      // Fails when the client has disconnected; the signal then ends the call.
      ctx.mcpReq.notify({ method: "notifications/progress", params }).catch(() => undefined);
    },
  };
}
