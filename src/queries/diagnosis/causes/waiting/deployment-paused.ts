import { asName, asShellWord, own, sentence } from "../../../../lib/shown-text.ts";
import { formatIsoSeconds } from "../../../../lib/time.ts";
import { ALL_OF_RUNS, wider } from "../../findings/scopes.ts";
import type { CauseModule, Facts, Finding, NamedDeployment } from "../../findings/types.ts";
import { deploymentName, nameList, plural } from "../../findings/wording.ts";

const OF_DEPLOYMENTS = {
  ...ALL_OF_RUNS,
  flow_run: own("A run that exists starts all the same: only the runs to come depend on it."),
};

/**
 * Whether the question is about one deployment or flow: then a paused deployment is a problem, because its missing runs may be the reason
 * of the question. In a wider question it is a note, because most deployments are paused on purpose.
 */
function isAskedFor(facts: Facts): boolean {
  return facts.subject.kind === "deployment" || facts.subject.kind === "flow";
}

/** One note for all of them in a wider question. */
function noteOf(
  code: string,
  deployments: readonly NamedDeployment[],
  what: { readonly is: ReturnType<typeof own>; readonly fix: ReturnType<typeof own> },
): Finding[] {
  if (deployments.length === 0) return [];
  return [
    {
      code,
      severity: "note",
      summary: sentence`${plural(deployments.length, "deployment")} with a schedule ${deployments.length === 1 ? "creates" : "create"} no runs, because ${deployments.length === 1 ? own("it") : own("each")} ${what.is}: ${nameList(deployments.map(deploymentName), 6)}.`,
      evidence: { deployments: deployments.slice(0, 8).map((one) => ({ id: one.id, name: deploymentName(one) })) },
      fix: what.fix,
      certainty: 1,
      runsExplained: 0,
    },
  ];
}

/** A paused deployment gets no scheduled runs. Proof: `paused`. */
export const deploymentPaused: CauseModule = {
  code: "deployment_paused",
  scopes: OF_DEPLOYMENTS,
  judge: (facts) => {
    const paused = facts.deployments.filter((deployment) => deployment.paused === true);
    if (!isAskedFor(facts)) {
      const scheduled = paused.filter((one) => (one.schedules ?? []).length > 0);
      return noteOf("deployment_paused", scheduled, {
        is: own("is paused"),
        fix: sentence`Resume what should run; the first: ${resumeDeployment(scheduled[0]?.id ?? "")}`,
      });
    }
    return paused.map((deployment) => ({
      code: "deployment_paused",
      severity: "problem" as const,
      summary: sentence`Deployment ${asName(deploymentName(deployment))} is paused: its schedules create no runs until it is resumed.`,
      evidence: {
        deployment: { id: deployment.id, name: deploymentName(deployment), paused: true },
        schedules: (deployment.schedules ?? []).length,
        checked: formatIsoSeconds(facts.nowUs),
      },
      fix: sentence`Resume it: ${resumeDeployment(deployment.id)}`,
      certainty: 1,
      runsExplained: 1,
      leads: [{ kind: "deployment" as const, id: deployment.id, name: deploymentName(deployment), fields: ["paused"] }],
    }));
  },
  ruledOut: (facts) =>
    facts.subject.kind === "deployment" && facts.deployments.length === 1 ? own("deployment not paused") : null,
};

function resumeDeployment(id: string) {
  return sentence`prefect api POST /deployments/${asShellWord(id)}/resume_deployment`;
}

/** Schedules exist, but none is active. */
export const scheduleInactive: CauseModule = {
  code: "schedule_inactive",
  scopes: OF_DEPLOYMENTS,
  judge: (facts) => {
    const inactive = facts.deployments
      .filter((deployment) => deployment.paused !== true && (deployment.schedules ?? []).length > 0)
      .filter((deployment) => (deployment.schedules ?? []).every((schedule) => !schedule.active));
    if (!isAskedFor(facts)) {
      const [first] = inactive;
      return noteOf("schedule_inactive", inactive, {
        is: own("has only inactive schedules"),
        fix: sentence`Resume what should run; the first: ${first ? resumeSchedule(first) : ""}`,
      });
    }
    return inactive.map((deployment) => ({
      code: "schedule_inactive",
      severity: "problem" as const,
      summary: sentence`${(deployment.schedules ?? []).length === 1 ? "The only schedule" : "Every schedule"} of deployment ${asName(deploymentName(deployment))} is inactive, so no new runs are created.`,
      evidence: {
        deployment: { id: deployment.id, name: deploymentName(deployment) },
        schedules: (deployment.schedules ?? [])
          .slice(0, 5)
          .map((one) => ({ id: one.id, active: one.active, schedule: one.schedule })),
      },
      fix: sentence`Resume the schedule: ${resumeSchedule(deployment)}`,
      certainty: 1,
      runsExplained: 1,
      leads: [
        { kind: "deployment" as const, id: deployment.id, name: deploymentName(deployment), fields: ["schedules"] },
      ],
    }));
  },
};

function resumeSchedule(deployment: NamedDeployment) {
  return sentence`prefect deployment schedule resume ${asShellWord(deploymentName(deployment))} ${asShellWord(deployment.schedules?.[0]?.id ?? "")}`;
}

/** No schedule: it runs only on request. A note, not a problem. */
export const noSchedule: CauseModule = {
  code: "no_schedule",
  scopes: {
    ...OF_DEPLOYMENTS,
    ...wider(own("Many deployments are started by hand or by automations on purpose.")),
    deployment: true,
  },
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
