/** The next hours: which runs are due, which of them will wait for what, and which schedules never make a run. */
import { durationText } from "../../lib/duration-text.ts";
import { asName, asNames, counted, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { addUs, formatIsoSeconds, HOUR_US, latestUs, MINUTE_US, type ServerUs } from "../../lib/time.ts";
import { asIncomplete, type Freshness, type TimeRange } from "../../model/freshness.ts";
import type { Deployment } from "../../model/objects.ts";
import type { QueryContext } from "../source/context.ts";
import { serverNowUs } from "../source/server-time.ts";
import { type Collision, findCollisions } from "./collisions.ts";
import { type ForecastFacts, MAX_FORECAST_RUNS, readForecastFacts } from "./facts.ts";
import { Resources } from "./resources.ts";
import { type Due, type DueRun, type ForecastedRun, findDueRuns, type NeverFires } from "./scheduled-runs.ts";
import { type Resource, type SimulatedRun, simulate } from "./simulate.ts";
import { whyEndIsUnknown } from "./unknown-ends.ts";

export interface ForecastQuestion {
  readonly hours: number;
  readonly deploymentId?: string | undefined;
  /** Name. */
  readonly workPool?: string | undefined;
}

export interface Forecast {
  readonly window: TimeRange;
  /** By expected start. */
  readonly outcomes: readonly SimulatedRun<ForecastedRun>[];
  /** Which run holds a limit, where it is not known until when. */
  readonly heldBy: ReadonlyMap<Resource, Sentence>;
  readonly collisions: readonly Collision[];
  readonly neverFires: readonly (NeverFires & { readonly name: string })[];
  readonly assumptions: readonly Sentence[];
  readonly freshness: Freshness;
}

/** Of a run of which nothing is known. */
const UNKNOWN_DURATION_US = MINUTE_US;

/** Throws AppError when Prefect fails and nothing is recorded. */
export async function getForecast(ctx: QueryContext, question: ForecastQuestion): Promise<Forecast> {
  const nowUs = serverNowUs(ctx);
  const window = { fromUs: nowUs, toUs: addUs(nowUs, question.hours * HOUR_US) };
  const { value: facts, freshness } = await readForecastFacts(ctx, window);
  const due = await findDueRuns(facts, window, MAX_FORECAST_RUNS);
  const resources = new Resources(facts);
  const deployments = new Map(facts.deployments.map((one) => [one.id, one]));
  const typicalUs = median([...facts.durations.values()].flat()) ?? UNKNOWN_DURATION_US;
  const runs = due.runs.map((one) => forecasted(one, { facts, resources, deployments, typicalUs }));
  const heldBy = new Map<Resource, Sentence>();
  const running = facts.running.map((run) => {
    const knownUs = median(facts.durations.get(run.deploymentId ?? "") ?? []);
    const usualUs = knownUs ?? typicalUs;
    const endUs = addUs(run.startUs ?? nowUs, usualUs);
    const placed = resources.place(run, deployments.get(run.deploymentId ?? "")).resources;
    const why = whyEndIsUnknown(run, knownUs, facts.silent.get(run.id), nowUs);
    if (why !== null) for (const one of placed) heldBy.set(one, why);
    // A run that takes longer than usual is taken to last as long again.
    const untilUs = why !== null ? null : endUs > nowUs ? endUs : addUs(nowUs, usualUs);
    return { untilUs, resources: placed };
  });
  const outcomes = simulate(runs, running, nowUs).filter(({ run }) => isAsked(run, question));
  const names = facts.names;
  const isInScope = (id: string) => {
    const deployment = deployments.get(id);
    return (
      (question.deploymentId === undefined || id === question.deploymentId) &&
      (question.workPool === undefined || deployment?.work_pool_name === question.workPool)
    );
  };
  return {
    window,
    outcomes,
    heldBy,
    collisions: findCollisions(outcomes),
    neverFires: due.neverFires
      .filter(({ deploymentId }) => isInScope(deploymentId))
      .map((one) => ({ ...one, name: names.get(one.deploymentId) ?? one.deploymentId })),
    assumptions: assumptionsOf(outcomes, due, typicalUs, facts),
    freshness: due.knownUntilUs === null ? freshness : asIncomplete(freshness, cutNote(due, due.knownUntilUs)),
  };
}

function cutNote({ runs }: Due, untilUs: ServerUs): Sentence {
  return sentence`More runs are due than are looked at: ${counted(runs.length, "run")}, up to ${formatIsoSeconds(untilUs)}. Ask for fewer hours.`;
}

interface Known {
  readonly facts: ForecastFacts;
  readonly resources: Resources;
  readonly deployments: ReadonlyMap<string, Deployment>;
  readonly typicalUs: number;
}

function forecasted(due: DueRun, { facts, resources, deployments, typicalUs }: Known): ForecastedRun {
  const { deploymentId, expectedUs, run } = due;
  const deployment = deployments.get(deploymentId ?? "");
  const usualUs = median(facts.durations.get(deploymentId ?? "") ?? []);
  return {
    due,
    name: facts.names.get(deploymentId ?? "") ?? run?.name ?? deploymentId ?? "",
    workPool: run?.workPool ?? deployment?.work_pool_name ?? null,
    usualUs,
    expectedUs,
    durationUs: usualUs ?? typicalUs,
    ...resources.place(run, deployment),
  };
}

function isAsked({ due, workPool }: ForecastedRun, question: ForecastQuestion): boolean {
  return (
    (question.deploymentId === undefined || due.deploymentId === question.deploymentId) &&
    (question.workPool === undefined || workPool === question.workPool)
  );
}

/** The lower one of the two in the middle; null without values. */
export function median(values: readonly number[]): number | null {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length / 2) - 1] ?? null;
}

