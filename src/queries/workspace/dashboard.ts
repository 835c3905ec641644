/** Overview of the workspace: counts of runs in a window and in the one before, all limits, work pools, and problems. */

import { durationText } from "../../lib/duration-text.ts";
import { asName, counted, joined, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { addUs, DAY_US, latestUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { Freshness, TimeRange } from "../../model/freshness.ts";
import { asIncomplete, withNotes } from "../../model/freshness.ts";
import type { WorkPool } from "../../model/objects.ts";
import type { RecordDb } from "../../store/database.ts";
import type { Slot } from "../limits/slots.ts";
import { listSlots } from "../limits/slots.ts";
import type { RunCounts, TrendCounts } from "../runs/run-counts.ts";
import { countLiveRuns, countLiveTrend, countRecordedRuns } from "../runs/run-counts.ts";
import type { RunProblems } from "../runs/run-problems.ts";
import { findRunProblems, groupRuns, readRunProblems, runLine } from "../runs/run-problems.ts";
import { answerWindow, joinFreshness } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";
import { isOver, RUNS_AS_NOW } from "../source/past-window.ts";
import { serverNowUs } from "../source/server-time.ts";

export interface Problem {
  readonly code: "failed_runs" | "late_runs" | "limit_full";
  readonly summary: Sentence;
  readonly count?: number;
  /** The newest failed or the longest late run. */
  readonly flow_run_id?: string;
}

export interface Dashboard {
  readonly window: TimeRange;
  readonly counts: RunCounts;
  /** Whether every run of the window is counted; otherwise a zero is no fact. */
  readonly areAllCounted: boolean;
  /** Counts of the previous window of the same length. Null: unknown. */
  readonly before: TrendCounts | null;
  /** Empty for a window that is over, like `pools`. */
  readonly slots: readonly Slot[];
  readonly pools: readonly WorkPool[];
  readonly problems: readonly Problem[];
  readonly freshness: Freshness;
}

export interface DashboardQuestion {
  readonly sinceUs?: ServerUs | undefined;
  readonly untilUs?: ServerUs | undefined;
  readonly fresh?: boolean | undefined;
  /** The history of limits and pools does not reach back to the moment of the question. */
  readonly withoutLimits?: boolean;
}

interface Runs {
  readonly counts: RunCounts;
  readonly problems: RunProblems;
}

/** Default window: the last 24 hours up to now. Throws AppError when Prefect fails and nothing is recorded. */
export async function getDashboard(ctx: QueryContext, question: DashboardQuestion): Promise<Dashboard> {
  const nowUs = serverNowUs(ctx);
  const toUs = question.untilUs ?? latestUs(nowUs, question.sinceUs ?? nowUs);
  const window = { fromUs: question.sinceUs ?? addUs(toUs, -DAY_US), toUs };
  const earlier = { fromUs: addUs(window.fromUs, window.fromUs - window.toUs), toUs: addUs(window.fromUs, -1) };
  const { fresh } = question;
  const isPast = isOver(ctx, window, nowUs);
  const lateIn = isPast ? window : { fromUs: 0, toUs: window.toUs };
  const [runs, before, slots] = await Promise.all([
    answerWindow<Runs>(
      ctx,
      { kind: "flow_run", what: "flow runs", window, fresh },
      {
        record: (db) => ({ counts: countRecordedRuns(db, window), problems: findRunProblems(db, window, lateIn) }),
        live: (live) => readRuns(ctx, live, window, lateIn),
        isEmpty: (found) => found.counts.total === 0,
      },
    ),
    window.fromUs > nowUs ? null : countBefore(ctx, earlier, fresh),
    isPast || question.withoutLimits === true ? null : listSlots(ctx, fresh),
  ]);
  const { counts, problems: ofRuns } = runs.value;
  const { slots: limits, pools } = slots?.value ?? { slots: [], pools: [] };
  const problems = [...runProblems(ofRuns, counts, pools, nowUs), ...fullLimits(limits)];
  const freshness = slots ? joinFreshness([runs.freshness, slots.freshness]) : runs.freshness;
  const known = question.withoutLimits === true ? asIncomplete(freshness, UNKNOWN_LIMITS) : freshness;
  const noted = isPast ? withNotes(known, [sentence`${RUNS_AS_NOW} ${NO_LIMITS}`]) : known;
  const areAllCounted = runs.freshness.coverage.complete;
  return { window, counts, areAllCounted, before, slots: limits, pools, problems, freshness: noted };
}

async function readRuns(
  ctx: QueryContext,
  live: LiveReader,
  window: TimeRange,
  lateIn: TimeRange,
): Promise<{ value: Runs }> {
  const [counts, problems] = await Promise.all([
    countLiveRuns(live, window),
    readRunProblems(ctx, live, window, lateIn),
  ]);
  return { value: { counts, problems } };
}

const NO_LIMITS = sentence`Limits with their holders and work pools are known only as they are now, so they are left out.`;

const UNKNOWN_LIMITS = sentence`Limits with their holders and work pools are recorded only since later, so they are left out.`;

/** Counts of the previous window. Null when they cannot be read, since the other parts are still answered. */
async function countBefore(
  ctx: QueryContext,
  window: TimeRange,
  fresh: boolean | undefined,
): Promise<TrendCounts | null> {
  const read = {
    record: (db: RecordDb) => countRecordedRuns(db, window),
    live: async (live: LiveReader) => ({ value: await countLiveTrend(live, window) }),
    isEmpty: () => true,
  };
  try {
    const { value, freshness } = await answerWindow<TrendCounts>(
      ctx,
      { kind: "flow_run", what: "flow runs", window, fresh },
      read,
    );
    return freshness.coverage.complete ? value : null;
  } catch {
    return null;
  }
}

function nameOf(owner: string | null): Sentence {
  return owner === null ? own("unknown flow") : asName(owner);
}

/** Groups that are shown per kind of problem. */
const MAX_GROUPS = 3;

function runProblems(problems: RunProblems, counts: RunCounts, pools: readonly WorkPool[], nowUs: ServerUs): Problem[] {
  const failing = groupRuns(problems.failed, (run) => run.owner);
  const failed = failing.slice(0, MAX_GROUPS).flatMap(([owner, runs]): Problem[] => {
    const [newest] = runs;
    if (!newest) return [];
    // Without names, they may be of several flows.
    const whose = owner === null ? own("flows of unknown name") : nameOf(owner);
    const summary = sentence`${whose}: ${runs.length} failed or crashed, last ${runLine(newest)}`;
    return [{ code: "failed_runs", summary, count: runs.length, flow_run_id: newest.id }];
  });
  const late = groupRuns(problems.late, (run) => run.workPool);
  const waiting = late.slice(0, MAX_GROUPS).flatMap(([pool, runs]): Problem[] => {
    const [longest] = runs;
    if (!longest) return [];
    const lateText = durationText(nowUs - (parseIsoUs(longest.expected ?? "") ?? nowUs));
    const where = pool === null ? "without a work pool" : sentence`in pool ${poolState(pools, pool)}`;
    const summary = sentence`${runs.length} late ${where}, longest ${asName(longest.name)} (${nameOf(longest.owner)}), due ${lateText} ago`;
    return [{ code: "late_runs", summary, count: runs.length, flow_run_id: longest.id }];
  });
  const rest = failing.length > MAX_GROUPS ? [moreFailing(failing.length - MAX_GROUPS, counts)] : [];
  return [...failed, ...rest, ...waiting];
}

function moreFailing(groups: number, counts: RunCounts): Problem {
  return {
    code: "failed_runs",
    summary: sentence`${counted(groups, "more flow or deployment fails", "more flows or deployments fail")}; ${counted(counts.failed + counts.crashed, "run")} failed or crashed in all`,
  };
}

function poolState(pools: readonly WorkPool[], name: string): Sentence {
  const status = pools.find((pool) => pool.name === name)?.status;
  return status ? sentence`${asName(name)} (${asName(status)})` : asName(name);
}

function fullLimits(slots: readonly Slot[]): Problem[] {
  const full = slots.filter((slot) => Number(slot.limit) > 0 && slot.active_slots >= Number(slot.limit));
  return full.slice(0, MAX_GROUPS * 2).map((slot) => {
    const holders = slot.holders.slice(0, 3).map((holder) => asName(holder.name ?? holder.id));
    const by = holders.length > 0 ? sentence`, held by ${joined(holders, ", ")}` : "";
    return {
      code: "limit_full",
      summary: sentence`${slot.kind} ${asName(slot.name)}: ${slot.active_slots} of ${asName(String(slot.limit))} slots taken${by}`,
    };
  });
}
