/**
 * Texts that a flow, a user of Prefect or a server could send to make a pass over them slow or wrong. Each shape makes a text of about
 * the asked length, so that the work for n and 4n characters can be compared.
 */
import { INFRASTRUCTURE_TOKENS } from "../../../src/model/secrets/infrastructure-tokens.ts";
import { NAME_LITERALS } from "../../../src/model/secrets/name-in-text.ts";
import { SERVICE_TOKENS } from "../../../src/model/secrets/service-tokens.ts";

export type Random = () => number;

export interface Shape<Input> {
  readonly name: string;
  make(size: number, random: Random): Input;
}

export const below = (random: Random, count: number): number => Math.floor(random() * count);
export const pick = <T>(random: Random, items: readonly T[]): T => items[below(random, items.length)] as T;

/** `before`, then `atom` again and again up to the size, then `after`: what makes a regular expression go back and forth. */
function pump(before: string, atom: string, after: string): (size: number) => string {
  return (size) =>
    before + atom.repeat(Math.max(1, Math.floor((size - before.length - after.length) / atom.length))) + after;
}

function pumped(name: string, before: string, atom: string, after = ""): Shape<string> {
  return { name, make: pump(before, atom, after) };
}

const BIDI = "\u202e\u2066\u200b\ufeff";
const FRAME = '  File "/app/flows/etl.py", line 12, in load\n    rows = fetch(page)\n';
const TRACEBACK = `Traceback (most recent call last):\n${FRAME}ValueError: bad row 7\n`;
const CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n";

/** Ordinary text: the measure of what a pass costs. No pass may change what is not to be changed in it. */
export const ORDINARY: Shape<string> = {
  name: "ordinary text",
  make: (size) =>
    "Finished in state Completed after 12 rows of table orders were loaded in 3 attempts by the nightly pipeline. "
      .repeat(Math.ceil(size / 108))
      .slice(0, size)
      .trimEnd(),
};

