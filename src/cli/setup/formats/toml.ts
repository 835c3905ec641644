/**
 * Edits of TOML line by line, because no parser keeps comments. It handles tables with headers, which is how clients write them; where a
 * table is written in another way the result differs from what was meant, and `editConfig` refuses it.
 */
import { parse, stringify, TomlError } from "smol-toml";
import type { FileFormat, Member } from "./format.ts";
import { isPlainTable, nested, valueIn, withValue } from "./nested.ts";

type Path = readonly string[];

function parseText(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof TomlError)
      throw new Error(`it is not valid TOML (line ${error.line}, column ${error.column})`);
    throw error;
  }
}

/** The keys of a line `[a."b c".d]`; null for any other line. Arrays of tables (`[[a]]`) count as another table. */
function headerOf(line: string): Path | null {
  if (!/^\s*\[/.test(line)) return null;
  const keys: string[] = [];
  try {
    let value: unknown = parse(line);
    while (isPlainTable(value)) {
      const [key] = Object.keys(value);
      if (key === undefined) return keys;
      keys.push(key);
      value = value[key];
    }
    return [...keys, "[]"];
  } catch {
    return null;
  }
}

interface Block {
  readonly header: Path;
  /** Lines of the block without its header and without comments and empty lines before the next header. */
  readonly from: number;
  readonly to: number;
}

function blocksOf(lines: readonly string[]): Block[] {
  const starts = lines.flatMap((line, index) => {
    const header = headerOf(line);
    return header === null ? [] : [{ header, index }];
  });
  const all = [{ header: [] as Path, index: -1 }, ...starts];
  return all.map(({ header, index }, position) => {
    let to = all[position + 1]?.index ?? lines.length;
    while (to > index + 1 && /^\s*(#.*)?$/.test(lines[to - 1] ?? "")) to -= 1;
    return { header, from: index + 1, to };
  });
}

const isAt = (header: Path, path: Path) => header.length === path.length && isBelow(header, path);
const isBelow = (header: Path, path: Path) => path.every((key, index) => header[index] === key);

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

/** The lines of `key = …` in a block; a value may take several lines. Null where the block has no such key. */
function assignment(lines: readonly string[], { from, to }: Block, key: string): readonly [number, number] | null {
  for (let start = from; start < to; start += 1) {
    for (let end = start + 1; end <= to; end += 1) {
      try {
        const found = parse(lines.slice(start, end).join("\n"));
        if (Object.hasOwn(found, key)) return [start, end];
        start = end - 1;
        break;
      } catch {
        // The value continues in the next line.
      }
    }
  }
  return null;
}

/** Works on lines without their ends. Lines before and behind the change keep every byte, also where line ends are mixed. */
function onLines(text: string, edit: (lines: string[]) => string[]): string {
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  const raw = text === "" ? [] : text.split(/(?<=\n)/);
  const lines = raw.map((line) => line.replace(/\r?\n$/, ""));
  const result = edit(lines);
  const most = Math.min(lines.length, result.length);
  let before = 0;
  while (before < most && lines[before] === result[before]) before += 1;
  let behind = 0;
  while (behind < most - before && lines.at(-1 - behind) === result.at(-1 - behind)) behind += 1;
  const changed = result.slice(before, result.length - behind).map((line) => line + end);
  const start = raw.slice(0, before).join("");
  const gap = changed.length === 0 || start === "" || start.endsWith("\n") ? "" : end;
  return start + gap + changed.join("") + raw.slice(raw.length - behind).join("");
}

/** A new block at the end, with an empty line before it. */
function withBlock(lines: string[], block: string): string[] {
  const gap = lines.length === 0 || lines.at(-1)?.trim() === "" ? [] : [""];
  return [...lines, ...gap, ...block.trimEnd().split("\n")];
}

function setValue(text: string, path: Path, value: Member): string {
  const table = path.slice(0, -1);
  const key = path.at(-1) ?? "";
  const root = parseText(text);
  const isTableValue = isPlainTable(value);
  if (isTableValue && valueIn(root, path) === undefined && valueIn(root, table) === undefined)
    return onLines(text, (lines) => withBlock(lines, stringify(nested(path, value))));
  return onLines(text, (lines) => {
    const block = blocksOf(lines).find(({ header }) => isAt(header, table));
    if (block === undefined) {
      const inline = inlineTable(root, lines, table);
      if (inline !== null) return inline.replaced(withValue(inline.value, path.slice(inline.depth), value) as Member);
    }
    if (isTableValue && (block === undefined || assignment(lines, block, key) === null))
      return withBlock(lines, stringify(nested(path, value)));
    if (block === undefined)
      return withBlock(lines, `[${table.map(keyText).join(".")}]\n${keyText(key)} = ${valueText(value)}`);
    const known = assignment(lines, block, key);
    if (known !== null) return withAssignment(lines, known, key, value);
    return lines.toSpliced(block.to, 0, `${keyText(key)} = ${valueText(value)}`);
  });
}

/** The comment behind the value stays. */
function withAssignment(lines: string[], [from, to]: readonly [number, number], key: string, value: Member): string[] {
  const indent = /^\s*/.exec(lines[from] ?? "")?.[0] ?? "";
  const comment = commentBehind(lines.slice(from, to));
  return lines.toSpliced(from, to - from, `${indent}${keyText(key)} = ${valueText(value)}${comment}`);
}

/** With the spaces before it; "" where there is none. A `#` may also be in a text. */
function commentBehind(lines: readonly string[]): string {
  const last = lines.at(-1) ?? "";
  const whole = parse(lines.join("\n"));
  for (let at = last.indexOf("#"); at !== -1; at = last.indexOf("#", at + 1)) {
    try {
      const without = parse([...lines.slice(0, -1), last.slice(0, at)].join("\n"));
      if (Bun.deepEquals(without, whole)) return last.slice(last.slice(0, at).trimEnd().length);
    } catch {
      // It is in a text.
    }
  }
  return "";
}

interface InlineTable {
  readonly value: unknown;
  /** Keys from the root to it. */
  readonly depth: number;
  replaced(value: Member): string[];
}

/** The table `key = { … }` that the path leads into; null where there is none. */
function inlineTable(root: unknown, lines: string[], path: Path): InlineTable | null {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const [key = "", above] = [path[depth - 1], path.slice(0, depth - 1)];
    const block = blocksOf(lines).find(({ header }) => isAt(header, above));
    const known = block === undefined ? null : assignment(lines, block, key);
    const value = valueIn(root, path.slice(0, depth));
    if (known !== null && isPlainTable(value))
      return { value, depth, replaced: (next) => withAssignment(lines, known, key, next) };
  }
  return null;
}

/** The table with all tables below it. Comments directly before the next header stay. */
function removeTable(text: string, path: Path): string {
  return onLines(text, (lines) => {
    const blocks = blocksOf(lines);
    const own = blocks.filter(({ header }) => header.length > 0 && isBelow(header, path));
    if (own.length === 0) {
      const block = blocks.find(({ header }) => isAt(header, path.slice(0, -1)));
      const known = block && assignment(lines, block, path.at(-1) ?? "");
      if (known) return lines.toSpliced(known[0], known[1] - known[0]);
      const inline = inlineTable(parseText(text), lines, path.slice(0, -1));
      return inline?.replaced(withValue(inline.value, path.slice(inline.depth), undefined) as Member) ?? lines;
    }
    const removed = new Set(
      own.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, index) => from - 1 + index)),
    );
    const kept = lines.filter((_, index) => !removed.has(index));
    const first = lines.findIndex((_, index) => removed.has(index));
    // One empty line is between neighbours.
    while (kept[first]?.trim() === "" && (first === 0 || kept[first - 1]?.trim() === "")) kept.splice(first, 1);
    while (kept.length > 0 && kept.at(-1)?.trim() === "") kept.pop();
    return kept;
  });
}

export const tomlFormat: FileFormat = {
  parse: parseText,
  set: setValue,
  append(text, path, values) {
    const known = valueIn(parseText(text), path);
    return setValue(text, path, [...(Array.isArray(known) ? (known as string[]) : []), ...values]);
  },
  remove: removeTable,
  show: (path, value) => stringify(nested(path, value)).trimEnd(),
};
