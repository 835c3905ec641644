/** Replaces passwords in command lines whose option has no telling name: `mysql -p…`, `sshpass -p …`, `redis-cli -a …`, `net user …`. */

import { NAMED_SECRET } from "../words/redaction-mark.ts";
import { isSecretValue, looksRandom } from "../words/secret-values.ts";
import { NEEDS_OPTION, type PasswordCommand, POSITIONS, PROGRAMS } from "./password-commands.ts";

function byName<T>(all: readonly T[], namesOf: (one: T) => readonly string[]): ReadonlyMap<string, readonly T[]> {
  return Map.groupBy(
    all.flatMap((one) => namesOf(one).map((name) => ({ name, one }))),
    ({ name }) => name,
  )
    .entries()
    .reduce(
      (found, [name, list]) =>
        found.set(
          name,
          list.map(({ one }) => one),
        ),
      new Map<string, readonly T[]>(),
    );
}

const PROGRAMS_BY_NAME = byName(PROGRAMS, ({ names }) => names);
const POSITIONS_BY_NAME = byName(POSITIONS, ([name = ""]) => [name]);

/** The beginning of a long name is enough to find it. */
const MAX_LITERAL = 8;

/** A short name could be the end of another word. */
function literalOf(name: string): string {
  return name.length > 4 ? name.slice(0, MAX_LITERAL) : `^${name} `;
}

/** In a list of arguments, in JSON, in YAML or in a program. */
function listLiterals(name: string): string[] {
  return [...['"', "'", "\\", ","].map((end) => `^${name}${end}`), `^- ${name}`];
}

/** The names of which no literal is the beginning. */
const SPACED_NAMES: readonly string[] = [
  ...PROGRAMS.flatMap(({ names, literals }) => (literals ? names : names.filter((name) => name.length <= 4))),
  ...POSITIONS.map(([name = ""]) => name),
];

