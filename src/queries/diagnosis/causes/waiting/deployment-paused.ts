import { asName, asShellWord, own, sentence } from "../../../../lib/shown-text.ts";
import { formatIsoSeconds } from "../../../../lib/time.ts";
import type { CauseModule } from "../../findings/types.ts";
import { deploymentName } from "../../findings/wording.ts";

/** A paused deployment gets no scheduled runs. Proof: `paused`. Only for a question about the deployment. */
export const deploymentPaused: CauseModule = {
  code: "deployment_paused",
  subjects: ["deployment"],
  judge: (facts) =>
    facts.deployments
      .filter((deployment) => deployment.paused === true)
      .map((deployment) => ({
        code: "deployment_paused",
        severity: "problem" as const,
        summary: sentence`Deployment ${asName(deploymentName(deployment))} is paused: its schedules create no runs until it is resumed.`,
        evidence: {
          deployment: { id: deployment.id, name: deploymentName(deployment), paused: true },
          schedules: (deployment.schedules ?? []).length,
          checked: formatIsoSeconds(facts.nowUs),
        },
        fix: sentence`Resume it: prefect api POST /deployments/${asShellWord(deployment.id)}/resume_deployment`,
        certainty: 1,
        runsExplained: 1,
      })),
  ruledOut: (facts) => (facts.deployments.length === 1 ? own("deployment not paused") : null),
};

/** Schedules exist, but none is active. */
export const scheduleInactive: CauseModule = {
  code: "schedule_inactive",
  subjects: ["deployment"],
  judge: (facts) =>
    facts.deployments
      .filter((deployment) => deployment.paused !== true && (deployment.schedules ?? []).length > 0)
      .filter((deployment) => (deployment.schedules ?? []).every((schedule) => !schedule.active))
      .map((deployment) => ({
        code: "schedule_inactive",
        severity: "problem" as const,
        summary: sentence`${(deployment.schedules ?? []).length === 1 ? "The only schedule" : "Every schedule"} of deployment ${asName(deploymentName(deployment))} is inactive, so no new runs are created.`,
        evidence: {
          deployment: { id: deployment.id, name: deploymentName(deployment) },
          schedules: (deployment.schedules ?? [])
            .slice(0, 5)
            .map((one) => ({ id: one.id, active: one.active, schedule: one.schedule })),
        },
        fix: sentence`Resume the schedule: prefect deployment schedule resume ${asShellWord(deploymentName(deployment))} ${asShellWord(deployment.schedules?.[0]?.id ?? "")}`,
        certainty: 1,
        runsExplained: 1,
      })),
};

/** No schedule: it runs only on request. A note, not a problem. */
export const noSchedule: CauseModule = {
  code: "no_schedule",
  subjects: ["deployment"],
  judge: (facts) =>
    facts.deployments
      .filter((deployment) => (deployment.schedules ?? []).length === 0)
      .map((deployment) => ({
        code: "no_schedule",
        severity: "note" as const,
        summary: sentence`Deployment ${asName(deploymentName(deployment))} has no schedule: it runs only when a person, a flow or an automation starts it.`,
        evidence: { deployment: { id: deployment.id, name: deploymentName(deployment) }, schedules: 0 },
        fix: own("Add a schedule if it should run automatically."),
        certainty: 1,
        runsExplained: 0,
      })),
};
