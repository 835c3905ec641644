/**
 * JSON with comments and trailing commas, as VS Code and Zed write it. Strict JSON is a part of it. Texts are edited here and not by
 * jsonc-parser's `modify`, which also formats the neighbours of a new member and can move their comments.
 */
import {
  createScanner,
  findNodeAtLocation,
  type Node,
  type ParseError,
  parse,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import type { FileFormat, Member } from "./format.ts";
import { isPlainTable, nested } from "./nested.ts";

/** Values of jsonc-parser's `SyntaxKind`, a `const enum`, which `verbatimModuleSyntax` cannot import. */
const TOKEN = { comma: 5, lineComment: 12, blockComment: 13, lineBreak: 14, end: 17 };

function parseText(text: string): unknown {
  if (text.trim() === "") return {};
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first) {
    const before = text.slice(0, first.offset).split("\n");
    const column = (before.at(-1) ?? "").length + 1;
    throw new Error(`it is not valid JSON (${wordsOf(first)}, line ${before.length}, column ${column})`);
  }
  if (!isPlainTable(value)) throw new Error("it is not an object");
  return value;
}

/** "CloseBraceExpected" becomes "close brace expected". */
function wordsOf({ error }: ParseError): string {
  return printParseErrorCode(error)
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ")
    .toLowerCase();
}

const endOf = ({ offset, length }: Node) => offset + length;
const lineBreakOf = (text: string) => (text.includes("\r\n") ? "\r\n" : "\n");
/** The indentation of the first indented line. */
const unitOf = (text: string) => /^(\t+| +)\S/m.exec(text)?.[1] ?? "  ";

function lineIndent(text: string, offset: number): string {
  return /^[ \t]*/.exec(text.slice(text.lastIndexOf("\n", offset - 1) + 1))?.[0] ?? "";
}

function valueText(text: string, value: unknown, indent: string): string {
  return JSON.stringify(value, null, unitOf(text)).replaceAll("\n", lineBreakOf(text) + indent);
}

function splice(text: string, from: number, to: number, insert: string): string {
  return text.slice(0, from) + insert + text.slice(to);
}

interface Gap {
  /** Offset of the comma, null without one. */
  readonly comma: number | null;
  /** Where the line of the element ends: behind its comma and the comments beside it. */
  readonly lineEnd: number;
}

/** What is between an element and the next one, or the end of the object or list. */
function gapAfter(text: string, offset: number, limit: number): Gap {
  const scanner = createScanner(text);
  scanner.setPosition(offset);
  let comma: number | null = null;
  let lineEnd = offset;
  let isSameLine = true;
  for (let token: number = scanner.scan(); token !== TOKEN.end; token = scanner.scan()) {
    if (scanner.getTokenOffset() >= limit) break;
    if (token === TOKEN.lineBreak) isSameLine = false;
    if (token === TOKEN.comma) comma = scanner.getTokenOffset();
    const belongs = token === TOKEN.comma || token === TOKEN.lineComment || token === TOKEN.blockComment;
    if (belongs && isSameLine) lineEnd = scanner.getTokenOffset() + scanner.getTokenLength();
  }
  return { comma, lineEnd };
}

/** Adds a member of an object or an element of a list at its end. */
function insertLast(text: string, parent: Node, element: (indent: string) => string): string {
  const close = endOf(parent) - 1;
  const outer = lineIndent(text, parent.offset);
  const lineBreak = lineBreakOf(text);
  const last = parent.children?.at(-1);
  if (last === undefined) {
    const inner = outer + unitOf(text);
    const isBlank = text.slice(parent.offset + 1, close).trim() === "";
    return splice(
      text,
      isBlank ? parent.offset + 1 : close,
      close,
      `${lineBreak}${inner}${element(inner)}${lineBreak}${outer}`,
    );
  }
  const { comma, lineEnd } = gapAfter(text, endOf(last), close);
  const isOneLine = !text.slice(parent.offset, close).includes("\n");
  const indent = isOneLine ? outer : lineIndent(text, last.offset);
  const added = `${isOneLine ? " " : lineBreak + indent}${element(indent)}${comma === null ? "" : ","}`;
  // A comment beside the last one is about that one.
  const behind = Math.max(lineEnd, comma === null ? 0 : comma + 1);
  const withAdded = splice(text, behind, behind, added);
  return comma === null ? splice(withAdded, endOf(last), endOf(last), ",") : withAdded;
}