const STRUCTURED: readonly Shape<string>[] = [
  pumped("blanks", "a", " ", "b"),
  pumped("a line end, then blanks", "a\n", " ", "b"),
  pumped("blanks and line ends", "a", " \n", "b"),
  pumped("line ends", "a", "\n", "b"),
  pumped("CR and LF", "a", "\r\n", "b"),
  pumped("lines of one letter", "", "a\n"),
  pumped("one word", "", "a"),
  pumped("one word with a digit at its end", "", "a", "1"),
  pumped("one number", "", "1"),
  pumped("digits and dots", "", "1.", "!"),
  pumped("a long fraction", "1.", "1", "!"),
  pumped("dashes", "", "-"),
  pumped("equal signs", "a", "=", "a"),
  pumped("slashes", "a", "/", "a"),
  pumped("backslashes", '"', "\\", '"'),
  pumped("quotes", "", '"', "a"),
  pumped("escaped quotes", '"', '\\"', ""),
  pumped("nested quotes", "", `"'\\"`, ""),
  pumped("brackets", "", "[", ""),
  pumped("opening marks", "", "<", "untrusted"),
  pumped("a mark, then blanks", "<", " ", "x"),
  pumped("a mark, then slashes and blanks", "<", " / ", "x"),
  pumped("hashes with commas", "", "#, ", ""),
  pumped("NUL", "a", "\0", "b"),
  pumped("lone surrogates", "a", "\ud800", "b"),
  pumped("lone low surrogates", "a", "\udc00", "b"),
  pumped("emoji", "", "👩‍👩‍👧"),
  pumped("combining marks", "a", "\u0301", "b"),
  pumped("composed letters", "", "e\u0301\u0323"),
  pumped("letters that grow in lower case", "", "İ"),
  pumped("ligatures that grow in NFKD", "", "\ufdfa"),
  pumped("bidi and zero-width characters", "a", BIDI, "b"),
  pumped("ANSI colours", "", "\x1b[31;1m"),
  pumped("ANSI titles without an end", "", "\x1b]0;x"),
  pumped("an ANSI title that is never closed", "\x1b]", "x"),
  pumped("HTML", "<html>", "<div><title>a</title>&amp;&#x41;"),
  pumped("HTML comments", "", "<!---->", "<html>"),
  pumped("open HTML titles", "", "<title "),
  pumped("a traceback of many frames", "Traceback (most recent call last):\n", FRAME, "ValueError: bad row\n"),
  pumped("a chain of tracebacks", TRACEBACK, CAUSE + TRACEBACK),
  pumped("a traceback in bars", "  + Exception Group Traceback (most recent call last):\n", "  | +-+ - -", "\nA: b"),
  pumped("bars of an exception group", "Traceback (most recent call last):\n", "    +-+---- 1 ----\n", "A: b"),
  pumped(
    "a frame whose line does not end",
    'Traceback (most recent call last):\n  File "',
    '", line 1, in a',
    "\u2028\n",
  ),
  pumped("a traceback with a message of many lines", TRACEBACK, "and one line more\n"),
  pumped("tracebacks that do not begin", "Traceback (most recent call last)", "Traceback (most recent call last)", ":"),
  pumped("state messages", "", "Flow run encountered an exception: A", "\n"),
  pumped("cron fields", "", "*/1,2-3 ", "*"),
  pumped("a list in cron", "0", ",1", " * * * *"),
  pumped("an RRULE with a long list", "FREQ=DAILY;BYMONTHDAY=1", ",1"),
  pumped("RRULEs", "RRULE:FREQ=DAILY", "\n RRULE:", "X"),
  pumped("RRULE and line ends", "FREQ=DAILY", "\n\r", "x"),
  pumped("a URL with a path", "https://host/", "a/", "?x"),
  pumped("URLs with a port", "@", "a://b:1/", "x"),
  pumped("URLs after one @", "a@b ", "pg://user:pw/", " "),
  pumped("URLs of many @", "pg://u:p", "@", "/x"),
  pumped("URLs whose hosts are none", "pg://u:p", "@/", "x"),
  pumped("encoded URLs", "%40", "%3A%2F%2F%3A", "%4"),
  pumped("a URL without an end", "pg://", "a", ":"),
  pumped("key lines", "-----BEGIN PRIVATE KEY-----\n", `${"A1b2".repeat(16)}\n`, "!"),
  pumped("short key lines before an end", "", "A\n", "-----END PRIVATE KEY-----"),
  pumped("beginnings of keys", "", "-----BEGIN PRIVATE KEY-----"),
  pumped("ends of keys", "", "-----END PRIVATE KEY-----"),
  pumped("beginnings of keys with words", "", "-----BEGIN A A A "),
  pumped("a key, then blanks", "-----BEGIN PRIVATE KEY-----", " ", "!"),
  pumped("a key, then escaped line ends", "-----BEGIN PRIVATE KEY-----", "\\\\n", "!"),
  pumped("key headers", "-----BEGIN PRIVATE KEY-----\n", "Proc-Type: 4\n", "!"),
  pumped("bearer, then blanks", "bearer", " ", "!"),
  pumped("bearers", "", "bearer "),
  pumped("basic colons", "basic ", "Ojo6", ""),
  pumped("basic colons with a NUL", "basic ", "Ojo6", "AA=="),
  pumped("curl users", "curl", " -u a", ":"),
  pumped("JWK members", '"kty"', '\\"d\\" : ', "x"),
  pumped("an AWS key and letters", `AKIA${"A2".repeat(8)} `, "a", "!"),
  pumped("an AWS key and words of 40", `AKIA${"A2".repeat(8)} `, `${"aA".repeat(20)} `),
  pumped("named values", "", 'token="'),
  pumped("named values in one quote", 'token="', "token:'", ""),
  pumped("named values with more and more", 'pwd="', '\\\\"pwd=', ""),
  pumped("a long version as a value", 'token="1', ".1", '!"'),
  pumped("values of long versions", "", `token="${"1.".repeat(500)}!" `, ""),
  pumped("a value without an end", "password=", "x"),
  pumped("values without an end", "", "password=x;"),
  pumped("values with brackets", "password=", ")", "x"),
  pumped("names in names", "", "key_"),
  pumped("names with dots", "", "key."),
  pumped("flags", "", "--password --"),
  pumped("XML values", "", "<password>"),
  pumped("authorization lists", "Authorization: Digest ", "a=b,", ""),
  pumped("authorizations", "", "Authorization: Token "),
  pumped("cookies", "", "Cookie: a=b; "),
  pumped("redaction marks", "", "[redacted:a] "),
  pumped("redaction marks without an end", "", "[redacted:a"),
  pumped("UUIDs", "", "01890a5d-ac96-774b-bcce-b302099a8057 "),
  pumped("almost UUIDs", "", "01890a5d-ac96-774b-bcce-b302099a805"),
  pumped("times", "", "2026-01-31T07:00:00.123456Z "),
  pumped("columns", "", "a|"),
  pumped("own labels", "", "hint :"),
  pumped("own labels and blanks", "hint", " ", "x"),
  pumped("wildcards", "", "*a?[!b]"),
  pumped("LIKE wildcards", "", "%_a"),
  pumped("commas", "", ","),
  pumped("JSON with inexact numbers", "[1.0", ",1.0", "]"),
  pumped("JSON with inexact numbers in texts", '["', ",1.0", '"]'),
  pumped("JSON with a colon and blanks", '{"a":', " ", "1.0}"),
  pumped("JSON with zeros", "[1.", "0", "x]"),
  pumped("JSON of many lists", "[", "[],", "[]]"),
  pumped("JSON that closes too much", "[]", "]", ""),
  pumped("JSON of deep lists", "", "[", "]"),
  pumped("JSON of deep objects", "", '{"a":', "1}"),
  {
    name: "JSON in JSON in strings",
    make: (size) => {
      let text = '"a"';
      for (;;) {
        const next = JSON.stringify([text, text.length]);
        if (next.length > size) return text;
        text = next;
      }
    },
  },
];

