/** Replaces private keys in one text: whole blocks, and what is there of a block that was cut. */
import { redactionMark } from "./redaction-mark.ts";

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
const LETTER = "(?:[A-Za-z0-9+/]|%2[BbFf]|%3[Dd])";
/** Headers of RFC 1421 and OpenPGP. */
const FIELD = "(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|X-[A-Za-z-]{1,40}): [^\\n\\\\]{0,200}";
const LONG_LINE = `(?:=?${LETTER}{16,}={0,2}|${FIELD})`;
const LAST_LINE = `=?${LETTER}{1,15}={0,2}(?=${BREAK}|["'\`,;)}\\]]|$)`;
const BODY = new RegExp(`(?:${BREAK}*${LONG_LINE}(?:${BREAK}+${LONG_LINE})*)?(?:${BREAK}+${LAST_LINE})?${BREAK}*`, "y");
const BODY_BEFORE_END = new RegExp(`(?:^|(?<=[\\n"'\`=:>]|\\\\n))=?${LETTER}{1,128}={0,2}${BREAK}*$`);

/** Where the lines of a key begin that end at `end`; not before `from`. */
function bodyStart(text: string, from: number, end: number): number {
  let start = end;
  for (;;) {
    const before = text.slice(Math.max(from, start - 200), start);
    const line = BODY_BEFORE_END.exec(before);
    if (!line) return start;
    start -= before.length - line.index;
  }
}

export function replacePrivateKeys(text: string): string {
  let result = "";
  let done = 0;
  let begin: RegExpExecArray | null = null;
  const closeOpen = (open: RegExpExecArray, limit: number) => {
    BODY.lastIndex = open.index + open[0].length;
    BODY.test(text);
    const end = Math.min(BODY.lastIndex, limit);
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
