/** The query language of `search`: words that must all occur, `"a phrase"`, `-without`, `begin*`. */
import { wordsOf } from "./words.ts";

/** Words that must follow each other. With `isPrefix`, the last one is the beginning of a word. */
export interface SearchTerm {
  readonly words: readonly string[];
  readonly isPrefix: boolean;
}

export interface SearchTerms {
  readonly all: readonly SearchTerm[];
  readonly none: readonly SearchTerm[];
}

const PART = /(-?)(?:"([^"]*)"?|([^\s"]+))(\*?)/g;

/** The terms of a query. Parts without a letter or digit are ignored. */
export function parseSearchTerms(query: string): SearchTerms {
  const all: SearchTerm[] = [];
  const none: SearchTerm[] = [];
  for (const [, minus, phrase, word = "", star] of query.matchAll(PART)) {
    const text = phrase ?? word;
    const words = wordsOf(text);
    if (words.length === 0) continue;
    const isPrefix = star === "*" || (phrase === undefined && text.endsWith("*"));
    (minus ? none : all).push({ words, isPrefix });
  }
  return { all, none };
}

/** Whether a document, given as its words in order, contains all terms and no excluded one. */
export function matchesSearch(terms: SearchTerms, words: readonly string[]): boolean {
  return terms.all.every((term) => has(words, term)) && !terms.none.some((term) => has(words, term));
}

function has(words: readonly string[], term: SearchTerm): boolean {
  const last = term.words.length - 1;
  return words.some((_, at) =>
    term.words.every((wanted, n) => {
      const word = words[at + n];
      return n === last && term.isPrefix ? word?.startsWith(wanted) : word === wanted;
    }),
  );
}

/** The words that every matching document contains, and whether they are only beginnings of words. */
export function searchWords(terms: SearchTerms): { word: string; isPrefix: boolean }[] {
  return terms.all.flatMap(({ words, isPrefix }) =>
    words.map((word, n) => ({ word, isPrefix: isPrefix && n === words.length - 1 })),
  );
}
