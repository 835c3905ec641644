/** Values that are more than one word or line: blocks of YAML, here-documents, phrases, braces of ODBC, the value field of an object. */
import { hasSentenceWord, looksGenerated, looksRandom, type Value } from "./words/secret-values.ts";

/** A line break, also one that is escaped in JSON inside a text. */
const BREAK = "(?:\\r?\\n|\\\\{1,8}(?:r\\\\{1,8})?n)";
const BREAKS = new RegExp(BREAK, "g");
const LINE_START = /(?:^|[\r\n]|\\n|["'`])([ \t]{0,80}(?:- )?)(?:export |set )?(?:\\*["'])?$/;
const BLOCK_HEADER = new RegExp(`[|>][+-]?\\d?[+-]?[ \\t]{0,8}(?:#[^\\n\\\\]{0,80})?${BREAK}`, "y");
const HEREDOC = new RegExp(`<<[-~]?["']?([A-Za-z_]\\w{0,40})["']?[ \\t]{0,8}${BREAK}`, "y");
const TRIPLE = /[bru]{0,2}("""|'''|(?:\\{1,8}"){3})/iy;
/** Up to the value of an object whose name is that of a secret, as in the outputs of Terraform. */
const VALUE_FIELD =
  /\{(?:[^{}]{0,200}?[\s"',])?(?:value|stringValue|string_value|S|default|const)\\{0,8}["']?\s{0,8}[:=]\s{0,8}(?=\\{0,8}["'])/y;
const MAX_BLOCK = 16_384;
const MAX_PHRASE = 400;

function sticky(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function span(from: number, to: number): Value {
  return { from, to, next: to, form: "quoted" };
}

/** Without the white space at both ends. */
function inner(text: string, from: number, to: number): Value {
  const content = text.slice(from, to);
  return span(to - content.trimStart().length, from + content.trimEnd().length);
}

/** Indentation of the line, when nothing but an assignment is before `start`; null: the line has other text. */
function indentBefore(text: string, start: number): number | null {
  return LINE_START.exec(text.slice(Math.max(0, start - 120), start))?.[1]?.length ?? null;
}

/** The lines from `at` that are indented more than `indent`. */
function indentedLines(text: string, at: number, indent: number): Value | null {
  const limit = Math.min(text.length, at + MAX_BLOCK);
  let from = -1;
  let to = at;
  for (let line = at; line < limit; ) {
    BREAKS.lastIndex = line;
    const end = BREAKS.exec(text);
    const stop = Math.min(end?.index ?? limit, limit);
    const content = text.slice(line, stop);
    const own = content.length - content.trimStart().length;
    if (content.trim() !== "") {
      if (own <= indent) break;
      if (from < 0) from = line + own;
      to = stop;
    }
    if (!end) break;
    line = end.index + end[0].length;
  }
  if (from < 0) return null;
  // A block inside a string of JSON ends with the string.
  const quote = /(?<!\\)["'`]/.exec(text.slice(from, to));
  return span(from, quote && text.charAt(from - 1) !== quote[0] ? from + quote.index : to);
}

function heredoc(text: string, at: number): Value | null {
  const open = sticky(HEREDOC, text, at);
  if (!open) return null;
  const from = at + open[0].length;
  const rest = text.slice(from, from + MAX_BLOCK);
  const close = new RegExp(`${BREAK}[ \\t]{0,40}${open[1]}\\b`).exec(rest);
  return inner(text, from, from + (close?.index ?? rest.length));
}

function tripleQuoted(text: string, at: number): Value | null {
  const open = sticky(TRIPLE, text, at);
  if (!open) return null;
  const from = at + open[0].length;
  const close = text.slice(from, from + MAX_BLOCK).indexOf(open[1] ?? "");
  return close < 0 ? null : inner(text, from, from + close);
}

/** `PWD={…}` of ODBC, where `}}` is a brace; not a field of a template. */
function bracedValue(text: string, at: number): Value | null {
  const inside = /^\{((?:[^{}\r\n]|\}\}){1,200})\}(?!\})/.exec(text.slice(at, at + 404))?.[1];
  return inside !== undefined && looksRandom(inside, 6) ? span(at + 1, at + 1 + inside.length) : null;
}

/** `isConnection`: the name is a field of a connection string. */
export function blockValue(text: string, start: number, at: number, isConnection: boolean): Value | null {
  const first = text.charAt(at);
  if (first === "|" || first === ">") {
    const header = sticky(BLOCK_HEADER, text, at);
    const indent = header ? indentBefore(text, start) : null;
    return header && indent !== null ? indentedLines(text, at + header[0].length, indent) : null;
  }
  if (first === "<") return heredoc(text, at);
  if (first === "{") return isConnection ? bracedValue(text, at) : null;
  return tripleQuoted(text, at);
}

/** Where the value of `{"type": "string", "value": "…"}` begins. */
export function valueField(text: string, at: number): number | null {
  const found = text.charAt(at) === "{" ? sticky(VALUE_FIELD, text, at) : null;
  return found ? at + found[0].length : null;
}

/** A map, or a list, below its name: in braces, in brackets, or in lines that are indented. */
const MAP = new RegExp(`[{[]|[ \\t]{0,8}${BREAK}[ \\t]{1,40}(?:- )?`, "y");
const MEMBER = /(?:[:=]|(?<=[\s"'[,-]))[ \t]{0,8}\\{0,8}["']?([^\s"',{}[\]\\:=]{12,200})/g;
const MAX_MAP = 400;

/** The first value in the map that a program made. `at`: after the sign. */
export function valueInMap(text: string, at: number): Value | null {
  const open = sticky(MAP, text, at);
  if (!open) return null;
  const from = at + open[0].length;
  const rest = text.slice(from, from + MAX_MAP);
  const end = /^[{[]/.test(open[0]) ? rest.search(/[}\]]/) : rest.search(/(?:\n|\\n)[^\s-]/);
  for (const { index, 0: whole, 1: word = "" } of (end < 0 ? rest : rest.slice(0, end)).matchAll(MEMBER)) {
    const start = from + index + whole.length - word.length;
    if (looksGenerated(word)) return span(start, start + word.length);
  }
  return null;
}

const WORD = /^[\p{L}\p{N}][\p{L}\p{N}'’!?&#$%*+@_.-]*,?$/u;
const ASSIGNED_LINE = /^[ \t]*(?:export |- )?[A-Za-z_][\w.-]{0,60}[ \t]{0,8}[=:]/;

function isAssigned(line: string | undefined): boolean {
  return line !== undefined && ASSIGNED_LINE.test(line);
}

/**
 * A passphrase of several words without quotes, up to the end of its line. After a tight "=", which in a shell ends at the space, only
 * in a list of assignments.
 */
export function phraseValue(text: string, start: number, from: number, isTight: boolean): Value | null {
  if (indentBefore(text, start) === null) return null;
  const rest = text.slice(from, from + MAX_PHRASE);
  BREAKS.lastIndex = 0;
  const end = BREAKS.exec(rest);
  const line = (end ? rest.slice(0, end.index) : rest).trimEnd().replace(/(?<!["'`,}\]])["'`,}\]]+$/, "");
  const words = line.split(/[ \t]+/);
  if (words.length < 2 || words.length > 30 || !words.every((word) => WORD.test(word))) return null;
  if (words.some((word) => hasSentenceWord(word)) || /[.?]$/.test(line)) return null;
  if (isTight) {
    const [next] = end ? text.slice(from + end.index + end[0].length).split("\n", 1) : [];
    const before = text
      .slice(Math.max(0, start - 400), start)
      .split("\n")
      .at(-2);
    if (!isAssigned(next) && !isAssigned(before)) return null;
  }
  return span(from, from + line.length);
}

/** All of `'DB_PASSWORD=…'`, an argument in quotes. */
export function quotedAssignment(text: string, start: number, from: number): Value | null {
  const quote = text.charAt(start - 1);
  if (!/["']/.test(quote) || text.charAt(start - 2) === "\\") return null;
  const end = text.slice(from, from + MAX_PHRASE).search(new RegExp(`[${quote}\\\\\n]`));
  return end > 0 && text.charAt(from + end) === quote ? span(from, from + end) : null;
}

const BEFORE_NAME =
  /\b[Vv]alue\\{0,8}["']?\s{0,8}[:=]\s{0,8}\\{0,8}(["']?)([^"'\n\\{}]{1,300}?)\\{0,8}\1\s{0,8},?(?:\\{1,8}n)?\s{0,20}\\{0,8}["']?(?:[Nn]ame|[Kk]ey)\\{0,8}["']?\s{0,8}[:=]\s{0,8}\\{0,8}["']?$/;

/** The value of `{"value": "…", "name": "DB_PASSWORD"}`, where it precedes the name at `start`; not before `least`. */
export function valueBefore(text: string, start: number, least: number): Value | null {
  const part = Math.max(least, start - 400);
  if (!/(?:name|key)[\\"'\s]{0,12}[:=][\\"'\s]{0,12}$/i.test(text.slice(Math.max(least, start - 40), start)))
    return null;
  const found = BEFORE_NAME.exec(text.slice(part, start));
  const content = found?.[2] ?? "";
  if (!found || content.trim() === "") return null;
  const from = part + found.index + found[0].indexOf(content, found[0].search(/[:=]/) + 1);
  return span(from, from + content.length);
}
