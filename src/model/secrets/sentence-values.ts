/** Values in sentences, prompts, tables and calls, where no plain "=" or ":" directly follows the name of the secret. */
import type { NameInText } from "./name-in-text.ts";
import { hasSentenceWord, isUnlikeWord, looksGenerated, looksRandom, type Value } from "./words/secret-values.ts";
import { quotedValue, sticky, unquotedValue } from "./words/value-ends.ts";

const BREAK = "(?:\\r?\\n|\\\\{1,8}n)";
/** After the quote of an item: the next one, also as `argv[2]="…"`. */
const NEXT_ITEM =
  /\\*["'`]\s{0,20}(?:,|;s:\d{1,6}:|(?:(?<=\s)|\\{1,8}n\s{0,40})-\s|(?<=\s))(?:\\{1,8}n)?\s{0,40}(?:[a-z]{1,8}\[\d{1,3}\]\s?=\s?)?(?=[bu]?\\*["'`])/y;
/** After an item without quotes: in a list of YAML, or separated by commas. */
const NEXT_PLAIN_ITEM = new RegExp(
  `(?:[ \\t]{0,20},[ \\t]{0,20}|[ \\t]{0,20}${BREAK}[ \\t]{0,80}-[ \\t]{1,8})(?!-)`,
  "y",
);

/** The next of two items: `("password", "…")`, `["--password", "…"]`, `"/password", "…"`, `["aws_secret_access_key", "…"]`. */
export function nextItem(text: string, name: NameInText): Value | null {
  const before = text.slice(Math.max(0, name.start - 16), name.start);
  const isFlag = name.isFlag || /["']\/$/.test(before);
  const isQuoted = /["']\/?$/.test(before);
  if (!isQuoted && !name.isFlag) return null;
  const gap = sticky(NEXT_ITEM, text, name.end);
  if (!gap) {
    const plain = name.isFlag && !isQuoted ? sticky(NEXT_PLAIN_ITEM, text, name.end) : null;
    const at = name.end + (plain?.[0].length ?? 0);
    return plain && (quotedValue(text, at) ?? unquotedValue(text, at, false));
  }
  const item = quotedValue(text, name.end + gap[0].length);
  if (!item || isFlag) return item;
  const isPair = /\(\s{0,4}b?\\{0,8}["']$/.test(before) && /^\s{0,8}\)/.test(text.slice(item.next, item.next + 9));
  return isPair || gap[0].includes(";s:") || looksGenerated(text.slice(item.from, item.to)) ? item : null;
}

/** In YAML, and in files of settings, the assignment is alone on its line. */
export function isAloneOnLine(text: string, name: NameInText, value: Value): boolean {
  const before = text.slice(Math.max(0, name.start - 80), name.start);
  if (!/(?:^|[\r\n])[ \t]*(?:- )?(?:export |set )?["']?$/.test(before)) return false;
  return /[ \t]{0,80}(?=[\r\n]|$)/y.test(text.slice(value.to, value.to + 81));
}

function looksSecret(word: string, name: NameInText): boolean {
  // Without the sign that ends the sentence.
  const content = word.replace(/(?<![.!?])[.!?]+$/, "");
  return isUnlikeWord(content, name.of) || (name.of === "code" && /^\d{4,10}$/.test(content));
}

const CALL = /\([ \t\n]{0,40}(?=[bru]?\\{0,8}["'])[ru]?/y;
/** Names of functions and classes that are given the secret itself, and not what it is looked up by. */
const TAKES_SECRET =
  /^(?:[A-Za-z_]{1,40}\.)?(?:(?:set|with|use|update|change|reset)_?[A-Z_a-z]|secret(?:str|bytes)$|secure)/i;

/** `SecretStr('…')`, `setPassword("…")`, `PASSWORD('…')` of SQL. */
function calledValue(text: string, name: NameInText): Value | null {
  const open = sticky(CALL, text, name.end);
  const value = open && quotedValue(text, name.end + open[0].length);
  if (!value || !/^\s{0,8}[,)]/.test(text.slice(value.next, value.next + 9))) return null;
  const content = text.slice(value.from, value.to);
  if (/\s/.test(content)) return null;
  return TAKES_SECRET.test(text.slice(name.start, name.end)) || looksSecret(content, name) ? value : null;
}

/** What a prompt or a title adds to the name: `(for etl)`, `[etl]`, `for user etl`, `#1`, `?`, `/ PIN`. */
const ADDITION =
  "(?:[ \\t]?[([](?![\"'])[^()[\\]\\n\"'=]{1,60}[)\\]]|[ \\t]{1,4}(?:for|of|from)[ \\t]{1,4}[^\\s:=][^\\n:=\"']{0,60}(?:'[^\\s']{1,60}')?(?=[:=])|[ \\t]{1,4}(?:provided|given|supplied|used|received|sent|generated|created)(?=[ \\t]{0,4}[:=])|[ \\t]?#?\\d{1,2}|[?!*_]{1,3}|[ \\t]?/[ \\t]?[A-Za-z]{2,14})";
const LEADERS = "(?:[.\\u00b7\\u2026_]{2,80}|\\u2026)(?:[ \\t]{0,4}[:=]|(?=[ \\t]))";
/** 1: an addition and a usual sign, else an unusual sign. */
const ANNOTATED = new RegExp(
  `(${ADDITION}[ \\t]{0,20}[:=]{1,2})?(?:(?<=[:=])|[ \\t]{0,20}${LEADERS}|[ \\t]{0,20}[\\u00bb\\u2192\\u2013\\u2014]|[ \\t]{1,20}-(?=[ \\t])|[ \\t]{1,20}\\.(?=[ \\t]{1,4}\\\\{0,8}")|[ \\t]{0,20}<-)[ \\t]{0,20}(?:\\*{1,2}[ \\t]{1,4})?`,
  "y",
);

/** `Password (for etl): …`, `Password.....: …`, `password — …`, `(password . "…")` of Lisp, `password <- "…"` of R. */
function annotatedValue(text: string, name: NameInText): Value | null {
  const sign = sticky(ANNOTATED, text, name.end);
  if (!sign || sign[0] === "") return null;
  const at = name.end + sign[0].length;
  const quoted = quotedValue(text, at);
  if (quoted) return /[\s]/.test(text.slice(quoted.from, quoted.to)) ? null : quoted;
  const word = unquotedValue(text, at, false);
  if (!word) return null;
  if (!/[:=]\S{0,2}[ \t]*$/.test(sign[0])) return looksSecret(text.slice(word.from, word.to), name) ? word : null;
  return isAloneOnLine(text, name, word) ? word : { ...word, form: "prose" };
}

/** 1: what makes clear that the value follows. */
const STATED =
  /(?:[ \t]{1,4}(?:for|of)[ \t]{1,4}(?:(?:the|user|account|role|login|database|service)[ \t]{1,4}){0,3}\S{1,80})?[ \t]{1,4}(?:(?:has been|had been|is|was|lautet|est|es)(?:[ \t]{1,4}(?:now|set|changed|reset|updated|rotated|generated|created)){0,2}(?:[ \t]{1,4}for[ \t]{1,4}[^\s:=]{1,80}(?=:))?(?:[ \t]{1,4}to)?|(?:now[ \t]{1,4})?(?:set|changed|reset|updated|rotated)[ \t]{1,4}to)(?:[ \t]{1,4}[:=]|[:=])?[ \t]{1,4}/iy;
const PROSE =
  /(?:[ \t]|\\{1,8}t){1,40}(?:\d{1,2}[ \t]{1,4}(?=\S{8}))?(?:for\s\S{1,80}\s{1,4}(?:[=:]\s{1,4})?)?(?:\|[ \t]{1,40})?(?:\((?=[^)\s]{1,200}\)))?/iy;
/** A cell of a table. */
const CELL = /[ \t]{0,20}\|[ \t]{0,40}(?=[^\s|)\]"']{8,200}[ \t]{0,40}\|)/y;
const BRACKET = /((?:Some|Just|Optional)?[([<])([^\s|()[\]{}<>"'=:]{8,200})[)\]>]/y;

/** `password=[…]`, `Some(…)`. `at`: after the sign. */
export function enclosedValue(text: string, name: NameInText, at: number): Value | null {
  const [, open = "", content = ""] = sticky(BRACKET, text, at) ?? [];
  if (content === "" || !looksSecret(content, name)) return null;
  const from = at + open.length;
  return { from, to: from + content.length, next: from + content.length, form: "prose" };
}

const FALLBACK =
  /(?:["']?[)\]])?(?:[ \t]{1,4}(?:\|\||\?\?|or)[ \t]{1,4}|[ \t]{0,4}\|[ \t]{0,4}default\()(?=\\{0,8}["'])/y;

/** `os.getenv("TOKEN") or "…"`, `{{ password | default("…") }}`. */
export function fallbackValue(text: string, name: NameInText): Value | null {
  if (!/[|?o]/.test(text.slice(name.end, name.end + 6))) return null;
  const sign = sticky(FALLBACK, text, name.end);
  const value = sign && quotedValue(text, name.end + sign[0].length);
  return value && looksRandom(text.slice(value.from, value.to), 6) ? value : null;
}

/** `the password for etl is "…"`, `your password was changed to …`. */
function statedValue(text: string, name: NameInText): Value | null {
  const verb = sticky(STATED, text, name.end);
  if (!verb) return null;
  const at = name.end + verb[0].length;
  const quoted = quotedValue(text, at);
  if (!quoted) {
    const word = unquotedValue(text, at, false);
    return word && looksSecret(text.slice(word.from, word.to), name) ? { ...word, form: "prose" } : null;
  }
  const content = text.slice(quoted.from, quoted.to);
  const isWord = name.of !== "password" || content.length < 6 || /\s/.test(content) || hasSentenceWord(content);
  return isWord && !looksSecret(content, name) ? null : quoted;
}

/** `the following password to proceed to installation:`, and the password alone in a line below. */
const BELOW =
  /[ \t]{1,4}[A-Za-z][A-Za-z ,]{0,60}:[ \t]{0,8}(?:\r?\n|\\n){1,3}[ \t]{0,40}(?=[^\s:="'\\]{6,128}[ \t]{0,8}(?:[\r\n]|\\n|$))/y;

/** A part of a path after the name: `/reset-password/…`. */
function pathValue(text: string, name: NameInText): Value | null {
  if (text.charAt(name.end) !== "/" || text.charAt(name.start - 1) !== "/") return null;
  const part = /^[A-Za-z0-9._~!$&*+=@-]{12,256}/.exec(text.slice(name.end + 1, name.end + 257))?.[0] ?? "";
  const from = name.end + 1;
  return looksGenerated(part) ? { from, to: from + part.length, next: from + part.length, form: "prose" } : null;
}

/** In a sentence or a table, where most words after the name are no secrets. */
export function proseValue(text: string, name: NameInText): Value | null {
  let blanks = 0;
  while (blanks < 20 && /[ \t]/.test(text.charAt(name.end + blanks))) blanks += 1;
  const next = text.charAt(name.end + blanks);
  if (next === "(") {
    const called = calledValue(text, name);
    if (called) return called;
  }
  if (/[A-Za-z]/.test(next)) {
    const stated = statedValue(text, name);
    if (stated) return stated;
  }
  if (/[^A-Za-z]|[fogpsruc]/.test(next)) {
    const annotated = annotatedValue(text, name);
    if (annotated) return annotated;
  }
  const part = pathValue(text, name);
  if (part) return part;
  const below = /[A-Za-z]/.test(next) && name.of === "password" ? sticky(BELOW, text, name.end) : null;
  const lone = below && unquotedValue(text, name.end + below[0].length, false);
  if (lone && looksSecret(text.slice(lone.from, lone.to), name)) return lone;
  if (blanks === 0 && next !== "\\" && next !== "|") return null;
  const gap = (next === "|" ? sticky(CELL, text, name.end) : null) ?? sticky(PROSE, text, name.end);
  if (!gap) return null;
  const at = name.end + gap[0].length;
  const value = quotedValue(text, at) ?? unquotedValue(text, at, false);
  return value && looksSecret(text.slice(value.from, value.to), name) ? value : null;
}

/** After the name and the sign, on the next line: `Password:\n  …`, an item of a list in YAML. */
const NEXT_LINE = /[ \t]{0,8}(?:\r?\n|\\n)[ \t]{0,40}(?:- )?(?=[^\s:="'\\]{6,128}[ \t]{0,8}(?:[\r\n]|\\n|$))/y;

/** `at`: after the sign. */
export function valueOnNextLine(text: string, name: NameInText, at: number): Value | null {
  const gap = sticky(NEXT_LINE, text, at);
  const word = gap && unquotedValue(text, at + gap[0].length, false);
  return word && looksSecret(text.slice(word.from, word.to), name) ? { ...word, form: "prose" } : null;
}

const LIST = /\[\s{0,40}(?=[bru]?\\{0,8}["'])/y;

/** The texts of a list, without white space inside: `["…", "…"]`. Replaced as one. */
export function listValue(text: string, name: NameInText, at: number): Value | null {
  const open = sticky(LIST, text, at);
  if (!open) return null;
  let first = -1;
  let whole: Value | null = null;
  for (let next = at + open[0].length, items = 0; items < 20; items += 1) {
    const item = quotedValue(text, next);
    const content = item ? text.slice(item.from, item.to) : "";
    if (!item || /\s/.test(content) || !(name.of === "password" ? content.length > 3 : looksRandom(content, 8)))
      return whole;
    if (first < 0) first = item.from;
    whole = { ...item, from: first };
    const comma = /^\s{0,8},\s{0,40}/.exec(text.slice(item.next, item.next + 60));
    if (!comma) return whole;
    next = item.next + comma[0].length;
  }
  return whole;
}
