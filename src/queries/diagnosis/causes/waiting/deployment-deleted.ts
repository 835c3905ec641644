import { asName, own, sentence } from "../../../../lib/shown-text.ts";
import { formatIsoSeconds } from "../../../../lib/time.ts";
import { ALL_OF_RUNS } from "../../findings/scopes.ts";
import type { CauseModule } from "../../findings/types.ts";

const IS_GONE = own("A deleted deployment is no longer part of it; only a question about it can mean it.");

/** The deployment was deleted, so it creates no runs. Proof: the record holds it, and Prefect no longer does. */
export const deploymentDeleted: CauseModule = {
  code: "deployment_deleted",
  scopes: {
    ...ALL_OF_RUNS,
    flow_run: own("A run remains when its deployment is deleted; whether it starts is judged by what it needs."),
    flow: IS_GONE,
    work_pool: IS_GONE,
    workspace: IS_GONE,
  },
  judge: ({ deletedDeployment }) => {
    if (!deletedDeployment) return [];
    const { id, name, flowName, deletedUs, successor } = deletedDeployment;
    const seen = formatIsoSeconds(deletedUs);
    const replaced = successor
      ? sentence` Deployment ${asName(successor.id)} of the same flow and name has replaced it.`
      : "";
    return [
      {
        code: "deployment_deleted",
        severity: "problem",
        summary: sentence`Deployment ${asName(name)}${flowName ? sentence` of flow ${asName(flowName)}` : ""} was deleted in Prefect (seen ${seen}): it creates no more runs.${replaced}`,
        evidence: { deployment: { id, name }, deleted_seen: seen, ...(successor ? { successor } : {}) },
        fix: successor
          ? sentence`Diagnose its successor ${asName(successor.id)}.`
          : own("Deploy it again if it should run: prefect deploy."),
        next: successor
          ? [{ tool: "diagnose", args: { deployment: successor.id }, why: own("the current deployment of that name") }]
          : [{ tool: "get_timeline", args: { deployment: id }, why: own("what happened before it was deleted") }],
        certainty: 1,
        runsExplained: 1,
      },
    ];
  },
};
