/** Secrets in texts with colours of a terminal, percent-encoding or escapes of JSON, which separate a secret from what is around it. */
import { parseJson } from "../../lib/exact-json.ts";
import { redactionMark } from "./words/redaction-mark.ts";

const ENCODED = redactionMark("encoded-secret");

/** Also as JSON, Python and shells write the escape character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are removed.
const COLOURS = /(?:\x1b|\\u001b|\\x1b|\\033|\\e)\[[0-?]{0,64}[ -/]{0,8}[@-~]/gi;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above.
const HAS_ESCAPE = /\x1b\[|\\(?:u001b|x1b|033|e)\[/i;
const OCTETS = /(?:%[0-9a-f]{2})+/gi;
const HAS_OCTET = /%[0-9a-f]{2}/i;
/** A part of a URL, in which its separators are encoded. */
const PART = /[^\s&?=;"'<>]+/g;

/** Whether one of the functions below could change the text. */
export function hasEncoding(text: string): boolean {
  return HAS_ESCAPE.test(text) || HAS_OCTET.test(text) || mayHoldEscaped(text);
}

/** A text in which the colours hide a secret loses all of them; others stay as they are. */
export function replaceColoured(text: string, redact: (text: string) => string): string {
  if (!HAS_ESCAPE.test(text)) return text;
  const plain = text.replace(COLOURS, "");
  const clean = redact(plain);
  return clean === plain || clean === redact(text).replace(COLOURS, "") ? text : clean;
}

/** Replaces a part that hides a secret from `redact` by its encoding. */
export function replacePercentEncoded(text: string, redact: (text: string) => string): string {
  if (!HAS_OCTET.test(text)) return text;
  return text.replace(PART, (part) => {
    if (!HAS_OCTET.test(part)) return part;
    const plain = decoded(part);
    const clean = redact(plain);
    return clean === plain || clean === decoded(redact(part)) ? part : ENCODED;
  });
}

function mayHoldEscaped(text: string): boolean {
  return text.includes("\\") && text.includes('"');
}

/** The closing quote of a string of JSON; -1: it does not end. */
function closeOf(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at;
  }
  return -1;
}

/** A shorter string cannot hold a name and its secret. */
const LEAST_ESCAPED = 12;
const BACKSLASH = 92;
const QUOTE = 34;

/**
 * Strings of JSON inside a text are also read without their escapes, as the lines and quotes that they stand for. Every part between two
 * quotes is tried, because the text may begin inside of a string.
 */
export function replaceEscaped(text: string, redact: (text: string) => string): string {
  if (!mayHoldEscaped(text)) return text;
  let result = "";
  let done = 0;
  for (let open = text.indexOf('"'); open >= 0; ) {
    const close = closeOf(text, open + 1);
    if (close < 0) break;
    const content = text.slice(open + 1, close);
    const plain = content.length >= LEAST_ESCAPED && content.includes("\\") ? unescaped(content) : null;
    const clean = plain === null ? plain : redact(plain);
    if (plain !== null && clean !== plain) {
      result += text.slice(done, open) + JSON.stringify(clean);
      done = close + 1;
    }
    open = done > close ? text.indexOf('"', done) : close;
  }
  return done === 0 ? text : result + text.slice(done);
}

function unescaped(content: string): string | null {
  try {
    return String(parseJson(`"${content}"`));
  } catch {
    return null;
  }
}

function decoded(part: string): string {
  return part.replace(OCTETS, decodedOctets);
}

function decodedOctets(octets: string): string {
  try {
    return decodeURIComponent(octets);
  } catch {
    return octets;
  }
}
