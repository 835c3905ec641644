/** Choosing lines from the logs of a run. Pure. */
import { parseIsoUs } from "../../lib/time.ts";
import type { Log } from "../../model/objects.ts";

/** A line with its number in its run, from 1; null where the lines before it are unknown. */
export interface LogLine {
  readonly n: number | null;
  readonly log: Log;
}

export interface LineChoice {
  /** At least this level, Python's numbers. */
  readonly level?: number | undefined;
  /** Substring, any case. */
  readonly text?: string | undefined;
  /** Ids of task runs, or null for any. */
  readonly taskRunIds?: ReadonlySet<string> | undefined;
  readonly sinceUs?: number | undefined;
  readonly untilUs?: number | undefined;
}

/** Lines in time order; ties keep the order in which they came. */
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

/** Where a page ended: time and id of its outermost line. */
export interface LinePosition {
  readonly us: number;
  readonly id: string;
}

/** At most `limit` lines: the last ones before the position (`tail`) or the first ones after it, ascending either way. */
export function pageOfLines(
  lines: readonly LogLine[],
  isTail: boolean,
  limit: number,
  position: LinePosition | undefined,
): { lines: readonly LogLine[]; more: boolean } {
  const at = position ? indexOf(lines, position, isTail) : isTail ? lines.length : -1;
  const rest = isTail ? lines.slice(0, at) : lines.slice(at + 1);
  const page = isTail ? rest.slice(-limit) : rest.slice(0, limit);
  return { lines: page, more: page.length < rest.length };
}

/** The line itself, or where it would stand if it is gone. */
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

/** The number of `error`, `WARNING`, `35`; undefined when it is none. */
export function parseLevel(text: string): number | undefined {
  const known = LEVELS[text.trim().toUpperCase()];
  if (known !== undefined) return known;
  return /^\d{1,3}$/.test(text.trim()) ? Number(text) : undefined;
}
