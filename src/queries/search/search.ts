/** Searches events, recorded log lines and names. One list: objects first, then hits with a time, newest first. */

import { AppError } from "../../errors.ts";
import { append } from "../../lib/lists.ts";
import { asNames, counted, own, quote, quoteJson, type Sentence, sentence } from "../../lib/shown-text.ts";
import {
  addUs,
  earliestOf,
  formatIsoSeconds,
  formatIsoUs,
  onServerClock,
  parseIsoUs,
  type ServerUs,
} from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import type { Coverage, Freshness, TimeRange } from "../../model/freshness.ts";
import { mergeRanges, withNotes } from "../../model/freshness.ts";
import { KINDS, RUN_KINDS, type RunKind, SNAPSHOT_KINDS } from "../../model/kinds.ts";
import { asciiParts, matchesSearch, parseSearchTerms, type SearchTerms } from "../../model/text/search-terms.ts";
import { wordsOfAll } from "../../model/text/words.ts";
import { coverageEnd, coveredRanges } from "../../store/coverage.ts";
import type { RecordDb } from "../../store/database.ts";
import { stringsOf } from "../../store/events/event-text.ts";
import type { EventCursor } from "../../store/events/events.ts";
import { type LogCursor, withKnownNumbers } from "../../store/logs/logs.ts";
import { findRunNames } from "../../store/runs/run-tree.ts";
import { countRunsWithoutLogs } from "../../store/runs/runs-in-window.ts";
import {
  checkSearchTerms,
  type FoundObject,
  type FoundRun,
  findObjectsByWords,
  findRunsByWords,
  matchObjects,
} from "../../store/search/names-by-words.ts";
import { findEventsByText, findLogsByText } from "../../store/search/text.ts";
import { findFact } from "../../store/sync-state.ts";
import { eventWindow, joinGaps } from "../events/events.ts";
import { gapsOf, readLiveEvents } from "../events/live-events.ts";
import type { LiveValue } from "../source/answer.ts";
import { adjustForFuture, answerWindow, isWindowRecorded, joinFreshness } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import { type LiveGaps, reachOf } from "../source/event-reach.ts";
import type { LiveReader } from "../source/live.ts";
import { newestNote } from "../source/newest-note.ts";
import { whyNoRecord } from "../source/no-record.ts";
import { isOver } from "../source/past-window.ts";
import { askedWindow } from "../source/run-window.ts";
import { serverNowUs, statedSkewUs } from "../source/server-time.ts";
import { isSearched, type SearchHit, withFullNames } from "./hit-names.ts";
import { type LiveList, type LiveLists, readLiveLists } from "./live-objects.ts";
import { operatorNotes } from "./operator-note.ts";

export const SEARCH_KINDS = ["event", "log", "flow_run", "task_run", ...SNAPSHOT_KINDS] as const;
export type SearchKind = (typeof SEARCH_KINDS)[number];

/** The end of a page: a position per source. */
export interface SearchPosition {
  readonly objects: number;
  readonly runs: number;
  readonly event: EventCursor | undefined;
  readonly log: LogCursor | undefined;
}
export const SEARCH_START: SearchPosition = { objects: 0, runs: 0, event: undefined, log: undefined };

export interface SearchQuestion {
  readonly query: string;
  /** Absent: all kinds. */
  readonly kinds: readonly SearchKind[] | undefined;
  readonly sinceUs?: ServerUs | undefined;
  readonly untilUs?: ServerUs | undefined;
  /** The caller gave a time. A cursor contains its window. */
  readonly isBounded: boolean;
  readonly limit: number;
  readonly after: SearchPosition;
  readonly fresh?: boolean | undefined;
  /** Time of the call, server clock. Absent: now. */
  readonly nowUs?: ServerUs | undefined;
}

export interface SearchPage {
  readonly hits: readonly SearchHit[];
  readonly hasMore: boolean;
  readonly window: TimeRange;
  readonly freshness: Freshness;
}

/** Longer queries are not quoted in a hint. */
const MAX_QUOTED_CHARS = 100;

