/** Replaces private keys in one text: whole blocks, and what is there of a block that was cut. */
import { redactionMark } from "./words/redaction-mark.ts";

export const PRIVATE_KEY = redactionMark("private-key");
/** A key up to the end of the text. The next log line may continue it. */
export const PRIVATE_KEY_START = redactionMark("private-key-start");
/** Lines of a key without its beginning and end. */
export const PRIVATE_KEY_PART = redactionMark("private-key-part");
/** The end of a key whose beginning is not in the text. */
export const PRIVATE_KEY_END = redactionMark("private-key-end");

/** One of these is in every text that `replacePrivateKeys` changes. */
export const PRIVATE_KEY_LITERALS: readonly string[] = [
  "PRIVATE KEY",
  "PRIVATE%20KEY",
  "PRIVATE+KEY",
  "Private-Lines:",
  "Private-MAC:",
];

const SPACE = "(?: |%20|\\+)";
const edge = (word: string) =>
  `-{4,5} ?${word}${SPACE}(?:[A-Z0-9]{1,12}${SPACE}){0,3}PRIVATE${SPACE}KEY(?:${SPACE}BLOCK)? ?-{4,5}`;
/** The last one begins the private part of PuTTY's format. */
const EDGES = new RegExp(`(${edge("BEGIN")}|\\bPrivate-Lines: \\d{1,4})|${edge("END")}|\\bPrivate-MAC:`, "g");

/** A line break, also escaped; in a text for URLs; or a space, when a block was written in one line. */
const BREAK = "(?:\\s|\\\\+[nrt]|%0[AaDd]|%20)";
const BREAKS = /\s+|\\+[nrt]|%0[AaDd]|%20/y;
const LETTERS = /[A-Za-z0-9+/]+|%(?:2[BbFf]|3[Dd])/y;
const LETTER = "(?:[A-Za-z0-9+/]|%2[BbFf]|%3[Dd])";
/** Headers of RFC 1421 and OpenPGP. */
const FIELD = /(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|X-[A-Za-z-]{1,40}): [^\n\\]{0,200}/y;
/** Lines with fewer letters are only accepted as the last one. */
const LONG_LINE = 16;
const AFTER_LAST_LINE = new RegExp(`${BREAK}|["'\`,;)}\\]]|$`, "y");
const BODY_BEFORE_END = new RegExp(`(?:^|(?<=[\\n"'\`=:>]|\\\\n))=?${LETTER}{1,128}={0,2}${BREAK}*$`);

/** After all that matches from `at`. Not one expression with a repeat, which would keep a place to return to for each part. */
function skip(pattern: RegExp, text: string, from: number): number {
  let at = from;
  for (pattern.lastIndex = at; pattern.test(text); pattern.lastIndex = at) at = pattern.lastIndex;
  return at;
}

function startsAt(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}

/** A line of letters, or a header, that begins at `from`. */
function lineOfKey(text: string, from: number): { readonly isLong: boolean; readonly end: number } {
  if (startsAt(FIELD, text, from)) return { isLong: true, end: FIELD.lastIndex };
  const first = text.charAt(from) === "=" ? from + 1 : from;
  const last = skip(LETTERS, text, first);
  let end = last;
  while (end < last + 2 && last > first && text.charAt(end) === "=") end += 1;
  return { isLong: last - first >= LONG_LINE, end: last > first ? end : from };
}

/** Where the lines of a key end that begin at `from`, and the line breaks after them. */
function bodyEnd(text: string, from: number): number {
  let end = from;
  let at = skip(BREAKS, text, from);
  for (;;) {
    const line = lineOfKey(text, at);
    const isAfterBreak = at > end;
    if (!line.isLong || !(isAfterBreak || end === from)) {
      const isLast = isAfterBreak && line.end > at && startsAt(AFTER_LAST_LINE, text, line.end);
      return isLast ? skip(BREAKS, text, line.end) : at;
    }
    end = line.end;
    at = skip(BREAKS, text, end);
  }
}

/** Where the lines of a key begin that end at `end`; not before `from`. */
function bodyStart(text: string, from: number, end: number): number {
  let start = end;
  for (;;) {
    const before = text.slice(Math.max(from, start - 200), start);
    // The last line alone, where there is one: the expression is tried at each character.
    const lineEnd = before.lastIndexOf("\n", before.trimEnd().length - 1);
    const last = lineEnd < 0 ? before : before.slice(lineEnd);
    const line = BODY_BEFORE_END.exec(last);
    if (line) {
      start -= last.length - line.index;
      continue;
    }
    const whole = last === before ? null : BODY_BEFORE_END.exec(before);
    if (!whole) return start;
    start -= before.length - whole.index;
  }
}

export function replacePrivateKeys(text: string): string {
  let result = "";
  let done = 0;
  let begin: RegExpExecArray | null = null;
  const closeOpen = (open: RegExpExecArray, limit: number) => {
    const end = Math.min(bodyEnd(text, open.index + open[0].length), limit);
    result += text.slice(done, open.index) + (end === text.length ? PRIVATE_KEY_START : PRIVATE_KEY);
    done = end;
  };
  for (const edge of text.matchAll(EDGES)) {
    const isBegin = edge[1] !== undefined;
    const end = edge.index + edge[0].length;
    if (isBegin) {
      if (begin) closeOpen(begin, edge.index);
      begin = edge;
    } else if (begin) {
      result += text.slice(done, begin.index) + PRIVATE_KEY;
      done = end;
      begin = null;
    } else {
      result += text.slice(done, bodyStart(text, done, edge.index)) + PRIVATE_KEY_END;
      done = end;
    }
  }
  if (begin) closeOpen(begin, text.length);
  return done === 0 ? text : result + text.slice(done);
}
