import { asName, own, sentence } from "../../../../lib/shown-text.ts";
import { formatIsoSeconds } from "../../../../lib/time.ts";
import { isTerminal } from "../../../../model/state.ts";
import { ALL_OF_RUNS, wider } from "../../findings/scopes.ts";
import type { CauseModule } from "../../findings/types.ts";

/** The run was deleted before it ended. Proof: the record holds it, and Prefect no longer does. */
export const flowRunDeleted: CauseModule = {
  code: "flow_run_deleted",
  scopes: {
    ...ALL_OF_RUNS,
    ...wider(own("A deleted run is no longer in the workspace; only a question about it can mean it.")),
  },
  judge: ({ run }) => {
    if (!run || run.deletedUs === null || isTerminal(run.run.state_type ?? null)) return [];
    const { id, name, state_name } = run.run;
    return [
      {
        code: "flow_run_deleted",
        severity: "problem",
        summary: sentence`${asName(name)} was deleted in Prefect (seen ${formatIsoSeconds(run.deletedUs)}) while it was ${asName(state_name ?? "unfinished")}: it will not continue.`,
        evidence: { flow_run: { id, name, last_state: state_name }, deleted_seen: formatIsoSeconds(run.deletedUs) },
        fix: own("Start it again if it should still run. Deleting a run does not stop its process."),
        next: [{ tool: "get_timeline", args: { flow_run: id }, why: own("what happened before it was deleted") }],
        certainty: 1,
        runsExplained: 1,
      },
    ];
  },
};
