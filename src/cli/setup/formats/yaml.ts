/**
 * Edits of YAML. Where a table is written as a block, which is how clients write it, only the lines of the edited member change: the parser's
 * own output would also align comments and quotes of all others. Elsewhere its output is used, which keeps comments and order.
 */
import { Document, isMap, isScalar, type Pair, parseDocument, type YAMLMap } from "yaml";
import type { FileFormat, Member } from "./format.ts";
import { isPlainTable, nested } from "./nested.ts";

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

function write(document: Document, text: string): string {
  return document.toString(styleOf(text)).replaceAll(/\r?\n/g, lineBreakOf(text));
}

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

function splice(text: string, from: number, to: number, insert: string): string {
  const before = text.slice(0, from);
  const gap = before === "" || before.endsWith("\n") || insert === "" ? "" : lineBreakOf(text);
  return before + gap + insert + text.slice(to);
}

/** Null where the lines are not known. */
function setLines(document: Document, text: string, path: Path, value: Member): string | null {
  const depth = path.findLastIndex((_, index) => blockAt(document, text, path.slice(0, index)) !== null);
  const block = depth === -1 ? null : blockAt(document, text, path.slice(0, depth));
  const [key = "", ...rest] = path.slice(Math.max(0, depth));
  if (block === null) return null;
  const known = pairOf(block, key);
  const lines = memberLines(text, key, nested(rest, value), block.column);
  if (known !== undefined) {
    const extent = rest.length === 0 ? extentOf(text, known) : null;
    return extent && splice(text, extent[0], extent[1], lines);
  }
  const last = block.map.items.at(-1);
  const extent = last && extentOf(text, last);
  return extent ? splice(text, extent[1], extent[1], lines) : null;
}

function removeLines(document: Document, text: string, path: Path): string | null {
  const block = blockAt(document, text, path.slice(0, -1));
  const known = block === null ? undefined : pairOf(block, path.at(-1) ?? "");
  if (block === null || known === undefined || block.map.items.length === 1) return null;
  const extent = extentOf(text, known);
  return extent && splice(text, extent[0], extent[1], "");
}

export const yamlFormat: FileFormat = {
  parse: (text) => read(text).toJS(),
  set(text, path, value) {
    const document = read(text);
    const lines = setLines(document, text, path, value);
    if (lines !== null) return lines;
    const parents = path.slice(0, -1).map((_, index) => path.slice(0, index + 1));
    for (const parent of parents) {
      if (document.getIn(parent) === null || document.getIn(parent) === undefined)
        document.setIn(parent, document.createNode({}));
    }
    document.setIn(path, document.createNode(value));
    return write(document, text);
  },
  append(text, path, values) {
    const document = read(text);
    if (document.getIn(path) === undefined) document.setIn(path, document.createNode([]));
    for (const value of values) document.addIn(path, value);
    return write(document, text);
  },
  remove(text, path) {
    const document = read(text);
    const lines = removeLines(document, text, path);
    if (lines !== null) return lines;
    document.deleteIn(path);
    return write(document, text);
  },
  show: (path, value) => new Document(nested(path, value)).toString({ lineWidth: 0 }).trimEnd(),
};
