/** Counts of flow runs per hour, which triggers on `flow_run` keep exact: whole hours of a window need no row. */
import { addUs, HOUR_US } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { inTransaction, type RecordDb } from "../database.ts";

export interface StateCount {
  /** State type in upper case, such as `SCHEDULED`. */
  readonly type: string | null;
  /** The state is named Late. */
  readonly isLate: boolean;
  readonly count: number;
}

interface CountRow {
  readonly type: string | null;
  readonly late: number | null;
  readonly count: number;
}

/** The whole hours of a closed range, as numbers of hours since 1970 (`end` is exclusive), and what is left at its ends. */
function splitHours({ fromUs, toUs }: TimeRange): { from: number; end: number; edges: TimeRange[] } {
  const from = Math.ceil(fromUs / HOUR_US);
  const end = Math.floor((toUs + 1) / HOUR_US);
  if (end <= from) return { from: 0, end: 0, edges: [{ fromUs, toUs }] };
  const edges = [
    { fromUs, toUs: addUs(from * HOUR_US, -1) },
    { fromUs: end * HOUR_US, toUs },
  ];
  return { from, end, edges: edges.filter((edge) => edge.fromUs <= edge.toUs) };
}

/** Runs of the window by state type, late ones apart. */
export function countRunStates(db: RecordDb, window: TimeRange): StateCount[] {
  const { from, end, edges } = splitHours(window);
  const ofHours = db.prepare<CountRow, [number, number]>(
    `SELECT nullif(state, '') AS type, late, sum(n) AS count FROM run_hour WHERE hour >= ? AND hour < ?
     GROUP BY state, late HAVING sum(n) > 0`,
  );
  const ofRows = db.prepare<CountRow, [number, number]>(
    `SELECT state_type AS type, state_name = 'Late' AS late, count(*) AS count FROM flow_run
     WHERE begin_us BETWEEN ? AND ? AND deleted_us IS NULL GROUP BY 1, 2`,
  );
  const rows = [...ofHours.all(from, end), ...edges.flatMap(({ fromUs, toUs }) => ofRows.all(fromUs, toUs))];
  const counts = new Map<string, StateCount>();
  for (const { type, late, count } of rows) {
    const isLate = late === 1;
    const key = `${type ?? ""} ${isLate}`;
    counts.set(key, { type, isLate, count: count + (counts.get(key)?.count ?? 0) });
  }
  return [...counts.values()];
}

/** Number of runs of the window that have started. */
export function countStartedRuns(db: RecordDb, window: TimeRange): number {
  const { from, end, edges } = splitHours(window);
  const ofHours = db.prepare<{ n: number }, [number, number]>(
    "SELECT coalesce(sum(started), 0) AS n FROM run_hour WHERE hour >= ? AND hour < ?",
  );
  const ofRows = db.prepare<{ n: number }, [number, number]>(
    "SELECT count(*) AS n FROM flow_run WHERE begin_us BETWEEN ? AND ? AND start_us IS NOT NULL AND deleted_us IS NULL",
  );
  const parts = [ofHours.get(from, end), ...edges.map(({ fromUs, toUs }) => ofRows.get(fromUs, toUs))];
  return parts.reduce((sum, part) => sum + (part?.n ?? 0), 0);
}

const HOUR = "begin_us / 3600000000 - (begin_us < 0 AND begin_us % 3600000000 <> 0)";
const COUNTED = `SELECT ${HOUR} AS hour, coalesce(state_type, '') AS state, coalesce(state_name = 'Late', 0) AS late,
  count(*) AS n, sum(start_us IS NOT NULL) AS started
  FROM flow_run WHERE deleted_us IS NULL AND begin_us IS NOT NULL GROUP BY 1, 2, 3`;
const HELD = "SELECT hour, state, late, n, started FROM run_hour WHERE n <> 0 OR started <> 0";

/** Compares the counts with the rows, and counts again if they differ. Returns the number of counts that were wrong. */
export function auditRunHours(db: RecordDb): number {
  return inTransaction(db, () => {
    const wrong = db.prepare<{ n: number }, []>(
      `SELECT (SELECT count(*) FROM (${COUNTED} EXCEPT ${HELD})) + (SELECT count(*) FROM (${HELD} EXCEPT ${COUNTED})) AS n`,
    );
    const n = wrong.get()?.n ?? 0;
    if (n === 0) return 0;
    db.prepare("DELETE FROM run_hour").run();
    db.prepare(`INSERT INTO run_hour ${COUNTED}`).run();
    return n;
  });
}