/**
 * Throws AppError `invalid_input` for a query without words or with too many, and that of the live reading when it fails and
 * nothing is recorded.
 */
export async function searchRecord(ctx: QueryContext, question: SearchQuestion): Promise<SearchPage> {
  const terms = parseSearchTerms(question.query);
  checkSearchTerms(terms);
  if (terms.all.length === 0) {
    const { query } = question;
    const signs =
      terms.none.length === 0 && query.trim() !== "" && query.length <= MAX_QUOTED_CHARS ? query.trim() : "";
    const filter = quoteJson({ text: { query: signs } });
    const others = sentence`Signs and emoji are not indexed: read_events with filter ${filter} looks for them in events, get_flow_run_logs with text in the lines of one run, get_flow_runs with name in names. `;
    throw new AppError(
      "invalid_input",
      sentence`${quote(query)} holds no word to look for: only letters and digits make words`,
      {
        hint: sentence`${signs === "" ? "" : others}Give words that all must occur; "a phrase", -without, begin*, *part*.`,
      },
    );
  }
  const nowUs = question.nowUs ?? serverNowUs(ctx);
  const window = await eventWindow(ctx, question, nowUs);
  const search = { ...question, window, nowUs };
  const db = ctx.record();
  const wants = wantedKinds(question);
  const [live, { value: events, freshness }] = await Promise.all([
    readLiveLists(ctx, db, wants, question.fresh === true),
    wants("event")
      ? answerWindow<Found<PrefectEvent>>(
          ctx,
          { kind: "event", what: "events", window, fresh: question.fresh },
          {
            record: (record) => eventsOfRecord(record, terms, window, question),
            live: (live) => eventsFromBoth(ctx, null, live, [window], terms, search),
            mixed: (record, live, gaps) => eventsFromBoth(ctx, record, live, gaps, terms, search),
            isEmpty: (found) => found.rows.length === 0,
          },
        )
      : { value: NOTHING, freshness: adjustForFuture(untimed(ctx, db, wants), window, nowUs) },
  ]);
  const logs = db && wants("log") ? logsOfRecord(db, terms, window, question) : { rows: [], hasMore: false };
  const runIds = [...new Set(logs.rows.flatMap(({ log }) => log.flow_run_id ?? []))];
  const names = db ? findRunNames(db, "flow_run", runIds) : new Map<string, string>();
  const runs = db ? runsOfRecord(db, terms, window, question, wants) : [];
  const objects = objectsFromBoth(db, terms, question, wants, live.lists);
  const [failure] = live.failed;
  const isAllFailed = SEARCH_KINDS.filter(wants).every((kind) => live.failed.some((one) => one.kind === kind));
  if (failure && isAllFailed && objects.length === 0) throw failure.cause;
  const timed: SearchHit[] = [
    ...events.rows.map((event) => ({ kind: "event", us: usOf(event), id: event.id, event }) as const),
    ...logs.rows.map((found) => {
      const run = names.get(found.log.flow_run_id ?? "");
      return { kind: "log", us: found.tsUs, id: found.log.id, found, ...(run ? { run } : {}) } as const;
    }),
    ...runs.map((run) => ({ kind: "run", us: run.beginUs, id: run.id, run }) as const),
  ].sort((a, b) => b.us - a.us);
  const notes = [...unsearched(ctx, db, search, wants, live), ...unrecordedRuns(ctx, db, search, wants)];
  const searched = withUnsearched(withLiveLists(freshness, live, wants), notes);
  const whole = withNotes(searched, operatorNotes(question.query));
  const hits: SearchHit[] = [...objects.map((one) => ({ kind: "object", ...one }) as const), ...timed];
  return {
    hits: withFullNames(db, hits.slice(0, question.limit)),
    hasMore: hits.length > question.limit || events.hasMore || logs.hasMore,
    window,
    freshness: objects.length > 0 && isOver(ctx, window, nowUs) ? withNotes(whole, [OBJECTS_AS_NOW]) : whole,
  };
}

