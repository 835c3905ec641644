/**
 * Edits of YAML. Only the lines of the edited member change. The parser's own output is never used for a whole file: it would delete comments,
 * align others, and write numbers in another way (`017`, `1e3`, more than 53 bits). A table that is not written as a block, which is how
 * clients write it, is refused.
 */
import { Document, isMap, isScalar, type Pair, parseDocument, type YAMLMap } from "yaml";
import { type FileFormat, type Member, UneditableError } from "./format.ts";
import { isPlainTable, nested, valueIn } from "./nested.ts";

type Path = readonly string[];

function read(text: string): Document {
  const document = parseDocument(text, { keepSourceTokens: true });
  const [first] = document.errors;
  if (first) throw new Error(first.message.split("\n")[0]?.replace(/:$/, "") ?? "it is not valid YAML");
  if (document.contents === null) document.contents = document.createNode({}) as never;
  if (!isPlainTable(document.toJS())) throw new Error("it is not a mapping");
  return document as unknown as Document;
}

interface Style {
  readonly lineWidth: 0;
  readonly indent: number;
  readonly indentSeq: boolean;
  readonly flowCollectionPadding: false;
}

/** Long lines stay one line, and the indentation is that of the first indented line. */
function styleOf(text: string): Style {
  const lines = text.split("\n");
  const indentSeq = !lines.some((line, at) => {
    const own = /^([ \t]*)[^\s#-]/.exec(line)?.[1];
    return own !== undefined && line.trimEnd().endsWith(":") && lines[at + 1]?.startsWith(`${own}- `) === true;
  });
  const indent = /^( +)\S/m.exec(text)?.[1]?.length ?? 2;
  return { lineWidth: 0, indent, indentSeq, flowCollectionPadding: false };
}

const lineBreakOf = (text: string) => (text.includes("\r\n") ? "\r\n" : "\n");

/** The lines of `key: value` at a column. */
function memberLines(text: string, key: string, value: unknown, column: number): string {
  const lines = new Document({ [key]: value }).toString(styleOf(text)).trimEnd().split("\n");
  return lines.map((line) => " ".repeat(column) + line + lineBreakOf(text)).join("");
}

const startOfLine = (text: string, offset: number) => text.lastIndexOf("\n", offset - 1) + 1;

interface Block {
  readonly map: YAMLMap;
  readonly column: number;
}

/** A mapping of which each member begins a line; null for any other one. */
function blockAt(document: Document, text: string, path: Path): Block | null {
  const map = path.length === 0 ? document.contents : document.getIn(path, true);
  if (!isMap(map) || map.flow === true || map.items.length === 0) return null;
  const starts = map.items.map(({ key }) => (isScalar(key) ? (key.range?.[0] ?? -1) : -1));
  const columns = starts.map((start) => start - startOfLine(text, start));
  const column = columns[0] ?? 0;
  const isPlain = starts.every((start) => start >= 0 && /^ *$/.test(text.slice(startOfLine(text, start), start)));
  return isPlain && columns.every((one) => one === column) ? { map, column } : null;
}

/** From the start of its first line to the end of its last one, with a comment behind the value. Null where its lines are not known. */
function extentOf(text: string, { key, value }: Pair): readonly [number, number] | null {
  const first = isScalar(key) ? key.range?.[0] : undefined;
  const node = (value ?? key) as { readonly range?: readonly [number, number, number] | null };
  const end = node.range?.[1];
  if (first === undefined || end === undefined) return null;
  const next = text[end - 1] === "\n" ? end - 1 : text.indexOf("\n", end);
  return [startOfLine(text, first), next === -1 ? text.length : next + 1];
}

function pairOf({ map }: Block, key: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
}

/** Whole lines at an offset; `rest` is what follows. */
function splice(text: string, at: number, lines: string, rest: string = text.slice(at)): string {
  const before = text.slice(0, at);
  const gap = before === "" || before.endsWith("\n") ? "" : lineBreakOf(text);
  return before + gap + lines + rest;
}

/** Behind a key: nothing, null or an empty table in one line, and a comment. Groups: what is replaced, and what stays. */
const EMPTY_VALUE = /^([ \t]*:(?:[ \t]+(?:\{[ \t]*\}|~|null))?)([ \t]*(?:[ \t]#[^\n]*)?)(\r?\n|$)/;

/** Writes the members of a table that has none, below its key. */
function fillEmpty(text: string, { key }: Pair, inner: string): string {
  const from = isScalar(key) ? (key.range?.[1] ?? -1) : -1;
  const [line, , rest = "", end] = from < 0 ? [] : (EMPTY_VALUE.exec(text.slice(from)) ?? []);
  if (line === undefined) throw notBlock();
  const before = `${text.slice(0, from)}:${rest}${end}`;
  return splice(before, before.length, inner, text.slice(from + line.length));
}

function notBlock(): UneditableError {
  return new UneditableError(
    "this table cannot be edited: it is written in braces or in another form than lines below its key",
  );
}

function setLines(document: Document, text: string, path: Path, value: Member): string {
  if (isMap(document.contents) && document.contents.items.length === 0) return setFirst(text, path, value);
  const depth = path.findLastIndex((_, index) => blockAt(document, text, path.slice(0, index)) !== null);
  const block = depth === -1 ? null : blockAt(document, text, path.slice(0, depth));
  if (block === null) throw notBlock();
  const [key = "", ...rest] = path.slice(depth);
  const known = pairOf(block, key);
  if (known === undefined) {
    const last = block.map.items.at(-1);
    const extent = last && extentOf(text, last);
    if (!extent) throw notBlock();
    return splice(text, extent[1], memberLines(text, key, nested(rest, value), block.column));
  }
  const [inner, ...deeper] = rest;
  if (inner !== undefined) {
    const column = block.column + styleOf(text).indent;
    return fillEmpty(text, known, memberLines(text, inner, nested(deeper, value), column));
  }
  const extent = extentOf(text, known);
  if (extent === null) throw notBlock();
  const scalar = scalarRange(text, known, value);
  if (scalar !== null) return text.slice(0, scalar[0]) + scalarText(text, value) + text.slice(scalar[1]);
  return splice(text, extent[0], memberLines(text, key, value, block.column), text.slice(extent[1]));
}

/** The first member of a file that has none: behind its comments, or instead of `{}`. */
function setFirst(text: string, path: Path, value: Member): string {
  const [key = "", ...rest] = path;
  const lines = memberLines(text, key, nested(rest, value), 0);
  if (/^\s*\{\s*\}\s*$/.test(text)) return lines;
  if (/^[ \t]*[^\s#]/m.test(text.replaceAll(/^---[ \t]*\r?$/gm, ""))) throw notBlock();
  return splice(text, text.length, lines);
}

/** Where both values take one line, only the value changes, so that a comment behind it stays. */
function scalarRange(text: string, { value }: Pair, next: Member): readonly [number, number] | null {
  const range = isScalar(value) ? value.range : null;
  if (!range || typeof next === "object" || range[0] === range[1]) return null;
  return text.slice(range[0], range[1]).includes("\n") || scalarText(text, next).includes("\n")
    ? null
    : [range[0], range[1]];
}

function scalarText(text: string, value: Member): string {
  return new Document(value).toString(styleOf(text)).trimEnd();
}

function removeLines(document: Document, text: string, path: Path): string {
  const block = blockAt(document, text, path.slice(0, -1));
  const known = block === null ? undefined : pairOf(block, path.at(-1) ?? "");
  const extent = known === undefined ? null : extentOf(text, known);
  if (block === null || extent === null) throw notBlock();
  const shorter = text.slice(0, extent[0]) + text.slice(extent[1]);
  if (block.map.items.length > 1 || path.length === 1) return shorter;
  // A key without lines below it would be null, and not a table.
  const above = blockAt(document, text, path.slice(0, -2));
  const parent = above === null ? undefined : pairOf(above, path.at(-2) ?? "");
  const end = parent !== undefined && isScalar(parent.key) ? parent.key.range?.[1] : undefined;
  if (end === undefined || !/^[ \t]*:[ \t]*(?:[ \t]#[^\n]*)?\r?\n/.test(text.slice(end))) throw notBlock();
  const colon = text.indexOf(":", end) + 1;
  return `${shorter.slice(0, colon)} {}${shorter.slice(colon)}`;
}

export const yamlFormat: FileFormat = {
  parse: (text) => read(text).toJS(),
  set: (text, path, value) => setLines(read(text), text, path, value),
  append(text, path, values) {
    const document = read(text);
    const known = valueIn(document.toJS(), path);
    return setLines(document, text, path, [...(Array.isArray(known) ? (known as string[]) : []), ...values]);
  },
  remove: (text, path) => removeLines(read(text), text, path),
  ranges(text, path) {
    const block = blockAt(read(text), text, path.slice(0, -1));
    const known = block === null ? undefined : pairOf(block, path.at(-1) ?? "");
    const extent = known === undefined ? null : extentOf(text, known);
    return extent === null ? [] : [extent];
  },
  show: (path, value) => new Document(nested(path, value)).toString({ lineWidth: 0 }).trimEnd(),
};
