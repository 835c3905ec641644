/** Log lines of one flow run, with its subflows on request. */
import { append } from "../../lib/lists.ts";
import { counted, sentence } from "../../lib/shown-text.ts";
import { earliestOf, type LocalUs, onServerClock, parseIsoUs, SECOND_US } from "../../lib/time.ts";
import type { Freshness } from "../../model/freshness.ts";
import { gapsIn, mergeRanges } from "../../model/freshness.ts";
import type { FlowRun, Log } from "../../model/objects.ts";
import { LineOrder } from "../../model/runs/line-order.ts";
import { LAST_LOG_DELAY_US } from "../../model/runs/server-delays.ts";
import { isTerminal } from "../../model/state.ts";
import { ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import { coverageEnd, coveredRanges } from "../../store/coverage.ts";
import type { RecordDb } from "../../store/database.ts";
import { findLogArrivals, findLogsOfFlowRun } from "../../store/logs/logs.ts";
import { type FlowRunRow, findFlowRunRow } from "../../store/runs/flow-runs.ts";
import { areChildrenRecorded, findFlowRunIdsBelow, findRunNames } from "../../store/runs/run-tree.ts";
import { readRunNames } from "../names/run-names.ts";
import type { LiveValue } from "../source/answer.ts";
import { answerWhole, areRetriesRecorded } from "../source/answer.ts";
import { AHEAD_US } from "../source/choose-source.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";
import { isOffline } from "../source/run-window.ts";
import { readingAgeUs, statedSkewUs } from "../source/server-time.ts";
import { deletedError, deletionNote, readDeletedRun } from "./deleted-run.ts";
import { readLiveLogs } from "./live-logs.ts";
import type { LogLine } from "./log-lines.ts";
import { numberLines } from "./log-lines.ts";
import { readFlowRun } from "./read-flow-run.ts";

/** Lines arrive up to a few seconds after they are written. A reading so long after the end of a run has all of them. */
const SETTLED_US = 10 * SECOND_US;
/** Levels of subflows that are read. */
const MAX_DEPTH = 10;

export interface RunLogs {
  /** The run of the question. */
  readonly flowRun: { readonly id: string; readonly name: string | null; readonly state: string | null };
  /** Ascending. */
  readonly lines: readonly LogLine[];
  /** `lines` are all lines of the run. */
  readonly isWhole: boolean;
  /** Names of the runs and task runs that wrote lines, by id, as far as known. */
  readonly names: ReadonlyMap<string, string>;
}

export interface LogsQuestion {
  readonly flowRunId: string;
  readonly includeSubflows: boolean;
  readonly fresh?: boolean | undefined;
  /** The most lines that the answer can show. */
  readonly wanted: number;
}

/** All lines of the run. Throws AppError `not_found` when neither the record nor Prefect has the run. */
export async function getRunLogs(
  ctx: QueryContext,
  question: LogsQuestion,
): Promise<RunLogs & { freshness: Freshness }> {
  const db = ctx.record();
  const recorded = db ? recordedRuns(db, question) : null;
  const deleted = readDeletedRun(ctx, question.flowRunId);
  if (db && recorded && deleted) return ofDeleted(ctx, db, deleted, question.flowRunId, recorded);
  const { value, freshness } = await answerWhole<RunLogs>(
    ctx,
    {
      what: "log lines",
      fresh: question.fresh,
      readUs: recorded?.settledUs ?? null,
      isSettled: recorded?.isFinal === true,
    },
    {
      record: (record) => fromRecord(ctx, record, question.flowRunId, recorded?.ids ?? [question.flowRunId]),
      live: (live) => fromLive(ctx, live, question),
      isEmpty: (logs) => logs.lines.length === 0,
    },
  );
  return { ...value, freshness };
}

interface RecordedRuns {
  readonly ids: readonly string[];
  /** Local clock. */
  readonly settledUs: LocalUs | null;
  /** No further lines are expected. */
  readonly isFinal: boolean;
}

/** The lines that were recorded before Prefect deleted the run. Throws AppError `not_found` when there are none. */
function ofDeleted(
  ctx: QueryContext,
  db: RecordDb,
  deleted: FlowRunRow,
  id: string,
  recorded: RecordedRuns,
): RunLogs & { freshness: Freshness } {
  const settledUs = recorded.settledUs === null ? null : onServerClock(recorded.settledUs, statedSkewUs(db));
  const found = fromRecord(ctx, db, id, recorded.ids);
  if (settledUs === null && found.lines.length === 0) throw deletedError(deleted, "its log was not recorded");
  const part = settledUs === null ? [sentence`Lines that were not recorded before the deletion are lost.`] : [];
  const coverage = {
    complete: settledUs !== null,
    ...{ fromUs: null, toUs: null, gaps: [], verifiedUs: settledUs },
    notes: [deletionNote(deleted), ...part],
  };
  return {
    ...found,
    freshness: { source: "record", asOfUs: settledUs ?? deleted.deleted_us ?? 0, coverage },
  };
}

/** The recorded run and its subflows. `settledUs`: the oldest of the times at which each was read whole after its end. */
function recordedRuns(db: RecordDb, { flowRunId, includeSubflows }: LogsQuestion): RecordedRuns {
  const ids = [flowRunId];
  if (includeSubflows) append(ids, findFlowRunIdsBelow(db, flowRunId, MAX_DEPTH));
  const read = ids.map((id) => settledReading(db, id));
  const whole = read.filter((one) => one !== null);
  const isKnown = !includeSubflows || ids.every((id) => areSubflowsRecorded(db, id));
  const settledUs = whole.length < ids.length || !isKnown ? null : earliestOf(whole.map(({ readUs }) => readUs));
  return { ids, settledUs, isFinal: settledUs !== null && whole.every(({ isFinal }) => isFinal) };
}

/**
 * All subflows of an ended run are recorded: its task runs were read after its end, with all flow runs that these represent, and the flow
 * runs of its time are covered. A subflow may be expected before its parent began.
 */
function areSubflowsRecorded(db: RecordDb, id: string): boolean {
  const run = findFlowRunRow(db, id);
  const [fromUs, toUs] = [run?.begin_us ?? null, run?.end_us ?? run?.state_us ?? null];
  if (fromUs === null || toUs === null) return false;
  const tasksUs = coveredRanges(db, "task_run", id).at(-1)?.toUs ?? Number.NEGATIVE_INFINITY;
  if (!areChildrenRecorded(db, id)) return false;
  return tasksUs >= toUs && gapsIn({ fromUs, toUs }, mergeRanges(coveredRanges(db, "flow_run", ""))).length === 0;
}

/** When the lines of an ended run were read whole after its end. Null: they were not. `isFinal`: no further lines are expected. */
export function settledReading(db: RecordDb, id: string): { readUs: LocalUs; isFinal: boolean } | null {
  const run = findFlowRunRow(db, id);
  if (!run || !isTerminal(run.state_type)) return null;
  const endUs = run.end_us ?? run.state_us ?? Number.POSITIVE_INFINITY;
  // The coverage of logs ends at a time of the server clock, as does the run.
  const last = coveredRanges(db, "log", id).at(-1);
  if (last === undefined || last.toUs < endUs + SETTLED_US) return null;
  return { readUs: last.verifiedUs, isFinal: last.toUs >= endUs + LAST_LOG_DELAY_US };
}

/** All lines of an ended run up to now are recorded, or Prefect is unreachable and those of its end are. */
export function isLogRecorded(ctx: QueryContext, db: RecordDb, id: string): boolean {
  const reading = settledReading(db, id);
  if (reading === null) return false;
  const ageUs = readingAgeUs(ctx, db, reading.readUs);
  const isRecent = ageUs >= -AHEAD_US && ageUs <= ctx.freshMs * 1000;
  return isRecent || isOffline(ctx, db) || (reading.isFinal && areRetriesRecorded(ctx, db));
}

function fromRecord(ctx: QueryContext, db: RecordDb, flowRunId: string, ids: readonly string[]): RunLogs {
  const run = findFlowRunRow(db, flowRunId);
  const logs = arranged(
    ctx,
    ids.flatMap((id) => findLogsOfFlowRun(db, id)),
  );
  const names = findRunNames(db, "task_run", taskRunIds(logs));
  for (const id of ids) {
    const name = findFlowRunRow(db, id)?.name;
    if (name) names.set(id, name);
  }
  return {
    flowRun: { id: flowRunId, name: run?.name ?? null, state: run?.state_name ?? null },
    lines: withKnownNumbersOnly(db, numberLines(logs)),
    isWhole: ids.every((id) => coverageEnd(db, "log", id) !== null),
    names,
  };
}

/**
 * A number is known where all lines of the run up to this one are recorded. Of other runs the record may have some lines only, such as
 * errors. `lines` ascend by time. The claim of a run is read once: a run may have 100,000 lines.
 */
function withKnownNumbersOnly(db: RecordDb, lines: readonly LogLine[]): readonly LogLine[] {
  const lastUs = parseIsoUs(lines.at(-1)?.log.timestamp ?? "") ?? Number.POSITIVE_INFINITY;
  const ends = new Map<string, number | null>();
  const endOf = (id: string) => {
    const known = ends.get(id);
    if (known !== undefined) return known;
    const end = coverageEnd(db, "log", id.toLowerCase());
    ends.set(id, end);
    return end;
  };
  return lines.map((line) => {
    const { flow_run_id: id, timestamp } = line.log;
    const end = id ? endOf(id) : null;
    const isKnown = end !== null && (lastUs <= end || (parseIsoUs(timestamp) ?? 0) <= end);
    return isKnown ? line : { ...line, n: null };
  });
}

/** The lines by time, and those of one time in the order in which they came first. */
function arranged(ctx: QueryContext, logs: readonly Log[]): readonly Log[] {
  const db = ctx.record();
  const order = ctx.lineOrder ?? new LineOrder();
  return order.arrange(logs, (ids) => (db ? findLogArrivals(db, ids) : new Map()));
}

async function fromLive(ctx: QueryContext, live: LiveReader, question: LogsQuestion): Promise<LiveValue<RunLogs>> {
  const [run, below] = await Promise.all([
    readFlowRun(ctx, live, question.flowRunId),
    question.includeSubflows ? readRunsBelow(ctx, live, question.flowRunId) : [],
  ]);
  const ids = [run.id, ...below.map((one) => one.id)];
  const read = await readLiveLogs(live, ids, question.wanted);
  const arrangedLogs = arranged(ctx, read.logs);
  const logs = ctx.redactLogs?.(arrangedLogs) ?? arrangedLogs;
  for (const id of ids) {
    const rows = logs.filter((log) => log.flow_run_id === id);
    const ofFlowRun = read.isWhole ? { ofFlowRun: id, reachedUs: live.reachedUs() } : {};
    ctx.saveLive({ kind: "log", rows, readUs: live.startedUs, ...ofFlowRun });
  }
  const names = await readRunNames(ctx, live, "task_run", taskRunIds(logs));
  for (const one of [run, ...below]) names.set(one.id, one.name);
  const lines = read.isWhole ? numberLines(logs) : logs.map((log) => ({ n: null, log }));
  const value = {
    flowRun: { id: run.id, name: run.name, state: run.state_name ?? null },
    lines,
    isWhole: read.isWhole,
    names,
  };
  if (read.isWhole) return { value };
  return {
    value,
    notes: [
      sentence`This run has more lines than could be read in time: only the newest were, ${counted(lines.length, "line")}.`,
    ],
  };
}

/** Subflow runs, level by level. */
async function readRunsBelow(ctx: QueryContext, live: LiveReader, id: string): Promise<readonly FlowRun[]> {
  const found: FlowRun[] = [];
  let parents = [id];
  for (let depth = 0; depth < MAX_DEPTH && parents.length > 0; depth++) {
    const body = { flow_runs: { parent_flow_run_id: { any_: parents } }, sort: "START_TIME_ASC", limit: ROWS_PER_PAGE };
    const children = await live.api.filterFlowRuns(body, live.options());
    append(found, children);
    parents = children.map((child) => child.id);
  }
  if (found.length > 0) ctx.saveLive({ kind: "flow_run", rows: found, readUs: live.startedUs });
  return found;
}

function taskRunIds(logs: readonly Log[]): string[] {
  return [...new Set(logs.flatMap((log) => (log.task_run_id ? [log.task_run_id] : [])))];
}
