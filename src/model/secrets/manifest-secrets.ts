/** Replaces values that a document marks as secret: the data of Secrets of Kubernetes, outputs of Terraform, and texts in base64. */
import { redactionMark } from "./words/redaction-mark.ts";

const MANIFEST_SECRET = redactionMark("kubernetes-secret");
const SENSITIVE = redactionMark("sensitive-value");
const ENCODED = redactionMark("encoded-secret");

export const MANIFEST_LITERALS: readonly string[] = [
  "stringdata",
  "kind: secret",
  'kind": "secret',
  'kind":"secret',
  "kind\\",
  "kind': 's",
];
export const SENSITIVE_LITERALS: readonly string[] = ['sensitive"', "sensitive\\", "sensitive'"];

const BREAK = "(?:\\r?\\n|\\\\{1,8}n)";
const KIND = /\bstringData\b|\bkind\\{0,8}["']?[ \t]{0,8}:[ \t]{0,8}\\{0,8}["']?Secret\b/;
/** The heading of a map in YAML; 1: its indentation. */
const YAML_DATA = new RegExp(
  `(?:^|${BREAK}|["']|[ \\t](?=stringData))([ ]{0,40})(?:data|stringData):[ \\t]{0,8}(?=${BREAK})`,
  "g",
);
const YAML_LINE = new RegExp(`${BREAK}([ ]{0,40})([^\\n\\\\]{0,16384})`, "y");
const YAML_ENTRY = /^["']?[\w./-]{1,128}["']?:[ \t]{0,8}(?=\S)/;
const JSON_DATA = /\\{0,8}["'](?:data|stringData)\\{0,8}["'][ \t\n]{0,40}:[ \t\n]{0,40}\{([^{}]{1,65536})\}/g;
/** A map in one line of YAML. */
const FLOW_DATA = /((?:^|[\s{,])(?:data|stringData):[ \t]{0,8}\{)([^{}\n"']{1,16384})(?=\})/g;
const FLOW_VALUE = /([\w.-]{1,128}:[ \t]{1,8})(?!\[redacted:)([^\s,{}]{1,4096})/g;
const JSON_VALUE = /(:[ \t\n]{0,40}\\{0,8}["'])((?!\[redacted:)[^"'\\]{1,16384})(?=\\{0,8}["'])/g;

/** The values below the heading that ends at `at`, as places to replace. */
function yamlValues(text: string, at: number, indent: number): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  let block: number | null = null;
  for (let next = at; ; ) {
    YAML_LINE.lastIndex = next;
    const line = YAML_LINE.exec(text);
    if (!line) return found;
    const [whole, spaces = "", content = ""] = line;
    next = line.index + whole.length;
    if (content.trim() === "") continue;
    if (spaces.length <= indent) return found;
    const from = next - content.length;
    if (block !== null && spaces.length > block) {
      found.push({ from, to: next });
      continue;
    }
    block = null;
    const entry = YAML_ENTRY.exec(content);
    if (!entry) continue;
    const value = content.slice(entry[0].length);
    if (/^[|>][+-]?\d?[+-]?\s*$/.test(value)) block = spaces.length;
    else {
      // In quotes, or up to a quote that ends the text around.
      const [, quote = "", own = ""] = /^(["']?)([^"']*)/.exec(value) ?? [];
      const start = from + entry[0].length + quote.length;
      if (own !== "" && !own.startsWith("[redacted:")) found.push({ from: start, to: start + own.length });
    }
  }
}

export function replaceManifestSecrets(text: string): string {
  if (!KIND.test(text)) return text;
  let result = "";
  let done = 0;
  for (const heading of text.matchAll(YAML_DATA)) {
    const at = heading.index + heading[0].length;
    for (const { from, to } of yamlValues(text, at, heading[1]?.length ?? 0)) {
      if (from < done) continue;
      result += text.slice(done, from) + MANIFEST_SECRET;
      done = to;
    }
  }
  const clean = result + text.slice(done);
  const flow = clean.replace(
    FLOW_DATA,
    (_, before: string, members: string) => before + members.replace(FLOW_VALUE, `$1${MANIFEST_SECRET}`),
  );
  return flow.replace(JSON_DATA, (whole) => whole.replace(JSON_VALUE, `$1${MANIFEST_SECRET}`));
}

const SENSITIVE_OBJECT =
  /\{(?=[^{}]{0,400}?["']sensitive\\{0,8}["']\s{0,8}:\s{0,8}[Tt]rue\b)([^{}]{0,400}?["']value\\{0,8}["']\s{0,8}:\s{0,8}\\{0,8}["'])(?!\[redacted:)([^"'\\\n]{1,4096})/g;

/** https://developer.hashicorp.com/terraform/cli/commands/output */
export function replaceSensitiveValues(text: string): string {
  return text.replace(SENSITIVE_OBJECT, (_, before: string) => `{${before}${SENSITIVE}`);
}

const MAX_DECODED = 65_536;
const LEAST_ENCODED = 40;
/** By code: whether the character occurs in base64. */
const IS_BASE64 = Uint8Array.from({ length: 128 }, (_, code) =>
  Number(/[A-Za-z0-9+/]/.test(String.fromCharCode(code))),
);
const READABLE = /^[\t\n\r\x20-\x7e]*$/;

/** The text that is in base64; null: it is not readable. */
function decoded(run: string): string | null {
  if (run.length > MAX_DECODED || /^[0-9a-f]+$/i.test(run)) return null;
  try {
    if (!READABLE.test(atob(run.slice(0, LEAST_ENCODED)))) return null;
    const text = atob(run.replace(/(?<!=)=+$/, ""));
    return READABLE.test(text) ? text : null;
  } catch {
    return null;
  }
}

function isBase64(text: string, at: number): boolean {
  return IS_BASE64[text.charCodeAt(at)] === 1;
}

/** Where runs of base64 are. Only every 40th character is looked at, until one may belong to such a run. */
function runsOf(text: string): { from: number; to: number }[] {
  const runs: { from: number; to: number }[] = [];
  for (let at = LEAST_ENCODED - 1, least = 0; at < text.length; at += LEAST_ENCODED) {
    if (!isBase64(text, at)) continue;
    let from = at;
    while (from > least && isBase64(text, from - 1)) from -= 1;
    let to = at + 1;
    while (to < text.length && isBase64(text, to)) to += 1;
    if (to - from >= LEAST_ENCODED) runs.push({ from, to });
    at = to - 1;
    least = to;
  }
  return runs;
}

/** Whether a text in base64 could be read. */
export function hasEncodedText(text: string): boolean {
  return runsOf(text).some(({ from, to }) => decoded(text.slice(from, to)) !== null);
}

/** Replaces texts in base64 that hold a secret, such as JSON. `redact`: of one text. */
export function replaceEncoded(text: string, redact: (inner: string) => string): string {
  let result = "";
  let done = 0;
  for (const { from, to } of runsOf(text)) {
    const inner = decoded(text.slice(from, to));
    if (inner === null || redact(inner) === inner) continue;
    result += text.slice(done, from) + ENCODED;
    done = to + (/^={1,2}/.exec(text.slice(to, to + 2))?.[0].length ?? 0);
  }
  return done === 0 ? text : result + text.slice(done);
}
