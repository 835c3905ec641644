/**
 * Text that a person or a model will read, by what may be in it. A text of Prefect's is a plain `string`: it fits into none of these types
 * before one of the functions below has made it harmless, so that a flow's name cannot pose as a line, a column or a hint of ours.
 */
import { truncate } from "./truncate.ts";
import { escapeInvisible, visibleText } from "./visible-text.ts";

declare const shown: unique symbol;

/** One line without invisible characters. Foreign text may be in it as it is, so it belongs between marks (`fence`). */
export type Line = string & { readonly [shown]: { readonly isLine: true } };

/** One line of this program's own words. Foreign text is in quotes there. For errors, hints, notes and headers, which have no marks. */
export type Sentence = Line & { readonly [shown]: { readonly isOwn: true } };

/** A line without the separator of columns. */
export type Cell = Line & { readonly [shown]: { readonly isCell: true } };

/** `Text` where it is of the type `Safe`, a number or a literal of the source; otherwise a type that no value has. */
export type Checked<Text, Safe = Sentence> = Text extends Safe | number
  ? Text
  : Text extends string
    ? Record<never, never> extends Record<Text, 1>
      ? never
      : Text
    : never;

type CheckedEach<Parts extends readonly unknown[], Safe> = { readonly [Key in keyof Parts]: Checked<Parts[Key], Safe> };

/** A tag for templates of sentences: `` sentence`no flow run ${quote(name)}` ``. */
export function sentence<const Parts extends readonly unknown[]>(
  texts: TemplateStringsArray,
  ...parts: Parts & CheckedEach<Parts, Sentence>
): Sentence {
  return compose(String.raw({ raw: texts }, ...parts));
}

/** The same for lines. */
export function lineOf<const Parts extends readonly unknown[]>(
  texts: TemplateStringsArray,
  ...parts: Parts & CheckedEach<Parts, Line>
): Line {
  return oneLine(String.raw({ raw: texts }, ...parts));
}

/** Words of this program. Only literals of the source compile. */
export function own<const Text extends string>(text: Text & Checked<Text>): Sentence {
  return compose(text);
}

/** The same for a literal of several lines. */
export function ownLines<const Text extends string>(text: Text & Checked<Text>): Sentence[] {
  return text.split("\n").map(compose);
}

function compose(text: string): Sentence {
  return oneLine(text) as Sentence;
}

/** A sentence in which secrets are replaced by marks. */
export function withReplaced(text: Sentence, replace: (text: string) => string): Sentence {
  return compose(replace(text));
}

const LINE_ENDS = /[\n\r\u0085\u2028\u2029]/;
/** Begins where blanks begin: it would otherwise read many blanks again from each of them. */
const BREAKS = /(?<!\s)\s*\n\s*/g;

/** Foreign text as one line: line ends become ` ⏎ `. */
export function oneLine(text: string): Line {
  const visible = visibleText(text);
  return (LINE_ENDS.test(visible) ? visible.replace(BREAKS, " ⏎ ") : visible) as Line;
}

/** Foreign text as the cell of a table. The separator of columns is written as in JSON. */
export function asCell(text: string): Cell {
  return oneLine(text).replaceAll("|", "\\u007c") as Cell;
}

/** Foreign text in quotes, with the escapes of JSON, and cut when it is long. */
export function quote(text: string, maxChars = 300): Sentence {
  // Removing characters makes a text shorter, so that enough of it remains.
  const visible = visibleText(text.length > 4 * maxChars ? text.slice(0, 4 * maxChars) : text);
  return JSON.stringify(truncate(visible, maxChars)).replace(MARK_LIKE, "\\u003c") as Sentence;
}

/** What looks like a mark of `fence`. */
export const MARK_LIKE = /<(?=\s*(?:\/\s*)?untrusted\b)/gi;

/** A foreign value as JSON, in which texts are in quotes. A long one is cut before it is put in quotes: a cut would open them. */
export function quoteJson(value: unknown, maxChars = 300): Sentence {
  const text = jsonLine(value);
  if (text.length > maxChars) return quote(typeof value === "string" ? value : text, maxChars);
  return text.replace(MARK_LIKE, "\\u003c") as Sentence;
}

const WORD = /^[\p{L}\p{N}_][\p{L}\p{N}_.@/+*-]{0,99}$/u;

/** A foreign name: as it is when it is a single word, which says nothing by itself, otherwise in quotes. */
export function asName(text: string): Sentence {
  return WORD.test(text) && visibleText(text) === text ? (text as Sentence) : quote(text, 100);
}

/** Names with commas between them. */
export function asNames(texts: readonly string[]): Sentence {
  return joined(texts.map(asName), ", ");
}