/** What may follow the beginning of a secret so that its form almost matches. */
const FILLERS = ["A", "a", "0", "-", "_", ".", "a1", "A-", "%3D", " "] as const;

/** For each form of a secret: its beginning again and again, and its beginning before a run that never ends. */
const ALMOST_SECRETS: readonly Shape<string>[] = [...INFRASTRUCTURE_TOKENS, ...SERVICE_TOKENS].flatMap(
  ({ kind, literals }): Shape<string>[] => {
    const literal = (literals[0] ?? "").replace(/^\^/, "");
    return [
      pumped(`beginnings of ${kind} (${literal})`, "", literal),
      pumped(`beginnings of ${kind} with blanks (${literal})`, "", ` ${literal}`),
      { name: `almost ${kind} (${literal})`, make: (size, random) => pump(literal, pick(random, FILLERS), "!")(size) },
      {
        name: `many almost ${kind} (${literal})`,
        make: (size, random) => pump("", ` ${literal}${pick(random, FILLERS).repeat(below(random, 200))}`, "!")(size),
      },
    ];
  },
);

const ATOMS: readonly string[] = [
  ...(" \n\r\t\0\"'`\\/|<>[]{}()=:;,.-_#@%&*?!+~^$0Aaz9é\u0301👩\ud800\u202e\u2028".match(/[\s\S]/g) ?? []),
  ...["://", "%40", "%3A", "\\n", "\\\\", "=>", "<!--", "</", 'File "', "line 1", "Traceback (most recent call last):"],
  ...["RRULE:", "FREQ=", "null", "1e5", "-0", "1.0", "untrusted", "hint:", "[redacted:", "prefect.flow-run."],
  ...NAME_LITERALS.map((literal) => literal.replace(/^\^/, "")),
  ...[...INFRASTRUCTURE_TOKENS, ...SERVICE_TOKENS].flatMap(({ literals }) =>
    literals.map((one) => one.replace(/^\^/, "")),
  ),
];

/** A random beginning, a random atom of up to four parts again and again, and a random end. */
export function randomPump(random: Random): Shape<string> {
  const parts = (most: number) => Array.from({ length: below(random, most + 1) }, () => pick(random, ATOMS)).join("");
  const [before, after] = [parts(3), parts(2)];
  const atom = parts(3) + pick(random, ATOMS);
  return pumped(
    `${JSON.stringify(before)}, many ${JSON.stringify(atom)}, ${JSON.stringify(after)}`,
    before,
    atom,
    after,
  );
}

/** All shapes that have a name. */
export const TEXT_SHAPES: readonly Shape<string>[] = [ORDINARY, ...STRUCTURED, ...ALMOST_SECRETS];
