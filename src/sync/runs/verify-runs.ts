import { addUs, earliestUs, floorUs, formatIsoUs, MINUTE_US, type ServerUs } from "../../lib/time.ts";
import { mergeRanges, type TimeRange } from "../../model/freshness.ts";
import { RUN_KINDS, type RunKind } from "../../model/kinds.ts";
import { TASK_RUN_ROW_DELAY_US } from "../../model/runs/server-delays.ts";
import { coverageEnd, coveredRanges } from "../../store/coverage.ts";
import { countConfirmedRuns } from "../../store/runs/confirmed-runs.ts";
import { findEndedTaskRunIds, findUnreadTaskRunIds } from "../../store/runs/task-runs.ts";
import type { EngineContext } from "../context/engine-context.ts";
import type { AbsentRuns } from "./absent-runs.ts";
import { walkFlowRuns } from "./flow-run-fill.ts";
import { walkTaskRuns } from "./task-run-fill.ts";

/** The newest part is read again in each round, and its rows may still change. */
const SETTLED_US = 2 * MINUTE_US;
/** A range of at most this many pages is read, not divided further. */
const WALK_PAGES = 2;

export interface VerifyRunsOptions {
  readonly absentRuns: AbsentRuns;
  readonly signal: AbortSignal;
}

/**
 * Counts the runs of all covered ranges on the server, and reads what differs: runs that were deleted, and task runs that were made
 * over REST for a time in the past. Neither causes an event. Returns the number of ranges that were read.
 *
 * The runs that are counted in the record are those that REST has returned. Equal counts do not prove equal sets: as many runs may have
 * been deleted as were made for the past. So ended runs are also asked for by id, a page each time, longest unread first, and deleted
 * ones no longer count here: task runs before the count, flow runs in the rounds (`Reconciler.readEndedRuns`). Other runs are read in
 * each round.
 */
export async function verifyRuns(ctx: EngineContext, options: VerifyRunsOptions): Promise<number> {
  let read = 0;
  await askForUnread(ctx, options);
  await askForEnded(ctx, options);
  for (const kind of RUN_KINDS) {
    const toUs = addUs(coverageEnd(ctx.db, kind, "") ?? Number.NEGATIVE_INFINITY, -SETTLED_US);
    const covered = mergeRanges(coveredRanges(ctx.db, kind, ""));
    for (const range of covered) {
      const part = { fromUs: range.fromUs, toUs: earliestUs(range.toUs, toUs) };
      if (part.fromUs > part.toUs) continue;
      read += await compare(ctx, kind, part, options);
    }
  }
  return read;
}

/**
 * Asks for task runs that are known from events alone, when their rows are overdue: deleted with their flow run before they were read,
 * which their flow run's deletion does not show either, or never written.
 */
async function askForUnread(ctx: EngineContext, options: VerifyRunsOptions): Promise<void> {
  const writtenUs = addUs(floorUs(ctx.serverClock.estimateUs()), -TASK_RUN_ROW_DELAY_US);
  await ask(ctx, findUnreadTaskRunIds(ctx.db, writtenUs, ctx.tuning.rowPage), options);
}

/** Asks for one page of ended task runs: whether they were deleted, or got another state over REST, which causes no event either. */
async function askForEnded(ctx: EngineContext, options: VerifyRunsOptions): Promise<void> {
  await ask(ctx, findEndedTaskRunIds(ctx.db, ctx.tuning.rowPage), options);
}

async function ask(
  ctx: EngineContext,
  ids: readonly string[],
  { absentRuns, signal }: VerifyRunsOptions,
): Promise<void> {
  if (ids.length === 0) return;
  const { rows, missing, atUs, database } = await absentRuns.askForTaskRuns(ids, "verify", signal);
  // Where nothing shows whether a server that has none of them is still the same one, the record keeps them.
  if (database !== "unknown") ctx.ingest.taskRuns(rows, atUs, { missing });
}

async function compare(
  ctx: EngineContext,
  kind: RunKind,
  range: TimeRange,
  options: VerifyRunsOptions,
): Promise<number> {
  const held = countConfirmedRuns(ctx.db, kind, range);
  const count = await countAtPrefect(ctx, kind, range, options.signal);
  if (count === held) return 0;
  const isSmall = Math.max(count, held) <= WALK_PAGES * ctx.tuning.rowPage;
  if (range.fromUs === range.toUs || isSmall) {
    await readAgain(ctx, kind, range, options);
    return 1;
  }
  const middleUs: ServerUs = Math.floor((range.fromUs + range.toUs) / 2);
  const older = await compare(ctx, kind, { fromUs: range.fromUs, toUs: middleUs }, options);
  return older + (await compare(ctx, kind, { fromUs: addUs(middleUs, 1), toUs: range.toUs }, options));
}

function countAtPrefect(ctx: EngineContext, kind: RunKind, range: TimeRange, signal: AbortSignal): Promise<number> {
  const expected_start_time = { after_: formatIsoUs(range.fromUs), before_: formatIsoUs(range.toUs) };
  return ctx.requests.call("verify", signal, (api, call) =>
    kind === "flow_run"
      ? api.countFlowRuns({ flow_runs: { expected_start_time } }, call)
      : api.countTaskRuns({ task_runs: { expected_start_time } }, call),
  );
}

function readAgain(ctx: EngineContext, kind: RunKind, range: TimeRange, options: VerifyRunsOptions): Promise<unknown> {
  const walk = { ...options, goalUs: range.fromUs, priority: "verify" } as const;
  return kind === "task_run" ? walkTaskRuns(ctx, range, walk) : walkFlowRuns(ctx, range, walk);
}
