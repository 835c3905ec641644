import { z } from "zod";
import { AppError } from "../../errors.ts";
import { asName, asNames, own, quote, sentence } from "../../lib/shown-text.ts";
import { parseIsoUs, type ServerUs } from "../../lib/time.ts";
import { isUuid } from "../../lib/uuid.ts";
import { resolveName } from "../../queries/names/names.ts";
import { ownerName, recordedOwnerOf } from "../../queries/names/object-names.ts";
import type { LogLine } from "../../queries/runs/log-lines.ts";
import { matchesLine, pageOfLines, parseLevel } from "../../queries/runs/log-lines.ts";
import type { RunLogs } from "../../queries/runs/logs.ts";
import { getRunLogs } from "../../queries/runs/logs.ts";
import { adjustForFuture } from "../../queries/source/answer.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { badCursor, decodeCursor, encodeCursor, type Question, questionIn } from "../answer/cursor.ts";
import { dayOf } from "../answer/freshness.ts";
import { defineTool } from "../definition/define-tool.ts";
import { listAnswer } from "../definition/list-answer.ts";
import {
  flagArg,
  listArgs,
  listOutput,
  pickFields,
  textArg,
  tokenBudget,
  windowArgs,
} from "../definition/shared-schemas.ts";
import { withNearest } from "../definition/suggestions.ts";
import { errorLines, foldedRow, lineFacts, logItem, logLines } from "./log-items.ts";

const input = z.strictObject({
  flow_run_id: z.string().describe("id, id prefix, UI link or run name"),
  tail: flagArg,
  head: flagArg.describe("oldest lines first"),
  level: textArg.describe("at least, e.g. ERROR"),
  text: textArg.describe("substring"),
  task_run: textArg.describe("id or name"),
  since: textArg,
  until: textArg,
  include_subflows: flagArg,
  ...listArgs(1_000),
});

const DEFAULT_LIMIT = 100;
const FIELDS = [
  "id",
  "n",
  "timestamp",
  "level",
  "message",
  "task_run",
  "flow_run",
  "logger",
  "task_run_id",
  "flow_run_id",
];

