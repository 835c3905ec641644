/**
 * Replaces values that follow the name of a secret in a text: `PGPASSWORD=…`, `"token": "…"`, `--api-key …`, `Authorization: Token …`,
 * cookies, parameters of URLs; also in JSON inside a string, in Python's notation, in XML and in text encoded for URLs.
 */
import type { Occurrence } from "../../lib/literal-set.ts";
import { blockValue, phraseValue, quotedAssignment, valueBefore, valueField } from "./block-values.ts";
import { NAMED_SECRET } from "./words/redaction-mark.ts";
import { classOfName, FIRST_WORD, isFolderName, isWeakName, type NameClass, nameWords } from "./words/secret-names.ts";
import { isSecretValue, looksGenerated, looksRandom, type Value } from "./words/secret-values.ts";

/** One of these is in every name that `classOfName` knows, with what follows it. */
export const NAME_LITERALS: readonly string[] =
  "passw passphrase passcode kennwort pwd pswd psw psk _pass userpass dbpass sshpass mysqlpass pgpass storepass keypass ^pass= ^pass: ^pass\" ^pass' ^pass% _pw ^pw= ^pw: ^pw\" ^pw' senha wachtwoord haslo contrase motdepasse ^mdp mnemonic seed_phrase seed-phrase recovery_phrase secret token credential creds authorization cookie signature ^sig= ^sig% ^sig\" ^sig' ^sas= ^pat= _pat= _pat\" _pat' jwt key sessionid session_id session-id sessid _auth auth_str authstr"
    .split(" ")
    .concat("identified by", "seed phrase", "recovery phrase");

const NAME_BEFORE = /[A-Za-z0-9_.-]/;
const NAME_AFTER = /[A-Za-z0-9_\u00c0-\u024f-]/;
const MAX_NAME = 100;
/** The end of an escape that stands before a name without a separator: a line break, `%22`, the end of a colour code. */
const ESCAPED_START: readonly [before: string, escape: RegExp][] = [
  ["\\", /^(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[nrtbfv])/],
  ["%", /^(?:25)*[0-9A-Fa-f]{2}/],
  ["[", /^\d{0,3}m/],
  [";", /^\d{1,3}m/],
];

const MARK = "[redacted:";

interface Name {
  readonly start: number;
  readonly end: number;
  readonly of: NameClass;
  /** An option of a command: its value follows a space. */
  readonly isFlag: boolean;
  /** Words of SQL: the value follows in quotes. */
  readonly isSql: boolean;
  readonly isBare: boolean;
}

function nameAround(text: string, from: number, to: number): Name {
  let start = from;
  while (start > 0 && from - start < MAX_NAME && NAME_BEFORE.test(text.charAt(start - 1))) start -= 1;
  const before = text.charAt(start - 1);
  for (const [character, rest] of ESCAPED_START) {
    if (before === character) start += rest.exec(text.slice(start, from))?.[0].length ?? 0;
  }
  const first = /[A-Za-z]/.test(text.charAt(start))
    ? FIRST_WORD.exec(text.slice(Math.max(0, start - 12), start))
    : null;
  let end = to;
  const isName = (at: number) =>
    NAME_AFTER.test(text.charAt(at)) || (text.charAt(at) === "." && /[A-Za-z0-9]/.test(text.charAt(at + 1)));
  while (end < text.length && end - to < MAX_NAME && isName(end)) end += 1;
  if (first && /^(?:key|phrase)$/i.test(text.slice(start, end))) start -= first[0].replace(/^[^A-Za-z0-9]/, "").length;
  const whole = text.slice(start, end);
  const name = whole.replace(/^[-.]+|(?<![-.])[-.]+$/g, "");
  const isFlag = whole.startsWith("-");
  const isMark = text.startsWith(MARK, start - MARK.length);
  const isOfParser =
    /^token$/i.test(name) &&
    /\b(?:unexpected|illegal|unknown|next)\s$/i.test(text.slice(Math.max(0, start - 12), start));
  const isPassword = isFlag ? /^pass$/i.test(name) : isFolderName(name) && isInConnection(text, start);
  const of = isMark || isOfParser ? null : isPassword ? "password" : classOfName(name);
  const isSql =
    of === "password" && /\b(?:with|set|encrypted)\s{1,4}$/i.test(text.slice(Math.max(0, start - 16), start));
  return { start, end, of, isFlag, isSql, isBare: isWeakName(name) };
}

