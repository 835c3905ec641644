/** Chooses lines from the logs of a run. Pure functions. */
import { parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { Log } from "../../model/objects.ts";

/** A line with its number within its run, from 1. Null where the lines before it are unknown. */
export interface LogLine {
  readonly n: number | null;
  readonly log: Log;
}

export interface LineChoice {
  /** The lowest level, as Python's number. */
  readonly level?: number | undefined;
  /** Substring, any case. */
  readonly text?: string | undefined;
  /** Absent: all. */
  readonly taskRunIds?: ReadonlySet<string> | undefined;
  readonly sinceUs?: ServerUs | undefined;
  readonly untilUs?: ServerUs | undefined;
}

/** Lines by time; lines of the same time keep their order. */
export function numberLines(logs: readonly Log[]): LogLine[] {
  const keyed = logs.map((log, index) => ({ log, index, us: parseIsoUs(log.timestamp) ?? 0 }));
  keyed.sort((a, b) => a.us - b.us || a.index - b.index);
  const counts = new Map<string, number>();
  return keyed.map(({ log }) => {
    const run = log.flow_run_id ?? "";
    const n = (counts.get(run) ?? 0) + 1;
    counts.set(run, n);
    return { n, log };
  });
}

export function matchesLine(log: Log, choice: LineChoice): boolean {
  const { level, text, taskRunIds, sinceUs, untilUs } = choice;
  if (level !== undefined && log.level < level) return false;
  if (taskRunIds && !taskRunIds.has(log.task_run_id ?? "")) return false;
  if (sinceUs !== undefined || untilUs !== undefined) {
    const us = parseIsoUs(log.timestamp) ?? 0;
    if (us < (sinceUs ?? us) || us > (untilUs ?? us)) return false;
  }
  return text === undefined || log.message.toLowerCase().includes(text.toLowerCase());
}

/** Time and id of the last line of a page. */
export interface LinePosition {
  readonly us: number;
  readonly id: string;
}

/** At most `limit` lines, ascending: with `isTail` the last ones before the position, otherwise the first ones after it. */
export function pageOfLines(
  lines: readonly LogLine[],
  isTail: boolean,
  limit: number,
  position: LinePosition | undefined,
): { lines: readonly LogLine[]; hasMore: boolean } {
  const at = position ? indexOf(lines, position, isTail) : isTail ? lines.length : -1;
  const rest = isTail ? lines.slice(0, at) : lines.slice(at + 1);
  const page = isTail ? rest.slice(-limit) : rest.slice(0, limit);
  return { lines: page, hasMore: page.length < rest.length };
}

/** The index of the line, or the one that a deleted line would have. */
function indexOf(lines: readonly LogLine[], position: LinePosition, isTail: boolean): number {
  const exact = lines.findIndex(({ log }) => log.id.toLowerCase() === position.id);
  if (exact >= 0) return exact;
  const later = lines.findIndex(({ log }) => (parseIsoUs(log.timestamp) ?? 0) >= position.us);
  if (later < 0) return isTail ? lines.length : lines.length - 1;
  return isTail ? later : later - 1;
}

const LEVELS: Readonly<Record<string, number>> = {
  DEBUG: 10,
  INFO: 20,
  WARNING: 30,
  WARN: 30,
  ERROR: 40,
  CRITICAL: 50,
  FATAL: 50,
};
const NAMES = new Map(
  [10, 20, 30, 40, 50].map((level, index) => [level, ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"][index] ?? ""]),
);

/** Python's name of a level, or its number as text. */
export function levelName(level: number): string {
  return NAMES.get(level) ?? String(level);
}

/** The number of `error`, `WARNING` or `35`. Undefined for other texts. */
export function parseLevel(text: string): number | undefined {
  const known = LEVELS[text.trim().toUpperCase()];
  if (known !== undefined) return known;
  return /^\d{1,3}$/.test(text.trim()) ? Number(text) : undefined;
}
