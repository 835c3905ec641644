/** The runs of the next hours: those that Prefect has made already, and those that the schedules will make. */
import type { ServerUs } from "../../lib/time.ts";
import { addUs, DAY_US, earliestUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { describeSchedule } from "../../model/objects/schedule.ts";
import type { Deployment, DeploymentSchedule } from "../../model/objects.ts";
import type { ForecastRun } from "../../store/runs/expected-runs.ts";
import type { ForecastFacts } from "./facts.ts";
import type { ExpectedRun } from "./simulate.ts";

export interface DueRun {
  readonly deploymentId: string | null;
  readonly expectedUs: ServerUs;
  /** Null: Prefect has not made it yet. */
  readonly run: ForecastRun | null;
}

export interface ForecastedRun extends ExpectedRun {
  readonly due: DueRun;
  /** `flow/deployment`, or the name of a run without one. */
  readonly name: string;
  readonly workPool: string | null;
  /** Null: no run of it is known to have completed. */
  readonly usualUs: number | null;
}

export interface NeverFires {
  readonly deploymentId: string;
  /** In words. */
  readonly schedule: string;
  readonly why: "deployment_paused" | "schedule_off" | "no_more_dates" | "not_understood";
}

export interface Due {
  /** By expected start. */
  readonly runs: readonly DueRun[];
  readonly neverFires: readonly NeverFires[];
  /** Zones of active schedules whose clocks are set within the window. */
  readonly changingZones: readonly string[];
  /** Runs that are due later are not all known. Null: all of the window are. */
  readonly knownUntilUs: ServerUs | null;
}

/** Times of all schedules together that are computed, in comparison with the runs that are looked at; of one, at least so many. */
const [SPARE, LEAST_TIMES] = [2, 10];
/** A schedule without a date for so long has none. 29 February returns within 8 years. */
const NEVER_US = 9 * 365 * DAY_US;

/** `window`: from now to the end of the forecast. */
export async function findDueRuns(facts: ForecastFacts, window: TimeRange, most: number): Promise<Due> {
  const { scheduleTimes, changesClock } = await import("../../model/schedules/schedule-times.ts");
  const scheduled = facts.expected.filter((run) => run.isScheduled);
  const runs: DueRun[] = scheduled.map((run) => ({ deploymentId: run.deploymentId, expectedUs: run.expectedUs, run }));
  // Runs of any state: a run that was cancelled or has begun is not made again.
  const known = new Map([...facts.expected, ...facts.running].map((run) => [run.id, run]));
  const made = Map.groupBy(known.values(), (run) => keyOf(run.deploymentId, run.expectedUs));
  const left = new Map([...made].map(([key, those]) => [key, those.length]));
  const neverFires: NeverFires[] = [];
  const zones = new Set<string>();
  const schedules = facts.deployments.reduce((sum, one) => sum + (one.schedules?.length ?? 0), 0);
  const mostTimes = Math.max(LEAST_TIMES, Math.ceil((SPARE * most) / Math.max(1, schedules)));
  let knownUntilUs = facts.expected.length >= most ? (facts.expected.at(-1)?.expectedUs ?? null) : null;
  for (const deployment of facts.deployments) {
    for (const one of deployment.schedules ?? []) {
      const never = async (why: NeverFires["why"]) =>
        neverFires.push({
          deploymentId: deployment.id,
          schedule: await describeSchedule({ ...one, active: true }),
          why,
        });
      const reason = whyNever(deployment, one);
      if (reason !== null) {
        await never(reason);
        continue;
      }
      const times = scheduleTimes(one.schedule, window, mostTimes);
      if (times === null) await never("not_understood");
      else if (times.length === 0) {
        const ever = scheduleTimes(one.schedule, { fromUs: window.toUs, toUs: addUs(window.toUs, NEVER_US) }, 1);
        if (ever?.length === 0) await never("no_more_dates");
      }
      if (changesClock(one.schedule, window)) zones.add(String(one.schedule.timezone));
      const lastUs = times?.length === mostTimes ? times.at(-1) : undefined;
      if (lastUs !== undefined) knownUntilUs = earliestUs(lastUs, knownUntilUs ?? lastUs);
      for (const expectedUs of times ?? []) {
        const key = keyOf(deployment.id, expectedUs);
        const count = left.get(key) ?? 0;
        if (count > 0) left.set(key, count - 1);
        else runs.push({ deploymentId: deployment.id, expectedUs, run: null });
      }
    }
  }
  runs.sort((a, b) => a.expectedUs - b.expectedUs);
  const endUs = earliestUs(knownUntilUs ?? window.toUs, runs[most]?.expectedUs ?? window.toUs);
  const shown = runs.slice(0, most).filter(({ expectedUs }) => expectedUs <= endUs);
  return { runs: shown, neverFires, changingZones: [...zones], knownUntilUs: endUs < window.toUs ? endUs : null };
}

function whyNever(deployment: Deployment, schedule: DeploymentSchedule): NeverFires["why"] | null {
  if (deployment.paused === true) return "deployment_paused";
  return schedule.active ? null : "schedule_off";
}

/**
 * Prefect makes one run of each schedule for one time: two schedules of a deployment with the same time make two. Its times have whole
 * seconds but for intervals. https://github.com/PrefectHQ/prefect/blob/3.8.8/src/prefect/server/models/deployments.py (`idempotency_key`)
 */
function keyOf(deploymentId: string | null, us: ServerUs): string {
  return `${deploymentId ?? ""}|${us}`;
}
