/** The tasks of two runs side by side. A run may run one task many times, under names that differ only at the end. */
import { parseIsoUs, SECOND_US } from "../../lib/time.ts";
import type { TaskRun } from "../../model/objects.ts";
import { isFailed } from "../../model/state.ts";

export interface TaskGroup {
  readonly name: string;
  readonly runs: number;
  /** With crashed ones. */
  readonly failed: number;
  readonly completed: number;
  /** Mean of those that completed, seconds; null without any. */
  readonly meanSeconds: number | null;
}

export interface TaskPair {
  readonly name: string;
  readonly now: TaskGroup | null;
  readonly before: TaskGroup | null;
}

export interface TaskDifferences {
  readonly added: readonly TaskGroup[];
  readonly missing: readonly TaskGroup[];
  /** More of its runs failed. */
  readonly failed: readonly TaskPair[];
  /** It takes longer: by half, and by a second. Slowest first. */
  readonly slower: readonly TaskPair[];
  /** Tasks of both runs that are in none of these lists. */
  readonly same: number;
}

/** Slower: by this factor and so many seconds. Less is noise of one run. */
const SLOW_FACTOR = 1.5;
const SLOW_SECONDS = 1;

/**
 * The name of the task: without the number or the beginning of the key that Prefect adds for each run of it.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/tasks.py (`create_run`: `f"{self.name}-{dynamic_key[:3]}"`)
 */
export function taskName({ name }: Pick<TaskRun, "name">): string {
  return name.replace(/-(?:[0-9a-f]{3}|\d+)$/, "");
}

export function groupTasks(tasks: readonly TaskRun[]): Map<string, TaskGroup> {
  const groups = Map.groupBy(tasks, taskName);
  return new Map([...groups].map(([name, runs]) => [name, groupOf(name, runs)]));
}

function groupOf(name: string, runs: readonly TaskRun[]): TaskGroup {
  const completed = runs.filter((one) => one.state_type === "COMPLETED");
  const times = completed.flatMap((one) => secondsOf(one) ?? []);
  return {
    name,
    runs: runs.length,
    failed: runs.filter((one) => isFailed(one.state_type)).length,
    completed: completed.length,
    meanSeconds: times.length === 0 ? null : times.reduce((sum, time) => sum + time, 0) / times.length,
  };
}

/** From start to end, or null. */
export function secondsOf(run: Pick<TaskRun, "start_time" | "end_time">): number | null {
  const [startUs, endUs] = [parseIsoUs(run.start_time ?? ""), parseIsoUs(run.end_time ?? "")];
  return startUs === undefined || endUs === undefined ? null : Math.max(0, endUs - startUs) / SECOND_US;
}

export function compareTasks(now: readonly TaskRun[], before: readonly TaskRun[]): TaskDifferences {
  const [nowGroups, beforeGroups] = [groupTasks(now), groupTasks(before)];
  const pairs = [...nowGroups.values()].flatMap((group) => {
    const other = beforeGroups.get(group.name);
    return other ? [{ name: group.name, now: group, before: other }] : [];
  });
  const failed = pairs.filter((pair) => pair.now.failed > pair.before.failed);
  const slower = pairs
    .filter((pair) => !failed.includes(pair) && slowdown(pair) >= SLOW_SECONDS)
    .toSorted((a, b) => slowdown(b) - slowdown(a));
  return {
    added: [...nowGroups.values()].filter(({ name }) => !beforeGroups.has(name)),
    missing: [...beforeGroups.values()].filter(({ name }) => !nowGroups.has(name)),
    failed,
    slower,
    same: pairs.length - failed.length - slower.length,
  };
}

/** Seconds by which a run of the task takes longer; 0 where it is not slower by `SLOW_FACTOR`. */
function slowdown({ now, before }: { readonly now: TaskGroup; readonly before: TaskGroup }): number {
  if (now.meanSeconds === null || before.meanSeconds === null) return 0;
  return now.meanSeconds >= SLOW_FACTOR * before.meanSeconds ? now.meanSeconds - before.meanSeconds : 0;
}
