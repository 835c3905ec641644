import { largest } from "../../../../lib/lists.ts";
import { asName, asShellWord, own, sentence } from "../../../../lib/shown-text.ts";
import { formatIsoSeconds, MINUTE_US, parseIsoUs, type ServerUs } from "../../../../lib/time.ts";
import type { DeploymentSchedule } from "../../../../model/objects.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule, Facts, Finding, NamedDeployment } from "../../findings/types.ts";
import { deploymentName } from "../../findings/wording.ts";

/** The server's scheduler makes the runs of a new schedule within a minute. */
const SCHEDULER_US = 5 * MINUTE_US;

/**
 * An active schedule that makes no more runs. Proof: the UNTIL of its RRULE has passed. Without such an end: no run is scheduled
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

function judgeSchedules(deployment: NamedDeployment, { nowUs, withoutUpcoming, subject }: Facts): Finding[] {
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
  const isAsked = subject.kind === "deployment" || subject.kind === "flow";
  if (!isAsked || withoutUpcoming?.has(deployment.id) !== true || nowUs - madeUs < SCHEDULER_US) return [];
  return [
    {
      code: "schedule_without_runs",
      severity: "note",
      summary: sentence`Deployment ${asName(name)} has an active schedule, but no run of it is scheduled: its next time is far away or never comes.`,
      evidence,
      fix: sentence`Check its schedule: prefect deployment schedule ls ${asShellWord(name)}`,
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
