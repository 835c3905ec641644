/** Where a value in a text begins and ends: in quotes of any kind, or as a run without white space. */
import type { Value } from "./secret-values.ts";

const OPEN_QUOTE = /[bruBRUN]{0,2}(?:(\\*)("""|'''|["'`])|(%(?:25)*2[27])|(&quot;|&#(?:3[49]|x2[27]);)|(\\u002[27]))/y;
const UNQUOTED = /(?:[^\s\p{Cc}"'`<>\\]|\\(?![nrt"'`\\])|["'`](?![\s,;)\]}>:&]|$)){1,512}/uy;
/** What ends a value without quotes: the next assignment, or brackets and signs at the end of the run. */
const NEXT_ASSIGNMENT = /[&;,|](?:amp;)?(?=[A-Za-z_][\w.-]{0,60}[=:]|["'{[])|(?<![),;:\]}>&|])[),;:\]}>&|]+$/;
const ENCODED_END = /%(?:25)*(?:26|2[27CcDd0]|0[AaDd]|7[Dd])|[&+]/;
const MAX_QUOTED = 16_384;
/** As much of an unquoted value as is needed to judge it. The rest is read only when it is replaced. */
export const MAX_UNQUOTED = 512;

export function sticky(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Where the line ends, or the part of it that may be read. */
export function lineEnd(text: string, from: number): number {
  const part = text.slice(from, from + MAX_QUOTED);
  const end = part.indexOf("\n");
  return from + (end < 0 ? part.length : end);
}

/** The closing quote: with as many backslashes as the opening one; without any, not one that is escaped. */
function closingQuote(rest: string, quote: string, slashes: number): number {
  for (let at = rest.indexOf(quote); at >= 0; at = rest.indexOf(quote, at + 1)) {
    let before = 0;
    while (before <= 64 && rest.charAt(at - 1 - before) === "\\") before += 1;
    if (slashes === 0 ? before % 2 === 0 : before <= slashes) return at - (slashes === 0 ? 0 : before);
  }
  return -1;
}

/** Up to the closing quote, or to the end of the line. */
export function quotedValue(text: string, at: number): Value | null {
  const open = sticky(OPEN_QUOTE, text, at);
  if (!open) return null;
  const [whole, slashes = "", quote, ...encoded] = open;
  const from = at + whole.length;
  const rest = text.slice(from, from + MAX_QUOTED);
  const sign = quote ?? encoded.find((one) => one !== undefined) ?? "";
  const close = closingQuote(rest, sign, slashes.length);
  const line = (close < 0 ? rest : rest.slice(0, close)).indexOf("\n");
  if (close >= 0 && line < 0)
    return { from, to: from + close, next: from + close + slashes.length + sign.length, form: "quoted" };
  const to = line < 0 ? quotedEnd(text, from + rest.length, sign) : from + line;
  return { from, to, next: to, form: "quoted" };
}

/** Where a long value ends: at the quote or the end of the line. No later value can begin with this quote when there is none. */
function quotedEnd(text: string, at: number, sign: string): number {
  const close = text.indexOf(sign, at);
  const part = text.slice(at, close < 0 ? text.length : close);
  const line = part.indexOf("\n");
  return at + (line < 0 ? part.length : line);
}

export function unquotedValue(text: string, at: number, isEncoded: boolean): Value | null {
  if (/[{[(]/.test(text.charAt(at))) return null;
  const run = sticky(UNQUOTED, text, at)?.[0];
  if (run === undefined) return null;
  const end = isEncoded ? ENCODED_END.exec(run) : NEXT_ASSIGNMENT.exec(run);
  const to = at + (end ? end.index : run.length);
  return { from: at, to, next: to, form: "assigned" };
}

/** Where a long run without white space and quotes ends. */
export function runEnd(text: string, from: number): number {
  const end = text.slice(from).search(/[\s"'`<>\\]/);
  return end < 0 ? text.length : from + end;
}
