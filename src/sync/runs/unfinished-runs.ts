/**
 * Reads all flow runs of Prefect that have not ended, however long ago they began: those in progress hold slots of limits. Ranges of
 * expected start cannot prove that the record has all of them, because a range begins somewhere.
 */
import { addUs, DAY_US, floorUs, parseIsoUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { mergeRanges } from "../../model/freshness.ts";
import type { FlowRun } from "../../model/objects.ts";
import type { StateType } from "../../model/state.ts";
import { UNFINISHED_TYPES } from "../../model/state.ts";
import { walkRows } from "../../prefect/paging/row-walk.ts";
import { coveredRanges } from "../../store/coverage.ts";
import type { EngineContext } from "../context/engine-context.ts";
import { proveServer } from "../context/recognition.ts";
import type { Priority } from "../server/request-budget.ts";
import type { ClockMark } from "../server/server-clock.ts";
import { byExpectedStart } from "./expected-start.ts";

/** A run may be in progress before it is expected. Further in the future Prefect schedules none by default. */
const AHEAD_US = 3_650 * DAY_US;

const IN_PROGRESS = UNFINISHED_TYPES.filter((type) => type !== "SCHEDULED");

/**
 * Reads the runs in progress, and those that were due before the covered range and have not started. Later ones are in that range.
 * Ends with the fact that all are recorded as of `coveredAt`, the moment before the newest part of that range was read: what was due
 * later is in no part. Returns how many pages it has read.
 */
export async function readAllUnfinishedRuns(
  ctx: EngineContext,
  coveredAt: ClockMark,
  priority: Priority,
  signal: AbortSignal,
): Promise<number> {
  const mark = ctx.serverClock.mark();
  const nowUs = floorUs(ctx.serverClock.estimateUs());
  const coveredUs = mergeRanges(coveredRanges(ctx.db, "flow_run", "")).at(-1)?.fromUs ?? nowUs;
  const parts: readonly [TimeRange, readonly StateType[]][] = [
    [{ fromUs: 0, toUs: addUs(nowUs, AHEAD_US) }, IN_PROGRESS],
    [{ fromUs: 0, toUs: coveredUs }, ["SCHEDULED"]],
  ];
  let pages = 0;
  for (const [range, types] of parts) {
    for await (const rows of walkStates(ctx, range, types, priority, signal)) {
      await proveServer(ctx, priority, signal);
      ctx.ingest.flowRuns(rows, mark.atUs, {});
      pages += 1;
    }
  }
  ctx.ingest.allUnfinishedRuns(coveredAt.atUs);
  return pages;
}

async function* walkStates(
  ctx: EngineContext,
  range: TimeRange,
  types: readonly StateType[],
  priority: Priority,
  signal: AbortSignal,
): AsyncGenerator<readonly FlowRun[], void, undefined> {
  const limit = ctx.tuning.rowPage;
  const steps = walkRows<FlowRun>({
    range,
    order: "desc",
    pageSize: limit,
    read: (part, offset) => {
      const { expected_start_time, sort } = byExpectedStart(part);
      const flow_runs = { state: { type: { any_: types } }, expected_start_time };
      return ctx.requests.call(priority, signal, (api, call) =>
        api.filterFlowRuns({ flow_runs, sort, limit, offset }, call),
      );
    },
    at: (run) => parseIsoUs(run.expected_start_time ?? "") ?? null,
    id: (run) => run.id,
  });
  for await (const step of steps) yield step.rows;
}
