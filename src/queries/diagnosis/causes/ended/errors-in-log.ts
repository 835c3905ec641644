import { asName, own, quote, sentence } from "../../../../lib/shown-text.ts";
import { truncate } from "../../../../lib/truncate.ts";
import { withoutLibraryFrames } from "../../../../model/runs/traceback-text.ts";
import { ALL_OF_RUNS, wider } from "../../findings/scopes.ts";
import type { CauseModule } from "../../findings/types.ts";
import { plural } from "../../findings/wording.ts";

const ERROR_LEVEL = 40;

/** The run completed, but its log has error lines: an error was caught. A note, not a problem. */
export const errorsInLog: CauseModule = {
  code: "errors_in_log",
  scopes: {
    ...ALL_OF_RUNS,
    ...wider(
      own("The logs of completed runs are not all recorded, and an error that was handled is no trouble of theirs."),
    ),
  },
  judge: ({ run }) => {
    if (run?.run.state_type !== "COMPLETED") return [];
    const lines = (run.logs ?? []).filter((log) => log.level >= ERROR_LEVEL);
    const isRetried = run.tasks.some((task) => Number(task.run_count ?? 0) > 1) || Number(run.run.run_count ?? 0) > 1;
    const last = lines.at(-1);
    if (!last || isRetried) return [];
    return [
      {
        code: "errors_in_log",
        severity: "note",
        summary: sentence`${asName(run.run.name)} completed, but its log has ${plural(lines.length, "error line")}; the last: ${quote(last.message.split("\n")[0] ?? "", 200)}.`,
        evidence: {
          flow_run: { id: run.run.id, name: run.run.name },
          error_lines: lines
            .slice(-2)
            .map((log) => ({ timestamp: log.timestamp, message: truncate(withoutLibraryFrames(log.message), 300) })),
        },
        fix: own("Nothing to do, unless these errors should have failed the run."),
        certainty: 1,
        runsExplained: 0,
      },
    ];
  },
};
