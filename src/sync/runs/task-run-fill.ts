import {
  addUs,
  ceilUs,
  DAY_US,
  earliestUs,
  floorUs,
  type LocalUs,
  latestUs,
  MINUTE_US,
  parseIsoUs,
  SECOND_US,
  type ServerUs,
} from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { gapsIn } from "../../model/freshness.ts";
import type { TaskRun } from "../../model/objects.ts";
import { walkRows } from "../../prefect/paging/row-walk.ts";
import { coverageEnd, coveredRanges } from "../../store/coverage.ts";
import { findTaskRunIdsExpected } from "../../store/runs/task-runs.ts";
import type { EngineContext } from "../context/engine-context.ts";
import { proveServer } from "../context/recognition.ts";
import { retentionFloorUs } from "../context/retention-floor.ts";
import type { Priority } from "../server/request-budget.ts";
import type { ClockMark } from "../server/server-clock.ts";
import type { AbsentRuns } from "./absent-runs.ts";
import { byExpectedStart } from "./expected-start.ts";

/**
 * The server takes the expected start of a task run that is made over REST from its own clock, and commits the row up to a minute later
 * when SQLite is busy (`busy_timeout`).
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/database/configurations.py
 */
const OVERLAP_US = 70 * SECOND_US;
/** The newest part is read at once, and what is older step by step. */
const NEWEST_US = 10 * MINUTE_US;
/** Scheduled task runs are expected in the future. */
const AHEAD_US = 3_650 * DAY_US;
/** Pages of one step into the past. */
const STEP_PAGES = 10;

export interface TaskRunFillOptions {
  readonly goalUs: ServerUs;
  readonly absentRuns: AbsentRuns;
  readonly priority: Priority;
  readonly signal: AbortSignal;
  readonly onPage?: (rows: number) => void;
  /** Claims end here, and are dated so. Default: the start of the walk. */
  readonly mark?: ClockMark;
}

/**
 * Task runs that are made or changed over REST (`POST /task_runs/`, `set_state`) have no events, and the event of a task run can be
 * lost. So task runs are read by their expected start, which each of them has. Reads those since the last reading, at most of the last
 * minutes, and those that are scheduled. Returns the number of pages.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/task_runs.py
 */
export function fillNewestTaskRuns(ctx: EngineContext, options: TaskRunFillOptions): Promise<number> {
  const nowUs = floorUs(ctx.serverClock.estimateUs());
  const endUs = coverageEnd(ctx.db, "task_run", "") ?? Number.NEGATIVE_INFINITY;
  const overlapUs = addUs(earliestUs(endUs, nowUs), -OVERLAP_US);
  const fromUs = latestUs(oldestUs(ctx, options), overlapUs, addUs(nowUs, -NEWEST_US));
  return walkTaskRuns(ctx, { fromUs, toUs: addUs(nowUs, AHEAD_US) }, options);
}

/** Reads a part of the newest gap in the history. Returns whether more is left that can be read now. */
export async function fillTaskRunGap(ctx: EngineContext, options: TaskRunFillOptions): Promise<boolean> {
  const gap = newestGap(ctx, options);
  if (gap === null) return false;
  await walkTaskRuns(ctx, gap, options, STEP_PAGES);
  const rest = newestGap(ctx, options);
  // While the server clock is unknown nothing is claimed, and the same gap would be read again.
  return rest !== null && rest.toUs < gap.toUs;
}

function newestGap(ctx: EngineContext, options: TaskRunFillOptions): TimeRange | null {
  const covered = coveredRanges(ctx.db, "task_run", "");
  const last = covered.at(-1);
  return last === undefined
    ? null
    : (gapsIn({ fromUs: oldestUs(ctx, options), toUs: last.toUs }, covered).at(-1) ?? null);
}

function oldestUs(ctx: EngineContext, { goalUs }: TaskRunFillOptions): ServerUs {
  return ceilUs(latestUs(goalUs, retentionFloorUs(ctx.db)));
}

/** Each transaction claims what it has proven, so that an interruption costs little. */
export async function walkTaskRuns(
  ctx: EngineContext,
  range: TimeRange,
  options: TaskRunFillOptions,
  maxPages = Number.POSITIVE_INFINITY,
): Promise<number> {
  if (range.toUs < range.fromUs) return 0;
  const mark = options.mark ?? ctx.serverClock.mark();
  const steps = walkRows<TaskRun>({
    range,
    order: "desc",
    pageSize: ctx.tuning.rowPage,
    read: (part, offset) => readByExpectedStart(ctx, part, offset, options),
    at: (run) => (run.expected_start_time ? (parseIsoUs(run.expected_start_time) ?? null) : null),
    id: (run) => run.id,
  });
  let pages = 0;
  let { toUs } = range;
  for await (const step of steps) {
    const reachedUs = mark.reachedUs();
    const fromUs = latestUs(range.fromUs, step.provenUs);
    const claim =
      reachedUs === null
        ? null
        : {
            fromUs,
            toUs: earliestUs(range.toUs, reachedUs),
            source: "backfill" as const,
            verifiedUs: mark.atUs,
          };
    await proveServer(ctx, options.priority, options.signal);
    ctx.ingest.taskRuns(step.rows, mark.atUs, {});
    await askForUnread(ctx, { fromUs, toUs }, mark.atUs, options);
    ctx.ingest.taskRuns([], mark.atUs, { claim });
    toUs = addUs(fromUs, -1);
    options.onPage?.(step.rows.length);
    pages += 1;
    if (pages >= maxPages) break;
  }
  return pages;
}

/**
 * Asks for the task runs of a range that Prefect has returned before and that the walk, which began at `readUs`, has not read: deleting
 * a task run causes no event.
 */
async function askForUnread(
  ctx: EngineContext,
  range: TimeRange,
  readUs: LocalUs,
  { absentRuns, priority, signal }: TaskRunFillOptions,
): Promise<void> {
  const ids = findTaskRunIdsExpected(ctx.db, range, readUs, ctx.tuning.rowPage);
  if (ids.length === 0) return;
  const { rows, missing, atUs, database } = await absentRuns.askForTaskRuns(ids, priority, signal);
  // Where nothing shows whether a server that has none of them is still the same one, the record keeps them.
  if (database !== "unknown") ctx.ingest.taskRuns(rows, atUs, { missing });
}

function readByExpectedStart(
  ctx: EngineContext,
  part: TimeRange,
  offset: number,
  options: TaskRunFillOptions,
): Promise<readonly TaskRun[]> {
  const { expected_start_time, sort } = byExpectedStart(part);
  const body = { task_runs: { expected_start_time }, sort, limit: ctx.tuning.rowPage, offset };
  return ctx.requests.call(options.priority, options.signal, (api, call) => api.filterTaskRuns(body, call));
}
