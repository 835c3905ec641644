/**
 * Edits of TOML by offset, because no parser keeps comments: nothing outside of the edited table changes. Tables with headers, inline tables
 * and dotted keys are edited in the way in which they are written; `editConfig` refuses a result that differs from what was meant.
 */
import { parse, stringify, TomlError } from "smol-toml";
import type { FileFormat, Member, Range } from "./format.ts";
import { isPlainTable, nested, valueIn } from "./nested.ts";
import {
  type Assignment,
  type Block,
  blocksOf,
  endOfLine,
  inlineMembersOf,
  isAt,
  isBelow,
  type Path,
  startOfLine,
} from "./toml-scan.ts";

function parseText(text: string): unknown {
  try {
    // Above 2^53 a number would be refused or written in another way.
    return parse(text, { integersAsBigInt: "asNeeded" });
  } catch (error) {
    if (error instanceof TomlError)
      throw new Error(`it is not valid TOML (line ${error.line}, column ${error.column})`);
    throw error;
  }
}

function keyText(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

function valueText(value: Member): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(", ")}]`;
  if (isPlainTable(value))
    return `{ ${Object.entries(value)
      .map(([key, one]) => `${keyText(key)} = ${valueText(one as Member)}`)
      .join(", ")} }`;
  return JSON.stringify(value);
}

const lineBreakOf = (text: string) => (text.includes("\r\n") ? "\r\n" : "\n");

function splice(text: string, from: number, to: number, insert: string): string {
  return text.slice(0, from) + insert + text.slice(to);
}

/** Whole lines at an offset at which a line begins or the text ends. */
function insertLines(text: string, at: number, lines: string): string {
  const end = lineBreakOf(text);
  const gap = at === 0 || text[at - 1] === "\n" ? "" : end;
  return splice(text, at, at, gap + lines.trimEnd().replaceAll("\n", end) + end);
}

/** A new block at the end, with an empty line before it. */
function withBlock(text: string, block: string): string {
  const isAfterGap = text === "" || /(^|\n)[ \t]*\r?\n$/.test(text);
  const lines = isAfterGap ? block : `\n${block}`;
  return insertLines(text, text.length, lines);
}

/** The assignments on the way to the path that are written as inline tables, and the one of the path itself. */
function assignmentsTo(text: string, path: Path): readonly Assignment[] {
  const found: Assignment[] = [];
  let level: readonly Assignment[] | null = blocksOf(text).flatMap(({ assignments }) => assignments);
  while (level !== null) {
    const next: Assignment | undefined = level.find((one) => isBelow(path, one.path));
    if (next === undefined) return found;
    found.push(next);
    level = inlineMembersOf(text, next);
  }
  return found;
}

function setValue(text: string, path: Path, value: Member): string {
  parseText(text);
  const way = assignmentsTo(text, path);
  const nearest = way.at(-1);
  if (nearest !== undefined && isAt(nearest.path, path))
    return splice(text, nearest.valueFrom, nearest.valueTo, valueText(value));
  if (rangesOf(text, path).length > 0) return setValue(removeTable(text, path), path, value);
  if (nearest !== undefined) return withMember(text, nearest, path, value);
  if (isPlainTable(value)) return withBlock(text, stringify(nested(path, value)));
  const table = path.slice(0, -1);
  const key = path.at(-1) ?? "";
  const blocks = blocksOf(text);
  const block = blocks.find(({ header }, index) => index > 0 && isAt(header, table));
  if (block !== undefined) return insertLines(text, endOfLine(text, block.to), `${keyText(key)} = ${valueText(value)}`);
  const dotted = blocks.flatMap(({ assignments }) => assignments).findLast((one) => isAt(one.path.slice(0, -1), table));
  if (dotted !== undefined) {
    const above = text.slice(startOfLine(text, dotted.from), dotted.lastPart);
    return insertLines(text, endOfLine(text, dotted.valueTo), `${above}${keyText(key)} = ${valueText(value)}`);
  }
  return withBlock(text, `[${table.map(keyText).join(".")}]\n${keyText(key)} = ${valueText(value)}`);
}

/** Adds to an inline table, at its end. */
function withMember(text: string, table: Assignment, path: Path, value: Member): string {
  const members = inlineMembersOf(text, table);
  if (members === null) throw new Error("a value is where a table is needed");
  const [key = "", ...rest] = path.slice(table.path.length);
  const member = `${keyText(key)} = ${valueText(nested(rest, value) as Member)}`;
  const last = members.at(-1);
  if (last === undefined) return splice(text, table.valueFrom + 1, table.valueTo - 1, ` ${member} `);
  return splice(text, last.valueTo, last.valueTo, `, ${member}`);
}

/** What belongs to a value or table: whole lines, or a member of an inline table with one comma. */
function rangesOf(text: string, path: Path): readonly Range[] {
  const [first, ...others] = blocksOf(text);
  const own = others.filter(({ header }) => isBelow(header, path));
  const rest = [first, ...others].filter((block) => block !== undefined && !own.includes(block)) as Block[];
  const lines = rest
    .flatMap(({ assignments }) => assignments)
    .filter((one) => isBelow(one.path, path))
    .map((one): Range => [startOfLine(text, one.from), endOfLine(text, one.valueTo)]);
  const found = [...own.map(({ from, to }): Range => [from, endOfLine(text, to)]), ...lines];
  const way = assignmentsTo(text, path);
  const [table, member] = [way.at(-2), way.at(-1)];
  if (found.length > 0 || table === undefined || member === undefined || !isAt(member.path, path)) return found;
  return [memberRange(text, inlineMembersOf(text, table) ?? [], member)];
}

/** With the comma and the spaces before it, or behind it for the first one. */
function memberRange(text: string, members: readonly Assignment[], { from, valueTo }: Assignment): Range {
  const index = members.findIndex((one) => one.from === from);
  const [before, next] = [members[index - 1], members[index + 1]];
  if (before !== undefined && /^[\s,]*$/.test(text.slice(before.valueTo, from))) return [before.valueTo, valueTo];
  const isGap = next !== undefined && /^[\s,]*$/.test(text.slice(valueTo, next.from));
  return [from, isGap ? next.from : valueTo];
}

/** The table with all tables below it. Comments directly before the next header stay. */
function removeTable(text: string, path: Path): string {
  return rangesOf(text, path)
    .toSorted(([a], [b]) => b - a)
    .reduce((result, [from, to]) => {
      const before = result.slice(0, from);
      const rest = result.slice(to);
      const isBlock = text[from] === "[" || /^[ \t]*\[/.test(result.slice(from, to));
      // One empty line is between neighbours.
      const isDouble = isBlock && /(^|\n)[ \t]*\r?\n$/.test(before) && /^([ \t]*\r?\n|$)/.test(rest);
      if (isDouble) return before.replace(/(?<![ \t])[ \t]*\r?\n$/, "") + rest;
      return isBlock && before === "" ? rest.replace(/^([ \t]*\r?\n)/, "") : before + rest;
    }, text);
}

export const tomlFormat: FileFormat = {
  parse: parseText,
  set: setValue,
  append(text, path, values) {
    const known = valueIn(parseText(text), path);
    return setValue(text, path, [...(Array.isArray(known) ? (known as string[]) : []), ...values]);
  },
  remove: removeTable,
  ranges: rangesOf,
  show: (path, value) => stringify(nested(path, value)).trimEnd(),
};
