import { isJsonObject } from "../../lib/exact-json.ts";
import type { Sentence } from "../../lib/shown-text.ts";
import { addMs } from "../../lib/time.ts";
import { withLimits } from "../../queries/source/context.ts";
import { serverNowUs, withServerTime } from "../../queries/source/server-time.ts";
import { answerText } from "../answer/fenced.ts";
import { parseArguments } from "./arguments.ts";
import type { ToolAnswer, ToolContext, ToolDefinition } from "./define-tool.ts";
import { dayNote } from "./shared-schemas.ts";

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
    return await withServerTime(query, async () => {
      const answer = await tool.run({ ...ctx, query, progress }, input);
      const note = dayNote(input, serverNowUs(query));
      return note === null ? answer : withNote(answer, note);
    });
  } finally {
    held?.release();
  }
}

function withNote({ structured, text, ...rest }: ToolAnswer, note: Sentence): ToolAnswer {
  const { coverage } = structured;
  const noted = isJsonObject(coverage)
    ? { coverage: { ...coverage, notes: [...(Array.isArray(coverage.notes) ? coverage.notes : []), note] } }
    : {};
  return { ...rest, structured: { ...structured, ...noted }, text: answerText([text, note]) };
}
