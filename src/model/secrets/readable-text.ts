/** Secrets in texts with colours of a terminal or percent-encoding, which separate a secret from what is around it. */
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
  return HAS_ESCAPE.test(text) || HAS_OCTET.test(text);
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