/** How much a run starts late, microseconds; null where it does not start. */
export function latenessUs({ run, startUs }: SimulatedRun<ForecastedRun>): number | null {
  return startUs === null ? null : latestUs(0 as ServerUs, (startUs - run.expectedUs) as ServerUs);
}

/** Which limits the code of a flow takes cannot be read from Prefect. */
function limitsAssumption(
  outcomes: readonly SimulatedRun<ForecastedRun>[],
  takenLimits: ForecastFacts["takenLimits"],
): Sentence {
  if (takenLimits === null)
    return own("Slots of tags and global limits are not counted: which runs take them is not recorded.");
  const limits = outcomes.flatMap(({ run }) => run.resources.filter(({ kind }) => kind === "concurrency_limit"));
  const names = [...new Set(limits.map(({ name }) => name))];
  const others = own("which others the code takes (concurrency() and tags) cannot be known.");
  if (names.length === 0)
    return sentence`No global or tag limit is counted, because no recorded run of these flows took one; ${others}`;
  return sentence`Global and tag limits that earlier runs of the flow took (${asNames(names.slice(0, 5))}${names.length > 5 ? sentence` and ${names.length - 5} more` : ""}) are counted as one slot for the whole run, taken before it starts; ${others}`;
}

function assumptionsOf(
  outcomes: readonly SimulatedRun<ForecastedRun>[],
  due: Due,
  typicalUs: number,
  { takenLimits }: ForecastFacts,
): Sentence[] {
  const unknown = new Set(outcomes.flatMap(({ run }) => (run.usualUs === null ? [run.name] : [])));
  const blocked = new Set<Resource>();
  for (const { waitsFor } of outcomes) if (waitsFor && waitsFor.blocked !== null) blocked.add(waitsFor);
  return [
    own(
      "Runs take the median of the last 20 completed runs of their deployment, start as soon as a slot is free, and do not fail.",
    ),
    own("Counted are slots of deployments, work pools and queues, not how many runs a worker takes."),
    limitsAssumption(outcomes, takenLimits),
    own("No run is started by hand, by an automation or by another run, and nothing is paused, resumed or changed."),
    ...(unknown.size > 0
      ? [
          sentence`Of ${asNames([...unknown].slice(0, 5))}${unknown.size > 5 ? sentence` and ${unknown.size - 5} more` : ""} no completed run is known: ${durationText(typicalUs)}, the median of the other deployments, are assumed.`,
        ]
      : []),
    ...[...blocked].map(
      (one) => sentence`${own(one.kind)} ${asName(one.name)} stays as it is: ${own(one.blocked ?? "free")}.`,
    ),
    ...(due.changingZones.length > 0
      ? [
          sentence`The clocks of ${asNames(due.changingZones)} are set in this time. Times are those of a Prefect server on Python 3.12 or older; on 3.13 a time that is skipped comes later, and one that is shown twice can make two runs.`,
        ]
      : []),
  ];
}