/** The position after the first `count` hits. */
export function positionAfterHits(hits: readonly SearchHit[], count: number, from: SearchPosition): SearchPosition {
  let { objects, runs, event, log } = from;
  for (const hit of hits.slice(0, count)) {
    if (hit.kind === "object") objects += 1;
    else if (hit.kind === "run") runs += 1;
    else if (hit.kind === "event") event = { occurredUs: hit.us, id: hit.id.toLowerCase() };
    else log = { tsUs: hit.found.tsUs, seq: hit.found.seq };
  }
  return { objects, runs, event, log };
}

interface Found<T> {
  readonly rows: readonly T[];
  readonly hasMore: boolean;
}
const NOTHING: Found<never> = { rows: [], hasMore: false };

/** Objects have no time, so with a bound they are only searched when the caller gives their kind. */
const OBJECTS_AS_NOW = sentence`The window is over; objects are shown as they are now.`;

function wantedKinds({ kinds, isBounded }: SearchQuestion): (kind: SearchKind) => boolean {
  const isObject = (kind: SearchKind) => (SNAPSHOT_KINDS as readonly string[]).includes(kind);
  return (kind) => (kinds && kinds.length > 0 ? kinds.includes(kind) : !(isBounded && isObject(kind)));
}

function usOf(event: PrefectEvent): ServerUs {
  return parseIsoUs(event.occurred) ?? 0;
}

function eventsOfRecord(db: RecordDb, terms: SearchTerms, window: TimeRange, question: SearchQuestion) {
  const { limit, after } = question;
  const cursor = after.event ? { after: after.event } : {};
  const { events, hasMore } = findEventsByText(db, { terms, ...window, limit: limit + 1, ...cursor });
  return { rows: events, hasMore };
}

function logsOfRecord(db: RecordDb, terms: SearchTerms, window: TimeRange, question: SearchQuestion) {
  const cursor = question.after.log ? { after: question.after.log } : {};
  const { logs, hasMore } = findLogsByText(db, { terms, ...window, limit: question.limit + 1, ...cursor });
  return { rows: withKnownNumbers(db, logs), hasMore };
}

function runsOfRecord(
  db: RecordDb,
  terms: SearchTerms,
  window: TimeRange,
  { after, limit, isBounded }: SearchQuestion,
  wants: (kind: SearchKind) => boolean,
): FoundRun[] {
  const kinds = RUN_KINDS.filter(wants);
  if (kinds.length === 0) return [];
  return findRunsByWords(db, kinds, terms, isBounded ? window : null, { offset: after.runs, limit: limit + 1 });
}

/** Recorded objects, and those of the lists that were read from Prefect, in one order. */
function objectsFromBoth(
  db: RecordDb | null,
  terms: SearchTerms,
  { after, limit }: SearchQuestion,
  wants: (kind: SearchKind) => boolean,
  lists: readonly LiveList[],
): FoundObject[] {
  const { objects: offset } = after;
  const kinds = SNAPSHOT_KINDS.filter((kind) => wants(kind) && !lists.some((list) => list.kind === kind));
  const find = (page: { offset: number; limit: number }) =>
    db && kinds.length > 0 ? findObjectsByWords(db, kinds, terms, page) : [];
  if (lists.length === 0) return find({ offset, limit: limit + 1 });
  const end = offset + limit + 1;
  const found = [
    ...find({ offset: 0, limit: end }),
    ...lists.flatMap((list) => matchObjects(list.kind, list.rows, terms)),
  ];
  const key = ({ name, type, id }: FoundObject) => [name, type, id].join("\0");
  return found.sort((a, b) => (key(a) < key(b) ? -1 : 1)).slice(offset, end);
}

