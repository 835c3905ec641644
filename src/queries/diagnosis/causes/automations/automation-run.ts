import { asName, own, sentence } from "../../../../lib/shown-text.ts";
import { isFailed } from "../../../../model/state.ts";
import { OF_AUTOMATIONS, wider } from "../../findings/scopes.ts";
import type { CauseModule } from "../../findings/types.ts";
import { plural, runName } from "../../findings/wording.ts";
import { automationEvidence } from "./automation-composite.ts";

/** It acts, and the run that it started last has failed. Proof: the run that its executed action names. */
export const automationRunFailed: CauseModule = {
  code: "automation_run_failed",
  scopes: {
    ...OF_AUTOMATIONS,
    ...wider(own("`failures` judges all failed runs, also those that an automation started.")),
  },
  judge: ({ automation: subject }) => {
    const ended = subject?.started.filter(({ run }) => run.end_time != null) ?? [];
    const [newest] = ended;
    if (!subject || !newest || !isFailed(newest.run.state_type)) return [];
    const failed = ended.filter(({ run }) => isFailed(run.state_type));
    const { id, name } = newest.run;
    return [
      {
        code: "automation_run_failed",
        severity: "problem",
        summary: sentence`Automation ${asName(subject.automation.name)} fired and started ${runName(newest)}, which failed${failed.length > 1 ? sentence` like ${plural(failed.length - 1, "other run")} that it started` : ""}.`,
        evidence: {
          ...automationEvidence(subject.automation),
          flow_run: { id, name },
          started: ended.length,
          failed: failed.length,
        },
        fix: own("The automation works. Mend what its run failed of."),
        next: [{ tool: "diagnose", args: { flow_run: id }, why: own("the run that it started") }],
        certainty: 1,
        runsExplained: failed.length,
        leads: [{ kind: "flow_run", id, name }],
      },
    ];
  },
};