const PROSE = /^[\p{L}\p{N} .,;:'"()[\]{}<>=_@#%&*+?!~/\\\u2026-]*$/u;
/** How parts of this program's answers begin that say what to do, and its marks. */
const OWN_LABEL = /\b(?:hint|retryable|fix|next|evidence|ids)\s*:|untrusted/i;
/** A link or a picture in Markdown, and a comment in HTML. */
const LINK = /\]\s*\(|<!/;

/**
 * A sentence of Prefect or of the system, such as the reason of a refusal: as it is, or in quotes where it could pose as one of ours.
 * Quotations in it have to be closed.
 */
export function asReason(text: string): Sentence {
  return isHarmless(text) && hasClosedQuotes(text) && !text.includes("\\") ? (text as Sentence) : quote(text, 500);
}

/** An address, a path or a flag: as it is, or in quotes where it could pose as something of ours. Quotations in it have to be closed. */
export function asPlace(text: string): Sentence {
  return isHarmless(text) && hasClosedQuotes(text) ? (text as Sentence) : quote(text, 1_000);
}

const SHELL_WORD = /^[A-Za-z0-9_@%+=:,./-]{1,500}$/;

/** A foreign text as one word of a command that a person may run in a shell: in single quotes, in which nothing is expanded. */
export function asShellWord(text: string): Sentence {
  if (SHELL_WORD.test(text) && !text.startsWith("-")) return text as Sentence;
  const plain = truncate(oneLine(text.slice(0, 2_000)), 500)
    .replace(MARK_LIKE, "‹")
    .replaceAll("\t", " ");
  return `'${plain.replaceAll("'", "'\\''")}'` as Sentence;
}

function hasClosedQuotes(text: string): boolean {
  return (text.match(/"/g)?.length ?? 0) % 2 === 0 && !text.includes('\\"');
}

function isHarmless(text: string): boolean {
  return PROSE.test(text) && !OWN_LABEL.test(text) && !LINK.test(text);
}

/** `12,345`, with `digits` after the point. */
export function figure(value: number, digits = 0): Sentence {
  // `toLocaleString` takes 50 µs, as long as a query.
  if (digits === 0 && Number.isSafeInteger(value) && !Object.is(value, -0)) {
    let text = String(value);
    for (let at = text.length - 3; at > (value < 0 ? 1 : 0); at -= 3) text = `${text.slice(0, at)},${text.slice(at)}`;
    return text as Sentence;
  }
  const fraction = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString("en-US", fraction) as Sentence;
}

/** A count with its noun, the only way in which answers and messages write it: `1 run`, `3 runs`, `0 entries`, `4,007 events`. */
export function counted<const One extends string, const Many extends string = never>(
  count: number,
  one: One & Checked<One>,
  many?: Many & Checked<Many>,
): Sentence {
  return compose(`${figure(count)} ${count === 1 ? one : (many ?? `${one}s`)}`);
}

/** `a flow run`, `an automation`. */
export function withArticle<const Noun extends string>(noun: Noun & Checked<Noun>): Sentence {
  return compose(`${/^[aeiou]/i.test(noun) ? "an" : "a"} ${noun}`);
}

/** A value as JSON in one line. Invisible characters are escaped, so that the JSON stays the same value. */
export function jsonLine(value: unknown): Line {
  return escapeInvisible(JSON.stringify(value) ?? "null") as Line;
}

/** Lines of a text, of which the second and further ones are indented: at the left edge stand only lines of this program. */
export function indented(text: string): Line[] {
  const [first = "", ...rest] = visibleText(text).split("\n");
  return [first as Line, ...rest.map((one) => `    ${one}` as Line)];
}

/** Lines of a text as they are. Only between marks that hold nothing else. */
export function verbatim(text: string): Line[] {
  return visibleText(text).split("\n") as Line[];
}

/** At most `maxChars` and what closes a quotation that was cut. */
export function shortened(text: Sentence, maxChars: number): Sentence {
  if (text.length <= maxChars) return text;
  let end = maxChars;
  while (text[end - 1] === "\\") end -= 1;
  const head = text.slice(0, end);
  const isOpen = (head.replace(/\\./g, "").match(/"/g)?.length ?? 0) % 2 === 1;
  return compose(`${head.toWellFormed()}…${isOpen ? '"' : ""}`);
}

/** The part of a line that fits into so many columns of a terminal; `end` follows what was cut. */
export function cutToColumns<Shown extends Line>(text: Shown, columns: number, end = ""): Shown {
  return Bun.sliceAnsi(text, 0, columns, end) as Shown;
}

/** With blanks up to so many columns of a terminal. */
export function padded<Shown extends Line>(text: Shown, columns: number): Shown {
  return (text + " ".repeat(Math.max(0, columns - Bun.stringWidth(text)))) as Shown;
}

/** To be put into another sentence. */
export function withoutPeriod(text: Sentence): Sentence {
  return text.replace(/\.$/, "") as Sentence;
}

/** The first of several sentences without its period, and what follows it. A period within quotation marks ends nothing. */
export function splitSentence(text: Sentence): { readonly head: Sentence; readonly rest: Sentence } {
  let isQuoted = false;
  for (let index = 0; index < text.length; index++) {
    const char = text[index];
    if (char === "\\") index += 1;
    else if (char === '"') isQuoted = !isQuoted;
    else if (char === "." && !isQuoted && /^\. [A-Z]/.test(text.slice(index, index + 3)))
      return { head: text.slice(0, index) as Sentence, rest: text.slice(index + 1) as Sentence };
  }
  return { head: withoutPeriod(text), rest: "" as Sentence };
}

/** With names in place of ids. Where an id stands within quotation marks, the name is escaped as a part of that quotation. */
export function withNamed(text: Sentence, names: ReadonlyMap<string, string>): Sentence {
  let named: string = text;
  for (const [id, name] of names) {
    if (id === "") continue;
    const [first = "", ...others] = named.split(id);
    named = others.reduce((before, after) => {
      const isOpen = (before.replace(/\\./g, "").match(/"/g)?.length ?? 0) % 2 === 1;
      return `${before}${isOpen ? quote(name, 100).slice(1, -1) : asName(name)}${after}`;
    }, first);
  }
  return compose(named);
}

/** Parts with a separator between them; of the type that all parts have. */
export function joined<Part extends Line>(parts: readonly Part[], separator: string): Part {
  return parts.join(separator) as Part;
}
