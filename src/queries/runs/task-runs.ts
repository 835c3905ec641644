/**
 * Task runs by Prefect's filters. Some have no events, so the record covers what was read by expected start, and the task runs of ended
 * flow runs.
 */
import { isJsonObject } from "../../lib/exact-json.ts";
import { own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { earliestOf, earliestUs, type LocalUs, latestUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import { withNotes as addNotes, asIncomplete, type Freshness, type TimeRange } from "../../model/freshness.ts";
import type { JsonObject, TaskRun } from "../../model/objects.ts";
import type { DurationBounds } from "../../model/runs/run-duration.ts";
import { type TaskRunSummary, taskRunSummary } from "../../model/runs/run-summary.ts";
import { isTerminal } from "../../model/state.ts";
import { readRows } from "../../prefect/paging/list-pages.ts";
import { ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import { coveredRanges } from "../../store/coverage.ts";
import type { RecordDb } from "../../store/database.ts";
import { findEventById } from "../../store/events/events.ts";
import { type FilterSet, isDecidable, needsFlowRuns, snapshotsNeededBy } from "../../store/filters/bodies.ts";
import { findTaskRuns, hasTaskRunsOfUnrecordedRuns } from "../../store/filters/find.ts";
import { isCaseDecidable } from "../../store/filters/letter-case.ts";
import { DURATION_SORTS_SINCE, isDurationSort, type TaskRunSort } from "../../store/filters/sorts.ts";
import { type FlowRunRow, findFlowRunRow } from "../../store/runs/flow-runs.ts";
import { idText } from "../../store/runs/run-columns.ts";
import { findRunNames } from "../../store/runs/run-tree.ts";
import {
  findTaskRunRow,
  summaryOfTaskRun,
  type TaskRunRow,
  toTaskRun,
  withEventPayload,
} from "../../store/runs/task-runs.ts";
import { readRunNames } from "../names/run-names.ts";
import { stateNotes } from "../names/state-names.ts";
import { type Answered, answerWhole, answerWindow, isWindowRecorded, type LiveValue } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";
import {
  areIdsRecorded,
  askedWindow,
  boundsOf,
  hasLists,
  idsOf,
  isOffline,
  presentWindow,
} from "../source/run-window.ts";
import { serverNowUs } from "../source/server-time.ts";
import { isServerBefore } from "../source/server-version.ts";
import { letterCaseNotes, unreadListNotes, unrecordedIdNotes, withUndecided } from "../source/undecided.ts";
import { readCompared, uncomparedNote } from "./by-duration.ts";
import { isOrderKnown, withOrderNote } from "./order-of-nulls.ts";

const NEWEST_FIRST: TaskRunSort = "EXPECTED_START_TIME_DESC";

export interface TaskRunsQuestion {
  readonly set: FilterSet;
  readonly sort: TaskRunSort;
  readonly limit: number;
  readonly offset: number;
  /** Only task runs that have run so long. */
  readonly duration?: DurationBounds | undefined;
  /** The present to which tasks that are running are measured, server clock: that of the first page. */
  readonly nowUs?: ServerUs | undefined;
  /** Whole documents are needed. */
  readonly isFull: boolean;
  /** Deleted task runs are included, with `deletedUs`. */
  readonly includesDeleted: boolean;
  readonly fresh?: boolean | undefined;
}

export interface TaskRunItem {
  readonly summary: TaskRunSummary;
  /** In Prefect's shape: the whole document if `full`, otherwise what the columns contain. */
  readonly run: TaskRun;
  readonly flowRunName: string | null;
  /** Local clock, microseconds. */
  readonly deletedUs: ServerUs | null;
}

export interface TaskRunsPage {
  readonly items: readonly TaskRunItem[];
  readonly hasMore: boolean;
  readonly freshness: Freshness;
}

interface Found {
  readonly items: readonly TaskRunItem[];
  readonly hasMore: boolean;
  /** What was not looked at, where that may matter. */
  readonly unseen?: Sentence | null;
}

/** How the question is answered. */
interface Plan {
  /** The server cannot sort task runs by duration. */
  readonly isServerOlder: boolean;
  /** Durations are compared here. */
  readonly isCompared: boolean;
  /** The present, server clock. */
  readonly nowUs: ServerUs;
}

/** Throws AppError of the live reading when it fails and the record has nothing. */
export async function listTaskRuns(ctx: QueryContext, question: TaskRunsQuestion): Promise<TaskRunsPage> {
  const db = ctx.record();
  const { set, sort, limit, offset, duration, fresh } = question;
  const isServerOlder = isDurationSort(sort) && (await isServerBefore(ctx, DURATION_SORTS_SINCE));
  const nowUs = question.nowUs ?? serverNowUs(ctx);
  const plan: Plan = { isServerOlder, isCompared: isServerOlder || duration !== undefined, nowUs };
  const page = { limit: limit + 1, offset, duration, nowUs, isServerOlder };
  const recorded = db ? findTaskRuns(db, set, sort, page) : [];
  const inPostgresOrder = (record: RecordDb) => findTaskRuns(record, set, sort, { ...page, areNullsLargest: true });
  const isOrdered = db === null || isOrderKnown(db, sort, recorded, () => inPostgresOrder(db));
  const isWhole = !question.isFull || recorded.slice(0, limit).every((row) => row.doc !== null);
  const areIdsKnown = db === null || areIdsRecorded(idsOf(set.task_runs), (id) => findTaskRunRow(db, id) !== null);
  const isKnown =
    isWhole &&
    areIdsKnown &&
    isDecidable(set) &&
    (db === null || isCaseDecidable(db, set)) &&
    hasLists(ctx, db, snapshotsNeededBy(set, "task_runs"));
  const isRecent = plan.isCompared && isOfAllTime(question, recorded);
  const readUs = db ? settledReading(db, flowRunIdsOf(set)) : null;
  const window =
    db && isRecent
      ? presentWindow(db, "task_run", serverNowUs(ctx))
      : windowOf(ctx, db, question, recorded, readUs !== null);
  const reading = {
    record: (record: RecordDb) => ({
      ...fromRecord(record, question, recorded, nowUs),
      unseen: isRecent ? uncomparedNote(record, "task_run", set.task_runs, window.fromUs, nowUs) : null,
    }),
    live: (live: LiveReader) => fromLive(ctx, live, question, plan),
    isEmpty: (found: Found) => found.items.length === 0,
  };
  const what = "task runs";
  const areRunsKnown = db === null || areFlowRunsRecorded(db, set, window);
  const isStale = !(isKnown && areRunsKnown && isOrdered) && !isOffline(ctx, db);
  const toPage = (answered: Answered<Found>) => {
    const page = withNotes(db, question, answered, areRunsKnown);
    return { ...page, freshness: withOrderNote(page.freshness, sort, isOrdered) };
  };
  // Task runs can be made for a flow run that has ended, so a reading of their time, which goes on, says more than one after its end.
  if (readUs !== null && !(db && isWindowRecorded(ctx, db, "task_run", window))) {
    const answered = await answerWhole<Found>(ctx, { what, fresh, isStale, readUs, isSettled: true }, reading);
    return toPage(answered);
  }
  return toPage(await answerWindow<Found>(ctx, { kind: "task_run", what, window, fresh, isStale }, reading));
}

/** Adds notes about unknown states in the filter, and about flow runs that the record lacks (`areRunsKnown`). */
function withNotes(
  db: RecordDb | null,
  { set }: TaskRunsQuestion,
  { value, freshness: answered }: Answered<Found>,
  areRunsKnown: boolean,
): TaskRunsPage {
  const freshness = db === null ? answered : withUndecided(answered, undecidedNotes(db, set));
  const shown = value.items.map((item) => item.summary.stateName);
  const noted = addNotes(freshness, stateNotes(db, "task_run", set.task_runs, shown));
  const isWhole = areRunsKnown || freshness.source !== "record";
  const known = isWhole ? noted : asIncomplete(noted, UNKNOWN_RUNS);
  return { ...value, freshness: value.unseen ? asIncomplete(known, value.unseen) : known };
}

const UNKNOWN_RUNS = sentence`Flow runs of some recorded task runs are not recorded, so whether these match is unknown; they are left out.`;

/** Whether the record has the flow runs by whose columns the filters select task runs. They may have begun before what it covers. */
function areFlowRunsRecorded(db: RecordDb, set: FilterSet, { fromUs }: TimeRange): boolean {
  if (!needsFlowRuns(set)) return true;
  const ids = flowRunIdsOf(set);
  if (ids !== null) return areIdsRecorded(ids, (id) => findFlowRunRow(db, id) !== null);
  return !hasTaskRunsOfUnrecordedRuns(db, set, boundsOf(set.task_runs).fromUs === null ? fromUs : 0);
}

/** What the record cannot decide about the question. */
function undecidedNotes(db: RecordDb, set: FilterSet): Sentence[] {
  const isRecorded = (id: string) => findTaskRunRow(db, id) !== null;
  return [
    ...unreadListNotes(db, snapshotsNeededBy(set, "task_runs")),
    ...letterCaseNotes(db, set),
    ...unrecordedIdNotes(idsOf(set.task_runs), own("task runs"), isRecorded),
    ...(isDecidable(set) ? [] : [sentence`The record can only estimate which task runs match the work queue names.`]),
  ];
}

/** Flow runs to which the filters restrict, or null. */
function flowRunIdsOf(set: FilterSet): readonly string[] | null {
  const { operator, flow_run_id } = (set.task_runs ?? {}) as {
    readonly operator?: string;
    readonly flow_run_id?: { readonly any_?: readonly string[] | null; readonly is_null_?: boolean | null } | null;
  };
  const own = operator === "or_" || flow_run_id?.is_null_ === true ? null : (flow_run_id?.any_ ?? null);
  return own ?? idsOf(set.flow_runs);
}

/** The flow runs all of whose task runs are asked for, or null. */
function onlyFlowRunIdsOf({ task_runs, flow_runs, ...others }: FilterSet): readonly string[] | null {
  const { id, ...of } = (flow_runs ?? {}) as { readonly id?: { readonly any_?: readonly string[] | null } | null };
  const { flow_run_id, ...own } = (task_runs ?? {}) as { readonly flow_run_id?: typeof id };
  const hasMore = [others, of, own].some((part) => Object.values(part).some((value) => value != null));
  const [asked, ...further] = [id, flow_run_id].filter((part) => part != null);
  if (hasMore || asked === undefined || further.length > 0 || Object.keys(asked).length > 1) return null;
  return asked.any_ ?? null;
}

/**
 * The oldest time at which the task runs of one of these flow runs were read whole after its recorded end, local clock. Null unless
 * that is so for all of them. The server writes the last rows some seconds after their events.
 */
function settledReading(db: RecordDb, flowRunIds: readonly string[] | null): LocalUs | null {
  if (flowRunIds === null || flowRunIds.length === 0) return null;
  let oldestUs = Number.POSITIVE_INFINITY;
  for (const id of flowRunIds) {
    const run = findFlowRunRow(db, id);
    const whole = coveredRanges(db, "task_run", id.toLowerCase()).at(-1);
    const endUs = run === null ? null : (run.end_us ?? run.state_us);
    if (run === null || endUs === null || whole === undefined || !isTerminal(run.state_type)) return null;
    // The claim ends at a time of the server clock, as does the run.
    if (whole.toUs < endUs) return null;
    oldestUs = earliestUs(oldestUs, whole.verifiedUs);
  }
  return oldestUs;
}

/** `areRead`: the task runs of the flow runs in question were read by the ids of these, so that older ones are recorded. */
function windowOf(
  ctx: QueryContext,
  db: RecordDb | null,
  question: TaskRunsQuestion,
  recorded: readonly TaskRunRow[],
  areRead: boolean,
): TimeRange {
  const nowUs = serverNowUs(ctx);
  const { set } = question;
  const ids = idsOf(set.task_runs);
  if (db && ids?.every((id) => findTaskRunRow(db, id) !== null)) return presentWindow(db, "task_run", nowUs);
  const flowRunIds = flowRunIdsOf(set);
  // A task run can be made over REST for any time in the past, also before its flow run began.
  const begins = db && flowRunIds && areRead ? flowRunIds.map((id) => firstUs(findFlowRunRow(db, id))) : [];
  const sinceBegin =
    begins.length > 0 && begins.every((us) => us !== null) ? earliestOf(begins.filter((us) => us !== null)) : null;
  const reachUs = reachOf(question, recorded);
  const sinceUs = reachUs === null && sinceBegin === null ? null : latestUs(reachUs ?? 0, sinceBegin ?? 0);
  return askedWindow(db, "task_run", byExpectedStart(set.task_runs), nowUs, sinceUs);
}

/** Where a full page of the newest task runs ends: older ones do not matter. Null for other pages. */
function reachOf({ limit, sort }: TaskRunsQuestion, recorded: readonly TaskRunRow[]): ServerUs | null {
  if (recorded.length <= limit || sort !== NEWEST_FIRST) return null;
  return recorded[limit - 1]?.expected_us ?? null;
}

/**
 * The question has no bound in time. Of Prefect only the newest task runs could be compared then, of which the record has more: it
 * compares those that it covers.
 */
function isOfAllTime(question: TaskRunsQuestion, recorded: readonly TaskRunRow[]): boolean {
  const { set } = question;
  const isBounded =
    boundsOf(set.task_runs).fromUs !== null || flowRunIdsOf(set) !== null || idsOf(set.task_runs) !== null;
  return !isBounded && reachOf(question, recorded) === null;
}

/** The filter without its bounds on the start: what is covered are ranges of the expected start, which may be long before it. */
function byExpectedStart(filter: unknown): unknown {
  if (!isJsonObject(filter)) return filter;
  const { start_time: _, ...rest } = filter;
  return rest;
}

/** No task run of this flow run is expected earlier, unless it was made over REST for a time that had passed. */
function firstUs(run: FlowRunRow | null): ServerUs | null {
  const times = [run?.begin_us, run?.expected_us].filter((us) => us != null);
  return times.length === 0 ? null : earliestOf(times);
}

function fromRecord(db: RecordDb, question: TaskRunsQuestion, recorded: readonly TaskRunRow[], nowUs: ServerUs): Found {
  const { set, limit } = question;
  const deleted = question.includesDeleted
    ? findTaskRuns(db, set, NEWEST_FIRST, { limit, isDeleted: true, nowUs })
    : [];
  const shown = [...recorded.slice(0, limit), ...deleted];
  const summaries = shown.map(summaryOfTaskRun);
  const names = findRunNames(db, "flow_run", [...new Set(summaries.flatMap((one) => one.flowRunId ?? []))]);
  const items = shown.map((row, index) =>
    named(
      summaries[index] as TaskRunSummary,
      () => (question.isFull ? wholeRun(db, row) : toTaskRun({ ...row, doc: null })),
      names,
      row.deleted_us,
    ),
  );
  return { items, hasMore: recorded.length > limit };
}

function named(
  summary: TaskRunSummary,
  toRun: () => TaskRun,
  flowRunNames: ReadonlyMap<string, string>,
  deletedUs: ServerUs | null,
): TaskRunItem {
  return {
    summary,
    // Computed on access: most lists do not use it.
    get run() {
      return toRun();
    },
    flowRunName: flowRunNames.get(summary.flowRunId ?? "") ?? null,
    deletedUs,
  };
}

/** The document, or what the newest state event contains of it. */
function wholeRun(db: RecordDb, row: TaskRunRow): TaskRun {
  const run = toTaskRun(row);
  if (row.doc !== null) return run;
  const event = findEventById(db, idText(row.state_id) ?? "");
  return event === null ? run : withEventPayload(run, event);
}

async function fromLive(
  ctx: QueryContext,
  live: LiveReader,
  question: TaskRunsQuestion,
  plan: Plan,
): Promise<LiveValue<Found>> {
  const { limit, offset } = question;
  const { rows, unseen } = await readPage(live, question, plan);
  const runs = rows.slice(0, limit);
  // A second page may leave out a task run, where another one was deleted meanwhile.
  const isAll = offset === 0 && rows.length <= limit && rows.length < ROWS_PER_PAGE && !plan.isCompared;
  const ofFlowRuns = isAll ? onlyFlowRunIdsOf(question.set) : null;
  const whole = ofFlowRuns === null ? {} : { ofFlowRuns, reachedUs: live.reachedUs() };
  if (runs.length > 0 || ofFlowRuns !== null)
    ctx.saveLive({ kind: "task_run", rows: runs, readUs: live.startedUs, ...whole });
  const names = await readRunNames(
    ctx,
    live,
    "flow_run",
    runs.flatMap((run) => run.flow_run_id ?? []),
  );
  const items = runs.map((run) => named(taskRunSummary(run), () => run, names, null));
  return { value: { items, hasMore: rows.length > limit, unseen } };
}

/** Up to `limit` task runs of Prefect, and one more. */
async function readPage(
  live: LiveReader,
  { set, sort, limit, offset, duration }: TaskRunsQuestion,
  { isServerOlder, isCompared, nowUs }: Plan,
): Promise<{ readonly rows: readonly TaskRun[]; readonly unseen: Sentence | null }> {
  const order = isServerOlder ? NEWEST_FIRST : sort;
  const read = (page: JsonObject) =>
    live.api.filterTaskRuns({ ...(set as JsonObject), sort: order, ...page }, live.options());
  const wanted = limit + 1;
  if (!isCompared) return { rows: await readRows(read, { wanted, offset }), unseen: null };
  const byDuration = isServerOlder && isDurationSort(sort) ? sort : null;
  const { runs, unseen } = await readCompared<TaskRun>(
    { kind: "task_run", isSortedByPrefect: !isServerOlder, sort: byDuration, duration, nowUs },
    {
      order,
      isNewestFirst: order === NEWEST_FIRST,
      read: (count) => readRows(read, { wanted: count, offset: 0 }),
      dueUs: (run) => parseIsoUs(run.expected_start_time ?? "") ?? null,
    },
  );
  return { rows: runs.slice(offset, offset + wanted), unseen };
}
