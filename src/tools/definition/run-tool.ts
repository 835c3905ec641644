import { addMs } from "../../lib/time.ts";
import { withLimits } from "../../queries/source/context.ts";
import { withServerTime } from "../../queries/source/server-time.ts";
import { parseArguments } from "./arguments.ts";
import type { ToolAnswer, ToolContext, ToolDefinition } from "./define-tool.ts";

/**
 * Reads the arguments and runs the tool within the time limit of the call, on one state of the record. Throws; `callTool` in
 * `mcp/guard.ts` answers errors.
 */
export async function runTool(tool: ToolDefinition, ctx: ToolContext, args: unknown): Promise<ToolAnswer> {
  const input = parseArguments(tool, args);
  const liveUntilMs = addMs(ctx.query.clock.steadyMs(), ctx.query.liveDeadlineMs);
  const held = tool.isWatching ? undefined : ctx.query.holdRecord?.();
  const record = held ? { record: () => held.record() } : {};
  const query = withLimits(ctx.query, { liveUntilMs, signal: ctx.signal, ...record });
  try {
    const progress: ToolContext["progress"] = (...notice) => ctx.progress(...notice);
    return await withServerTime(query, () => tool.run({ ...ctx, query, progress }, input));
  } finally {
    held?.release();
  }
}
