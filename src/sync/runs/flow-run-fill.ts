import {
  addUs,
  ceilUs,
  DAY_US,
  earliestUs,
  floorUs,
  formatIsoUs,
  latestUs,
  parseIsoUs,
  SECOND_US,
  type ServerUs,
} from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { gapsIn } from "../../model/freshness.ts";
import type { FlowRun } from "../../model/objects.ts";
import { walkRows } from "../../prefect/paging/row-walk.ts";
import { coverageEnd, coveredRanges } from "../../store/coverage.ts";
import type { EngineContext } from "../context/engine-context.ts";
import { retentionFloorUs } from "../context/retention-floor.ts";
import type { Priority } from "../server/request-budget.ts";

/**
 * Runs are created shortly before or after their expected start. A run that is created later is found by its events.
 */
const OVERLAP_US = 120 * SECOND_US;

export interface FillOptions {
  readonly goalUs: ServerUs;
  readonly priority: Priority;
  readonly signal: AbortSignal;
  readonly onPage?: (rows: number) => void;
}

/**
 * Reads flow runs by expected start: those since the last reading, then the gaps in the history, newest first. Each
 * transaction claims what it has proven, so that an interruption costs little.
 */
export async function fillFlowRuns(ctx: EngineContext, options: FillOptions): Promise<void> {
  const nowUs = floorUs(ctx.serverClock.estimateUs());
  const endUs = earliestUs(coverageEnd(ctx.db, "flow_run", "") ?? addUs(nowUs, -DAY_US), nowUs);
  const goalUs = ceilUs(latestUs(options.goalUs, retentionFloorUs(ctx.db)));
  await walkFlowRuns(ctx, { fromUs: latestUs(goalUs, addUs(endUs, -OVERLAP_US)), toUs: nowUs }, options);
  const covered = coveredRanges(ctx.db, "flow_run", "");
  const last = covered.at(-1);
  if (!last) return;
  const gaps = gapsIn({ fromUs: goalUs, toUs: last.toUs }, covered);
  for (const gap of gaps.reverse()) await walkFlowRuns(ctx, gap, options);
}

async function walkFlowRuns(ctx: EngineContext, range: TimeRange, options: FillOptions): Promise<void> {
  if (range.toUs < range.fromUs) return;
  const mark = ctx.serverClock.mark();
  const steps = walkRows<FlowRun>({
    range,
    order: "desc",
    pageSize: ctx.tuning.rowPage,
    read: (part, offset) => readByExpectedStart(ctx, part, offset, options),
    at: (run) => (run.expected_start_time ? (parseIsoUs(run.expected_start_time) ?? null) : null),
    id: (run) => run.id,
  });
  for await (const step of steps) {
    const reachedUs = mark.reachedUs();
    const claim =
      reachedUs === null
        ? null
        : {
            fromUs: latestUs(range.fromUs, step.provenUs),
            toUs: earliestUs(range.toUs, reachedUs),
            source: "backfill" as const,
            verifiedUs: mark.atUs,
          };
    ctx.ingest.flowRuns(step.rows, mark.atUs, { claim });
    options.onPage?.(step.rows.length);
  }
}

function readByExpectedStart(
  ctx: EngineContext,
  part: TimeRange,
  offset: number,
  options: FillOptions,
): Promise<readonly FlowRun[]> {
  const expected_start_time = { after_: formatIsoUs(part.fromUs), before_: formatIsoUs(part.toUs) };
  // Inside one instant the default sort by id is the only one that keeps its order between pages.
  const sort = part.fromUs === part.toUs ? "ID_DESC" : "EXPECTED_START_TIME_DESC";
  const body = { flow_runs: { expected_start_time }, sort, limit: ctx.tuning.rowPage, offset };
  return ctx.requests.call(options.priority, options.signal, (api, call) => api.filterFlowRuns(body, call));
}
