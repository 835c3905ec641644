import { largest } from "../../../../lib/lists.ts";
import { asName, asShellWord, own, quoteJson, sentence } from "../../../../lib/shown-text.ts";
import { DAY_US, formatIsoSeconds, MINUTE_US, parseIsoUs, type ServerUs } from "../../../../lib/time.ts";
import type { DeploymentSchedule } from "../../../../model/objects.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule, Facts, Finding, NamedDeployment } from "../../findings/types.ts";
import { deploymentName } from "../../findings/wording.ts";

/** The server's scheduler makes the runs of a new schedule within a minute. */
const SCHEDULER_US = 5 * MINUTE_US;
/**
 * The scheduler makes runs for 100 days ahead, at least three of each schedule. One that is due so soon should be there.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/settings/models/server/services.py (`scheduler`)
 */
const SOON_US = 30 * DAY_US;

/**
 * An active schedule that makes no more runs. Proof: the UNTIL of its RRULE has passed, or no
 * date matches it. Otherwise: no run is scheduled
 * although the schedule is older than a round of the scheduler, which is a note, because the next one may be months away.
 */
export const scheduleEnded: CauseModule = {
  code: "schedule_ended",
  scopes: {
    ...ALL_OF_RUNS,
    flow_run: own("A run that exists does not depend on the schedule; the runs to come do."),
  },
  judge: (facts) =>
    facts.deployments
      .filter((deployment) => deployment.paused !== true)
      .flatMap((deployment) => judgeSchedules(deployment, facts)),
};

function judgeSchedules(deployment: NamedDeployment, { nowUs, withoutUpcoming, nextTimes, subject }: Facts): Finding[] {
  const active = (deployment.schedules ?? []).filter((one) => one.active);
  if (active.length === 0) return [];
  const ends = active.flatMap((one) => untilUs(one) ?? []);
  const name = deploymentName(deployment);
  const schedules = active.slice(0, 3).map((one) => ({ id: one.id, schedule: one.schedule }));
  const evidence = { deployment: { id: deployment.id, name }, schedules };
  if (ends.length === active.length && ends.every((us) => us < nowUs)) {
    return [
      {
        code: "schedule_ended",
        severity: "problem",
        summary: sentence`The schedule of deployment ${asName(name)} ended at ${formatIsoSeconds(largest(ends))} (UNTIL of its RRULE), so it creates no more runs, although it is active.`,
        evidence,
        fix: sentence`Give it a schedule that makes further runs, and delete the old one: prefect deployment schedule delete ${asShellWord(name)} ${asShellWord(active[0]?.id ?? "")}`,
        certainty: 1,
        runsExplained: 1,
      },
    ];
  }
  const madeUs = largest(active.map((one) => parseIsoUs(one.updated ?? one.created ?? "") ?? nowUs));
  const nextUs = nextTimes.get(deployment.id);
  const shown = quoteJson(active[0]?.schedule ?? {}, 120);
  if (nextUs === null) {
    return [
      {
        code: "schedule_ended",
        severity: "problem",
        summary: sentence`${active.length === 1 ? own("The schedule") : own("No active schedule")} of deployment ${asName(name)} ${active.length === 1 ? own("never fires again") : own("ever fires again")}: no date in the next nine years matches ${shown}, so it creates no more runs.`,
        evidence,
        fix: sentence`Correct the schedule, or give it one that makes further runs and delete this one: prefect deployment schedule delete ${asShellWord(name)} ${asShellWord(active[0]?.id ?? "")}`,
        certainty: 1,
        runsExplained: 1,
      },
    ];
  }
  const isAsked = subject.kind === "deployment" || subject.kind === "flow";
  if (!isAsked || withoutUpcoming?.has(deployment.id) !== true || nowUs - madeUs < SCHEDULER_US) return [];
  const next =
    nextUs === undefined
      ? own("its next time is far away or never comes")
      : sentence`its next time is ${formatIsoSeconds(nextUs)}, and Prefect makes runs for the next 100 days`;
  return [
    {
      code: "schedule_without_runs",
      severity: nextUs !== undefined && nextUs - nowUs < SOON_US ? "problem" : "note",
      summary: sentence`Deployment ${asName(name)} has an active schedule, but no run of it is scheduled: ${next}.`,
      evidence,
      fix:
        nextUs !== undefined && nextUs - nowUs < SOON_US
          ? sentence`Check that the scheduler of the server runs (PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED), and its schedule: prefect deployment schedule ls ${asShellWord(name)}`
          : sentence`Check its schedule: prefect deployment schedule ls ${asShellWord(name)}`,
      certainty: 0.8,
      runsExplained: 0,
    },
  ];
}

const UNTIL = /\bUNTIL=(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})Z?)?/i;

/** End of an RRULE; null where it has none. https://datatracker.ietf.org/doc/html/rfc5545#section-3.3.10 */
function untilUs({ schedule }: DeploymentSchedule): ServerUs | null {
  const parts = UNTIL.exec(typeof schedule.rrule === "string" ? schedule.rrule : "");
  if (!parts) return null;
  const [, year, month, day, hour = "23", minute = "59", second = "59"] = parts;
  return parseIsoUs(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) ?? null;
}
