/** The lines of a run's log that a diagnosis needs: warnings and errors, and its last lines where the record holds them. */
import { asName, sentence } from "../../../lib/shown-text.ts";
import type { FlowRun, Log } from "../../../model/objects.ts";
import { isTerminal } from "../../../model/state.ts";
import { findLogsOfFlowRun } from "../../../store/logs/logs.ts";
import { isLogRecorded } from "../../runs/logs.ts";
import type { QueryContext } from "../../source/context.ts";
import { askLive, type Gathering } from "./gathering.ts";

const WARNING_LEVEL = 30;
const MAX_LINES = 200;
/** Lines at the end of a log that count whatever their level: they show what the run did last. */
const LAST_LINES = 5;

/**
 * Ascending. From the record when the run has ended and its log was read whole, else the newest warnings from Prefect in one
 * request. Null: Prefect could not be asked, and the record holds no line.
 */
export async function readRunLog(
  ctx: QueryContext,
  run: FlowRun,
  gathering: Gathering,
): Promise<readonly Log[] | null> {
  const db = ctx.record();
  const recorded = db ? relevantLines(findLogsOfFlowRun(db, run.id)) : [];
  const isComplete = db !== null && isTerminal(run.state_type ?? null) && isLogRecorded(ctx, db, run.id);
  if (isComplete) return recorded;
  const fallback = recorded.length > 0 ? recorded : null;
  return askLive<readonly Log[] | null>(
    ctx,
    gathering,
    sentence`the log of ${asName(run.name)}`,
    fallback,
    async (live) => {
      const logs = { flow_run_id: { any_: [run.id] }, level: { ge_: WARNING_LEVEL } };
      const body = { logs, sort: "TIMESTAMP_DESC", limit: MAX_LINES, offset: 0 };
      const rows = await live.api.filterLogs(body, live.options());
      const ascending = rows.toReversed();
      ctx.saveLive({ kind: "log", rows: ascending, readUs: live.startedUs });
      return ascending;
    },
  );
}

export function relevantLines(logs: readonly Log[]): readonly Log[] {
  return logs.filter((log, index) => log.level >= WARNING_LEVEL || index >= logs.length - LAST_LINES);
}
