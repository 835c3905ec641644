/**
 * Bounds for JSON from other programs, checked on the text before it is parsed. Without them a small text takes long: JSC's
 * `JSON.stringify` of a value nested 40,000 deep (240 KB) takes seconds, because the time per object grows with its depth.
 */
export interface JsonBounds {
  /** Most objects and lists inside each other. */
  readonly maxDepth: number;
  /** Most values in all. Objects and lists count more with their depth: one more for each 32 levels. */
  readonly maxValues: number;
  /** Most characters of one text; without it there is no limit. */
  readonly maxTextChars?: number;
}

/** No server of Prefect writes a longer number, because Python reads integers of at most 4,300 digits. */
const MAX_NUMBER_CHARS = 5_000;
const DEPTH_SHIFT = 5;

const QUOTE = 34;
const COMMA = 44;
const OPEN_LIST = 91;
const BACKSLASH = 92;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

export interface JsonExcess {
  readonly bound: "depth" | "values" | "number" | "text";
  /** To be put after "it": `is nested deeper than 100 levels`. */
  readonly what: Sentence;
}

/** Which bound the text exceeds, or null. The text is read once. Whether it is JSON at all is not checked. */
export function findJsonExcess(text: string, bounds: JsonBounds): JsonExcess | null {
  const { maxDepth, maxValues, maxTextChars = Number.POSITIVE_INFINITY } = bounds;
  const tooMany: JsonExcess = { bound: "values", what: sentence`has more than ${maxValues} values` };
  let depth = 0;
  let values = 0;
  let number = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code !== QUOTE && code !== COMMA && code < OPEN_LIST && code > 32) {
      number += 1;
      if (number > MAX_NUMBER_CHARS)
        return { bound: "number", what: sentence`has a number of more than ${MAX_NUMBER_CHARS} digits` };
      continue;
    }
    number = 0;
    if (code === QUOTE) {
      const close = endOfString(text, at);
      if (close - at - 1 > maxTextChars)
        return { bound: "text", what: sentence`has a text of more than ${maxTextChars} characters` };
      at = close;
    } else if (code === COMMA) {
      values += 1;
      if (values > maxValues) return tooMany;
    } else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      depth += 1;
      if (depth > maxDepth) return { bound: "depth", what: sentence`is nested deeper than ${maxDepth} levels` };
      values += 1 + (depth >> DEPTH_SHIFT);
      if (values > maxValues) return tooMany;
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) depth -= 1;
  }
  return null;
}

/** The same for a value that is already parsed; numbers are not measured. Does not recurse. */
export function findValueExcess(value: unknown, { maxDepth, maxValues }: JsonBounds): JsonExcess | null {
  let values = 1;
  let level = [value].filter(isContainer);
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > maxDepth) return { bound: "depth", what: sentence`is nested deeper than ${maxDepth} levels` };
    const below: object[] = [];
    for (const container of level) {
      const members: unknown[] = Object.values(container);
      values += members.length;
      if (values > maxValues) return { bound: "values", what: sentence`has more than ${maxValues} values` };
      for (const member of members) if (isContainer(member)) below.push(member);
    }
    level = below;
  }
  return null;
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** The position of the closing quote; the end of the text where there is none. */
function endOfString(text: string, open: number): number {
  let close = text.indexOf('"', open + 1);
  while (close >= 0 && isEscaped(text, close, open)) close = text.indexOf('"', close + 1);
  return close < 0 ? text.length : close;
}

/** Whether the number of backslashes before `at` is odd. */
export function isEscaped(text: string, at: number, open: number): boolean {
  let slashes = 0;
  while (at - 1 - slashes > open && text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1;
  return slashes % 2 === 1;
}

/**
 * The text with `null` in place of all objects and lists at `maxDepth`. What remains of JSON is JSON, of which the outer members can be
 * read although the whole is refused.
 */
export function jsonOutline(text: string, maxDepth: number): string {
  let outline = "";
  let depth = 0;
  let done = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      depth += 1;
      if (depth === maxDepth) outline += text.slice(done, at);
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
      if (depth === maxDepth) {
        outline += "null";
        done = at + 1;
      }
      depth -= 1;
    }
  }
  return outline + text.slice(done);
}

import { type Sentence, sentence } from "./shown-text.ts";
