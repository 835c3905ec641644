import type { ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { matchesSearch, type SearchTerms, searchWords } from "../../model/text/search-terms.ts";
import { wordsOfAll } from "../../model/text/words.ts";
import { inSnapshot, type RecordDb } from "../database.ts";
import { blockStream, findBlocksByWords } from "../events/event-blocks.ts";
import { type EventCursor, inExactOrder, keyRange, type Order, type OrderedRange } from "../events/event-rows.ts";
import { stringsOf } from "../events/event-text.ts";
import { largestShift } from "../events/event-times.ts";
import { lastOldTexts, queryOfTerms } from "../events/word-index.ts";
import { type FoundLog, findLogsBySeq, type LogCursor } from "../logs/logs.ts";

export interface TextSearch<Cursor> {
  readonly terms: SearchTerms;
  /** Closed range of `occurred` or of the line's timestamp, microseconds. */
  readonly fromUs: ServerUs;
  readonly toUs: ServerUs;
  readonly limit: number;
  readonly after?: Cursor;
}

/**
 * Events whose text has all the terms and none of the excluded ones, newest first unless `order` says otherwise. The
 * text is one document: the name, and keys and string values of resource, related and payload. The word index finds the
 * blocks, in which every event is tested.
 */
export function findEventsByText(
  db: RecordDb,
  query: TextSearch<EventCursor> & { readonly order?: Order },
): { events: PrefectEvent[]; hasMore: boolean } {
  return inSnapshot(db, () => {
    const { terms, fromUs, toUs, limit, after, order = "desc" } = query;
    const range: OrderedRange = { fromUs, toUs, order, after, shift: largestShift(db) };
    const { lo, hi } = keyRange(range);
    const search = {
      blocksWorthReading: () => blocksWith(db, terms),
      mayMatch: quickTest(terms),
      matches: (event: PrefectEvent) => matchesSearch(terms, wordsOfAll(stringsOf(event))),
    };
    const events: PrefectEvent[] = [];
    for (const { event } of inExactOrder(blockStream(db, search, order, lo, hi), range, limit + 1)) {
      if (events.length === limit) return { events, hasMore: true };
      if (event) events.push(event);
    }
    return { events, hasMore: false };
  });
}

function blocksWith(db: RecordDb, terms: SearchTerms): ReadonlySet<number> | null {
  const words = queryOfTerms(db, "block_word", terms);
  return words === null ? null : findBlocksByWords(db, words);
}

/** A test of the JSON that every matching event passes. Words beyond ASCII are folded, so only ASCII JSON can be excluded. */
function quickTest(terms: SearchTerms): (json: string) => boolean {
  const words = searchWords(terms).map(({ word }) => word);
  return (json) => {
    const lower = json.toLowerCase();
    return words.every((word) => lower.includes(word)) || /[^ -~]/.test(json);
  };
}

/** Log lines whose message and logger name have all the terms and none of the excluded ones, newest first. */
export function findLogsByText(db: RecordDb, query: TextSearch<LogCursor>): { logs: FoundLog[]; hasMore: boolean } {
  return inSnapshot(db, () => {
    const { terms, fromUs, toUs, limit, after = { tsUs: Number.MAX_SAFE_INTEGER, seq: 0 } } = query;
    const words = queryOfTerms(db, "log_word", terms);
    const lastOld = words?.skipsOldTexts ? lastOldTexts(db).log : 0;
    const indexed =
      words === null
        ? ""
        : "seq IN (SELECT rowid FROM log_fts WHERE log_fts MATCH ? UNION ALL SELECT seq FROM log WHERE seq <= ?) AND";
    const read = db.prepare<{ seq: number; tsUs: ServerUs; message: string; logger: string }, (string | number)[]>(
      `SELECT seq, ts_us AS tsUs, message, logger FROM log
       WHERE ${indexed} ts_us BETWEEN ? AND ? AND (ts_us, seq) < (?, ?) ORDER BY ts_us DESC, seq DESC LIMIT ?`,
    );
    const found: number[] = [];
    let at = after;
    for (let chunk = limit + 1; ; chunk = CHUNK) {
      const rows = read.all(...(words === null ? [] : [words.match, lastOld]), fromUs, toUs, at.tsUs, at.seq, chunk);
      for (const { seq, message, logger } of rows) {
        if (matchesSearch(terms, wordsOfAll([message, logger]))) found.push(seq);
        if (found.length > limit) return { logs: findLogsBySeq(db, found.slice(0, limit)), hasMore: true };
      }
      const last = rows.at(-1);
      if (!last || rows.length < chunk) return { logs: findLogsBySeq(db, found), hasMore: false };
      at = last;
    }
  });
}

const CHUNK = 1_000;
