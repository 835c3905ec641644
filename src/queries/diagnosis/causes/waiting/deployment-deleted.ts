import type { CauseModule } from "../../findings/types.ts";
import { timeText } from "../../findings/wording.ts";

/** The deployment asked about is gone: it makes no runs. Proof: the record knew it, and Prefect has it no more. */
export const deploymentDeleted: CauseModule = {
  code: "deployment_deleted",
  subjects: ["deployment"],
  judge: ({ deletedDeployment: gone }) => {
    if (!gone) return [];
    const { id, name, flowName, successor } = gone;
    const seen = timeText(gone.deletedUs);
    const since = successor ? ` Deployment ${successor.id} of the same flow and name took its place.` : "";
    return [
      {
        code: "deployment_deleted",
        severity: "problem",
        summary: `Deployment ${name}${flowName ? ` of flow ${flowName}` : ""} was deleted in Prefect (seen ${seen}): it makes no more runs.${since}`,
        evidence: { deployment: { id, name }, deleted_seen: seen, ...(successor ? { successor } : {}) },
        fix: successor
          ? `Ask about its successor ${successor.id}.`
          : "Deploy it again if it should run: prefect deploy.",
        next: successor
          ? [{ tool: "diagnose", args: { deployment: successor.id }, why: "the deployment of that name there is now" }]
          : [{ tool: "get_timeline", args: { deployment: id }, why: "what happened before it was deleted" }],
        certainty: 1,
        runsExplained: 1,
      },
    ];
  },
};
