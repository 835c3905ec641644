/**
 * Counts of the flow runs of a window by state. A run belongs to the window of its start, or of its expected start before that.
 */
import { formatIsoUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { JsonObject } from "../../model/objects.ts";
import type { RecordDb } from "../../store/database.ts";
import { countRunStates } from "../../store/runs/run-hours.ts";
import type { LiveReader } from "../source/live.ts";

/** `scheduled` is without late runs. `total` is the sum of all others. */
export interface RunCounts {
  readonly completed: number;
  readonly failed: number;
  readonly crashed: number;
  readonly cancelled: number;
  readonly running: number;
  readonly pending: number;
  readonly scheduled: number;
  readonly late: number;
  readonly paused: number;
  readonly cancelling: number;
  readonly total: number;
}

const TYPES = [
  "completed",
  "failed",
  "crashed",
  "cancelled",
  "running",
  "pending",
  "scheduled",
  "paused",
  "cancelling",
] as const;

/** Counts of the record. */
export function countRecordedRuns(db: RecordDb, window: TimeRange): RunCounts {
  const rows = countRunStates(db, window);
  const sum = (type: string, isLate?: boolean) =>
    rows
      .filter((row) => row.type === type.toUpperCase() && (isLate === undefined || row.isLate === isLate))
      .reduce((all, row) => all + row.count, 0);
  return withTotal({
    ...countEach((type) => sum(type)),
    scheduled: sum("scheduled", false),
    late: sum("scheduled", true),
  });
}

/** Counts of Prefect: one small request per state, all at once. */
export async function countLiveRuns(live: LiveReader, window: TimeRange): Promise<RunCounts> {
  const start_time = startBetween(window);
  const count = (state: JsonObject) => live.api.countFlowRuns({ flow_runs: { start_time, state } }, live.options());
  const [late = 0, ...counts] = await Promise.all([
    count({ type: { any_: ["SCHEDULED"] }, name: { any_: ["Late"] } }),
    ...TYPES.map((type) => count({ type: { any_: [type.toUpperCase()] } })),
  ]);
  const each = countEach((type) => counts[TYPES.indexOf(type)] ?? 0);
  return withTotal({ ...each, scheduled: each.scheduled - late, late });
}

/** What the trend compares. */
export type TrendCounts = Pick<RunCounts, "total" | "completed" | "failed" | "crashed">;

/** Counts for a trend, in four requests to Prefect. */
export async function countLiveTrend(live: LiveReader, window: TimeRange): Promise<TrendCounts> {
  const start_time = startBetween(window);
  const count = (flow_runs: JsonObject) => live.api.countFlowRuns({ flow_runs }, live.options());
  const ofType = (type: string) => count({ start_time, state: { type: { any_: [type] } } });
  const [total, completed, failed, crashed] = await Promise.all([
    count({ start_time }),
    ofType("COMPLETED"),
    ofType("FAILED"),
    ofType("CRASHED"),
  ]);
  return { total, completed, failed, crashed };
}

/** Prefect's `start_time` filter, which itself falls back to the expected start. */
export function startBetween({ fromUs, toUs }: TimeRange): JsonObject {
  return { after_: formatIsoUs(fromUs), before_: formatIsoUs(toUs) };
}

type Each = Record<(typeof TYPES)[number], number>;

function countEach(count: (type: (typeof TYPES)[number]) => number): Each {
  return {
    completed: count("completed"),
    failed: count("failed"),
    crashed: count("crashed"),
    cancelled: count("cancelled"),
    running: count("running"),
    pending: count("pending"),
    scheduled: count("scheduled"),
    paused: count("paused"),
    cancelling: count("cancelling"),
  };
}

function withTotal({ late, paused, cancelling, ...rest }: Each & { late: number }): RunCounts {
  const counts = { ...rest, late, paused, cancelling };
  return { ...counts, total: Object.values(counts).reduce((sum, n) => sum + n, 0) };
}
