/** Log lines, as structured content and as text. */
import {
  asName,
  asReason,
  counted,
  indented,
  joined,
  type Line,
  lineOf,
  oneLine,
  own,
  quote,
  type Sentence,
  sentence,
} from "../../lib/shown-text.ts";
import { withoutLibraryFrames } from "../../model/runs/traceback-text.ts";
import type { LogLine } from "../../queries/runs/log-lines.ts";
import { levelName } from "../../queries/runs/log-lines.ts";
import type { RunLogs } from "../../queries/runs/logs.ts";
import type { Item } from "../answer/table.ts";
import { shortTime } from "../answer/table.ts";

/** A line as structured content, with the whole message unchanged. `isFull`: with Prefect's ids and the logger. */
export function logItem({ n, log }: LogLine, logs: RunLogs, isFull: boolean): Item {
  const task = log.task_run_id ? (logs.names.get(log.task_run_id) ?? log.task_run_id) : undefined;
  const isSubflow = log.flow_run_id && log.flow_run_id !== logs.flowRun.id;
  const brief = {
    ...(n === null ? {} : { n }),
    timestamp: log.timestamp,
    level: levelName(log.level),
    ...(task ? { task_run: task } : {}),
    ...(isSubflow ? { flow_run: logs.names.get(log.flow_run_id ?? "") ?? log.flow_run_id } : {}),
    message: log.message,
  };
  if (!isFull) return brief;
  const ids = {
    ...(log.task_run_id ? { task_run_id: log.task_run_id } : {}),
    ...(log.flow_run_id ? { flow_run_id: log.flow_run_id } : {}),
  };
  return { id: log.id, ...brief, logger: log.name, ...ids };
}

/**
 * `1504 11:21:35.214 ERROR load-3: disk quota exceeded`; with full detail the logger and the ids follow. Further lines of the message are
 * indented, and frames of libraries are left out of tracebacks unless the detail is full.
 */
export function logLines(item: Item, day: string): Line[] {
  const { n, timestamp, level, task_run, flow_run, message, id, logger, task_run_id, flow_run_id } = item;
  const time = asReason(shortTime(String(timestamp), { day, keepsMillis: true }));
  const who = [flow_run, task_run].flatMap((one) => (one ? [asName(String(one))] : []));
  const ids = [
    ...(logger ? [asName(String(logger))] : []),
    ...(id === undefined ? [] : [sentence`id ${asName(String(id))}`]),
    ...(task_run_id ? [sentence`task ${asName(String(task_run_id))}`] : []),
    ...(flow_run_id ? [sentence`run ${asName(String(flow_run_id))}`] : []),
  ];
  const shown = id === undefined ? withoutLibraryFrames(String(message)) : String(message);
  const [first = oneLine(""), ...rest] = indented(shown);
  const number = n === undefined ? own("") : sentence`${asName(String(n))} `;
  const start = sentence`${number}${time} ${asName(String(level))}${who.length > 0 ? sentence` ${joined(who, "/")}:` : ""} `;
  const lines = [joined<Line>([start, first], ""), ...rest];
  const last = lines.pop() ?? first;
  return [...lines, id === undefined ? last : lineOf`${last} [${joined(ids, ", ")}]`];
}

/** The line for a table: frames of libraries are left out of its message. */
export function foldedRow(item: Item): Item {
  return typeof item.message === "string" ? { ...item, message: withoutLibraryFrames(item.message) } : item;
}

/** The number of error lines, and the position of the last one. */
export function errorLines(errors: readonly LogLine[], logs: RunLogs): Item {
  const last = errors.at(-1);
  if (!last) return {};
  const run = areOfSeveralRuns(logs) ? { last_error_flow_run: runName(last, logs) } : {};
  return { error_lines: errors.length, ...(last.n === null ? {} : { last_error_n: last.n }), ...run };
}

/** The same facts and the number of lines, as text. */
export function lineFacts(logs: RunLogs, matching: number, errors: readonly LogLine[]): Sentence {
  const lines = logs.isWhole
    ? sentence`${counted(logs.lines.length, "line")} in all, ${counted(matching, "matches", "match")}`
    : sentence`of ${counted(logs.lines.length, "known line")} ${counted(matching, "matches", "match")}`;
  const last = errors.at(-1);
  if (!last) return lines;
  const run = areOfSeveralRuns(logs) ? sentence` of ${quote(runName(last, logs), 100)}` : own("");
  const where = last.n ? sentence`, the last is line ${last.n}${run}` : own("");
  return sentence`${lines}; ${errors.length} at ERROR or above${where}`;
}

/** Then a line number needs its run: lines are numbered per run. */
function areOfSeveralRuns({ lines }: RunLogs): boolean {
  return lines.some(({ log }) => log.flow_run_id !== lines[0]?.log.flow_run_id);
}

function runName({ log }: LogLine, { flowRun, names }: RunLogs): string {
  const id = log.flow_run_id ?? flowRun.id;
  return (id === flowRun.id ? flowRun.name : names.get(id)) ?? id;
}
