/** Where the tables and keys of a TOML text are, by offset. The text has to be valid: a parser has read it before. Pure. */
import { parse } from "smol-toml";

export type Path = readonly string[];

/** `key = value`, also inside of an inline table. */
export interface Assignment {
  /** From the root of the file. */
  readonly path: Path;
  /** Where the key begins, and the last part of a dotted one. */
  readonly from: number;
  readonly lastPart: number;
  readonly valueFrom: number;
  readonly valueTo: number;
}

/** A header with the assignments below it; the first block has no header. */
export interface Block {
  readonly header: Path;
  /** Of the line of the header. */
  readonly from: number;
  /** Behind the header, or its last value. */
  readonly to: number;
  readonly assignments: readonly Assignment[];
}

export const isBelow = (path: Path, above: Path) => above.every((key, index) => path[index] === key);
export const isAt = (path: Path, other: Path) => path.length === other.length && isBelow(path, other);

/** Behind spaces, line ends, commas and comments. */
function behindGap(text: string, at: number): number {
  const gap = /(?:[\s,]|#[^\n]*(?:\n|$))*/y;
  gap.lastIndex = at;
  gap.test(text);
  return gap.lastIndex;
}

/** Behind a text in quotes of any kind. */
function behindQuotes(text: string, at: number): number {
  const quote = text[at] ?? "";
  const isLong = text.startsWith(quote.repeat(3), at);
  const end = isLong ? quote.repeat(3) : quote;
  let next = at + end.length;
  while (next < text.length && !text.startsWith(end, next)) next += quote === '"' && text[next] === "\\" ? 2 : 1;
  next += end.length;
  // Up to two quotes may stand before the three that end a long text.
  while (isLong && text[next] === quote) next += 1;
  return next;
}

function behindValue(text: string, at: number): number {
  const first = text[at] ?? "";
  if (first === '"' || first === "'") return behindQuotes(text, at);
  if (first !== "[" && first !== "{") {
    const bare = /[^,\]}#\r\n]*/y;
    bare.lastIndex = at;
    return at + (bare.exec(text)?.[0].trimEnd().length ?? 0);
  }
  let depth = 0;
  for (let next = at; next < text.length; ) {
    const sign = text[next] ?? "";
    if (sign === '"' || sign === "'") next = behindQuotes(text, next);
    else if (sign === "#") next = behindGap(text, next);
    else {
      if (sign === "[" || sign === "{") depth += 1;
      if (sign === "]" || sign === "}") depth -= 1;
      next += 1;
      if (depth === 0) return next;
    }
  }
  return text.length;
}

interface Key {
  readonly parts: Path;
  readonly lastPart: number;
  readonly to: number;
}

function keyAt(text: string, at: number): Key {
  const parts: string[] = [];
  const spaces = /[ \t]*/y;
  const bare = /[A-Za-z0-9_-]+/y;
  for (let next = at; ; next += 1) {
    spaces.lastIndex = next;
    spaces.test(text);
    const from = spaces.lastIndex;
    const isQuoted = text[from] === '"' || text[from] === "'";
    bare.lastIndex = from;
    const to = isQuoted ? behindQuotes(text, from) : from + (bare.exec(text)?.[0].length ?? 0);
    const raw = text.slice(from, to);
    parts.push(isQuoted ? (Object.keys(parse(`${raw} = 1`))[0] ?? "") : raw);
    spaces.lastIndex = to;
    spaces.test(text);
    next = spaces.lastIndex;
    if (text[next] !== ".") return { parts, lastPart: from, to: next };
  }
}

function assignmentAt(text: string, at: number, above: Path): Assignment {
  const { parts, lastPart, to } = keyAt(text, at);
  const spaces = /[ \t]*/y;
  spaces.lastIndex = to + 1;
  spaces.test(text);
  const valueFrom = spaces.lastIndex;
  return { path: [...above, ...parts], from: at, lastPart, valueFrom, valueTo: behindValue(text, valueFrom) };
}

export function blocksOf(text: string): readonly Block[] {
  const blocks: { header: Path; from: number; to: number; assignments: Assignment[] }[] = [
    { header: [], from: 0, to: 0, assignments: [] },
  ];
  for (let at = behindGap(text, 0); at < text.length; ) {
    if (text[at] === "[") {
      const isList = text[at + 1] === "[";
      const { parts, to } = keyAt(text, at + (isList ? 2 : 1));
      const end = to + (isList ? 2 : 1);
      // Arrays of tables count as another table.
      const header = isList ? [...parts, "[]"] : parts;
      blocks.push({ header, from: startOfLine(text, at), to: end, assignments: [] });
      at = behindGap(text, end);
      continue;
    }
    const block = blocks.at(-1);
    if (block === undefined) break;
    const found = assignmentAt(text, at, block.header);
    block.assignments.push(found);
    block.to = found.valueTo;
    at = behindGap(text, Math.max(found.valueTo, at + 1));
  }
  return blocks;
}

/** The members of an inline table; null for another value. */
export function inlineMembersOf(text: string, { path, valueFrom, valueTo }: Assignment): readonly Assignment[] | null {
  if (text[valueFrom] !== "{") return null;
  const members: Assignment[] = [];
  for (let at = behindGap(text, valueFrom + 1); at < valueTo - 1; ) {
    const found = assignmentAt(text, at, path);
    members.push(found);
    at = behindGap(text, Math.max(found.valueTo, at + 1));
  }
  return members;
}

export function startOfLine(text: string, at: number): number {
  return text.lastIndexOf("\n", at - 1) + 1;
}

/** Behind the line end, or at the end of the text. */
export function endOfLine(text: string, at: number): number {
  const next = text.indexOf("\n", at);
  return next === -1 ? text.length : next + 1;
}
