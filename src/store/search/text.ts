import type { PrefectEvent } from "../../model/events/event.ts";
import { matchesSearch, type SearchTerms, searchWords } from "../../model/text/search-terms.ts";
import { indexWord, wordsOf } from "../../model/text/words.ts";
import { inSnapshot, type RecordDb } from "../database.ts";
import { blockStream } from "../events/event-blocks.ts";
import { type EventCursor, inExactOrder, keyRange, type Order, type OrderedRange } from "../events/event-rows.ts";
import { stringsOf } from "../events/event-text.ts";
import { largestShift } from "../events/event-times.ts";
import { type FoundLog, findLogsBySeq, type LogCursor } from "../logs/logs.ts";

export interface TextQuery<Cursor> {
  readonly terms: SearchTerms;
  /** Closed window of `occurred` or of the line's stamp. */
  readonly fromUs: number;
  readonly toUs: number;
  readonly limit: number;
  readonly after?: Cursor;
}

/**
 * Events whose text (name, resources, related and payload, keys and string values, as one document) has all the terms and none
 * of the excluded ones. Newest first. The index of words names the blocks, each event in them is verified.
 */
export function findEventsByText(
  db: RecordDb,
  query: TextQuery<EventCursor> & { readonly order?: Order },
): { events: PrefectEvent[]; more: boolean } {
  return inSnapshot(db, () => {
    const { terms, fromUs, toUs, limit, after, order = "desc" } = query;
    const range: OrderedRange = { fromUs, toUs, order, after, shift: largestShift(db) };
    const { lo, hi } = keyRange(range);
    const search = {
      blocksWorthReading: () => blocksWith(db, terms),
      mayMatch: quickTest(terms),
      matches: (event: PrefectEvent) => matchesSearch(terms, stringsOf(event).flatMap(wordsOf)),
    };
    const events: PrefectEvent[] = [];
    for (const { event } of inExactOrder(blockStream(db, search, order, lo, hi), range, limit + 1)) {
      if (events.length === limit) return { events, more: true };
      if (event) events.push(event);
    }
    return { events, more: false };
  });
}

function blocksWith(db: RecordDb, terms: SearchTerms): ReadonlySet<number> | null {
  const words = ftsQuery(terms);
  if (words === null) return null;
  const read = db.prepare<{ id: number }, [string]>("SELECT rowid AS id FROM block_fts WHERE block_fts MATCH ?");
  return new Set(read.all(words).map((row) => row.id));
}

/** An FTS5 query that every matching document answers; null when nothing is required. */
function ftsQuery(terms: SearchTerms): string | null {
  const words = searchWords(terms).map(({ word, isPrefix }) => `"${indexWord(word)}"${isPrefix ? "*" : ""}`);
  return words.length === 0 ? null : [...new Set(words)].join(" AND ");
}

/** No matching event fails this test of its JSON. Beyond ASCII words are folded, so only plain JSON can be ruled out. */
function quickTest(terms: SearchTerms): (json: string) => boolean {
  const words = searchWords(terms).map(({ word }) => word);
  return (json) => {
    const lower = json.toLowerCase();
    return words.every((word) => lower.includes(word)) || /[^ -~]/.test(json);
  };
}

/** Lines whose message or logger has all the terms and none of the excluded ones, newest first. */
export function findLogsByText(db: RecordDb, query: TextQuery<LogCursor>): { logs: FoundLog[]; more: boolean } {
  return inSnapshot(db, () => {
    const { terms, fromUs, toUs, limit, after = { tsUs: Number.MAX_SAFE_INTEGER, seq: 0 } } = query;
    const words = ftsQuery(terms);
    const indexed = words === null ? "" : "seq IN (SELECT rowid FROM log_fts WHERE log_fts MATCH ?) AND";
    const read = db.prepare<{ seq: number; tsUs: number; message: string; logger: string }, (string | number)[]>(
      `SELECT seq, ts_us AS tsUs, message, logger FROM log
       WHERE ${indexed} ts_us BETWEEN ? AND ? AND (ts_us, seq) < (?, ?) ORDER BY ts_us DESC, seq DESC LIMIT ?`,
    );
    const found: number[] = [];
    let at = after;
    for (let chunk = limit + 1; ; chunk = CHUNK) {
      const rows = read.all(...(words === null ? [] : [words]), fromUs, toUs, at.tsUs, at.seq, chunk);
      for (const { seq, message, logger } of rows) {
        if (matchesSearch(terms, [...wordsOf(message), ...wordsOf(logger)])) found.push(seq);
        if (found.length > limit) return { logs: findLogsBySeq(db, found.slice(0, limit)), more: true };
      }
      const last = rows.at(-1);
      if (!last || rows.length < chunk) return { logs: findLogsBySeq(db, found), more: false };
      at = last;
    }
  });
}

const CHUNK = 1_000;
