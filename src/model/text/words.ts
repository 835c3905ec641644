/**
 * The words of a text for searching: letters, marks and digits in lower case, without diacritics. Scripts that are written without
 * spaces, and Korean, whose particles are joined to the word, have no words that can be found by spaces: each of their characters is
 * a word, so that a sequence of them is found anywhere. FTS5 uses an older version of Unicode, so it gets ASCII only (`indexText`);
 * what it finds is a superset of what matches by these words.
 */
const NOT_WORD = /[^\p{L}\p{M}\p{N}\p{Co}]+/u;
/** Also the variation selectors, which stand behind emoji and Chinese characters. */
const DIACRITICS = /[\u0300-\u036f\u20d0-\u20ff\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;
const UNSPACED =
  /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Bopo}\p{scx=Hang}\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}\p{scx=Mymr}]/u;
/** Such a character, or the characters between two of them. */
const CHARACTER_OR_WORD = new RegExp(`${UNSPACED.source}|(?:(?!${UNSPACED.source}).)+`, "gsu");
/** Anything that is not plain ASCII. */
const BEYOND_ASCII = /[^\0-\x7f]/;

export function wordsOf(text: string): string[] {
  const folded = fold(text);
  const words = folded.split(NOT_WORD).filter((word) => word !== "");
  if (!BEYOND_ASCII.test(folded) || !UNSPACED.test(folded)) return words;
  return words.flatMap((word) =>
    (word.match(CHARACTER_OR_WORD) ?? []).map((part, n) => (n === 0 ? part : JOINED + part)),
  );
}

/** Begins a word that directly follows the word before it. No text has it in a word, because it is neither letter nor digit. */
const JOINED = "\u2060";

/** The word directly follows the one before it in the text. */
export function isJoined(word: string): boolean {
  return word.startsWith(JOINED);
}

/** The word without the mark that it follows another. */
export function bareWord(word: string): string {
  return isJoined(word) ? word.slice(JOINED.length) : word;
}

/** The words of several texts, with a boundary between two of them that no phrase matches across. */
export function wordsOfAll(texts: readonly string[]): string[] {
  return texts.flatMap((text) => [...wordsOf(text), BOUNDARY]);
}
const BOUNDARY = "";

/** The word is a character of a script without spaces. */
export function isUnspaced(word: string): boolean {
  return BEYOND_ASCII.test(word) && UNSPACED.test(word);
}

function fold(text: string): string {
  const lower = text.toLowerCase();
  if (!BEYOND_ASCII.test(lower)) return lower;
  return lower.normalize("NFD").replace(DIACRITICS, "").normalize("NFC").replaceAll("ς", "σ");
}

/** A text as it is given to the index. FTS5 splits ASCII and turns it into lower case exactly as `wordsOf` does. */
export function indexText(text: string): string {
  if (!BEYOND_ASCII.test(text)) return text;
  const words = wordsOf(text);
  return [...words.map(indexWord), ...indexPairs(words)].join(" ");
}

/** A word of `wordsOf` as it is in the index. Prefixes and parts of words are prefixes and parts there, too. */
export function indexWord(word: string): string {
  return BEYOND_ASCII.test(word)
    ? bareWord(word).replace(/[^a-z0-9]/gu, (char) => `u${char.codePointAt(0)?.toString(16)}`)
    : word;
}

/** Each two words that are joined as one entry of the index: a single character is in too many texts. */
export function indexPairs(words: readonly string[]): string[] {
  return words.flatMap((word, at) => {
    const next = words[at + 1];
    return next !== undefined && isJoined(next) ? [indexWord(word) + indexWord(next)] : [];
  });
}

/**
 * A first version of the index split words at marks and kept characters of these scripts together. What it indexed is not found by words
 * for which this is true.
 */
export function isSplitSince(word: string): boolean {
  return BEYOND_ASCII.test(word) && (UNSPACED.test(word) || /\p{M}/u.test(word));
}
