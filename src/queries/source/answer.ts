/**
 * Answers questions. The record answers where it covers the question, otherwise Prefect. When Prefect does not answer, the record
 * does, and the answer states its age and its gaps. Times are on the server clock unless stated otherwise.
 */

import { AppError, toAppError } from "../../errors.ts";
import { largest } from "../../lib/lists.ts";
import { asReason, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import {
  addUs,
  earliestOf,
  earliestUs,
  formatIsoSeconds,
  type LocalUs,
  latestUs,
  MINUTE_US,
  onServerClock,
  SECOND_US,
  type ServerUs,
} from "../../lib/time.ts";
import type { Freshness, TimeRange } from "../../model/freshness.ts";
import { asIncomplete, gapsIn } from "../../model/freshness.ts";
import type { SnapshotKind } from "../../model/objects.ts";
import { coveredRanges } from "../../store/coverage.ts";
import type { RecordDb } from "../../store/database.ts";
import { findFact } from "../../store/sync-state.ts";
import type { CoveredPart, SourceChoice, SyncView, WindowAsk } from "./choose-source.ts";
import {
  chooseForSnapshot,
  chooseForWindow,
  isEndRecent,
  isNowDoubtful,
  NO_SYNC,
  recordedPart,
  recordedSnapshot,
} from "./choose-source.ts";
import type { QueryContext } from "./context.ts";
import type { LiveReader } from "./live.ts";
import { openLive } from "./live.ts";
import { whyNoRecord } from "./no-record.ts";
import { checkOutage, findOutage, syncViewOf } from "./outage.ts";
import { currentSkew, serverNowUs, statedSkewUs } from "./server-time.ts";
import { followLimitUs } from "./sync-view.ts";

export interface Answered<T> {
  readonly value: T;
  readonly freshness: Freshness;
}

/** What a live reading found. Without `gaps` it is complete for the window of the question. */
export interface LiveValue<T> {
  readonly value: T;
  /** Parts of the window that could not be read. */
  readonly gaps?: readonly TimeRange[];
  readonly notes?: readonly Sentence[];
  /** A mixed reading did not need Prefect after all. */
  readonly isRecordOnly?: boolean;
}

export interface Reading<T> {
  /** What the record has, covered or not. */
  record(db: RecordDb): T;
  /** Prefect's answer; hands its rows to `ctx.saveLive`. */
  live(live: LiveReader): Promise<LiveValue<T>>;
  /** Reads the gaps from Prefect and the rest from the record. Absent: the whole window is read from Prefect. */
  mixed?(db: RecordDb, live: LiveReader, gaps: readonly TimeRange[]): Promise<LiveValue<T>>;
  isEmpty(value: T): boolean;
}

/**
 * Events reach the record as they occur. Rows of runs may be made without an event and are read in rounds, every 15 s while a client
 * is active, so what began after the last round is unknown.
 */
const FOLLOWED_ROWS_US = 45 * SECOND_US;

export interface WindowQuestion {
  /** Kind and scope of the coverage that the question needs. */
  readonly kind: string;
  readonly scope?: string;
  /** Plural noun for error messages: "events". */
  readonly what: string;
  /** Server clock. */
  readonly window: TimeRange;
  readonly fresh?: boolean | undefined;
  /** The answer depends on flow runs that have not ended, however long ago they began. */
  readonly needsUnfinished?: boolean;
  /** False when the stored columns cannot answer the filter. */
  readonly isAnswerable?: boolean;
  /** The record can only estimate: Prefect is asked first, and the record answers where Prefect is unreachable. */
  readonly isStale?: boolean;
}

/**
 * Answers a question about a window of time. Throws AppError of the live reading when it fails and the record has nothing of the
 * window.
 */
export async function answerWindow<T>(
  ctx: QueryContext,
  question: WindowQuestion,
  reading: Reading<T>,
): Promise<Answered<T>> {
  const nowUs = serverNowUs(ctx);
  const { value, freshness: found } = await answerBySource(ctx, question, reading);
  const freshness = question.needsUnfinished && found.source === "record" ? withUnfinished(found) : found;
  return { value, freshness: adjustForFuture(freshness, question.window, nowUs) };
}

/** For answers of a record that may lack flow runs that began before what it covers. */
export const UNKNOWN_UNFINISHED = sentence`Runs that began earlier and have not ended may be missing.`;

function withUnfinished(freshness: Freshness): Freshness {
  return freshness.coverage.complete ? freshness : asIncomplete(freshness, UNKNOWN_UNFINISHED);
}

/** Coverage of flow runs as far as all unfinished ones were recorded: it ends with their last reading. */
function upToUnfinished(db: RecordDb, covered: readonly CoveredPart[]): readonly CoveredPart[] {
  const readUs = findFact(db, "read:unfinished")?.readUs;
  if (readUs === undefined) return [];
  const endUs = onServerClock(readUs, statedSkewUs(db));
  return covered.flatMap((part) => (part.fromUs > endUs ? [] : [{ ...part, toUs: earliestUs(part.toUs, endUs) }]));
}

/** A window that begins after `nowUs` is not covered, whatever was read of it. */
export function adjustForFuture(freshness: Freshness, window: TimeRange, nowUs: ServerUs): Freshness {
  if (window.fromUs <= nowUs) return freshness;
  const { coverage } = freshness;
  const notes = [futureNote(nowUs), ...coverage.notes];
  return {
    ...freshness,
    coverage: { ...coverage, complete: false, fromUs: null, toUs: null, gaps: [window], notes },
  };
}

/** Also helps a caller that gave a local time without its zone. */
export function futureNote(nowUs: ServerUs): Sentence {
  return sentence`The window begins in the future; now is ${own(formatIsoSeconds(nowUs))}.`;
}

async function answerBySource<T>(
  ctx: QueryContext,
  question: WindowQuestion,
  reading: Reading<T>,
): Promise<Answered<T>> {
  const db = ctx.record();
  const ask = windowAsk(ctx, db, question);
  const choice = checkOutage(ctx, ask.sync, (sync) =>
    chooseForWindow({ ...ask, sync, isAnswerable: ask.isAnswerable && question.isStale !== true }),
  );
  if (choice.source === "record" && db) {
    const value = reading.record(db);
    return { value, freshness: choice };
  }
  try {
    return await readLive(ctx, ask, choice, reading, db);
  } catch (error) {
    const cause = toAppError(error);
    if (!db || !canFallBack(cause, question)) throw explain(ctx, cause, question);
    const choice = recordedAfter(cause, ask);
    const value = reading.record(db);
    // No coverage and no rows: there is nothing to answer from.
    if (ask.covered.length === 0 && reading.isEmpty(value)) throw explain(ctx, cause, question);
    return { value, freshness: withNotes(choice, fallbackNotes(ctx, cause)) };
  }
}

function windowAsk(ctx: QueryContext, db: RecordDb | null, question: WindowQuestion): WindowAsk {
  const ranges = db ? coveredRanges(db, question.kind, question.scope ?? "") : [];
  const covered = db && question.needsUnfinished ? upToUnfinished(db, ranges) : ranges;
  // A claim ends a little before its reading. Much earlier it ends only where the process that syncs is wrong about the server clock.
  const followedUs = question.kind === "event" && db ? followLimitUs(db) + MINUTE_US : FOLLOWED_ROWS_US;
  return { ...askOf(ctx, db, question), window: question.window, covered, followedUs };
}

function askOf(ctx: QueryContext, db: RecordDb | null, question: Pick<WindowQuestion, "fresh" | "isAnswerable">) {
  const { statedUs, isKnown } = currentSkew(ctx);
  return {
    nowUs: onServerClock(ctx.clock.nowUs(), statedUs),
    isNowKnown: isKnown,
    skewUs: statedSkewUs(db),
    freshMs: ctx.freshMs,
    wantsFresh: question.fresh === true,
    isAnswerable: question.isAnswerable !== false,
    sync: db ? syncViewOf(ctx, db) : NO_SYNC,
  };
}

async function readLive<T>(
  ctx: QueryContext,
  ask: WindowAsk,
  choice: SourceChoice,
  reading: Reading<T>,
  db: RecordDb | null,
): Promise<Answered<T>> {
  const live = openLive(ctx);
  // After the reading: its answers may have shown where the server clock is.
  const asOfUs = () => onServerClock(live.startedUs, currentSkew(ctx).statedUs);
  if (choice.source === "mixed" && db && reading.mixed) {
    const found = await reading.mixed(db, live, choice.gaps);
    if (!found.isRecordOnly)
      return { value: found.value, freshness: liveFreshness("mixed", ask.window, found, asOfUs()) };
    const { asOfUs: endUs } = recordedPart(ask, ask.window);
    return { value: found.value, freshness: liveFreshness("record", ask.window, found, endUs) };
  }
  const found = await reading.live(live);
  return { value: found.value, freshness: liveFreshness("live", ask.window, found, asOfUs()) };
}

function liveFreshness(
  source: Freshness["source"],
  window: TimeRange,
  found: LiveValue<unknown>,
  asOfUs: ServerUs,
): Freshness {
  const { gaps = [], notes = [] } = found;
  const toUs = latestUs(window.fromUs, earliestUs(window.toUs, asOfUs));
  const covered = gapsIn({ fromUs: window.fromUs, toUs }, gaps);
  const verifiedUs = source === "live" ? asOfUs : null;
  const span = { fromUs: covered[0]?.fromUs ?? null, toUs: covered.at(-1)?.toUs ?? null };
  return { source, asOfUs, coverage: { complete: gaps.length === 0, ...span, gaps, verifiedUs, notes } };
}

/** When Prefect is unreachable, the end of the record counts as now. After other failures the gaps remain gaps. */
function recordedAfter(cause: AppError, ask: WindowAsk): SourceChoice & { source: "record" } {
  if (cause.code !== "unavailable") return recordedPart({ ...ask, wantsFresh: false }, ask.window);
  const lostUs = earliestUs(ask.sync.lastContactUs ?? ask.nowUs, ask.nowUs);
  const sync: SyncView = { ...ask.sync, isFollowing: false, unreachableSinceUs: ask.sync.unreachableSinceUs ?? lostUs };
  const offline = { ...ask, sync, wantsFresh: false, isAnswerable: true };
  const choice = chooseForWindow(offline);
  return choice.source === "record" ? choice : recordedPart(offline, ask.window);
}

export interface SnapshotQuestion {
  /** Kinds whose whole lists the answer needs. */
  readonly kinds: readonly SnapshotKind[];
  readonly what: string;
  readonly fresh?: boolean | undefined;
  readonly isAnswerable?: boolean;
  /** The record is known to be out of date: Prefect is asked first, and the record answers where Prefect is unreachable. */
  readonly isStale?: boolean;
}

/** Answers a question about the present state of whole lists, otherwise like `answerWindow`. */
export function answerSnapshot<T>(
  ctx: QueryContext,
  question: SnapshotQuestion,
  reading: Omit<Reading<T>, "mixed">,
): Promise<Answered<T>> {
  const db = ctx.record();
  return answerWhole(ctx, { ...question, readUs: db ? oldestReading(db, question.kinds) : null }, reading);
}

/**
 * An ended run can be retried, and then gets new task runs and log lines. Its state events show that, so what was read of it stays
 * true only as long as these are recorded up to now.
 */
const RETRIES_SHOW_IN = "event";

/** The record shows every retry of an ended run up to now, or Prefect is unreachable. */
export function areRetriesRecorded(ctx: QueryContext, db: RecordDb): boolean {
  return isRecordCurrent(ctx, db, RETRIES_SHOW_IN);
}

export interface WholeQuestion extends Omit<SnapshotQuestion, "kinds"> {
  /** When all that the question needs was read, local clock. Null: never. */
  readonly readUs: LocalUs | null;
  /** What was read of ended runs changes only when one of them is retried, so its age does not matter while the events are recorded. */
  readonly isSettled?: boolean;
}

/** The same for anything that is read whole at one moment, such as the logs of a run. */
export async function answerWhole<T>(
  ctx: QueryContext,
  question: WholeQuestion,
  reading: Omit<Reading<T>, "mixed">,
): Promise<Answered<T>> {
  const db = ctx.record();
  const base = askOf(ctx, db, question);
  const readUs = question.readUs === null ? null : onServerClock(question.readUs, base.skewUs);
  const ask = {
    ...base,
    readUs,
    isSettled: question.isSettled === true && db !== null && areRetriesRecorded(ctx, db),
    isStale: question.isStale === true,
  };
  const choice = checkOutage(ctx, ask.sync, (sync) => chooseForSnapshot({ ...ask, sync }));
  if (choice.source === "record" && db) return { value: reading.record(db), freshness: choice };
  try {
    const live = openLive(ctx);
    const { value, gaps = [], notes = [] } = await reading.live(live);
    const at = onServerClock(live.startedUs, currentSkew(ctx).statedUs);
    const coverage = {
      complete: gaps.length === 0 && notes.length === 0,
      fromUs: at,
      toUs: at,
      gaps,
      verifiedUs: at,
      notes,
    };
    return { value, freshness: { source: "live", asOfUs: at, coverage } };
  } catch (error) {
    const cause = toAppError(error);
    if (!db || !canFallBack(cause, question)) throw explain(ctx, cause, question);
    const value = reading.record(db);
    if (readUs !== null)
      return { value, freshness: withNotes(recordedSnapshot(ask, readUs), fallbackNotes(ctx, cause)) };
    if (reading.isEmpty(value)) throw explain(ctx, cause, question);
    return { value, freshness: partlyRecorded(ask, question.what, fallbackNotes(ctx, cause)) };
  }
}

/** The freshness of rows that were saved from other answers: they are correct, but others may be missing. */
function partlyRecorded(ask: ReturnType<typeof askOf>, what: string, failures: readonly Sentence[]): Freshness {
  const notes = [...failures, sentence`Only a part of these ${asReason(what)} is recorded.`];
  const asOfUs = earliestUs(ask.sync.lastContactUs ?? ask.nowUs, ask.nowUs);
  return {
    source: "record",
    asOfUs,
    coverage: { complete: false, fromUs: null, toUs: null, gaps: [], verifiedUs: null, notes },
  };
}

/** When the oldest of these lists was read. Null when one of them never was. */
export function oldestReading(db: RecordDb, kinds: readonly SnapshotKind[]): LocalUs | null {
  const read = kinds.map((kind) => findFact(db, `read:${kind}`)?.readUs ?? null);
  return read.some((us) => us === null) ? null : earliestOf(read.filter((us) => us !== null));
}

function canFallBack(cause: AppError, question: Pick<WindowQuestion, "fresh" | "isAnswerable">): boolean {
  return cause.retryable && question.fresh !== true && question.isAnswerable !== false;
}

/** Why an answer is from the record, and what is doubtful about it. */
function fallbackNotes(ctx: QueryContext, cause: AppError): Sentence[] {
  const doubt = currentSkew(ctx).isRecordDoubtful
    ? [sentence`The clock of this machine may have been set since this was recorded, so its age may be wrong.`]
    : [];
  return [sentence`Prefect was asked and did not answer (${cause.sentence}).`, ...doubt];
}

function explain(
  ctx: QueryContext,
  cause: AppError,
  question: { readonly what: string; readonly fresh?: boolean | undefined },
): AppError {
  if (!cause.retryable) return cause;
  // A Prefect that sends Retry-After is reachable, and its URL is right.
  const isUnreachable = cause.code === "unavailable" && cause.retryAfterMs === undefined;
  const repair = cause.hint ? "" : " Start Prefect or correct PREFECT_API_URL, then call again.";
  const next = isUnreachable ? sentence`${repair} \`prefect-mcp-bun doctor\` says what is wrong.` : "";
  const hint = question.fresh
    ? "Call again without fresh to read what is recorded."
    : sentence`${whyNoRecord(ctx, question.what)}.${next}`;
  return new AppError(cause.code, cause.sentence, {
    hint: cause.ownHint ? sentence`${cause.ownHint} ${hint}` : sentence`${hint}`,
    cause,
    ...(cause.retryAfterMs === undefined ? {} : { retryAfterMs: cause.retryAfterMs }),
  });
}

function withNotes(choice: SourceChoice & { source: "record" }, notes: readonly Sentence[]): Freshness {
  const all = [...notes, ...choice.coverage.notes];
  return { source: "record", asOfUs: choice.asOfUs, coverage: { ...choice.coverage, notes: all } };
}

/**
 * Recorded rows of this kind are current: their coverage reaches to now, or Prefect is unreachable. Flow runs only with all unfinished
 * ones.
 */
export function isRecordCurrent(ctx: QueryContext, db: RecordDb, kind: string): boolean {
  const nowUs = serverNowUs(ctx);
  const window = { fromUs: addUs(nowUs, -SECOND_US), toUs: nowUs };
  const ask = windowAsk(ctx, db, { kind, what: kind, window, needsUnfinished: kind === "flow_run" });
  if (ask.covered.length === 0) return false;
  const endUs = largest(ask.covered.map((part) => part.toUs));
  return (!isNowDoubtful(ask, endUs) && isEndRecent(ask, endUs)) || findOutage(ctx, db);
}

/** All recorded rows of this kind in the window are current: the record would answer a question about it alone. */
export function isWindowRecorded(ctx: QueryContext, db: RecordDb, kind: string, window: TimeRange): boolean {
  const ask = windowAsk(ctx, db, { kind, what: kind, window });
  const choice = checkOutage(ctx, ask.sync, (sync) => chooseForWindow({ ...ask, sync }));
  return choice.source === "record" && choice.coverage.complete;
}

/** The freshness of an answer that is made of several: the oldest moment, every note. */
export function joinFreshness(parts: readonly Freshness[]): Freshness {
  const sources = new Set(parts.map((part) => part.source));
  const [first] = parts;
  if (!first) throw new AppError("internal", "an answer without parts");
  return {
    source: sources.size === 1 ? first.source : "mixed",
    asOfUs: earliestOf(parts.map((part) => part.asOfUs)),
    coverage: {
      ...first.coverage,
      complete: parts.every((part) => part.coverage.complete),
      notes: [...new Set(parts.flatMap((part) => part.coverage.notes))],
    },
  };
}
