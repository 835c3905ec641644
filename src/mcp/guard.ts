/** The only catch-all: whatever goes wrong in a call becomes an answer, and what was not foreseen is logged with its stack. */
import { AppError, toAppError } from "../errors.ts";
import { type CallResult, errorResult, runTool, type ToolContext, type ToolDefinition } from "../tools/define.ts";
import type { Tenant } from "./tenant.ts";

export interface CallHandle {
  /** Aborts when the client gives up. */
  readonly signal: AbortSignal;
  progress: ToolContext["progress"];
}

/** One tool call, from the protocol or from the command line. Never throws. */
export async function callTool(
  tenant: Tenant,
  tool: ToolDefinition,
  args: unknown,
  call: CallHandle,
): Promise<CallResult> {
  let query: ToolContext["query"];
  try {
    query = tenant.query();
  } catch (error) {
    return errorResult(presentable(tenant, tool.name, error));
  }
  const guarded: ToolDefinition = {
    ...tool,
    run: async (ctx, input) => {
      try {
        return await tool.run(ctx, input);
      } catch (error) {
        throw presentable(tenant, tool.name, error);
      }
    },
  };
  const { signal, progress } = call;
  return runTool(guarded, { query, signal, progress, isCloud: tenant.isCloud }, args);
}

/** Unforeseen errors may hold anything (a path, a statement): the client gets a reference to the log line instead. */
export function presentable(tenant: Pick<Tenant, "logger">, where: string, error: unknown): AppError {
  const known = toAppError(error);
  if (known.code !== "internal") return known;
  const reference = crypto.randomUUID().slice(0, 8);
  const original = known.cause instanceof Error ? known.cause : known;
  tenant.logger.error("internal error", { where, reference, error: original.message, stack: original.stack });
  return new AppError("internal", "An internal error happened; it is not caused by the arguments.", {
    hint: `The log on stderr has the details under reference ${reference}.`,
  });
}
