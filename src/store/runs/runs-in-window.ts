/**
 * Flow runs of a time window. A run is in the window by its start, or by its expected start while it has not started
 * (`begin_us`), as in Prefect's filter on `start_time`.
 */
import type { ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { LAST_LOG_DELAY_US } from "../../model/runs/server-delays.ts";
import type { RecordDb } from "../database.ts";
import { FAILED_SQL, TERMINAL_SQL } from "../state-types.ts";
import { SCOPE_OF_RUN } from "./ended-runs.ts";
import type { FlowRunRow } from "./flow-runs.ts";
import { idBytes, idText } from "./run-columns.ts";
import { countStartedRuns } from "./run-hours.ts";

export type ProblemRunRow = Pick<
  FlowRunRow,
  "id" | "name" | "flow_id" | "deployment_id" | "work_pool_name" | "state_name" | "state_message" | "expected_us"
>;

/**
 * Runs of the window that failed or crashed, last ended first, and late runs, longest overdue first; at most `limit` of
 * each.
 */
export function findProblemRuns(
  db: RecordDb,
  { fromUs, toUs }: TimeRange,
  limit: number,
): { failed: ProblemRunRow[]; late: ProblemRunRow[] } {
  const find = (state: string, order: string) =>
    db
      .prepare<ProblemRunRow, [number, number, number]>(
        `SELECT id, name, flow_id, deployment_id, work_pool_name, state_name, state_message, expected_us FROM flow_run
         WHERE begin_us BETWEEN ? AND ? AND deleted_us IS NULL AND ${state} ORDER BY ${order} LIMIT ?`,
      )
      .all(fromUs, toUs, limit);
  return {
    // The unary plus makes SQLite use the index on time: the window has few failures, the whole record has many.
    failed: find(`+state_type IN (${FAILED_SQL})`, "coalesce(end_us, start_us, expected_us) DESC"),
    late: find("state_type = 'SCHEDULED' AND state_name = 'Late'", "expected_us"),
  };
}

/** The deployment or the work pool of a run. */
export type RunOwner = { readonly deploymentId: string } | { readonly workPoolName: string };

/**
 * Ids of the owner's runs that overlap the window and whose logs can hold errors (failed, crashed, cancelled or still running),
 * newest first, at most 500.
 */
export function findRunsWithErrors(db: RecordDb, owner: RunOwner, window: TimeRange): string[] {
  const isPool = "workPoolName" in owner;
  return db
    .prepare<{ id: Uint8Array }, [string | Uint8Array | null, number, number]>(
      `SELECT id FROM flow_run WHERE ${isPool ? "work_pool_name" : "deployment_id"} = ?
       AND begin_us <= ? AND (end_us IS NULL OR end_us >= ?)
       AND state_type IN (${FAILED_SQL}, 'RUNNING', 'CANCELLED') ORDER BY begin_us DESC LIMIT 500`,
    )
    .all(isPool ? owner.workPoolName : idBytes(owner.deploymentId), window.toUs, window.fromUs)
    .map((row) => idText(row.id));
}

/**
 * Number of started runs of the window, and of those among them that are running or whose lines were not read after the last of them
 * is expected. A reading since `recentUs` (server clock) is late enough for an answer about now. The work grows with the number of runs
 * whose lines were read, not with that of all runs.
 */
export function countRunsWithoutLogs(
  db: RecordDb,
  window: TimeRange,
  recentUs: ServerUs,
): { runs: number; missing: number } {
  const runs = countStartedRuns(db, window);
  const read = db.prepare<{ n: number }, [number, number, number, number]>(
    `SELECT count(DISTINCT r.id) AS n FROM coverage c CROSS JOIN flow_run r ON r.id = unhex(replace(c.scope, '-', ''))
     WHERE c.kind = 'log' AND r.begin_us BETWEEN ? AND ? AND r.start_us IS NOT NULL AND r.deleted_us IS NULL
       AND r.state_type IN (${TERMINAL_SQL}) AND c.scope = ${SCOPE_OF_RUN} AND c.to_us >= coalesce(r.end_us, r.state_us)
       AND c.to_us >= min(coalesce(r.end_us, r.state_us) + ?, ?)`,
  );
  const whole = read.get(window.fromUs, window.toUs, LAST_LOG_DELAY_US, recentUs)?.n ?? 0;
  return { runs, missing: runs - whole };
}
