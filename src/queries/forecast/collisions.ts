/** Runs that wait for the same limit at the same time. */
import type { ServerUs } from "../../lib/time.ts";
import type { ForecastedRun } from "./scheduled-runs.ts";
import type { Resource, SimulatedRun } from "./simulate.ts";

export interface Collision {
  readonly resource: Resource;
  /** From when the first of them is due. */
  readonly fromUs: ServerUs;
  /** When the last of them starts; null: at least one does not start. */
  readonly toUs: ServerUs | null;
  readonly waiting: number;
  readonly cancelled: number;
  /** Of the longest wait; null where a run does not start. */
  readonly longestUs: number | null;
  readonly deployments: readonly string[];
}

/** The longest wait first; those without an end before all others. */
export function findCollisions(outcomes: readonly SimulatedRun<ForecastedRun>[]): Collision[] {
  const waiting = outcomes.filter(({ waitsFor }) => waitsFor !== null);
  const found: Collision[] = [];
  for (const [resource, runs] of Map.groupBy(waiting, ({ waitsFor }) => waitsFor)) {
    if (resource === null) continue;
    let group: SimulatedRun<ForecastedRun>[] = [];
    let endUs = Number.NEGATIVE_INFINITY;
    for (const one of runs) {
      if (group.length > 0 && one.run.expectedUs > endUs) {
        found.push(collisionOf(resource, group));
        group = [];
        endUs = Number.NEGATIVE_INFINITY;
      }
      group.push(one);
      endUs = Math.max(endUs, one.startUs ?? (one.isCancelled ? one.run.expectedUs : Number.POSITIVE_INFINITY));
    }
    found.push(collisionOf(resource, group));
  }
  const weight = (one: Collision) => one.longestUs ?? Number.POSITIVE_INFINITY;
  return found.toSorted((a, b) => (weight(a) === weight(b) ? a.fromUs - b.fromUs : weight(b) - weight(a)));
}

function collisionOf(resource: Resource, runs: readonly SimulatedRun<ForecastedRun>[]): Collision {
  const started = runs.filter(({ startUs }) => startUs !== null);
  const cancelled = runs.filter(({ isCancelled }) => isCancelled).length;
  const isEndless = started.length + cancelled < runs.length;
  const waits = started.map(({ run, startUs }) => (startUs ?? 0) - run.expectedUs);
  return {
    resource,
    fromUs: runs[0]?.run.expectedUs ?? 0,
    toUs: isEndless
      ? null
      : started.reduce<ServerUs>(
          (last, one) => Math.max(last, one.startUs ?? 0) as ServerUs,
          runs.at(-1)?.run.expectedUs ?? 0,
        ),
    waiting: runs.length - cancelled,
    cancelled,
    longestUs: isEndless ? null : waits.reduce((longest, one) => Math.max(longest, one), 0),
    deployments: [...new Set(runs.map(({ run }) => run.name))],
  };
}