/** One of these is in every text that `replaceCommandSecrets` changes. */
export const COMMAND_LITERALS: readonly string[] = [
  ...new Set([
    ...PROGRAMS.flatMap(({ names, literals }) => literals ?? names.map(literalOf)),
    ...POSITIONS.map(([name = "", next = ""]) =>
      /^[*!?#]/.test(next) ? literalOf(name) : literalOf(`${name} ${next}`),
    ),
    ...SPACED_NAMES.flatMap(listLiterals),
  ]),
];

const BREAK = "(?:\\r?\\n|\\\\{1,8}n)";
/** Between two words: blanks, a comma, the next item of a list in YAML or JSON, a line that continues. */
const GAP = `(?:[ \\t]{0,20},[ \\t]{0,20}(?:${BREAK}[ \\t]{0,80}|[[(](?=["'\\\\]))?|[ \\t]{0,20}${BREAK}[ \\t]{0,80}-[ \\t]{1,8}|[ \\t]{1,20}\\\\{1,8}(?:\\r?\\n|n)[ \\t]{0,80}|[ \\t]{0,20})`;
/** A word of a command line, or of a list of arguments in JSON or Python; 1: what is before it, 2: its quote, 3 or 4: its text. */
const WORD = new RegExp(
  `(${GAP})(?:(\\\\{0,8}["'])((?:(?!\\2)[^\\n]){0,400})\\2|([^\\s"'\`;|&<>,\\]](?:[^\\s"'\`;|&<>\\]]{0,398}[^\\s"'\`;|&<>\\],])?))`,
  "y",
);
const MAX_WORDS = 40;
const START = /(?:^|[\s"'`/;|&(,[$])([a-z7][a-z0-9_.-]{1,23})(?=[\s"'\\,])/gi;

interface Word {
  /** Its place among the words after the name of the program. */
  readonly index: number;
  /** Where `text` begins: in the whole text, in a list of arguments in its item. */
  readonly from: number;
  readonly text: string;
  /** Directly after the word before: `-p'…'`. */
  readonly isGlued: boolean;
}

function programOf(word: string): string {
  return word.slice(Math.max(word.lastIndexOf("/"), word.lastIndexOf("\\")) + 1).toLowerCase();
}

/** The words of a command end where another one begins: otherwise each of many commands would read those after it. */
function wordsAfter(text: string, at: number): Word[] {
  const words: Word[] = [];
  let next = at;
  // The quote that ends the name of the program in a list of arguments.
  next += /^\\{0,8}["']/.exec(text.slice(at, at + 9))?.[0].length ?? 0;
  while (words.length < MAX_WORDS) {
    WORD.lastIndex = next;
    const found = WORD.exec(text);
    if (!found) break;
    const [whole, gap, quote, quoted, plain] = found;
    const word = quoted ?? plain ?? "";
    const end = found.index + whole.length;
    if (words.length > 0 && isProgram(programOf(word))) break;
    const from = end - word.length - (quote?.length ?? 0);
    words.push({ index: words.length, from, text: word, isGlued: gap === "" && words.length > 0 });
    next = end;
  }
  return words;
}

function partOf(word: Word, at: number): Word {
  return { ...word, from: word.from + at, text: word.text.slice(at) };
}

/** Without what `keep` describes; null: the word has no such beginning. */
function secretPart(one: PasswordCommand, word: Word): Word | null {
  const end = one.until ? word.text.search(one.until) : -1;
  if (!one.keep) return end < 0 ? word : { ...word, text: word.text.slice(0, end) };
  const kept = one.keep.exec(word.text)?.[0];
  return kept === undefined ? null : partOf(word, kept.length);
}

/** The word that holds the secret of the option at this place; null: none does. */
function secretOf(one: PasswordCommand, words: readonly Word[], at: number): Word | null {
  const word = words[at] as Word;
  const option = one.option.exec(word.text)?.[0];
  if (option === undefined) return null;
  const start = option.length + (word.text.charAt(option.length) === "=" ? 1 : 0);
  if (start < word.text.length) return one.form === "next" ? null : partOf(word, start);
  const next = words[at + 1];
  const isNext = next?.isGlued || (one.form !== "attached" && next && !next.text.startsWith("-"));
  return isNext ? (next ?? null) : null;
}

/** Where the secrets of the command are. */
function* secretsOf(one: PasswordCommand, words: readonly Word[]): Generator<Word> {
  if (one.needs && !words.some(({ text }) => one.needs?.test(text))) return;
  for (const at of words.keys()) {
    const found = secretOf(one, words, at);
    const secret = found && !found.text.startsWith("[redacted:") && secretPart(one, found);
    if (secret) yield secret;
  }
}

/** The name of a setting that holds a secret. */
const SECRET_SETTING = /auth|pass|pwd|token|secret|key/i;

function isExpected(sign: string, word: string): boolean {
  if (sign === "!" || sign === "*") return true;
  if (sign === "?") return looksRandom(word, 6);
  if (sign === "#") return SECRET_SETTING.test(word);
  return sign === "/*" ? /^\/\w/.test(word) : word === sign;
}

/** The secret at its position; null: the words are others. */
function positionalSecret(pattern: readonly string[], words: readonly Word[]): Word | null {
  const [name = "", ...expected] = pattern;
  const option = NEEDS_OPTION.get(name);
  if (option && !words.some(({ text }) => option.test(text))) return null;
  const first = Math.max(
    0,
    words.findIndex(({ text }) => !text.startsWith("-")),
  );
  let secret: Word | null = null;
  for (const [at, sign] of expected.entries()) {
    const word = words[first + at];
    if (!word || (sign !== "/*" && /^[-/](?!\/)/.test(word.text)) || !isExpected(sign, word.text)) return null;
    if (sign === "!" || sign === "?") secret = word;
  }
  return secret;
}

function isSecret(word: string): boolean {
  return (
    word.length >= 3 &&
    !word.startsWith("[redacted:") &&
    !/^\d{1,5}(?::\d{1,5})?$/.test(word) &&
    isSecretValue(word, "password", "assigned", false)
  );
}

function isProgram(name: string): boolean {
  return PROGRAMS_BY_NAME.has(name) || POSITIONS_BY_NAME.has(name);
}

/** The secrets of a command, in the order of its words. */
function commandSecrets(name: string, words: readonly Word[]): Word[] {
  const found = [
    ...(PROGRAMS_BY_NAME.get(name) ?? []).flatMap((one) => [...secretsOf(one, words)]),
    ...(POSITIONS_BY_NAME.get(name) ?? []).flatMap((pattern) => positionalSecret(pattern, words) ?? []),
  ];
  return found.filter(({ text }) => isSecret(text)).sort((a, b) => a.index - b.index || a.from - b.from);
}

export function replaceCommandSecrets(text: string): string {
  let result = "";
  let done = 0;
  for (const match of text.matchAll(START)) {
    const name = (match[1] ?? "").toLowerCase();
    const at = match.index + match[0].length;
    if (!isProgram(name) || at < done) continue;
    for (const { from, text: secret } of commandSecrets(name, wordsAfter(text, at))) {
      if (from < done) continue;
      result += text.slice(done, from) + NAMED_SECRET;
      done = from + secret.length;
    }
  }
  return done === 0 ? text : result + text.slice(done);
}

/** The items with the passwords of the commands among them replaced; the array itself when there are none. */
export function replaceCommandItems(items: readonly unknown[]): readonly unknown[] {
  if (items.length < 2 || typeof items[0] !== "string") return items;
  let copy: unknown[] | undefined;
  for (let at = 0; at < Math.min(items.length - 1, MAX_WORDS); at += 1) {
    const item = items[at];
    if (typeof item !== "string" || item.length > 200) continue;
    const name = programOf(item);
    if (!isProgram(name)) continue;
    const words = items
      .slice(at + 1, at + 1 + MAX_WORDS)
      .map((one, index): Word => ({ index, from: 0, text: typeof one === "string" ? one : "", isGlued: false }));
    for (const { index, from, text } of commandSecrets(name, words)) {
      const place = at + 1 + index;
      const own = (copy ?? items)[place] as string;
      if (own !== words[index]?.text) continue;
      copy ??= [...items];
      copy[place] = own.slice(0, from) + NAMED_SECRET + own.slice(from + text.length);
    }
  }
  return copy ?? items;
}
