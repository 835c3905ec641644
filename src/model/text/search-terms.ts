/** The query language of `search`: words that must all occur, `"a phrase"`, `-without`, `begin*`, `*end`, `*part*`. */
import { bareWord, isJoined, wordsOf } from "./words.ts";

/** Words that must follow each other. */
export interface SearchTerm {
  readonly words: readonly string[];
  /** The last one is the beginning of a word. */
  readonly isPrefix: boolean;
  /** The first one is the end of a word. With `isPrefix`, a single one is any part. */
  readonly isSuffix: boolean;
}

export interface SearchTerms {
  readonly all: readonly SearchTerm[];
  readonly none: readonly SearchTerm[];
}

const PART = /(-?)(\*?)(?:"([^"]*)"?|([^\s"]+))(\*?)/g;

/** The parts of a query outside of phrases that other search languages read as operators: `OR`, `AND`, `NOT`, `level:`. */
export function foreignOperators(query: string): string[] {
  const parts = [...query.matchAll(PART)].flatMap(([, , , phrase, word = ""]) => (phrase === undefined ? [word] : []));
  const found = parts.flatMap((part) => {
    const field = /^[A-Za-z_]{2,30}:(?=[^/:])/.exec(part)?.[0];
    return /^(?:OR|AND|NOT)$/.test(part) ? [part] : field === undefined ? [] : [field];
  });
  return [...new Set(found)];
}

/** The terms of a query. Parts without a letter or digit are ignored. */
export function parseSearchTerms(query: string): SearchTerms {
  const all: SearchTerm[] = [];
  const none: SearchTerm[] = [];
  for (const [, minus, openStar, phrase, word = "", star] of query.matchAll(PART)) {
    const text = phrase ?? word;
    const words = wordsOf(text);
    if (words.length === 0) continue;
    const isPrefix = star === "*" || (phrase === undefined && text.endsWith("*"));
    (minus ? none : all).push({ words, isPrefix, isSuffix: openStar === "*" });
  }
  return { all, none };
}

/**
 * Texts of ASCII letters and digits that every document with the words of the query contains as they are written, with or without
 * diacritics: "prüfung" → "pr", "fung".
 */
export function asciiParts(query: string): string[] {
  const parts = [...query.normalize("NFC").matchAll(PART)].flatMap(([, minus, , phrase, word = ""]) =>
    minus ? [] : ((phrase ?? word).match(/[A-Za-z0-9]+/g) ?? []),
  );
  return [...new Set(parts.map((part) => part.toLowerCase()))];
}

/** Whether a document, given as its words in order, contains all terms and no excluded one. */
export function matchesSearch(terms: SearchTerms, words: readonly string[]): boolean {
  return terms.all.every((term) => has(words, term)) && !terms.none.some((term) => has(words, term));
}

function has(words: readonly string[], term: SearchTerm): boolean {
  return words.some((_, at) =>
    term.words.every((wanted, n) => isAt(wordAt(words, at + n, n), wanted, openEnds(term, n))),
  );
}

/** A term may begin with a word that is joined to the one before it. */
function wordAt(words: readonly string[], at: number, n: number): string | undefined {
  const word = words[at];
  return n === 0 && word !== undefined ? bareWord(word) : word;
}

interface OpenEnds {
  readonly isPrefix: boolean;
  readonly isSuffix: boolean;
}

function openEnds({ words, isPrefix, isSuffix }: SearchTerm, n: number): OpenEnds {
  return { isPrefix: isPrefix && n === words.length - 1, isSuffix: isSuffix && n === 0 };
}

function isAt(word: string | undefined, wanted: string, { isPrefix, isSuffix }: OpenEnds): boolean {
  if (word === undefined || word === "") return false;
  if (isPrefix && isSuffix) return word.includes(wanted);
  if (isPrefix) return word.startsWith(wanted);
  return isSuffix ? word.endsWith(wanted) : word === wanted;
}

/** The words that every matching document contains, and whether they are only beginnings, ends or parts of words. */
export function searchWords(terms: SearchTerms): (OpenEnds & { readonly word: string })[] {
  return terms.all.flatMap((term) => term.words.map((word, n) => ({ word, ...openEnds(term, n) })));
}

/** The texts to look for in a document as it is written: words, those that are joined as one. */
export function shownParts(terms: SearchTerms): string[] {
  return terms.all.flatMap(({ words }) => {
    const parts: string[] = [];
    for (const word of words) {
      if (isJoined(word)) parts.push((parts.pop() ?? "") + bareWord(word));
      else parts.push(word);
    }
    return parts;
  });
}
