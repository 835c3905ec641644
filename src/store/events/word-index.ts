/** Queries of the text indexes (`block_fts`, `log_fts`). What they find is a superset of what has the words. */
import type { SearchTerms } from "../../model/text/search-terms.ts";
import { searchWords } from "../../model/text/search-terms.ts";
import { indexPairs, indexWord, isSplitSince } from "../../model/text/words.ts";
import type { RecordDb } from "../database.ts";
import { findStateJson } from "../sync-state.ts";

export interface WordQuery {
  /** In FTS5's query language. */
  readonly match: string;
  /** Texts that were indexed by the first version of `wordsOf` are not found, and have to be read. */
  readonly skipsOldTexts: boolean;
}

/** For texts that have all of these words, in this order where they are characters of a script without spaces. */
export function queryOfWords(words: readonly string[]): WordQuery | null {
  if (words.length === 0) return null;
  const tokens = new Set([...words.map(indexWord), ...indexPairs(words)]);
  return { match: [...tokens].map(quoted).join(" AND "), skipsOldTexts: words.some(isSplitSince) };
}

/** The last rows that the first version of `wordsOf` indexed; 0 without any. */
export function lastOldTexts(db: RecordDb): { readonly block: number; readonly log: number } {
  return (findStateJson(db, "text.before") as { block: number; log: number } | null) ?? { block: 0, log: 0 };
}

/** The words of an index, as tables. */
type WordTable = "block_word" | "log_word" | "run_name_word";

/** Parts of words are looked up among the words of the index. With more of them than this, the index does not narrow a search. */
const MAX_WORDS_WITH_PART = 500;

/** A query that every text with the terms satisfies; null when no word narrows it. `words`: the table of the index's words. */
export function queryOfTerms(db: RecordDb, words: WordTable, terms: SearchTerms): WordQuery | null {
  const parts = new Set<string>();
  for (const { word, isPrefix, isSuffix } of searchWords(terms)) {
    if (!isSuffix) parts.add(`${quoted(indexWord(word))}${isPrefix ? "*" : ""}`);
    else {
      const found = wordsWithPart(db, words, indexWord(word), isPrefix);
      if (found?.length === 0) return { match: NOTHING, skipsOldTexts: isSplitSince(word) };
      if (found) parts.add(`(${found.map(quoted).join(" OR ")})`);
    }
  }
  for (const { words } of terms.all) for (const pair of indexPairs(words)) parts.add(quoted(pair));
  const skipsOldTexts = searchWords(terms).some(({ word }) => isSplitSince(word));
  return parts.size === 0 ? null : { match: [...parts].join(" AND "), skipsOldTexts };
}

/** Matches no text. */
const NOTHING = '"a" NOT "a"';

function wordsWithPart(db: RecordDb, table: string, part: string, isOpenEnd: boolean): string[] | null {
  const rows = db
    .prepare<{ term: string }, [string]>(
      `SELECT term FROM ${table} WHERE term LIKE '%' || ? ${isOpenEnd ? "|| '%'" : ""} LIMIT ${MAX_WORDS_WITH_PART + 1}`,
    )
    .all(part);
  return rows.length > MAX_WORDS_WITH_PART ? null : rows.map(({ term }) => term);
}

function quoted(token: string): string {
  return `"${token}"`;
}