/** After another field of a connection string. */
function isInConnection(text: string, start: number): boolean {
  return /;[ \t]{0,4}$/.test(text.slice(Math.max(0, start - 5), start));
}

const CLOSE = "(?:\\\\*[\"'`\\]]|%(?:25)*2[27]|&quot;|&#3[49];|\\\\u002[27])";
const GAP = "(?:[ \\t]|%20|\\+(?=%))";
const SIGN = "(?:=>|:=|={1,3}|:|->|%(?:25)*3[DdAa]|\\\\u003[DdAa])";
/** 1: the sign. */
const ASSIGNMENT = new RegExp(`${CLOSE}{0,4}${GAP}{0,20}(${SIGN})${GAP}{0,20}(?:\\r?\\n[ \\t]{0,40}(?=["']))?`, "y");
/** A field with the name, then one with the value: `"name": "X", "value": "…"`, or on the next line of YAML. */
const PAIR = new RegExp(
  `${CLOSE}?\\s{0,40},?\\s{0,40}\\\\*["']?(?:[Vv]alue|VALUE)\\\\*["']?\\s{0,20}[:=]\\s{0,20}`,
  "y",
);
const NEXT_ITEM = /\\*["'`]\s{0,20},\s{0,20}(?=b?\\*["'`])/y;
const SPACES = /[ \t]{1,20}/y;
const TYPE = /(?:[A-Za-z_][\w.]{0,40}(?:\[[\w., |]{0,80}\])?(?: \| None)?)\s{0,4}=\s{0,4}(?=["'])/y;
/** A class around the value, as in `SecretStr('…')`. */
const WRAPPER = /[A-Z][A-Za-z]{0,40}\((?=["'])/y;
const OPEN_QUOTE = /b?(?:(\\*)("""|'''|["'`])|(%(?:25)*2[27])|(&quot;|&#3[49];)|(\\u002[27]))/y;
const UNQUOTED = /(?:[^\s\p{Cc}"'`<>\\]|\\(?![nrt"'`\\])|["'`](?![\s,;)\]}>:&]|$)){1,512}/uy;
/** What ends a value without quotes: the next assignment, or brackets and signs at the end of the run. */
const NEXT_ASSIGNMENT = /[&;,|](?:amp;)?(?=[A-Za-z_][\w.-]{0,60}[=:]|["'{[])|(?<![),;:\]}>&|])[),;:\]}>&|]+$/;
const ENCODED_END = /%(?:25)*(?:26|2[27CcDd0]|0[AaDd]|7[Dd])|[&+]/;
const MAX_QUOTED = 16_384;
/** As much of an unquoted value as is needed to judge it. The rest is read only when it is replaced. */
const MAX_UNQUOTED = 512;

function sticky(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Where the line ends, or the part of it that may be read. */
function lineEnd(text: string, from: number): number {
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
function quotedValue(text: string, at: number): Value | null {
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

function unquotedValue(text: string, at: number, isEncoded: boolean): Value | null {
  if (/[{[(]/.test(text.charAt(at))) return null;
  const run = sticky(UNQUOTED, text, at)?.[0];
  if (run === undefined) return null;
  const end = isEncoded ? ENCODED_END.exec(run) : NEXT_ASSIGNMENT.exec(run);
  const to = at + (end ? end.index : run.length);
  return { from: at, to, next: to, form: "assigned" };
}

/** Where a long run without white space and quotes ends. */
function runEnd(text: string, from: number): number {
  const end = text.slice(from).search(/[\s"'`<>\\]/);
  return end < 0 ? text.length : from + end;
}

/** In YAML, and in files of settings, the assignment is alone on its line. */
function isAloneOnLine(text: string, name: Name, value: Value): boolean {
  const before = text.slice(Math.max(0, name.start - 80), name.start);
  if (!/(?:^|[\r\n])[ \t]*(?:- )?(?:export |set )?["']?$/.test(before)) return false;
  return /[ \t]{0,80}(?=[\r\n]|$)/y.test(text.slice(value.to, value.to + 81));
}

/** In `getpass('Password: ')` the quote after the sign closes the text around the name. */
function isClosingQuote(text: string, name: Name, at: number): boolean {
  const quote = text.charAt(name.start - 1);
  return /["'`]/.test(quote) && text.charAt(at) === quote && !text.slice(name.end, at).includes(quote);
}

function valueAfterSign(text: string, name: Name, at: number, sign: string): Value | null {
  if (isClosingQuote(text, name, at)) return null;
  const block = blockValue(text, name.start, at, isInConnection(text, name.start));
  if (block) return block;
  const field = valueField(text, at);
  if (field !== null) return quotedValue(text, field);
  const typed = sign === ":" ? sticky(TYPE, text, at) : null;
  const start = at + (typed?.[0].length ?? 0);
  const wrapper = sticky(WRAPPER, text, start);
  const quoted = quotedValue(text, start + (wrapper?.[0].length ?? 0));
  if (quoted) return quoted;
  const isEncoded = sign.startsWith("%") || sign.startsWith("\\");
  const value = unquotedValue(text, start, isEncoded);
  if (!value) return null;
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

function xmlValue(text: string, { start, end }: Name): Value | null {
  if (text.charAt(start - 1) !== "<" || text.charAt(end) !== ">") return null;
  const close = text.slice(end + 1, lineEnd(text, end + 1)).indexOf("</");
  return close < 0 ? null : { from: end + 1, to: end + 1 + close, next: end + 1 + close, form: "quoted" };
}

/** The next of two items: `("password", "…")`, `["--password", "…"]`. */
function nextItem(text: string, name: Name): Value | null {
  const isPair = /\(\s{0,4}b?\\{0,8}["']$/.test(text.slice(Math.max(0, name.start - 16), name.start));
  const gap = name.isFlag || isPair ? sticky(NEXT_ITEM, text, name.end) : null;
  const item = gap && quotedValue(text, name.end + gap[0].length);
  return item && (name.isFlag || /^\s{0,8}\)/.test(text.slice(item.next, item.next + 9))) ? item : null;
}

function optionValue(text: string, at: number): Value | null {
  if (text.charAt(at) === "-") return null;
  const value = quotedValue(text, at) ?? unquotedValue(text, at, false);
  // "the --password option is" is a sentence.
  const isWord = value !== null && /^[a-z']+$/.test(text.slice(value.from, value.to));
  return isWord && /^ [A-Za-z]/.test(text.slice(value.to, value.to + 2)) ? null : value;
}

function valueWithoutSign(text: string, name: Name): Value | null {
  const inside = xmlValue(text, name) ?? nextItem(text, name);
  if (inside) return inside;
  const pair = sticky(PAIR, text, name.end);
  if (pair)
    return quotedValue(text, name.end + pair[0].length) ?? unquotedValue(text, name.end + pair[0].length, false);
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

const PROSE =
  /(?:[ \t]|\\{1,8}t){1,40}(?:(?:is|was|for\s\S{1,80}|set to)\s{1,4}(?:[=:]\s{1,4})?)?(?:\|[ \t]{1,40})?(?:\((?=[^)\s]{1,200}\)))?/iy;

/** In a sentence or a table, where most words after the name are no secrets. */
function proseValue(text: string, name: Name): Value | null {
  const gap = sticky(PROSE, text, name.end);
  if (!gap) return null;
  const at = name.end + gap[0].length;
  const value = quotedValue(text, at) ?? unquotedValue(text, at, false);
  if (!value) return null;
  const content = text.slice(value.from, value.to);
  const isPassword =
    name.of === "password" && looksRandom(content, 8) && /\d/.test(content) && !/[/_.:-]/.test(content);
  return isPassword || looksGenerated(content) ? value : null;
}

const SCHEME =
  /(?:bearer|basic|token|digest|apikey|api-key|key|negotiate|ntlm|hawk|oauth|aws4-hmac-sha256|sharedkey(?:lite)?|geniekey|ssws|splunk|bot|jwt|pbs|deepl-auth-key|discogs|zoho-oauthtoken)(?:\s{1,4}|%20|\+)/iy;

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
  const isList = scheme !== null && /^[A-Za-z]+=/.test(text.slice(start, start + 40));
  return isList
    ? { from: start, to: lineEnd(text, start), next: lineEnd(text, start), form: "quoted" }
    : { ...word, form: "prose" };
}

function cookieValue(text: string, at: number): Value | null {
  const quoted = quotedValue(text, at);
  if (quoted) return quoted;
  const rest = text.slice(at, lineEnd(text, at));
  const end = rest.search(/["'`]|\\[nrt"]/);
  const to = at + (end < 0 ? rest.length : end);
  return /^[^\s=;]{1,256}=/.test(rest) ? { from: at, to, next: to, form: "quoted" } : null;
}

function valueAfter(text: string, name: Name): Value | null {
  const assignment = sticky(ASSIGNMENT, text, name.end);
  if (!assignment) {
    const value = valueWithoutSign(text, name);
    return value && name.of === "authorization" ? withoutScheme(text, value) : value;
  }
  const at = name.end + assignment[0].length;
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

function isSecretOf(name: Name, text: string, value: Value): boolean {
  if (text.startsWith(MARK, value.from)) return false;
  const content = text.slice(value.from, value.to);
  if (value.form !== "quoted" && isSameVariable(text.slice(name.start, name.end), content)) return false;
  if (name.of === "cookie") return content.includes("=") && isSecretValue(content, "password", "quoted", false);
  if (name.of === "authorization") return isSecretValue(content, "token", value.form, value.form !== "quoted");
  // A block of several lines.
  if (/\n/.test(content)) return isSecretValue(content, "password", "quoted", false);
  return isSecretValue(content, name.of, value.form, name.isBare);
}

/** Some literals include what follows the name. */
function nameEndOf(text: string, { start, end }: Pick<Occurrence, "start" | "end">): number {
  return NAME_AFTER.test(text.charAt(end - 1)) || end - start < 2 ? end : end - 1;
}

/** `occurrences`: of the literals of names. */
export function replaceNamedValues(text: string, occurrences: readonly Pick<Occurrence, "start" | "end">[]): string {
  let result = "";
  let done = 0;
  let nameEnd = 0;
  for (const occurrence of occurrences) {
    if (occurrence.start < Math.max(done, nameEnd)) continue;
    const name =
      text.slice(occurrence.start, occurrence.end).toLowerCase() === "identified by"
        ? { ...occurrence, of: "password" as const, isFlag: false, isSql: true, isBare: false }
        : nameAround(text, occurrence.start, nameEndOf(text, occurrence));
    nameEnd = name.end;
    if (name.of === null) continue;
    const value = valueAfter(text, name) ?? valueBefore(text, name.start, done);
    if (!value || value.to <= value.from || !isSecretOf(name, text, value)) continue;
    result += text.slice(done, value.from) + NAMED_SECRET;
    done = value.to - value.from < MAX_UNQUOTED || value.form === "quoted" ? value.to : runEnd(text, value.to);
    nameEnd = Math.max(nameEnd, value.next);
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
