/** How reliable deployments, flows, work pools or tags were in a window, compared with the equally long window before. */
import { toAppError } from "../../errors.ts";
import { counted, own, type Sentence, sentence, withoutPeriod } from "../../lib/shown-text.ts";
import { addUs, DAY_US, earliestUs, formatIsoSeconds, latestUs, type ServerUs } from "../../lib/time.ts";
import { asIncomplete, type Freshness, type TimeRange, withNotes } from "../../model/freshness.ts";
import type { FilterSet } from "../../store/filters/bodies.ts";
import { findOldestFlowUs } from "../../store/objects/objects.ts";
import { findLastCompleted } from "../../store/runs/runs-of-owner.ts";
import { joinFreshness } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import { isOver, RUNS_AS_NOW } from "../source/past-window.ts";
import { serverNowUs } from "../source/server-time.ts";
import { type Comparison, compare } from "./compare.ts";
import { type GroupBy, groupName, groupsOf, readGroupNames } from "./groups.ts";
import { type Budget, budgetOf, type Figures, measure, type Outcome } from "./measure.ts";
import { readOutcomes } from "./outcomes.ts";

const DEFAULT_WINDOW_US = 7 * DAY_US;

export interface ReliabilityQuestion {
  readonly groupBy: GroupBy;
  readonly set: FilterSet;
  readonly sinceUs?: ServerUs | undefined;
  readonly untilUs?: ServerUs | undefined;
  /** Promised success rate, 0 to 1. */
  readonly target?: number | undefined;
  readonly fresh?: boolean | undefined;
}

export interface GroupReliability {
  readonly id: string;
  readonly name: string;
  readonly now: Figures;
  /** Null: the window before is not known whole. */
  readonly before: Figures | null;
  readonly comparison: Comparison;
  readonly budget: Budget | null;
  /** End of the last run that completed, also before both windows where it is recorded. */
  readonly lastSuccessUs: ServerUs | null;
}

export interface Reliability {
  readonly window: TimeRange;
  readonly before: TimeRange;
  readonly isCompared: boolean;
  /** Worst change first; where nothing got worse, the lowest success rate first. */
  readonly groups: readonly GroupReliability[];
  readonly freshness: Freshness;
}

/** Throws AppError when Prefect fails and nothing is recorded. */
export async function getReliability(ctx: QueryContext, question: ReliabilityQuestion): Promise<Reliability> {
  const nowUs = serverNowUs(ctx);
  const asked = windowOf(question, nowUs);
  const [current, earlier] = await Promise.all([
    readOutcomes(ctx, { ...question, window: asked }),
    readBefore(ctx, question, beforeOf(asked)),
  ]);
  const { window, cutNote } = shorten(asked, current.value.cutUs, earlier.cutUs);
  const before = beforeOf(window);
  const all = [...current.value.runs, ...earlier.runs];
  const runs = all.filter((one) => isWithin(one, window));
  const runsBefore = earlier.unknown === null ? all.filter((one) => isWithin(one, before)) : null;
  const groups = groupsOf(question.groupBy, runs, runsBefore ?? []);
  const names = await readGroupNames(ctx, question.groupBy, [...groups.keys()], current.freshness);
  const found = [...groups].map(([key, group]): GroupReliability => {
    const now = measure(group.now, runsBefore === null ? [] : group.before, earliestUs(nowUs, window.toUs));
    const figuresBefore = runsBefore === null ? null : measure(group.before, [], addUs(window.fromUs, -1));
    return {
      ...groupName(question.groupBy, key, names),
      now,
      before: figuresBefore,
      comparison: compare(now, figuresBefore),
      budget: question.target === undefined ? null : budgetOf(now, question.target),
      lastSuccessUs:
        now.lastSuccessUs ?? figuresBefore?.lastSuccessUs ?? lastRecorded(ctx, question.groupBy, key, window),
    };
  });
  const notes = [
    ...(earlier.unknown === null ? [] : [earlier.unknown]),
    ...(cutNote === null ? [] : [cutNote]),
    ...ungroupedNote(question.groupBy, runs),
    ...youngNote(ctx, before, earlier.unknown === null),
    ...(isOver(ctx, window, nowUs) ? [RUNS_AS_NOW] : []),
  ];
  const joined = earlier.freshness === null ? current.freshness : joinFreshness([current.freshness, earlier.freshness]);
  const freshness = cutNote === null ? joined : asIncomplete(joined, cutNote);
  const others = notes.filter((note) => note !== cutNote);
  return {
    window,
    before,
    isCompared: runsBefore !== null,
    groups: found.toSorted(byWorst),
    freshness: withNotes(freshness, others),
  };
}

