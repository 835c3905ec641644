/** Flow runs by Prefect's filters. */
import { append } from "../../lib/lists.ts";
import { own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { latestUs, type ServerUs } from "../../lib/time.ts";
import { asIncomplete, type Freshness } from "../../model/freshness.ts";
import type { FlowRun } from "../../model/objects.ts";
import { type FlowRunSummary, flowRunSummary } from "../../model/runs/run-summary.ts";
import { isTerminal } from "../../model/state.ts";
import type { RecordDb } from "../../store/database.ts";
import { type FilterSet, isDecidable, snapshotsNeededBy } from "../../store/filters/bodies.ts";
import { findFlowRuns } from "../../store/filters/find.ts";
import { isCaseDecidable } from "../../store/filters/letter-case.ts";
import { findFlowRunRow, summaryOfFlowRun, toFlowRun } from "../../store/runs/flow-runs.ts";
import type { ListedFlowRun } from "../../store/runs/run-columns.ts";
import { findMissingParentTaskRuns } from "../../store/runs/task-runs.ts";
import { findFact } from "../../store/sync-state.ts";
import { findRecordedNames, readObjectNames } from "../names/object-names.ts";
import { stateNotes } from "../names/state-names.ts";
import { type Answered, answerWindow, type LiveValue } from "../source/answer.ts";
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
import { letterCaseNotes, unreadListNotes, unrecordedIdNotes, withUndecided } from "../source/undecided.ts";
import { isByDuration, uncomparedNote } from "./by-duration.ts";
import { deletionNote } from "./deleted-run.ts";
import {
  type FlowRunPosition,
  type FlowRunsQuestion,
  onlyIdsOf,
  type Placed,
  place,
  readPage,
} from "./flow-run-pages.ts";
import { isOrderKnown, withOrderNote } from "./order-of-nulls.ts";

export interface FlowRunItem {
  readonly summary: FlowRunSummary;
  /** In Prefect's shape: the whole document if `full`, otherwise what the columns contain. */
  readonly run: FlowRun;
  readonly flowName: string | null;
  readonly deploymentName: string | null;
  /** Local clock, microseconds. */
  readonly deletedUs: ServerUs | null;
  /** Position after this run. */
  readonly next: FlowRunPosition;
}

export interface FlowRunsPage {
  readonly items: readonly FlowRunItem[];
  readonly hasMore: boolean;
  readonly freshness: Freshness;
}

interface Found {
  readonly items: readonly FlowRunItem[];
  readonly hasMore: boolean;
  /** What was not looked at, where that may matter. */
  readonly unseen?: Sentence | null;
}

/** Throws AppError of the live reading when it fails and the record has nothing. */
export async function listFlowRuns(ctx: QueryContext, question: FlowRunsQuestion): Promise<FlowRunsPage> {
  const db = ctx.record();
  const start: FlowRunPosition = question.after ?? { nowUs: serverNowUs(ctx), part: 0, offset: 0 };
  const recorded = db ? findPage(db, question, start) : [];
  const isKnown =
    isDecidable(question.set) &&
    (db === null || isCaseDecidable(db, question.set)) &&
    (db === null || areIdsRecorded(idsOf(question.set.flow_runs), (id) => findFlowRunRow(db, id) !== null)) &&
    hasLists(ctx, db, snapshotsNeededBy(question.set, "flow_runs")) &&
    (db === null || !asksForSubflows(question.set) || findMissingParentTaskRuns(db, 1).length === 0);
  const isWhole =
    !question.isFull || recorded.slice(0, question.limit).every(({ row }) => row.doc !== null && row.dirty === 0);
  const window = windowOf(db, question, start, recorded);
  const isOrdered =
    db === null ||
    isOrderKnown(
      db,
      question.sort,
      recorded.map(({ row }) => row),
      () => findPage(db, question, start, true).map(({ row }) => row),
    );
  const { value, freshness } = await answerWindow<Found>(
    ctx,
    {
      kind: "flow_run",
      what: "flow runs",
      window,
      needsUnfinished: db !== null && asksForUnfinished(db, question.set.flow_runs),
      fresh: question.fresh,
      isStale: !(isWhole && isKnown && isOrdered) && !isOffline(ctx, db),
    },
    {
      record: (record) => ({
        ...fromRecord(record, question, recorded),
        unseen:
          isByDuration(question) && reachOf(question, recorded) === null
            ? uncomparedNote(record, "flow_run", question.set.flow_runs, window.fromUs, start.nowUs)
            : null,
      }),
      live: (live) => fromLive(ctx, live, question, start),
      isEmpty: (found) => found.items.length === 0,
    },
  );
  return {
    ...value,
    freshness: withOrderNote(withNotes(db, question, { value, freshness }), question.sort, isOrdered),
  };
}

/**
 * Whether the filter is by parent run. A subflow is linked to its parent by a task run that no event names, so the record can
 * answer only once these task runs were read.
 */
function asksForSubflows({ flow_runs }: FilterSet): boolean {
  const asked = (flow_runs as { parent_flow_run_id?: unknown } | undefined)?.parent_flow_run_id;
  return asked !== undefined && asked !== null;
}

function windowOf(
  db: RecordDb | null,
  question: FlowRunsQuestion,
  start: FlowRunPosition,
  recorded: readonly Placed<ListedFlowRun>[],
) {
  const nowUs = latestUs(start.nowUs, 0);
  const filter = question.set.flow_runs;
  const ids = idsOf(filter);
  if (db && ids?.every((id) => findFlowRunRow(db, id) !== null)) return presentWindow(db, "flow_run", nowUs);
  const reachUs = reachOf(question, recorded);
  if (db && asksForUnfinished(db, filter)) return presentWindow(db, "flow_run", nowUs);
  const { fromUs } = boundsOf(filter);
  const isLater = (fromUs ?? 0) > nowUs;
  // Prefect can only be asked for the newest runs, of which the record has more.
  if (isLater || (isByDuration(question) && fromUs === null && reachUs === null && db !== null))
    return presentWindow(db, "flow_run", nowUs);
  return askedWindow(db, "flow_run", filter, nowUs, reachUs);
}

/** Whether all runs that the filter can match have not ended and were recorded, however long ago they began. */
function asksForUnfinished(db: RecordDb, filter: unknown): boolean {
  const { operator, state } = (filter ?? {}) as {
    readonly operator?: string;
    readonly state?: {
      readonly operator?: string;
      readonly type?: { readonly any_?: readonly string[] } | null;
    } | null;
  };
  const types = operator === "or_" || state?.operator === "or_" ? [] : (state?.type?.any_ ?? []);
  const { fromUs, toUs } = boundsOf(filter);
  if (types.length === 0 || fromUs !== null || toUs !== null) return false;
  return !types.some(isTerminal) && findFact(db, "read:unfinished") !== null;
}

/** Where a full page of the newest runs ends: older runs do not matter. Null for other pages. */
function reachOf({ limit, sort }: FlowRunsQuestion, recorded: readonly Placed<ListedFlowRun>[]): ServerUs | null {
  const last = recorded[limit - 1];
  if (recorded.length <= limit || last === undefined || last.next.part !== 0) return null;
  if (sort === undefined || sort === "START_TIME_DESC") return last.row.begin_us;
  return sort === "EXPECTED_START_TIME_DESC" ? last.row.expected_us : null;
}

/** Up to `limit` rows from `start` on, and one more. */
function findPage(
  db: RecordDb,
  question: FlowRunsQuestion,
  start: FlowRunPosition,
  areNullsLargest?: boolean,
): Placed<ListedFlowRun>[] {
  const { set, sort, limit, duration } = question;
  const isBrief = !question.isFull;
  const ran = { duration, nowUs: start.nowUs };
  const wanted = limit + 1;
  if (sort !== undefined) {
    const page = {
      limit: wanted,
      offset: start.offset,
      isBrief,
      ...ran,
      ...(areNullsLargest === undefined ? {} : { areNullsLargest }),
    };
    const rows = findFlowRuns(db, set, sort, page);
    return place(rows, start);
  }
  const past = { notAfterUs: start.nowUs };
  const later = { afterUs: start.nowUs };
  const rows =
    start.part === 0
      ? place(
          findFlowRuns(db, set, "START_TIME_DESC", {
            limit: wanted,
            offset: start.offset,
            begin: past,
            isBrief,
            ...ran,
          }),
          start,
        )
      : [];
  if (rows.length === wanted) return rows;
  const from = start.part === 0 ? { ...start, part: 1 as const, offset: 0 } : start;
  const page = { limit: wanted - rows.length, offset: from.offset, begin: later, isBrief, ...ran };
  return [...rows, ...place(findFlowRuns(db, set, "START_TIME_ASC", page), from)];
}

function fromRecord(db: RecordDb, question: FlowRunsQuestion, recorded: readonly Placed<ListedFlowRun>[]): Found {
  const deleted = question.includesDeleted
    ? findFlowRuns(db, question.set, "START_TIME_DESC", { limit: question.limit, isDeleted: true })
    : [];
  const end = { nowUs: 0, part: 1, offset: 0 } as const;
  const shown = [...recorded.slice(0, question.limit), ...deleted.map((row) => ({ row, next: end }))];
  const summaries = shown.map(({ row }) => summaryOfFlowRun(row));
  const flows = findRecordedNames(
    db,
    "flow",
    summaries.map((one) => one.flowId),
  );
  const deployments = findRecordedNames(
    db,
    "deployment",
    summaries.map((one) => one.deploymentId),
  );
  const items = shown.map(({ row, next }, index) => {
    const toRun = () => toFlowRun(question.isFull ? row : { ...row, doc: null });
    return named(summaries[index] as FlowRunSummary, toRun, row.deleted_us, next, flows, deployments);
  });
  return { items, hasMore: recorded.length > question.limit };
}

function named(
  summary: FlowRunSummary,
  toRun: () => FlowRun,
  deletedUs: ServerUs | null,
  next: FlowRunPosition,
  flows: ReadonlyMap<string, string>,
  deployments: ReadonlyMap<string, string>,
): FlowRunItem {
  return {
    summary,
    // Computed on access: most lists do not use it.
    get run() {
      return toRun();
    },
    flowName: flows.get(summary.flowId ?? "") ?? null,
    deploymentName: deployments.get(summary.deploymentId ?? "") ?? null,
    deletedUs,
    next,
  };
}

async function fromLive(
  ctx: QueryContext,
  live: LiveReader,
  question: FlowRunsQuestion,
  start: FlowRunPosition,
): Promise<LiveValue<Found>> {
  const { rows: found, unseen } = await readPage(live, question, start);
  const shown = found.slice(0, question.limit);
  const runs = shown.map(({ row }) => row);
  if (runs.length > 0) ctx.saveLive({ kind: "flow_run", rows: runs, readUs: live.startedUs });
  const missing = missingIds(question.set, runs, found.length > question.limit || start.offset > 0);
  if (missing.length > 0) ctx.saveLive({ kind: "flow_run", rows: [], readUs: live.startedUs, missing });
  const [flows, deployments] = await Promise.all([
    readObjectNames(
      ctx,
      live,
      "flow",
      runs.map((run) => run.flow_id),
    ),
    readObjectNames(
      ctx,
      live,
      "deployment",
      runs.map((run) => run.deployment_id),
    ),
  ]);
  const items = shown.map(({ row, next }) => named(flowRunSummary(row), () => row, null, next, flows, deployments));
  const db = ctx.record();
  const deleted =
    question.includesDeleted && db ? fromRecord(db, question, []).items.filter((item) => item.deletedUs !== null) : [];
  return { value: { items: [...items, ...deleted], hasMore: found.length > question.limit, unseen } };
}

/** Ids that the question asks for, without other criteria, and that Prefect does not have. */
function missingIds(set: FilterSet, runs: readonly FlowRun[], isPart: boolean): readonly string[] {
  const ids = onlyIdsOf(set);
  if (ids === null || isPart) return [];
  const found = new Set(runs.map((run) => run.id));
  return ids.map((id) => id.toLowerCase()).filter((id) => !found.has(id));
}

/** Notes on what the list cannot show: deleted runs that were asked for by id, unknown states, and estimates of the record. */
function withNotes(db: RecordDb | null, question: FlowRunsQuestion, { value, freshness }: Answered<Found>): Freshness {
  const notes = [...freshness.coverage.notes];
  const shown = new Set(value.items.map((item) => item.summary.id));
  for (const id of db ? (idsOf(question.set.flow_runs) ?? []) : []) {
    const row = db && !shown.has(id.toLowerCase()) ? findFlowRunRow(db, id) : null;
    if (row?.deleted_us == null) continue;
    notes.push(deletionNote(row));
  }
  const states = value.items.map((item) => item.summary.stateName);
  append(notes, stateNotes(db, "flow_run", question.set.flow_runs, states));
  const noted = { ...freshness, coverage: { ...freshness.coverage, notes } };
  const whole = value.unseen ? asIncomplete(noted, value.unseen) : noted;
  return db === null ? whole : withUndecided(whole, undecidedNotes(db, question));
}

/** What the record cannot decide about the question. */
function undecidedNotes(db: RecordDb, { set }: FlowRunsQuestion): Sentence[] {
  const isRecorded = (id: string) => findFlowRunRow(db, id) !== null;
  const notes = [
    ...unreadListNotes(db, snapshotsNeededBy(set, "flow_runs")),
    ...letterCaseNotes(db, set),
    ...unrecordedIdNotes(idsOf(set.flow_runs), own("flow runs"), isRecorded),
  ];
  if (asksForSubflows(set) && findMissingParentTaskRuns(db, 1).length > 0)
    notes.push(
      sentence`Not all task runs that link subflows to their parents are recorded, so subflows may be missing.`,
    );
  if (!isDecidable(set)) {
    notes.push(
      sentence`Whether work queue names match is an estimate: the record does not have the name that Prefect stored with a run.`,
    );
  }
  return notes;
}
