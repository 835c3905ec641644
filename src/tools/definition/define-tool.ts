/** How a tool is made and run. The MCP server and `call` on the command line both go through `runTool`. */
import type { z } from "zod";
import { type AppError, toAppError } from "../../errors.ts";
import { type QueryContext, withLimits } from "../../queries/source/context.ts";
import { parseArguments } from "./arguments.ts";

export interface ToolContext {
  readonly query: QueryContext;
  /** Aborts when the client cancels. */
  readonly signal: AbortSignal;
  /** Progress notice to the client; `total` null when unknown. */
  progress(done: number, total: number | null, message: string): void;
  readonly isCloud: boolean;
}

export interface ToolAnswer {
  readonly structured: Readonly<Record<string, unknown>>;
  /** The same facts for clients that show only text. */
  readonly text: string;
  /** Names of members that hold text written by flows or users. */
  readonly untrusted?: readonly string[];
}

export interface CallResult {
  readonly content: readonly { readonly type: "text"; readonly text: string }[];
  readonly structuredContent: Readonly<Record<string, unknown>>;
  readonly isError?: true;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

export interface ToolAnnotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

/** Every tool of the default set only reads one Prefect workspace. */
const READ_ONLY: ToolAnnotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};

export interface ToolDefinition {
  readonly name: string;
  readonly title: string;
  /** At most 2,000 characters, the decisive sentence first. */
  readonly description: string;
  readonly input: z.ZodObject;
  /** A skeleton without required members, so that an error is valid too. */
  readonly output: z.ZodObject;
  readonly annotations: ToolAnnotations;
  /** Listed only where the API is Prefect Cloud. */
  readonly cloudOnly: boolean;
  /** Misnamings that are understood: given name → argument. */
  readonly aliases: Readonly<Record<string, string>>;
  run(ctx: ToolContext, input: Readonly<Record<string, unknown>>): Promise<ToolAnswer>;
}

export interface ToolOptions<Input extends z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  readonly output: z.ZodObject;
  readonly annotations?: ToolAnnotations;
  readonly cloudOnly?: boolean;
  readonly aliases?: Readonly<Record<string, string>>;
  run(ctx: ToolContext, input: z.infer<Input>): Promise<ToolAnswer>;
}

export function defineTool<Input extends z.ZodObject>(options: ToolOptions<Input>): ToolDefinition {
  return {
    annotations: READ_ONLY,
    cloudOnly: false,
    aliases: {},
    ...options,
    run: (ctx, input) => options.run(ctx, input as z.infer<Input>),
  };
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