/** Runs that are due later are no runs of a window that reaches into the future. */
function windowOf({ sinceUs, untilUs }: ReliabilityQuestion, nowUs: ServerUs): TimeRange {
  const toUs = earliestUs(untilUs ?? nowUs, nowUs);
  const fromUs = sinceUs ?? addUs(toUs, -DEFAULT_WINDOW_US);
  return { fromUs, toUs: latestUs(fromUs, toUs) };
}

/** Equally long, and ends where the window begins. */
function beforeOf({ fromUs, toUs }: TimeRange): TimeRange {
  return { fromUs: addUs(fromUs, fromUs - toUs), toUs: addUs(fromUs, -1) };
}

function isWithin({ beginUs }: Outcome, { fromUs, toUs }: TimeRange): boolean {
  return beginUs >= fromUs && beginUs <= toUs;
}

interface Earlier {
  readonly runs: readonly Outcome[];
  readonly cutUs: ServerUs | null;
  readonly freshness: Freshness | null;
  /** Why there is no comparison; null where the whole window was read. */
  readonly unknown: Sentence | null;
}

/** A part of the window before is no window to compare with. */
async function readBefore(ctx: QueryContext, question: ReliabilityQuestion, window: TimeRange): Promise<Earlier> {
  const span = sentence`The window before, ${formatIsoSeconds(window.fromUs)} to ${formatIsoSeconds(window.toUs)},`;
  const none = { runs: [], cutUs: null, freshness: null };
  try {
    const { value, freshness } = await readOutcomes(ctx, { ...question, window });
    if (freshness.coverage.complete) return { ...value, freshness, unknown: null };
    return { ...none, unknown: sentence`${span} is not covered completely, so nothing is compared with it.` };
  } catch (error) {
    const why = withoutPeriod(toAppError(error).sentence);
    return { ...none, unknown: sentence`${span} could not be read, so nothing is compared with it (${why}).` };
  }
}

/** Where not all runs were read, both windows become shorter by the same time, so that they still can be compared. */
function shorten(
  window: TimeRange,
  cutUs: ServerUs | null,
  cutBeforeUs: ServerUs | null,
): { window: TimeRange; cutNote: Sentence | null } {
  const lengths = [
    ...(cutUs === null ? [] : [window.toUs - cutUs]),
    // Both windows together reach back to there.
    ...(cutBeforeUs === null ? [] : [Math.floor((window.toUs - cutBeforeUs) / 2)]),
  ];
  const [first, ...rest] = lengths;
  if (first === undefined) return { window, cutNote: null };
  const fromUs = addUs(window.toUs, -rest.reduce((least, one) => Math.min(least, one), first));
  const cutNote = sentence`There are more runs than are counted: the window was shortened to begin at ${formatIsoSeconds(fromUs)}, the one before likewise. Narrow by since, deployment, flow, work_pool or tags.`;
  return { window: { ...window, fromUs }, cutNote };
}

const MEMBER: Readonly<Record<GroupBy, Sentence>> = {
  deployment: own("a deployment"),
  flow: own("a flow"),
  work_pool: own("a work pool"),
  tag: own("a tag"),
};

function ungroupedNote(groupBy: GroupBy, runs: readonly Outcome[]): Sentence[] {
  const without = runs.filter((one) => groupsOf(groupBy, [one], []).size === 0).length;
  if (without === 0) return [];
  return [sentence`Without ${MEMBER[groupBy]}, and in no row: ${counted(without, "run")}.`];
}

/** Counts of a window in which the workspace did not exist all the time are smaller for that reason. */
function youngNote(ctx: QueryContext, before: TimeRange, isCompared: boolean): Sentence[] {
  const db = ctx.record();
  const oldestUs = db === null || !isCompared ? null : findOldestFlowUs(db);
  if (oldestUs === null || oldestUs <= before.fromUs) return [];
  const oldest = sentence`The oldest flow of the workspace is of ${formatIsoSeconds(oldestUs)}, so there`;
  if (oldestUs > before.toUs) return [sentence`${oldest} is no window before to compare with.`];
  return [sentence`${oldest} were no runs in a part of the window before: compare rates, not counts.`];
}

function lastRecorded(ctx: QueryContext, groupBy: GroupBy, key: string, { fromUs }: TimeRange): ServerUs | null {
  const db = ctx.record();
  if (db === null || groupBy === "work_pool" || groupBy === "tag") return null;
  return findLastCompleted(db, groupBy === "flow" ? "flow_id" : "deployment_id", key, fromUs);
}

function byWorst(a: GroupReliability, b: GroupReliability): number {
  return (
    b.comparison.score - a.comparison.score ||
    (a.now.successRate ?? 2) - (b.now.successRate ?? 2) ||
    b.now.failed - a.now.failed ||
    (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1)
  );
}
