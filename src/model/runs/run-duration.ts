/** How long runs have run. Prefect does not filter by it, does not sort flow runs by it, and task runs only since 3.9.1. */
import { parseIsoUs, SECOND_US, type ServerUs } from "../../lib/time.ts";
import type { FlowRun, TaskRun } from "../objects.ts";
import { isTerminal } from "../state.ts";
import type { RunSummary } from "./run-summary.ts";

/** Bounds on the duration, microseconds; both are included. */
export interface DurationBounds {
  readonly minUs?: number | undefined;
  readonly maxUs?: number | undefined;
}

/** States of a run that has started but is not running: paused, suspended, waiting for a retry, about to resume. */
export const WAITING_TYPES = ["PAUSED", "SCHEDULED", "PENDING"] as const;
const WAITING: ReadonlySet<string | null> = new Set(WAITING_TYPES);

/**
 * From start to end, or to now; null for a run that has not started. For a waiting run: Prefect's `total_run_time`, or the time until it
 * began to wait. `runDurationSql` in `store/filters/sorts.ts` says the same in SQL.
 */
export function runDurationUs(
  { stateType, startUs, endUs }: Pick<RunSummary, "stateType" | "startUs" | "endUs">,
  whole: () => Pick<FlowRun | TaskRun, "total_run_time" | "state">,
  nowUs: ServerUs,
): number | null {
  if (startUs === null) return null;
  if (endUs !== null) return endUs - startUs;
  if (isTerminal(stateType)) return null;
  if (!WAITING.has(stateType)) return nowUs - startUs;
  const { total_run_time, state } = whole();
  const ran = Number(total_run_time ?? 0);
  if (ran > 0) return Math.round(ran * SECOND_US);
  const sinceUs = parseIsoUs(state?.timestamp ?? "");
  return sinceUs === undefined ? null : sinceUs - startUs;
}

/** Whether the duration is within the bounds. A run without a duration is within none. */
export function isWithin(
  durationUs: number | null,
  { minUs = 0, maxUs = Number.POSITIVE_INFINITY }: DurationBounds,
): boolean {
  return durationUs !== null && durationUs >= minUs && durationUs <= maxUs;
}
