/**
 * Words of a text for searching: runs of letters and digits, in lower case and without diacritics. SQLite's FTS5 has tables of an
 * older Unicode, so it only ever sees plain ASCII (`indexText`): what it offers is a superset of what these words match.
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

/** What the index is given of a text. ASCII is split and lowered by FTS5 itself exactly as `wordsOf` does it. */
export function indexText(text: string): string {
  return BEYOND_ASCII.test(text) ? wordsOf(text).map(indexWord).join(" ") : text;
}

/** A folded word as it stands in the index; what begins with a word begins with it there too. */
export function indexWord(word: string): string {
  return BEYOND_ASCII.test(word)
    ? word.replace(/[^a-z0-9]/gu, (char) => `u${char.codePointAt(0)?.toString(16)}`)
    : word;
}
