import { formatIsoSeconds } from "../../../../lib/time.ts";
import type { CauseModule } from "../../findings/types.ts";

/** The deployment was deleted, so it creates no runs. Proof: the record holds it, and Prefect no longer does. */
export const deploymentDeleted: CauseModule = {
  code: "deployment_deleted",
  subjects: ["deployment"],
  judge: ({ deletedDeployment }) => {
    if (!deletedDeployment) return [];
    const { id, name, flowName, deletedUs, successor } = deletedDeployment;
    const seen = formatIsoSeconds(deletedUs);
    const replaced = successor ? ` Deployment ${successor.id} of the same flow and name has replaced it.` : "";
    return [
      {
        code: "deployment_deleted",
        severity: "problem",
        summary: `Deployment ${name}${flowName ? ` of flow ${flowName}` : ""} was deleted in Prefect (seen ${seen}): it creates no more runs.${replaced}`,
        evidence: { deployment: { id, name }, deleted_seen: seen, ...(successor ? { successor } : {}) },
        fix: successor
          ? `Diagnose its successor ${successor.id}.`
          : "Deploy it again if it should run: prefect deploy.",
        next: successor
          ? [{ tool: "diagnose", args: { deployment: successor.id }, why: "the current deployment of that name" }]
          : [{ tool: "get_timeline", args: { deployment: id }, why: "what happened before it was deleted" }],
        certainty: 1,
        runsExplained: 1,
      },
    ];
  },
};
