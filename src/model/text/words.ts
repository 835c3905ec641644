/**
 * The words of a text for searching: letters and digits in lower case, without diacritics. FTS5 uses an older version of Unicode, so it
 * gets ASCII only (`indexText`); what it finds is a superset of what matches by these words.
 */
const NOT_WORD = /[^\p{L}\p{N}\p{Co}]+/u;
const DIACRITICS = /[\u0300-\u036f]/g;
/** Anything that is not plain ASCII. */
const BEYOND_ASCII = /[^\0-\x7f]/;

export function wordsOf(text: string): string[] {
  return fold(text)
    .split(NOT_WORD)
    .filter((word) => word !== "");
}

function fold(text: string): string {
  const lower = text.toLowerCase();
  if (!BEYOND_ASCII.test(lower)) return lower;
  return lower.normalize("NFD").replace(DIACRITICS, "").normalize("NFC").replaceAll("ς", "σ");
}

/** A text as it is given to the index. FTS5 splits ASCII and turns it into lower case exactly as `wordsOf` does. */
export function indexText(text: string): string {
  return BEYOND_ASCII.test(text) ? wordsOf(text).map(indexWord).join(" ") : text;
}

/** A word of `wordsOf` as it is in the index. Prefixes of words are prefixes there, too. */
export function indexWord(word: string): string {
  return BEYOND_ASCII.test(word)
    ? word.replace(/[^a-z0-9]/gu, (char) => `u${char.codePointAt(0)?.toString(16)}`)
    : word;
}