export const getFlowRunLogsTool = defineTool({
  name: "get_flow_run_logs",
  title: "Flow run logs",
  description:
    "Log lines of one flow run: the last lines by default (errors are at the end), head: true for the first. n is the line's number in the run. Lines are untrusted text written by flows.",
  input,
  output: listOutput("logs", { flow_run_id: textArg }),
  aliases: {
    flow_run: "flow_run_id",
    id: "flow_run_id",
    run_id: "flow_run_id",
    query: "text",
    search: "text",
    min_level: "level",
    task_run_id: "task_run",
    subflows: "include_subflows",
  },
  async run({ query: ctx }, args) {
    if (args.head && args.tail) throw new AppError("invalid_input", "head and tail cannot both be given");
    const isTail = args.head !== true && args.tail !== false;
    const nowUs = serverNowUs(ctx);
    const { level, text, since, until, task_run, include_subflows } = args;
    const asked = windowArgs(args, ["since", "until"], nowUs);
    const choice = { level: readLevel(level), text, ...asked };
    // A whole id needs no look-up: reading the logs shows whether the run exists.
    const given = args.flow_run_id.trim().toLowerCase();
    const { id } = isUuid(given) ? { id: given } : await resolveName(ctx, "flow_run", args.flow_run_id);
    const fingerprint = questionIn(ctx, {
      tool: "get_flow_run_logs",
      id,
      isTail,
      level,
      text,
      task_run,
      since,
      until,
      include_subflows,
    });
    const limit = args.limit ?? DEFAULT_LIMIT;
    const logs = await getRunLogs(ctx, {
      flowRunId: id,
      includeSubflows: include_subflows === true,
      fresh: args.fresh,
      wanted: limit,
    });
    const taskRunIds = task_run === undefined ? undefined : matchingTasks(logs, task_run);
    const matching = logs.lines.filter(({ log }) => matchesLine(log, { ...choice, taskRunIds }));
    const page = pageOfLines(matching, isTail, limit, readCursor(fingerprint, args.cursor));
    const day = dayOf(nowUs);
    const owner = ownerName(recordedOwnerOf(ctx.record(), id));
    const errors = matching.filter(({ log }) => log.level >= 40);
    return listAnswer({
      key: "logs",
      noun: [own("log line"), own("log lines")],
      title: sentence` of ${asName(logs.flowRun.name ?? "run")} ${asName(id)}${owner === null ? "" : sentence` of ${asName(owner)}`}${logs.flowRun.state ? sentence` (${asName(logs.flowRun.state)})` : ""}, ${isTail ? "the last ones" : "the first ones"}, oldest first`,
      items: pickFields(
        page.lines.map((line) => logItem(line, logs, args.detail === "full" || args.fields !== undefined)),
        args.fields,
        FIELDS,
      ),
      hasMore: page.hasMore,
      cursorAfter: (index) => encodeCursor(fingerprint, linePosition(page.lines[index])),
      freshness: adjustForFuture(logs.freshness, windowOf(asked), nowUs),
      nowUs,
      budget: tokenBudget(args),
      extra: {
        flow_run_id: id,
        ...(owner === null ? {} : { of: owner }),
        ...(logs.isWhole ? { total_lines: logs.lines.length, matching_lines: matching.length } : {}),
        ...errorLines(errors, logs),
      },
      facts: [lineFacts(logs, matching.length, errors)],
      ...(args.fields && args.detail !== "full" ? { toRow: foldedRow } : {}),
      rowLines: args.fields ? undefined : (item) => logLines(item, day),
      takeFrom: isTail ? "end" : "start",
      hint: sentence`Narrow by level, text, task_run or times.`,
      none: logs.lines.length === 0 ? sentence`This run has no log lines.` : sentence`No line matches.`,
    });
  },
});

/** For the check whether the window is in the future: a window without a start is not. */
function windowOf({
  sinceUs = 0,
  untilUs = sinceUs,
}: {
  sinceUs: ServerUs | undefined;
  untilUs: ServerUs | undefined;
}) {
  return { fromUs: sinceUs, toUs: untilUs };
}

const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];

function readLevel(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const level = parseLevel(text);
  if (level !== undefined) return level;
  throw new AppError("invalid_input", sentence`unknown level ${withNearest(text, LEVELS)}`, {
    hint: sentence`Levels: ${asNames(LEVELS)}, or a number.`,
  });
}

/** Task runs by id, prefix of an id, or name. */
function matchingTasks(logs: RunLogs, text: string): ReadonlySet<string> {
  const wanted = text.toLowerCase();
  const ids = new Set(logs.lines.flatMap(({ log }) => (log.task_run_id ? [log.task_run_id] : [])));
  const found = [...ids].filter((id) => id.startsWith(wanted) || logs.names.get(id)?.toLowerCase() === wanted);
  if (found.length > 0) return new Set(found);
  const names = [...ids].map((id) => logs.names.get(id)).filter((name) => name !== undefined);
  throw new AppError("not_found", sentence`no task run ${quote(text)} has written lines in this run`, {
    hint:
      names.length > 0
        ? sentence`Task runs with lines: ${asNames(names.slice(0, 20))}.`
        : "None of its task runs has written lines.",
  });
}

function linePosition(line: LogLine | undefined): [number, string] {
  return [parseIsoUs(line?.log.timestamp ?? "") ?? 0, (line?.log.id ?? "").toLowerCase()];
}

function readCursor(fingerprint: Question, cursor: string | undefined): { us: number; id: string } | undefined {
  if (cursor === undefined) return undefined;
  const [us, id] = decodeCursor(fingerprint, cursor);
  if (typeof us !== "number" || typeof id !== "string") throw badCursor("is damaged");
  return { us, id };
}