/** Prefect searches substrings and no phrases: it narrows by the words, and each event is checked here. */
async function liveEvents(
  ctx: QueryContext,
  live: LiveReader,
  terms: SearchTerms,
  window: TimeRange,
  question: SearchQuestion,
): Promise<LiveValue<Found<PrefectEvent>>> {
  // Prefect looks for texts as they are written, and on SQLite for none with other characters: it stores them as `\u00fc`.
  const query = asciiParts(question.query)
    .map((part) => `+${part}`)
    .join(" ");
  const filter = query === "" || query.length > 200 ? {} : { text: { query } };
  const rows: PrefectEvent[] = [];
  let after = question.after.event;
  let lost: LiveGaps = {};
  const slow = sentence`Prefect was too slow to search everything; give a later since.`;
  for (;;) {
    const wanted = question.limit + 1;
    const read = await readLiveEvents(ctx, live, { range: window, order: "desc", filter, after, wanted });
    append(
      rows,
      read.events.filter((event) => matchesSearch(terms, wordsOfAll(stringsOf(event)))),
    );
    const last = read.events.at(-1);
    const isFull = rows.length > question.limit;
    lost = joinGaps(lost, gapsOf(isFull ? { ...read, unread: null } : read, slow));
    if (isFull || read.unread !== null || read.events.length < wanted || !last) {
      return { value: { rows, hasMore: isFull }, ...lost };
    }
    after = { occurredUs: usOf(last), id: last.id.toLowerCase() };
  }
}

interface Search extends SearchQuestion {
  readonly window: TimeRange;
  readonly nowUs: ServerUs;
}

/** Recorded events of the window, and events of Prefect in its gaps. */
async function eventsFromBoth(
  ctx: QueryContext,
  db: RecordDb | null,
  live: LiveReader,
  gaps: readonly TimeRange[],
  terms: SearchTerms,
  search: Search,
): Promise<LiveValue<Found<PrefectEvent>>> {
  const recorded = db ? eventsOfRecord(db, terms, search.window, search) : NOTHING;
  const found = new Map(recorded.rows.map((event) => [event.id, event]));
  const { readable, lost } = await reachOf(ctx, gaps, search.nowUs);
  let unread = lost;
  let hasMore = recorded.hasMore;
  for (const gap of readable) {
    const read: LiveValue<Found<PrefectEvent>> = await liveEvents(ctx, live, terms, gap, search);
    for (const event of read.value.rows) found.set(event.id, event);
    hasMore ||= read.value.hasMore;
    unread = joinGaps(unread, read);
  }
  const rows = [...found.values()].sort((a, b) => usOf(b) - usOf(a) || (a.id < b.id ? 1 : -1));
  const shown = rows.slice(0, search.limit + 1);
  const isRecordOnly = readable.length === 0;
  return { value: { rows: shown, hasMore: hasMore || shown.length < rows.length }, isRecordOnly, ...unread };
}

/** Freshness of names and log lines: they are as recent as the last contact with Prefect, and runs as their last reading. */
function untimed(ctx: QueryContext, db: RecordDb | null, wants: (kind: SearchKind) => boolean): Freshness {
  const nowUs = serverNowUs(ctx);
  const connection = db ? findFact(db, "connection") : null;
  const contactUs = connection ? onServerClock(connection.lastContactUs, statedSkewUs(db)) : nowUs;
  const ends = RUN_KINDS.flatMap((kind) => (db && wants(kind) ? (coverageEnd(db, kind, "") ?? []) : []));
  const asOfUs = earliestOf([nowUs, contactUs, ...ends]);
  const coverage: Coverage = { complete: true, fromUs: null, toUs: null, gaps: [], verifiedUs: null, notes: [] };
  return { source: "record", asOfUs, coverage };
}

/** The freshness of an answer with lists that were read from Prefect. */
function withLiveLists(freshness: Freshness, live: LiveLists, wants: (kind: SearchKind) => boolean): Freshness {
  const { asOfUs, lists } = live;
  if (asOfUs === null) return freshness;
  const coverage: Coverage = {
    complete: true,
    fromUs: asOfUs,
    toUs: asOfUs,
    gaps: [],
    verifiedUs: asOfUs,
    notes: [],
  };
  const own: Freshness = { source: "live", asOfUs, coverage };
  const isAll = SEARCH_KINDS.filter(wants).every((kind) => lists.some((list) => list.kind === kind));
  return isAll ? own : joinFreshness([freshness, own]);
}

