import {
  addUs,
  ceilUs,
  DAY_US,
  earliestUs,
  floorUs,
  type LocalUs,
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
import { findFlowRunIdsExpected, findFlowRunRow } from "../../store/runs/flow-runs.ts";
import type { EngineContext } from "../context/engine-context.ts";
import { proveServer } from "../context/recognition.ts";
import { retentionFloorUs } from "../context/retention-floor.ts";
import type { Priority } from "../server/request-budget.ts";
import type { AbsentRuns } from "./absent-runs.ts";
import { byExpectedStart } from "./expected-start.ts";

/**
 * Runs are created shortly before or after their expected start. A run that is created later is found by its events.
 */
const OVERLAP_US = 120 * SECOND_US;

export interface FillOptions {
  readonly goalUs: ServerUs;
  readonly absentRuns: AbsentRuns;
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

export async function walkFlowRuns(ctx: EngineContext, range: TimeRange, options: FillOptions): Promise<void> {
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
  const seen = new Set<string>();
  let { toUs } = range;
  let certainUs: ServerUs = range.toUs;
  for await (const step of steps) {
    for (const run of step.rows) seen.add(run.id);
    await proveServer(ctx, options.priority, options.signal);
    const part = { fromUs: latestUs(range.fromUs, step.provenUs), toUs };
    certainUs = earliestUs(certainUs, await askForUnseen(ctx, part, seen, mark.atUs, options));
    toUs = addUs(step.provenUs, -1);
    const reachedUs = mark.reachedUs();
    const claim =
      reachedUs === null
        ? null
        : {
            fromUs: part.fromUs,
            toUs: earliestUs(range.toUs, reachedUs, certainUs),
            source: "backfill" as const,
            verifiedUs: mark.atUs,
          };
    ctx.ingest.flowRuns(step.rows, mark.atUs, { claim });
    options.onPage?.(step.rows.length);
  }
}

/**
 * Asks for the runs of a range that the record has and that were not read: they were deleted, or are due at another time by now.
 * Returns up to where that is certain: not for a run that is known from events and whose row may still be written.
 */
async function askForUnseen(
  ctx: EngineContext,
  range: TimeRange,
  seen: ReadonlySet<string>,
  readUs: LocalUs,
  { absentRuns, priority, signal }: FillOptions,
): Promise<ServerUs> {
  const { rowPage } = ctx.tuning;
  const unseen = findFlowRunIdsExpected(ctx.db, range, readUs).filter((id) => !seen.has(id));
  let certainUs: ServerUs = Number.MAX_SAFE_INTEGER;
  for (let start = 0; start < unseen.length; start += rowPage) {
    const ids = unseen.slice(start, start + rowPage);
    const { rows, missing, atUs, database } = await absentRuns.askForFlowRuns(ids, priority, signal);
    if (database !== "unknown") ctx.ingest.flowRuns(rows, atUs, { missing });
    const settled = new Set([...rows.map((row) => row.id), ...(database === "unknown" ? [] : missing)]);
    for (const id of ids) {
      const expectedUs = settled.has(id) ? null : (findFlowRunRow(ctx.db, id)?.expected_us ?? null);
      if (expectedUs !== null) certainUs = earliestUs(certainUs, addUs(expectedUs, -1));
    }
  }
  return certainUs;
}

function readByExpectedStart(
  ctx: EngineContext,
  part: TimeRange,
  offset: number,
  options: FillOptions,
): Promise<readonly FlowRun[]> {
  const { expected_start_time, sort } = byExpectedStart(part);
  const body = { flow_runs: { expected_start_time }, sort, limit: ctx.tuning.rowPage, offset };
  return ctx.requests.call(options.priority, options.signal, (api, call) => api.filterFlowRuns(body, call));
}
