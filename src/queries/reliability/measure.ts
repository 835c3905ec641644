/** Figures of a group of runs: pure functions of how each run ended. Their meaning is stated in docs/reference.md. */
import type { ServerUs } from "../../lib/time.ts";
import { LATE_AFTER_US } from "../../model/runs/server-delays.ts";
import { isFailed, isTerminal } from "../../model/state.ts";

/** Microseconds, server clock. */
export interface Outcome {
  readonly flowId: string | null;
  readonly deploymentId: string | null;
  readonly workPool: string | null;
  readonly tags: readonly string[];
  readonly stateType: string | null;
  readonly expectedUs: ServerUs | null;
  readonly startUs: ServerUs | null;
  readonly endUs: ServerUs | null;
  /** The start, or the expected start before that. */
  readonly beginUs: ServerUs;
}

export interface Figures {
  /** Runs that began or were due in the window. */
  readonly runs: number;
  readonly completed: number;
  /** With crashed ones. */
  readonly failed: number;
  readonly cancelled: number;
  readonly unfinished: number;
  /** Of completed and failed runs; null without any. */
  readonly successRate: number | null;
  /** Durations of completed runs, microseconds; null without any. */
  readonly p50Us: number | null;
  readonly p95Us: number | null;
  readonly late: number;
  /** Start after the expected start, 95th percentile, microseconds. */
  readonly lateP95Us: number | null;
  /** Mean of `recoveries` outages, microseconds. */
  readonly recoveryUs: number | null;
  readonly recoveries: number;
  /** The last runs that ended alike, and how many they are. */
  readonly streak: { readonly isFailing: boolean; readonly runs: number } | null;
  readonly longestFailing: number;
  readonly lastSuccessUs: ServerUs | null;
}

/**
 * `earlier`: runs before those, which show when an outage began that was over among `outcomes`; empty where they are unknown.
 * `nowUs`: a run that has not started by then is late.
 */
export function measure(outcomes: readonly Outcome[], earlier: readonly Outcome[], nowUs: ServerUs): Figures {
  const completed = outcomes.filter((one) => one.stateType === "COMPLETED");
  const failed = outcomes.filter((one) => isFailed(one.stateType)).length;
  const judged = completed.length + failed;
  const durations = sorted(completed.flatMap(({ startUs, endUs }) => difference(endUs, startUs)));
  const delays = sorted(outcomes.flatMap(({ startUs, expectedUs }) => difference(startUs, expectedUs)));
  const recovered = recoveryTimes(outcomes, earlier);
  const ends = inOrder(outcomes);
  return {
    runs: outcomes.length,
    completed: completed.length,
    failed,
    cancelled: outcomes.filter((one) => one.stateType === "CANCELLED").length,
    unfinished: outcomes.filter((one) => !isTerminal(one.stateType)).length,
    successRate: judged === 0 ? null : completed.length / judged,
    p50Us: percentile(durations, 50),
    p95Us: percentile(durations, 95),
    late: outcomes.filter((one) => isLate(one, nowUs)).length,
    lateP95Us: percentile(delays, 95),
    recoveryUs: recovered.length === 0 ? null : recovered.reduce((sum, us) => sum + us, 0) / recovered.length,
    recoveries: recovered.length,
    streak: streakOf(ends),
    longestFailing: longestFailing(ends),
    lastSuccessUs: ends.findLast((one) => one.stateType === "COMPLETED")?.endUs ?? null,
  };
}

function difference(laterUs: ServerUs | null, us: ServerUs | null): number[] {
  return laterUs === null || us === null ? [] : [Math.max(0, laterUs - us)];
}

function sorted(values: number[]): number[] {
  return values.sort((a, b) => a - b);
}

/** The nearest rank: the smallest value that at least `percent` of all do not exceed. */
export function percentile(ascending: readonly number[], percent: number): number | null {
  return ascending[Math.max(0, Math.ceil((ascending.length * percent) / 100) - 1)] ?? null;
}

function isLate({ stateType, expectedUs, startUs }: Outcome, nowUs: ServerUs): boolean {
  if (expectedUs === null || (startUs === null && isTerminal(stateType))) return false;
  return (startUs ?? nowUs) - expectedUs > LATE_AFTER_US;
}

/** Runs that completed or failed, in the order in which they ended. */
function inOrder(outcomes: readonly Outcome[]): Outcome[] {
  const ended = outcomes.filter((one) => one.stateType === "COMPLETED" || isFailed(one.stateType));
  return ended.toSorted((a, b) => (a.endUs ?? a.beginUs) - (b.endUs ?? b.beginUs));
}

function streakOf(ends: readonly Outcome[]): Figures["streak"] {
  const last = ends.at(-1);
  if (last === undefined) return null;
  const isFailing = isFailed(last.stateType);
  const other = ends.findLastIndex((one) => isFailed(one.stateType) !== isFailing);
  return { isFailing, runs: ends.length - 1 - other };
}

function longestFailing(ends: readonly Outcome[]): number {
  let [longest, current] = [0, 0];
  for (const one of ends) {
    current = isFailed(one.stateType) ? current + 1 : 0;
    longest = Math.max(longest, current);
  }
  return longest;
}

/**
 * For each outage that ended among `outcomes`: from the end of its first failed run to the end of the run that completed after it. An
 * outage is of one deployment, or of one flow for runs without one. Outages whose beginning was not seen are left out.
 */
function recoveryTimes(outcomes: readonly Outcome[], earlier: readonly Outcome[]): number[] {
  const counted = new Set(outcomes);
  const byOwner = Map.groupBy(inOrder([...earlier, ...outcomes]), (one) => one.deploymentId ?? one.flowId);
  const times: number[] = [];
  for (const runs of byOwner.values()) {
    let [hasCompleted, failedUs]: [boolean, number | null] = [false, null];
    for (const one of runs) {
      const us = one.endUs ?? one.beginUs;
      if (isFailed(one.stateType)) {
        if (hasCompleted) failedUs ??= us;
        continue;
      }
      if (failedUs !== null && counted.has(one)) times.push(us - failedUs);
      [hasCompleted, failedUs] = [true, null];
    }
  }
  return times;
}

export interface Budget {
  /** Failed runs that the target allows among those that completed or failed. */
  readonly allowed: number;
  /** The part of them that is left: 1 when none failed, negative when more failed than allowed. */
  readonly left: number;
}

/** `target`: the success rate that is promised, 0 to 1. Null without a run that completed or failed. */
export function budgetOf({ completed, failed }: Figures, target: number): Budget | null {
  const judged = completed + failed;
  if (judged === 0) return null;
  const allowed = (1 - target) * judged;
  const left = allowed > 0 ? 1 - failed / allowed : failed === 0 ? 1 : 0;
  return { allowed, left };
}