function rootOf(text: string): Node {
  const root = parseTree(text, [], { allowTrailingComma: true });
  if (root === undefined) throw new Error("it is not an object");
  return root;
}

function setValue(given: string, path: readonly string[], value: unknown): string {
  const text = given.trim() === "" ? "{}\n" : given;
  const root = rootOf(text);
  const known = findNodeAtLocation(root, [...path]);
  if (known !== undefined)
    return splice(text, known.offset, endOf(known), valueText(text, value, lineIndent(text, known.offset)));
  const depth = path.findLastIndex((_, index) => findNodeAtLocation(root, path.slice(0, index)) !== undefined);
  const parent = findNodeAtLocation(root, path.slice(0, depth));
  const [key = "", ...rest] = path.slice(depth);
  if (parent?.type !== "object") throw new Error("a value is where a table is needed");
  return insertLast(
    text,
    parent,
    (indent) => `${JSON.stringify(key)}: ${valueText(text, nested(rest, value), indent)}`,
  );
}

function removeValue(text: string, path: readonly string[]): string {
  const member = findNodeAtLocation(rootOf(text), [...path])?.parent;
  const siblings = member?.parent?.children;
  if (member === undefined || siblings === undefined || member.parent === undefined) return text;
  const index = siblings.indexOf(member);
  const [before, next] = [siblings[index - 1], siblings[index + 1]];
  const { comma, lineEnd } = gapAfter(text, endOf(member), next?.offset ?? endOf(member.parent) - 1);
  const to = Math.max(lineEnd, comma === null ? 0 : comma + 1);
  const lineStart = text.lastIndexOf("\n", member.offset - 1) + 1;
  const isFirstOfLine = text.slice(lineStart, member.offset).trim() === "";
  const restOfLine = /^[ \t]*(\r?\n|$)/.exec(text.slice(to))?.[0];
  const [spaceBefore = ""] = /(?<![ \t])[ \t]*$/.exec(text.slice(0, member.offset)) ?? [];
  const [spaceBehind = ""] = /^[ \t]*/.exec(text.slice(to)) ?? [];
  const inLine =
    next === undefined ? [member.offset - spaceBefore.length, to] : [member.offset, to + spaceBehind.length];
  const wholeLine = [lineStart, to + (restOfLine?.length ?? 0)];
  const [from = 0, until = 0] = isFirstOfLine && restOfLine !== undefined ? wholeLine : inLine;
  const shorter = splice(text, from, until, "");
  if (next !== undefined || comma !== null || before === undefined) return shorter;
  const earlier = gapAfter(text, endOf(before), member.offset).comma;
  return earlier === null ? shorter : splice(shorter, earlier, earlier + 1, "");
}

export const jsoncFormat: FileFormat = {
  parse: parseText,
  set: setValue,
  append(text, path, values) {
    if (text.trim() === "" || findNodeAtLocation(rootOf(text), [...path]) === undefined)
      return setValue(text, path, values);
    return values.reduce((result, value) => {
      const list = findNodeAtLocation(rootOf(result), [...path]);
      return list?.type === "array" ? insertLast(result, list, () => JSON.stringify(value)) : result;
    }, text);
  },
  remove: removeValue,
  ranges(text, path) {
    const member = text.trim() === "" ? undefined : findNodeAtLocation(rootOf(text), [...path])?.parent;
    const siblings = member?.parent?.children;
    if (member === undefined || siblings === undefined || member.parent === undefined) return [];
    const next = siblings[siblings.indexOf(member) + 1];
    const { lineEnd } = gapAfter(text, endOf(member), next?.offset ?? endOf(member.parent) - 1);
    return [[member.offset, lineEnd]];
  },
  show: (path, value: Member) => JSON.stringify(nested(path, value), null, 2),
};
