import { parseIsoUs, SECOND_US, type ServerUs } from "../../../lib/time.ts";
import type { Holder, NamedRun } from "./types.ts";

/** `45 s`, `12 min`, `2 h 5 min`, `4 d`. */
export function durationText(us: number): string {
  const seconds = Math.max(0, Math.round(us / SECOND_US));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.round(hours / 24)} d`;
}

/** `3 min ago`, or "never" without a time. */
export function ago(time: string | null | undefined, nowUs: ServerUs): string {
  const us = time ? parseIsoUs(time) : undefined;
  return us === undefined ? "never" : `${durationText(nowUs - us)} ago`;
}

/** "amber-heron, shy-fox and 3 more" */
export function nameList(names: readonly (string | null)[], max = 3): string {
  const shown = names.slice(0, max).map((name) => name ?? "unnamed");
  const rest = names.length - shown.length;
  if (rest > 0) return `${shown.join(", ")} and ${rest} more`;
  return shown.length < 2 ? (shown[0] ?? "unknown") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

export function holderEvidence(holders: readonly Holder[], max = 5): readonly Holder[] {
  return holders.slice(0, max);
}

/** Waiting runs as evidence: their number, and name, id and time since due of the first. */
export function waitingEvidence(runs: readonly NamedRun[], nowUs: ServerUs, max = 8): object {
  const dueOf = (one: NamedRun) => {
    const us = parseIsoUs(one.run.expected_start_time ?? "");
    return us === undefined ? {} : { due: `${durationText(nowUs - us)} ago` };
  };
  return {
    count: runs.length,
    runs: runs
      .slice(0, max)
      .map((one) => ({ id: one.run.id, name: one.run.name, state: one.run.state_name, ...dueOf(one) })),
  };
}

/** `1 run waits`, `3 runs wait`. */
export function runsWait(count: number): string {
  return count === 1 ? "1 run waits" : `${count} runs wait`;
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
