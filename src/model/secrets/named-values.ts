/**
 * Replaces values that follow the name of a secret in a text: `PGPASSWORD=…`, `"token": "…"`, `--api-key …`, `Authorization: Token …`,
 * cookies, parameters of URLs; also in JSON inside a string, in Python's notation, in XML and in text encoded for URLs.
 */
import type { Occurrence } from "../../lib/literal-set.ts";
import { blockValue, phraseValue, quotedAssignment, valueBefore, valueField, valueInMap } from "./block-values.ts";
import { markupValue } from "./markup-values.ts";
import { isInConnection, MARK, type NameInText, nameAround, nameEndOf } from "./name-in-text.ts";
import {
  enclosedValue,
  fallbackValue,
  isAloneOnLine,
  listValue,
  nextItem,
  proseValue,
  valueOnNextLine,
} from "./sentence-values.ts";
import { NAMED_SECRET } from "./words/redaction-mark.ts";
import { classOfName, isWeakName, nameWords } from "./words/secret-names.ts";
import { isSecretValue, looksGenerated, type Value } from "./words/secret-values.ts";
import { lineEnd, MAX_UNQUOTED, quotedValue, runEnd, sticky, unquotedValue } from "./words/value-ends.ts";

const CLOSE = "(?:\\\\*[\"'`\\]]|\\*{1,3}|%(?==)|%(?:25)*2[27]|&quot;|&#(?:3[49]|x2[27]);|\\\\u002[27])";
const GAP = "(?:[ \\t]|%20|\\+(?=%))";
const SIGN = "(?:=>|:=|[?+]=|!?={1,3}|:|->|&#61;|%(?:25)*3[DdAa]|\\\\u003[DdAa])";
/** 1: the sign. */
const ASSIGNMENT = new RegExp(
  `${CLOSE}{0,4}${GAP}{0,20}(${SIGN})(?:${GAP}|\\\\{1,8}t){0,20}(?:\\r?\\n[ \\t]{0,40}(?=["']))?`,
  "y",
);
/** A field with the name, then one with the value: `"name": "X", "value": "…"`, or on the next line of YAML. 1: also for other texts. */
const PAIR = new RegExp(
  `${CLOSE}?\\s{0,40},?\\s{0,40}(?:\\\\*["'](?:type|description)\\\\*["']\\s{0,20}:\\s{0,20}\\\\*["'][^"'\\\\\\n]{0,80}\\\\*["'],\\s{0,40})?\\\\*["']?(?:(?:[Pp]arameter|[Dd]efault|[Ss]tring)?[Vv]alue|VALUE|(val|v|content|text))\\\\*["']?\\s{0,20}[:=]\\s{0,20}`,
  "y",
);
/** Before the body of a variable of Terraform: `variable "db_password" {`. */
const BODY = /\\*["']\s{0,8}(?=\{)/y;
/** A tag or an anchor of YAML, and the sign of bold text. */
const TAG = /(?:[!&][\w!/-]{0,40}|\*{1,2})[ \t]{1,8}(?!=)/y;
const SPACES = /[ \t]{1,20}/y;
const TYPE =
  /(?:&(?:'\w{1,20} )?)?(?:[A-Za-z_][\w.]{0,40}(?:\[[\w., |]{0,80}\])?(?: \| None)?)\s{0,4}=\s{0,4}(?=["'])/y;
/** `var_dump` of PHP. */
const PHP_TYPE = /string\(\d{1,6}\)\s(?=")/y;
/** A class around the value, as in `SecretStr('…')`. */
const WRAPPER = /[A-Z][A-Za-z]{0,40}\((?:value\s?=\s?)?(?=["'])/y;

/** In `getpass('Password: ')` the quote after the sign closes the text around the name. */
function isClosingQuote(text: string, name: NameInText, at: number): boolean {
  const quote = text.charAt(name.start - 1);
  return (
    /["'`]/.test(quote) &&
    text
      .slice(at, at + 9)
      .replace(/^\\+/, "")
      .charAt(0) === quote &&
    !text.slice(name.end, at).includes(quote)
  );
}

function valueAfterSign(text: string, name: NameInText, at: number, sign: string): Value | null {
  if (isClosingQuote(text, name, at)) return null;
  const tag = sign === ":" ? sticky(TAG, text, at) : null;
  if (tag) return valueAfterSign(text, name, at + tag[0].length, "=");
  if (name.of === "generated") {
    const inside = valueInMap(text, at);
    if (inside) return inside;
  }
  const block = blockValue(text, name.start, at, isInConnection(text, name.start)) ?? listValue(text, name, at);
  if (block) return block;
  const field = valueField(text, at);
  if (field !== null) return quotedValue(text, field);
  const typed = sign === ":" ? sticky(TYPE, text, at) : null;
  const start = at + (typed?.[0].length ?? sticky(PHP_TYPE, text, at)?.[0].length ?? 0);
  const wrapper = sticky(WRAPPER, text, start);
  const quoted = quotedValue(text, start + (wrapper?.[0].length ?? 0));
  if (quoted) return quoted;
  const isEncoded = sign.startsWith("%") || sign.startsWith("\\");
  const value = unquotedValue(text, start, isEncoded);
  if (!value) return enclosedValue(text, name, start) ?? valueOnNextLine(text, name, at);
  const isTight = text.charAt(at - 1) === sign.at(-1) || isEncoded;
  const phrase =
    name.of === "password" && !isEncoded ? phraseValue(text, name.start, value.from, sign !== ":" && isTight) : null;
  if (phrase) return phrase;
  const whole =
    name.of === "password" && sign === "=" && isTight ? quotedAssignment(text, name.start, value.from) : null;
  if (whole) return whole;
  if (sign !== ":" && (isTight || isAloneOnLine(text, name, value))) return value;
  if (sign === ":" && isAloneOnLine(text, name, value)) return value;
  return { ...value, form: "prose" };
}

function optionValue(text: string, at: number): Value | null {
  if (text.charAt(at) === "-") return null;
  const value = quotedValue(text, at) ?? unquotedValue(text, at, false);
  // "the --password option is" is a sentence.
  const isWord = value !== null && /^[a-z']+$/.test(text.slice(value.from, value.to));
  return isWord && /^ [A-Za-z]/.test(text.slice(value.to, value.to + 2)) ? null : value;
}

function valueWithoutSign(text: string, name: NameInText): Value | null {
  const inside = markupValue(text, name) ?? nextItem(text, name) ?? fallbackValue(text, name);
  if (inside) return inside;
  const body = sticky(BODY, text, name.end);
  const field = body && valueField(text, name.end + body[0].length);
  if (field !== null) return quotedValue(text, field);
  const pair = sticky(PAIR, text, name.end);
  if (pair) {
    const at = name.end + pair[0].length;
    const value = quotedValue(text, at) ?? unquotedValue(text, at, false);
    return value && pair[1] !== undefined ? { ...value, form: "prose" } : value;
  }
  const gap = sticky(SPACES, text, name.end);
  if (!gap) return proseValue(text, name);
  const at = name.end + gap[0].length;
  if (name.isFlag) return optionValue(text, at);
  if (name.isSql && /["']/.test(text.charAt(at))) return quotedValue(text, at);
  const isNetrc =
    name.of === "password" &&
    /\blogin\s{1,4}\S{1,64}\s{1,4}$/.test(text.slice(Math.max(0, name.start - 80), name.start));
  return isNetrc ? unquotedValue(text, at, false) : proseValue(text, name);
}

const SCHEME =
  /(?:bearer|basic|token|digest|apikey|api-key|key|negotiate|ntlm|hawk|oauth|aws4-hmac-sha256|sharedkey(?:lite)?|geniekey|ssws|splunk|bot|jwt|pbs|deepl-auth-key|discogs|zoho-oauthtoken)(?:\s{1,4}|%20|\+)/iy;

/** A scheme of a service's own. */
const OTHER_SCHEME = /[A-Za-z][A-Za-z-]{1,30}[ \t]{1,4}(?=[^\s"'=]{8,}(?:[\s"'\\]|$))/y;

function withoutScheme(text: string, value: Value): Value {
  const scheme = sticky(SCHEME, text, value.from);
  return scheme ? { ...value, from: Math.min(value.from + scheme[0].length, value.to) } : value;
}

/** The credential after the scheme, up to the end of the header. */
function authorizationValue(text: string, at: number, sign: string): Value | null {
  const quoted = quotedValue(text, at);
  const from = quoted?.from ?? at;
  const scheme = sticky(SCHEME, text, from);
  const start = from + (scheme?.[0].length ?? 0);
  if (quoted) return { ...quoted, from: Math.min(start, quoted.to) };
  const word = unquotedValue(text, start, sign.startsWith("%"));
  if (!word) return null;
  const other = scheme === null ? sticky(OTHER_SCHEME, text, start) : null;
  const after = other && unquotedValue(text, start + other[0].length, false);
  if (after) return { ...after, form: "prose" };
  const isList = scheme !== null && /^[A-Za-z]+=/.test(text.slice(start, start + 40));
  return isList
    ? { from: start, to: lineEnd(text, start), next: lineEnd(text, start), form: "quoted" }
    : { ...word, form: "prose" };
}

/** The first cookie of a list, or the first value of a dict. */
const FIRST_COOKIE = /\[\s{0,8}(?=\\*["'])|\{\s{0,8}\\*["'][^"'\\\n]{1,100}\\*["']\s{0,4}:\s{0,4}(?=\\*["'])/y;

function cookieValue(text: string, at: number): Value | null {
  const first = sticky(FIRST_COOKIE, text, at)?.[0] ?? "";
  const quoted = quotedValue(text, at + first.length);
  if (quoted) return quoted;
  const rest = text.slice(at, lineEnd(text, at));
  const end = rest.search(/["'`]|\\[nrt"]/);
  const to = at + (end < 0 ? rest.length : end);
  const isCookie = /^[^\s=;]{1,256}=/.test(rest) || looksGenerated(rest.slice(0, to - at).trim());
  return isCookie ? { from: at, to, next: to, form: "quoted" } : null;
}

function valueAfter(text: string, name: NameInText): Value | null {
  const assignment = sticky(ASSIGNMENT, text, name.end);
  if (!assignment) {
    const value = valueWithoutSign(text, name);
    return value && name.of === "authorization" ? withoutScheme(text, value) : value;
  }
  const at = name.end + assignment[0].length;
  if (text.charAt(at) === "<") {
    const inside = markupValue(text, name);
    if (inside) return inside;
  }
  const sign = assignment[1] ?? "";
  if (name.of === "authorization") return authorizationValue(text, at, sign);
  return name.of === "cookie" ? cookieValue(text, at) : valueAfterSign(text, name, at, sign);
}

/** In code, as in `token=self.token`, a value of the same name is a variable. */
function isSameVariable(name: string, value: string): boolean {
  if (!/^[A-Za-z_][A-Za-z_.]{0,100}$/.test(value)) return false;
  const [named, given] = [nameWords(name), nameWords(value)];
  if (name.includes(".") && !name.startsWith(".")) return true;
  const isEnd = given.every((word, at) => word === named[named.length - given.length + at]);
  return isEnd || (value.includes(".") && given.at(-1) === named.at(-1));
}

/** `user:password`, of which the password was replaced. */
const USER_AND_MARK = /^[^\s:/]{1,64}:\[redacted:[a-z0-9-]{1,40}\]?$/;

function isSecretOf(name: NameInText, text: string, value: Value): boolean {
  if (text.startsWith(MARK, value.from)) return false;
  const content = text.slice(value.from, value.to);
  if (USER_AND_MARK.test(content)) return false;
  if (value.form !== "quoted" && isSameVariable(text.slice(name.start, name.end), content)) return false;
  if (name.of === "cookie")
    return (content.includes("=") || looksGenerated(content)) && isSecretValue(content, "password", "quoted", false);
  if (name.of === "authorization") return isSecretValue(content, "token", value.form, value.form !== "quoted");
  // A block of several lines.
  if (/\n/.test(content)) return isSecretValue(content, "password", "quoted", false);
  return isSecretValue(content, name.of, value.form, !name.isSql && isWeakName(text.slice(name.start, name.end)));
}

/** https://dev.mysql.com/doc/refman/8.4/en/create-user.html, https://clickhouse.com/docs/sql-reference/statements/create/user */
const IDENTIFIED =
  /identified[ \t]{1,4}(?:by(?:[ \t]{1,4}(?:password|values))?|(?:with|via)[ \t]{1,4}["']?\w{1,60}["']?[ \t]{1,4}(?:by|as|using))(?=[ \t]{1,4}\S)/iy;

function identifiedBy(text: string, start: number): NameInText | null {
  if (!/i/i.test(text.charAt(start))) return null;
  const words = sticky(IDENTIFIED, text, start);
  return words && { start, end: start + words[0].length, of: "password", isFlag: false, isSql: true };
}

/** Between the old and the new value, as in a plan of Terraform. */
const CHANGED = /\s{0,4}(?:->|=>|\u2192)\s{0,4}(?=\\*["'])/y;

/** `occurrences`: of the literals of names. */
export function replaceNamedValues(text: string, occurrences: readonly Pick<Occurrence, "start" | "end">[]): string {
  let result = "";
  let done = 0;
  let nameEnd = 0;
  for (const occurrence of occurrences) {
    if (occurrence.start < Math.max(done, nameEnd)) continue;
    const name =
      identifiedBy(text, occurrence.start) ?? nameAround(text, occurrence.start, nameEndOf(text, occurrence));
    nameEnd = name.end;
    if (name.of === null) continue;
    const value = valueAfter(text, name) ?? valueBefore(text, name.start, done);
    if (!value || value.to <= value.from || !isSecretOf(name, text, value)) continue;
    result += text.slice(done, value.from) + NAMED_SECRET;
    done = value.to - value.from < MAX_UNQUOTED || value.form === "quoted" ? value.to : runEnd(text, value.to);
    nameEnd = Math.max(nameEnd, value.next);
    const later = sticky(CHANGED, text, value.next);
    const second = later && quotedValue(text, value.next + later[0].length);
    if (!second || !isSecretOf(name, text, second)) continue;
    result += text.slice(done, second.from) + NAMED_SECRET;
    done = second.to;
    nameEnd = second.next;
  }
  return done === 0 ? text : result + text.slice(done);
}

/** Whether a field of an object with this name and value is a secret. */
export function isSecretField(name: string, value: string): boolean {
  const of = classOfName(name);
  if (of === null) return false;
  return isSecretValue(value, of === "cookie" || of === "authorization" ? "password" : of, "quoted", isWeakName(name));
}

/** Whether the text ends with the name of a secret and a sign after it, so that the next log line is its value. */
export function endsWithSecretName(text: string): boolean {
  const match =
    /([A-Za-z][A-Za-z0-9_.-]{0,99}|\b(?:api|access|secret|private) key)["'`]?\s{0,8}(?:=>|[=:])\s{0,8}$/i.exec(
      text.slice(-140),
    );
  return match !== null && classOfName(match[1] ?? "") !== null;
}