/** Notes about what was not searched. */
function unsearched(
  ctx: QueryContext,
  db: RecordDb | null,
  { window, nowUs }: Search,
  wants: (kind: SearchKind) => boolean,
  { lists, failed }: LiveLists,
): Sentence[] {
  const isLive = (kind: SearchKind) => lists.some((list) => list.kind === kind);
  const others = SEARCH_KINDS.filter((kind) => kind !== "event" && wants(kind) && !isLive(kind));
  const notes = failed.map(
    ({ kind, cause }) => sentence`${KINDS[kind].plural} could not be read from Prefect (${cause.sentence})`,
  );
  for (const { kind, rows, isWhole } of lists)
    if (!isWhole) notes.push(newestNote(kind, "were searched", { count: rows.length, since: rows.at(-1)?.updated }));
  if (db === null) {
    if (others.length > 0) notes.push(sentence`${whyNoRecord(ctx)}: ${asNames(others)} not searched.`);
    return notes;
  }
  if (wants("log")) {
    const { runs, missing } = countRunsWithoutLogs(db, window, addUs(nowUs, -ctx.freshMs * 1000));
    if (missing > 0) {
      notes.push(
        sentence`Logs of ${missing} of ${counted(runs, "run")} in this time are not fully recorded, so lines may be missing; get_flow_run_logs with text searches one run.`,
      );
    }
  }
  const recorded = SNAPSHOT_KINDS.filter((kind) => isSearched(kind, wants) && !isLive(kind));
  const unread: string[] = [];
  for (const kind of recorded) {
    const newest = findFact(db, `newest:${kind}`);
    if (newest !== null)
      notes.push(newestNote(kind, "were searched", { count: newest.count, since: formatIsoUs(newest.sinceUs) }));
    else if (findFact(db, `read:${kind}`) === null) unread.push(kind);
  }
  if (unread.length > 0)
    notes.push(sentence`Not yet read from Prefect, and so not searched completely: ${asNames(unread)}.`);
  return notes;
}

/** The record alone is searched: without a bound for runs of all time, and for lines of known flow runs in the window. */
function unrecordedRuns(
  ctx: QueryContext,
  db: RecordDb | null,
  { window, isBounded, nowUs }: Search,
  wants: (kind: SearchKind) => boolean,
): Sentence[] {
  if (db === null) return [];
  const kinds = RUN_KINDS.filter(wants);
  const unbounded = isBounded ? [] : kinds.flatMap((kind) => olderRunsNote(ctx, db, kind, nowUs) ?? []);
  const timed = [...(isBounded ? kinds : []), ...(wants("log") ? ["log" as const] : [])];
  const missing = timed.filter((kind) => !isWindowRecorded(ctx, db, kind === "log" ? "flow_run" : kind, window));
  if (missing.length === 0) return unbounded;
  return [...unbounded, sentence`Not all of this time is recorded, so some may be missing: ${asNames(missing)}.`];
}

/** Which runs are recorded, unless all are. */
function olderRunsNote(ctx: QueryContext, db: RecordDb, kind: RunKind, nowUs: ServerUs): Sentence | null {
  const all = askedWindow(db, kind, undefined, nowUs, null);
  if (isWindowRecorded(ctx, db, kind, all)) return null;
  const range = mergeRanges(coveredRanges(db, kind, "")).at(-1);
  if (range === undefined) return sentence`No ${kind} was read yet, so some may be missing.`;
  const from = range.fromUs > 0 ? sentence` from ${own(formatIsoSeconds(range.fromUs))}` : "";
  return sentence`Each ${kind} that is expected${from} to ${own(formatIsoSeconds(range.toUs))} is recorded; others may be missing.`;
}

function withUnsearched(freshness: Freshness, notes: readonly Sentence[]): Freshness {
  if (notes.length === 0) return freshness;
  const { coverage } = freshness;
  return { ...freshness, coverage: { ...coverage, complete: false, notes: [...coverage.notes, ...notes] } };
}
