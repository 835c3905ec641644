/** Replaces values in columns whose title is the name of a secret: CSV, Markdown, tables of databases, data frames. */
import type { Occurrence } from "../../../lib/literal-set.ts";
import { NAMED_SECRET } from "../words/redaction-mark.ts";
import { classOfName, type NameClass } from "../words/secret-names.ts";
import { isSecretValue, isUnlikeWord, looksGenerated } from "../words/secret-values.ts";

const BREAK = /\r?\n|\\{1,8}(?:r\\{1,8})?n/g;
/** A line of more characters is no title line. */
const MAX_TITLES = 500;
const MAX_COLUMNS = 200;
/** In order of preference: tables with bars also have blanks, CSV with tabs also commas. */
const SEPARATORS: readonly RegExp[] = [/[|│┆┃]/g, /\t|\\{1,8}t/g, /;/g, /,/g, / {2,}/g];
const TITLE = /^[\p{L}_#][\p{L}\p{N}_.#()/ -]{0,40}$/u;
/** Between the titles and the rows. */
const RULE = /^[\s|+:=─━═┌┬┐├┼┤└┴┘╞╪╡╔╦╗╠╬╣╚╩╝┡╇┩┏┳┓…-]*$/;
const WORD = /^[\s"'`([]*([^\s"'`]{4,200}?)[\s"'`)\]},;]*$/;

interface Part {
  readonly from: number;
  readonly to: number;
}

export interface Titles {
  readonly separator: RegExp;
  readonly count: number;
  readonly secrets: readonly (readonly [column: number, of: NameClass])[];
}

/** Where the cells of a line begin and end. A separator inside of double quotes is part of a cell. */
function cellsOf(line: string, separator: RegExp): Part[] {
  const cells: Part[] = [];
  let from = 0;
  for (const { index, 0: sign } of line.matchAll(separator)) {
    const cell = line.slice(from, index).trimStart();
    if (cell.startsWith('"') && !/[^"]"(?:"")*\s*$/.test(cell)) continue;
    cells.push({ from, to: index });
    from = index + sign.length;
    if (cells.length > MAX_COLUMNS) return [];
  }
  cells.push({ from, to: line.length });
  return cells;
}

function titleOf(cell: string): string {
  // Before the first title may be the beginning of a log line.
  return cell
    .slice(cell.lastIndexOf(": ") + 1)
    .replace(/^.*[ \t](?=["'][\w ]{1,60}["']\s*$)/, "")
    .trim()
    .replace(/^["'`*\\]+/, "")
    .replace(/(?<!["'`*\\])["'`*\\]+$/, "");
}

/** What a logger or a shell writes before the titles. */
const PREFIX = /^.{0,200}(?:\b(?:DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL)[ \t]{0,8}[|:\]]|[ \t]-|>|\])[ \t]/;

/** A table's line of titles with one that names a secret; null: another line. */
export function titlesOf(line: string): Titles | null {
  if (line.length > MAX_TITLES) return null;
  const prefix = PREFIX.exec(line)?.[0] ?? "";
  return titlesIn(line) ?? (prefix === "" ? null : titlesIn(line.slice(prefix.length)));
}

function titlesIn(line: string): Titles | null {
  for (const separator of SEPARATORS) {
    const cells = cellsOf(line, separator);
    const titles = cells.map(({ from, to }) => titleOf(line.slice(from, to)));
    if (titles.filter((title) => title !== "").length < 2) continue;
    if (!titles.every((title) => title === "" || (TITLE.test(title) && title.split(" ").length <= 4))) continue;
    const secrets = titles.flatMap((title, column) => {
      const of = title === "" ? null : classOfName(title);
      return of === null ? [] : [[column, of] as const];
    });
    if (secrets.length > 0) return { separator, count: cells.length, secrets };
  }
  return null;
}

function isSecretCell(value: string, of: NameClass): boolean {
  return of === "password" ? isSecretValue(value, of, "prose", false) : isUnlikeWord(value, of);
}

/** The secrets in a row; null: the line is not a row of the table. */
function secretsIn(line: string, { separator, count, secrets }: Titles): Part[] | null {
  const cells = cellsOf(line, separator);
  if (cells.length !== count) return null;
  return secrets.flatMap(([column, of]) => {
    const { from, to } = cells[column] as Part;
    const cell = line.slice(from, to);
    const value = WORD.exec(cell)?.[1];
    if (value === undefined || value.startsWith("[redacted:") || !isSecretCell(value, of)) return [];
    const at = from + cell.indexOf(value);
    return [{ from: at, to: at + value.length }];
  });
}

/** The row with its secrets replaced; null: the line is not a row of the table. */
export function redactRow(line: string, titles: Titles): string | null {
  if (line.trim() !== "" && RULE.test(line.slice(0, MAX_TITLES))) return line;
  const secrets = secretsIn(line, titles);
  if (secrets === null) return null;
  return secrets.reduceRight((row, { from, to }) => row.slice(0, from) + NAMED_SECRET + row.slice(to), line);
}

function* linesOf(text: string): Generator<Part> {
  let from = 0;
  for (const { index, 0: sign } of text.matchAll(BREAK)) {
    yield { from, to: index };
    from = index + sign.length;
  }
  yield { from, to: text.length };
}

/** A name alone on its line, as a title of Markdown. */
const HEADING = /^\s{0,20}#{0,6}\s{0,4}([\p{L}][\p{L} _-]{2,40}?)\s{0,8}$/u;
/** The same at the end of a line, after what a logger writes. */
const HEADING_AT_END = /[\s|>](?:#{1,6}\s{1,4})?([A-Za-z][\w-]{2,40})\s{0,8}$/;

interface Heading {
  readonly of: NameClass;
  readonly isAlone: boolean;
}

function headingOf(line: string): Heading | null {
  const alone = line.length > 80 ? undefined : HEADING.exec(line)?.[1];
  const of = classOfName(alone ?? "");
  if (of !== null) return { of, isAlone: true };
  const last = classOfName(HEADING_AT_END.exec(line.slice(-60))?.[1] ?? "");
  return last === null ? null : { of: last, isAlone: false };
}

/** `names`: of the literals of names, in the order of the text. */
export function replaceColumns(text: string, names: readonly Pick<Occurrence, "start">[]): string {
  let result = "";
  let done = 0;
  let titles: Titles | null = null;
  let heading: Heading | null = null;
  let next = 0;
  const replace = (from: number, to: number, by: string): void => {
    result += text.slice(done, from) + by;
    done = to;
  };
  for (const { from, to } of linesOf(text)) {
    while ((names[next]?.start ?? text.length) < from) next += 1;
    const hasName = (names[next]?.start ?? text.length) < to;
    if (titles === null && heading === null && !hasName) continue;
    const line = text.slice(from, to);
    if (titles !== null) {
      const row = redactRow(line, titles);
      if (row !== null && row !== line) replace(from, to, row);
      if (row !== null) continue;
    }
    if (heading !== null) {
      const word = line.length > 300 ? undefined : WORD.exec(line)?.[1];
      if (word !== undefined && (heading.isAlone ? isUnlikeWord(word, heading.of) : looksGenerated(word))) {
        const at = from + line.indexOf(word);
        replace(at, at + word.length, NAMED_SECRET);
      }
      if (line.trim() !== "") heading = null;
    }
    titles = hasName ? titlesOf(line) : null;
    if (hasName && titles === null) heading = headingOf(line);
  }
  return done === 0 ? text : result + text.slice(done);
}
