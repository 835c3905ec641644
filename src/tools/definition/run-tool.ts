/** How a tool is run. The MCP server and `call` on the command line both go through `runTool`. */
import { type AppError, toAppError } from "../../errors.ts";
import { withLimits } from "../../queries/source/context.ts";
import { parseArguments } from "./arguments.ts";
import type { ToolContext, ToolDefinition } from "./define-tool.ts";

export interface CallResult {
  readonly content: readonly { readonly type: "text"; readonly text: string }[];
  readonly structuredContent: Readonly<Record<string, unknown>>;
  readonly isError?: true;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** One call: reads the arguments, runs the tool, and turns whatever is thrown into an answer. Never throws. */
export async function runTool(tool: ToolDefinition, ctx: ToolContext, args: unknown): Promise<CallResult> {
  try {
    const input = parseArguments(tool, args);
    const liveUntilUs = ctx.query.clock.nowUs() + ctx.query.liveDeadlineMs * 1000;
    const query = withLimits(ctx.query, { liveUntilUs, signal: ctx.signal });
    const answer = await tool.run({ ...ctx, query, progress: (...notice) => ctx.progress(...notice) }, input);
    return {
      content: [{ type: "text", text: answer.text }],
      structuredContent: answer.structured,
      ...(answer.untrusted ? { _meta: { "prefect-mcp-bun/untrusted": answer.untrusted } } : {}),
    };
  } catch (error) {
    return errorResult(toAppError(error));
  }
}

/** The error as both channels show it. */
export function errorResult(error: AppError): CallResult {
  const { code, message, hint, retryable } = error;
  const retryAfter = error.retryAfterMs === undefined ? undefined : Math.ceil(error.retryAfterMs / 1000);
  const structuredContent = {
    code,
    message,
    ...(hint ? { hint } : {}),
    retryable,
    ...(retryAfter === undefined ? {} : { retry_after_seconds: retryAfter }),
  };
  const again = retryAfter === undefined ? "" : ` after ${retryAfter} s`;
  const text = [
    `Error ${code}: ${message}`,
    hint ? `Hint: ${hint}` : "",
    `Retryable: ${retryable ? "yes" : "no"}${again}`,
  ];
  return { content: [{ type: "text", text: text.filter(Boolean).join("\n") }], structuredContent, isError: true };
}
