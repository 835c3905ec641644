import { createLogger } from "../../src/lib/logger.ts";
import type { CallResult } from "../../src/mcp/call-result.ts";
import { type CallHandle, callTool } from "../../src/mcp/guard.ts";
import type { QueryContext } from "../../src/queries/source/context.ts";
import type { ToolDefinition } from "../../src/tools/definition/define-tool.ts";

export interface CallOptions extends Partial<CallHandle> {
  readonly isCloud?: boolean;
}

/** Calls a tool as the server does. An internal error is thrown, so that a test shows its stack. */
export function callWith(
  query: QueryContext,
  tool: ToolDefinition,
  args: unknown,
  options: CallOptions = {},
): Promise<CallResult> {
  const { signal = new AbortController().signal, progress = () => undefined, isCloud = false, callerId } = options;
  const tenant = {
    version: "9.9.9",
    logger: createLogger("error", (line) => {
      throw new Error(line);
    }),
    isCloud,
    tools: () => [tool],
    query: () => query,
    onToolsChanged: () => () => undefined,
  };
  return callTool(tenant, tool, args, { signal, progress, callerId });
}
