/** The only catch-all: whatever goes wrong in a call becomes an answer, and what was not foreseen is logged with its stack. */
import { AppError, toAppError } from "../errors.ts";
import type { Redact } from "../model/redact.ts";
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
    const failed = errorResult(presentable(tenant, tool.name, error));
    return tenant.hiddenPath ? withoutPath(failed, tenant.hiddenPath) : failed;
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
  const result = await runTool(guarded, { query, signal, progress, isCloud: tenant.isCloud }, args);
  const clean = tenant.redact ? withoutSecrets(result, tenant.redact) : result;
  return tenant.hiddenPath ? withoutPath(clean, tenant.hiddenPath) : clean;
}

/**
 * Rows were cleaned before they were recorded, live answers when they came in. This is for a record that was written before
 * a credential was configured, and for whatever a tool puts together from harmless parts.
 */
function withoutSecrets(result: CallResult, redact: Redact): CallResult {
  return {
    ...result,
    content: result.content.map((block) => ({ ...block, text: redact.text(block.text) })),
    structuredContent: redact.object(result.structuredContent),
  };
}

/** File names stay, where they lie does not. Both channels say the same, so the text tells whether there is anything to do. */
function withoutPath(result: CallResult, path: string): CallResult {
  if (!result.content.some((block) => block.text.includes(path))) return result;
  const hide = (text: string) => text.replaceAll(`${path}/`, "").replaceAll(path, "(data folder)");
  const walk = (value: unknown): unknown => {
    if (typeof value === "string") return hide(value);
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, walk(field)]));
  };
  return {
    ...result,
    content: result.content.map((block) => ({ ...block, text: hide(block.text) })),
    structuredContent: walk(result.structuredContent) as CallResult["structuredContent"],
  };
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
