import { AppError, toAppError } from "../../errors.ts";
import { isJsonObject } from "../../lib/exact-json.ts";
import { type Sentence, sentence } from "../../lib/shown-text.ts";
import { addMs } from "../../lib/time.ts";
import { type QueryContext, withLimits } from "../../queries/source/context.ts";
import {
  CHANGED_SERVER_NOTE,
  changedServerNote,
  hasServerChanged,
  isOtherServer,
  OTHER_SERVER_NOTE,
} from "../../queries/source/other-server.ts";
import { withOutageCheck } from "../../queries/source/outage.ts";
import { serverNowUs, withServerTime } from "../../queries/source/server-time.ts";
import { answerText } from "../answer/fenced.ts";
import { parseArguments, placeholderNote } from "./arguments.ts";
import type { ToolAnswer, ToolContext, ToolDefinition } from "./define-tool.ts";
import { dayNote } from "./shared-schemas.ts";

/**
 * Reads the arguments and runs the tool within the time limit of the call, on one state of the record. While another server answers
 * than the recorded one, the record is not used, and every answer and error says so. Throws; `callTool` in `mcp/guard.ts` answers
 * errors.
 */
export async function runTool(tool: ToolDefinition, ctx: ToolContext, args: unknown): Promise<ToolAnswer> {
  const input = parseArguments(tool, args);
  const liveUntilMs = addMs(ctx.query.clock.steadyMs(), ctx.query.liveDeadlineMs);
  const held = tool.isWatching ? undefined : ctx.query.holdRecord?.();
  const limits = { liveUntilMs, signal: ctx.signal };
  const record = held ? { record: () => held.record() } : {};
  const before = ctx.query.record()?.file;
  let isOther = false;
  try {
    // The tool about the record promises to send no request.
    isOther = await isOtherServer(withLimits(ctx.query, { ...limits, ...record }), !tool.isAboutRecord);
    const unused = isOther ? { ...(tool.isAboutRecord ? {} : { record: () => null }), saveLive: () => undefined } : {};
    const query = withLimits(ctx.query, { ...limits, ...record, ...unused });
    const progress: ToolContext["progress"] = (...notice) => ctx.progress(...notice);
    const answer = await withServerTime(query, async () => {
      const run = (checked: QueryContext) => tool.run({ ...ctx, query: checked, progress }, input);
      const mayAsk = !tool.isAboutRecord && tool.isWatching !== true;
      const found = await (mayAsk ? withOutageCheck(query, run) : run(query));
      const day = dayNote(input, serverNowUs(query));
      const dated = day === null ? found : withNote(found, day);
      // It stands first, because the answer is one to another question than the caller's.
      const unlimited = placeholderNote(args);
      return unlimited === null ? dated : withFirstNote(dated, unlimited);
    });
    if (isOther) return withFirstNote(answer, OTHER_SERVER_NOTE);
    const { liveOnly } = ctx.query;
    if (liveOnly !== undefined) return withFirstNote(answer, liveOnly);
    const note = hasServerChanged(ctx.query, before) ? CHANGED_SERVER_NOTE : changedServerNote(query);
    return note === null ? answer : withFirstNote(answer, note);
  } catch (error) {
    const note = isOther ? OTHER_SERVER_NOTE : ctx.query.liveOnly;
    throw note === undefined ? error : errorWithServerNote(toAppError(error), note);
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

/** The note comes before everything else. */
function withFirstNote(answer: ToolAnswer, note: Sentence): ToolAnswer {
  const { coverage } = answer.structured;
  const text = answerText([note, answer.text]);
  if (!isJsonObject(coverage)) return { ...answer, text };
  const notes = [note, ...(Array.isArray(coverage.notes) ? coverage.notes : [])];
  return { ...answer, structured: { ...answer.structured, coverage: { ...coverage, notes } }, text };
}

function errorWithServerNote(error: AppError, note: Sentence): AppError {
  const { code, retryAfterMs, status, cause } = error;
  if (code === "internal") return error;
  return new AppError(code, error.sentence, {
    hint: error.ownHint === undefined ? note : sentence`${error.ownHint} ${note}`,
    cause: cause ?? error,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(status === undefined ? {} : { status }),
  });
}
