/** What a run's log says of trouble: its warnings and errors, and its last lines where the record holds them. */
import type { FlowRun, Log } from "../../../model/objects.ts";
import { isTerminal } from "../../../model/state.ts";
import { coveredRanges } from "../../../store/coverage.ts";
import { findLogsOfFlowRun } from "../../../store/logs/logs.ts";
import type { QueryContext } from "../../source/context.ts";
import { askLive, type Gathering } from "./gathering.ts";

const WARNING = 30;
const MOST_LINES = 200;
/** Lines below warnings that are kept from the end of a log: what it did last. */
const LAST_LINES = 5;

/** Ascending. An ended run's from the record where it was read whole, else the newest warnings from Prefect in one request. */
export async function readRunLog(
  ctx: QueryContext,
  run: FlowRun,
  gathering: Gathering,
): Promise<readonly Log[] | null> {
  const db = ctx.record();
  const held = db ? notable(findLogsOfFlowRun(db, run.id)) : [];
  const isHeld = db !== null && isTerminal(run.state_type ?? null) && coveredRanges(db, "log", run.id).length > 0;
  if (isHeld) return held;
  const fallback = held.length > 0 ? held : null;
  return askLive<readonly Log[] | null>(ctx, gathering, `the log of ${run.name}`, fallback, async (live) => {
    const logs = { flow_run_id: { any_: [run.id] }, level: { ge_: WARNING } };
    const body = { logs, sort: "TIMESTAMP_DESC", limit: MOST_LINES, offset: 0 };
    const rows = await live.api.filterLogs(body, live.options());
    ctx.saveLive({ kind: "log", rows, readUs: live.startedUs });
    return rows.toReversed();
  });
}

function notable(logs: readonly Log[]): readonly Log[] {
  return logs.filter((log, index) => log.level >= WARNING || index >= logs.length - LAST_LINES);
}
