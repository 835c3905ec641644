/** Parts of a forecast as structured content and as text. */
import { durationText } from "../../lib/duration-text.ts";
import { asName, asNames, counted, own, quote, type Sentence, sentence } from "../../lib/shown-text.ts";
import { formatIsoSeconds, SECOND_US } from "../../lib/time.ts";
import type { Collision } from "../../queries/forecast/collisions.ts";
import { latenessUs } from "../../queries/forecast/forecast.ts";
import type { ForecastedRun, NeverFires } from "../../queries/forecast/scheduled-runs.ts";
import type { Resource, SimulatedRun } from "../../queries/forecast/simulate.ts";
import type { Item } from "../answer/table.ts";

/** A run starts late when it waits so long. */
const NOT_LATE_S = 0;

export function forecastItem(
  outcome: SimulatedRun<ForecastedRun>,
  heldBy: ReadonlyMap<Resource, Sentence> = new Map(),
): Item {
  const { run, startUs, waitsFor, isCancelled } = outcome;
  const lateUs = latenessUs(outcome);
  const holder = waitsFor !== null && waitsFor.blocked === null && startUs === null ? heldBy.get(waitsFor) : undefined;
  return {
    deployment: run.name,
    expected: formatIsoSeconds(run.expectedUs),
    duration_s: run.usualUs === null ? null : round(run.usualUs / SECOND_US),
    late_by_s: lateUs === null ? null : round(lateUs / SECOND_US),
    waits_for:
      waitsFor === null ? null : sentence`${resourceText(waitsFor)}${holder ? sentence`, held by ${holder}` : ""}`,
    is_scheduled: run.due.run !== null,
    ...(isCancelled
      ? { outcome: "cancelled" }
      : startUs === null
        ? { outcome: waitsFor?.blocked === null ? "unknown" : "does not start" }
        : {}),
  };
}

export function forecastRow({
  deployment,
  expected,
  duration_s,
  late_by_s,
  waits_for,
  is_scheduled,
  outcome,
}: Item): Item {
  const text = (value: unknown) => (typeof value === "number" ? durationText(value * SECOND_US) : null);
  return {
    deployment,
    expected,
    takes: text(duration_s) ?? "unknown",
    late_by: outcome ?? (late_by_s === NOT_LATE_S ? null : text(late_by_s)),
    waits_for,
    made: is_scheduled === true ? null : "not yet",
  };
}

/** `work_pool batch (2 slots)`, `work_queue batch/slow (paused)`. */
function resourceText({ kind, name, slots, blocked, cancelsNew }: Resource): Sentence {
  if (blocked !== null) return sentence`${own(kind)} ${asName(name)} (${own(blocked)})`;
  const cancels = cancelsNew ? own(", cancels new runs") : "";
  return sentence`${own(kind)} ${asName(name)} (${counted(slots ?? 0, "slot")}${cancels})`;
}

/** Deployments of a collision that are named. */
const NAMED = 5;

export function collisionItem({ resource, fromUs, toUs, waiting, cancelled, longestUs, deployments }: Collision): Item {
  return {
    kind: resource.kind,
    name: resource.name,
    limit: resource.slots,
    ...(resource.blocked === null ? {} : { blocked: resource.blocked }),
    from: formatIsoSeconds(fromUs),
    to: toUs === null ? null : formatIsoSeconds(toUs),
    runs: waiting + cancelled,
    ...(cancelled > 0 ? { cancelled } : {}),
    longest_wait_s: longestUs === null ? null : round(longestUs / SECOND_US),
    deployments: deployments.slice(0, NAMED),
    ...(deployments.length > NAMED ? { more_deployments: deployments.length - NAMED } : {}),
  };
}

export function collisionText(one: Collision): Sentence {
  const { fromUs, toUs, waiting, cancelled, longestUs, deployments } = one;
  const more = deployments.length > NAMED ? sentence` and ${deployments.length - NAMED} more` : "";
  const span =
    toUs === null
      ? sentence`from ${formatIsoSeconds(fromUs)} on`
      : sentence`${formatIsoSeconds(fromUs)} to ${formatIsoSeconds(toUs)}`;
  const wait =
    longestUs === null
      ? own(one.resource.blocked === null ? "until when is not known" : "without end")
      : sentence`the longest ${durationText(longestUs)}`;
  const parts = [
    ...(waiting > 0 ? [sentence`${counted(waiting, "run waits", "runs wait")}, ${wait}`] : []),
    ...(cancelled > 0 ? [sentence`${counted(cancelled, "run is cancelled", "runs are cancelled")}`] : []),
  ];
  return sentence`${resourceText(one.resource)} ${span}: ${parts[0] ?? ""}${parts[1] ? sentence`, ${parts[1]}` : ""} (${asNames(deployments.slice(0, NAMED))}${more})`;
}

const WHY: Readonly<Record<NeverFires["why"], Sentence>> = {
  deployment_paused: own("the deployment is paused"),
  schedule_off: own("the schedule is off"),
  no_more_dates: own("its rule has no more dates"),
  not_understood: own("its rule is not understood, so only runs that Prefect has made are shown"),
};

type NamedSchedule = NeverFires & { readonly name: string };

export function neverItem({ name, schedule, why }: NamedSchedule): Item {
  return { deployment: name, schedule, why };
}

export function neverText({ name, schedule, why }: NamedSchedule): Sentence {
  return sentence`${asName(name)}, ${quote(schedule)}: ${WHY[why]}`;
}

function round(seconds: number): number {
  return Number(seconds.toFixed(3));
}
