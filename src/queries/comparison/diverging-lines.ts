/** The first line in the log of one run that the log of another does not have. */
import type { Log } from "../../model/objects.ts";
import { normaliseErrorText } from "../../model/runs/error-fingerprint.ts";
import type { LogLine } from "../runs/log-lines.ts";

export interface ComparedLog {
  /** Ascending. */
  readonly lines: readonly LogLine[];
  /** Names of the run and of its task runs, which differ in each run. */
  readonly names: readonly string[];
}

export interface Divergence {
  /** First line that the other run does not have; null where it has all of them. */
  readonly different: LogLine | null;
  /** First line of the other run that this one lacks. */
  readonly missing: LogLine | null;
  /** Lines before `different`: both runs have them. */
  readonly same: number;
}

/**
 * Lines count as the same where their level and their text without ids, times, numbers and names of runs are. Tasks that run at once
 * write in any order, so the order does not count.
 */
export function findDivergence(now: ComparedLog, before: ComparedLog): Divergence {
  const [ofNow, ofBefore] = [keysOf(now), keysOf(before)];
  const [hasNow, hasBefore] = [new Set(ofNow), new Set(ofBefore)];
  const at = ofNow.findIndex((key) => !hasBefore.has(key));
  const missing = ofBefore.findIndex((key) => !hasNow.has(key));
  return {
    different: now.lines[at] ?? null,
    missing: before.lines[missing] ?? null,
    same: at < 0 ? now.lines.length : at,
  };
}

function keysOf({ lines, names }: ComparedLog): string[] {
  const known = [...new Set(names)].filter((name) => name.length > 1).toSorted((a, b) => b.length - a.length);
  return lines.map(({ log }) => keyOf(log, known));
}

/** Names that are replaced: a run has few, and each is looked for in each line. */
const MAX_NAMES = 50;

function keyOf({ level, message }: Log, names: readonly string[]): string {
  let text = message.slice(0, 2_000);
  for (const name of names.slice(0, MAX_NAMES)) text = text.replaceAll(name, "#");
  // Prefect adds the beginning of a key to the name of a task.
  return `${level}|${normaliseErrorText(text.replace(/\b([\w.]+)-[0-9a-f]{3}\b/g, "$1"))}`;
}
