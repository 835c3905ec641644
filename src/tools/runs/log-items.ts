/** Log lines, as structured content and as text. */
import { visibleText } from "../../model/text/untrusted.ts";
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

/** `1504 11:21:35.214 ERROR load-3: disk quota exceeded`; with full detail the logger and the ids follow. */
export function lineText(item: Item, day: string): string {
  const { n, timestamp, level, task_run, flow_run, message, id, logger, task_run_id, flow_run_id } = item;
  const time = shortTime(String(timestamp), { day, keepsMillis: true });
  const who = [flow_run, task_run].filter(Boolean).join("/");
  const more =
    id === undefined
      ? ""
      : ` [${[logger, `id ${id}`, task_run_id && `task ${task_run_id}`, flow_run_id && `run ${flow_run_id}`].filter(Boolean).join(", ")}]`;
  return `${n === undefined ? "" : `${n} `}${time} ${level}${who ? ` ${who}:` : ""} ${visibleText(String(message))}${more}`;
}

/** The number of error lines, and the position of the last one. */
export function errorLines(errors: readonly LogLine[], logs: RunLogs): Item {
  const last = errors.at(-1);
  if (!last) return {};
  const run = areOfSeveralRuns(logs) ? { last_error_flow_run: runName(last, logs) } : {};
  return { error_lines: errors.length, last_error_n: last.n, ...run };
}

/** The same facts and the number of lines, as text. */
export function lineFacts(logs: RunLogs, matching: number, errors: readonly LogLine[]): string {
  const lines = logs.isWhole
    ? `${logs.lines.length} lines in all, ${matching} match`
    : `${matching} of the newest match`;
  const last = errors.at(-1);
  const run = last && areOfSeveralRuns(logs) ? ` of ${JSON.stringify(visibleText(runName(last, logs)))}` : "";
  return last
    ? `${lines}; ${errors.length} at ERROR or above${last.n ? `, the last is line ${last.n}${run}` : ""}`
    : lines;
}

/** Then a line number needs its run: lines are numbered per run. */
function areOfSeveralRuns({ lines }: RunLogs): boolean {
  return lines.some(({ log }) => log.flow_run_id !== lines[0]?.log.flow_run_id);
}

function runName({ log }: LogLine, { flowRun, names }: RunLogs): string {
  const id = log.flow_run_id ?? flowRun.id;
  return (id === flowRun.id ? flowRun.name : names.get(id)) ?? id;
}
