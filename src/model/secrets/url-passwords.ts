/** Replaces passwords in URLs, also those that should have been encoded: with "/", "#", "?", "@" or quotes. */
import { redactionMark } from "./words/redaction-mark.ts";

const URL_PASSWORD = redactionMark("url-password");
const URL_TOKEN = redactionMark("url-token");

/** One of these is in every text that `replaceUrlPasswords` changes. */
export const URL_PASSWORD_LITERALS: readonly string[] = ["://", "%2F%2F", "\\/", "u002f"];
/** With escaped slashes, or an escaped "@" after the password, as some writers of JSON do. */
const ESCAPED =
  /(:(?:\/|\\{1,8}\/|\\{1,8}u002[Ff]){2}[^\s/@:"'\\[]{0,128}:)(?!\[redacted:)([^\s@"'\\]{1,256})(?=@|\\{1,8}u0040)/g;
/** The parameters of InfluxDB 1: https://docs.influxdata.com/influxdb/v1/tools/api/#query-string-parameters */
const USER_AND_P = /([?&]u=[^&\s"']{0,128}&p=)(?!\[redacted:)([^&\s"'<>\\]{1,256})/g;

/** Schemes of which the host part ends at the first "/", "?" or "#", because no client accepts more; and "@" is usual in the path. */
const STRICT_SCHEME = /(?:^|[^A-Za-z0-9])(?:https?|wss?|ftps?|sftp|git|ssh|file)$/i;
const USER = /(?:\[redacted:[a-z0-9-]+\]|[^\s/?#:[\]"'<>\\]{0,256}):/y;
/** What may follow the "@": a host or a placeholder for one. A digest ("sha256:") makes it an image. */
const HOST = /(?!sha\d{3}:)(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}|\[[0-9A-Fa-f:.%]{2,60}\]|[${<%])/y;
/** In "http://prefect:4200/api" a port follows the colon. */
const PORT = /\d{1,5}(?![A-Za-z0-9@%._~!$&*+=-])/y;
const PLACEHOLDER =
  /^(?:\[redacted:[a-z0-9-]+\]|\$\{[^}]{0,80}\}|\$[A-Za-z_]\w{0,60}|\{{1,2}[^{}]{0,80}\}{1,2}|<[^<>]{0,60}>|\*+|x{3,}|%s|%\(\w{1,40}\)s|\.{3})$/i;
/** A user without password that is a key: letters and digits, and long. */
const TOKEN_USER = /^(?=[^@]*\d)(?=[^@]*[A-Za-z])[A-Za-z0-9_~-]{20,256}$/;
const ENCODED =
  /(%3[Aa]%2[Ff]%2[Ff][A-Za-z0-9._~-]{0,128}%3[Aa])(?!\[redacted:)((?:[^\s&"'<>%]|%(?!40)[0-9A-Fa-f]{2}){1,512})(?=%40)/g;

/** At white space, an escaped line break or quote, the quote that encloses the URL, or the next URL. */
function urlEnd(text: string, from: number, quote: string, next: number): number {
  for (let at = from; at < next; at += 1) {
    const character = text.charAt(at);
    if (character === quote || character === "<" || character === ">" || /\s/.test(character)) return at;
    if (character === "\\" && /["'`nrt\\]/.test(text.charAt(at + 1))) return at;
  }
  return next;
}

function matchesAt(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}

/** The last "@" in the range; -1: there is none. What precedes the range is not read, because each URL of a text would read it again. */
function lastAt(text: string, from: number, end: number): number {
  const at = from < end ? text.slice(from, end).lastIndexOf("@") : -1;
  return at < 0 ? -1 : from + at;
}

/** The last "@" in the range that a host follows; -1: there is none. */
function lastBeforeHost(text: string, from: number, end: number): number {
  let at = lastAt(text, from, end);
  while (at >= 0 && !matchesAt(HOST, text, at + 1)) at = lastAt(text, from, at);
  return at;
}

/** A host that ends the search: in "http://u:a@b?c@d" the first "@" may belong to the password. */
function isWholeHost(host: string): boolean {
  return /^(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+\.?|localhost|\[[0-9A-Fa-f:.%]+\])(?::\d{1,5})?$|^[A-Za-z0-9_-]+:\d{1,5}$/.test(
    host,
  );
}

interface Found {
  readonly from: number;
  readonly to: number;
  readonly mark: string;
}

/** What to replace in the URL whose host part begins at `from`. */
function secretOf(text: string, from: number, end: number, isStrict: boolean): Found | null {
  const slash = text.slice(from, end).search(/[/?#]/);
  const hostEnd = slash < 0 ? end : from + slash;
  USER.lastIndex = from;
  const user = USER.exec(text);
  if (!user || USER.lastIndex > end) {
    const at = lastAt(text, from, hostEnd);
    return at > from && TOKEN_USER.test(text.slice(from, at)) ? { from, to: at, mark: URL_TOKEN } : null;
  }
  const password = from + user[0].length;
  let at = lastAt(text, password, hostEnd);
  const last = lastBeforeHost(text, password, end);
  if (at >= password && /^sha\d{3}:/.test(text.slice(at + 1, at + 8))) return null;
  if (at < password) {
    const isPort = matchesAt(PORT, text, password) || (isStrict && user[0].includes("@"));
    const token = user[0].slice(0, user[0].indexOf("@"));
    if (isPort && user[0].includes("@") && TOKEN_USER.test(token))
      return { from, to: from + token.length, mark: URL_TOKEN };
    if (isPort && (isStrict || last < 0 || text.slice(password, last).includes("="))) return null;
  }
  if (!isStrict || at < password || !isWholeHost(text.slice(at + 1, hostEnd))) at = Math.max(at, last);
  if (at < password) return null;
  if (at === password) {
    const name = user[0].slice(0, -1);
    return TOKEN_USER.test(name) ? { from, to: password - 1, mark: URL_TOKEN } : null;
  }
  return PLACEHOLDER.test(text.slice(password, at)) ? null : { from: password, to: at, mark: URL_PASSWORD };
}

export function replaceUrlPasswords(original: string): string {
  const text = original.includes("&p=") ? original.replace(USER_AND_P, `$1${URL_PASSWORD}`) : original;
  if (!/@|%40|u0040/.test(text)) return text;
  let result = "";
  let done = 0;
  for (let sign = text.indexOf("://"); sign >= 0; ) {
    const next = text.indexOf("://", sign + 3);
    const scheme = /(?<![A-Za-z])[A-Za-z][A-Za-z0-9+.-]*$/.exec(text.slice(Math.max(0, sign - 40), sign))?.[0] ?? "";
    const quote = /["'`]/.test(text.charAt(sign - scheme.length - 1)) ? text.charAt(sign - scheme.length - 1) : "";
    const end = urlEnd(text, sign + 3, quote, next < 0 ? text.length : next);
    const found = secretOf(text, sign + 3, end, STRICT_SCHEME.test(scheme));
    if (found) {
      result += text.slice(done, found.from) + found.mark;
      done = found.to;
    }
    sign = next;
  }
  const whole = done === 0 ? text : result + text.slice(done);
  const clean = whole.includes("\\") ? whole.replace(ESCAPED, `$1${URL_PASSWORD}`) : whole;
  return clean.includes("%40") ? clean.replace(ENCODED, `$1${URL_PASSWORD}`) : clean;
}
