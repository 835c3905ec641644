/**
 * What no one sees or what turns the direction of the text around it is written as `\\u202E`, so that a name of a flow cannot look like
 * another text: controls, format characters (https://www.unicode.org/reports/tr9/#Explicit_Directional_Embeddings) and tags.
 */
import { isObject } from "./read.ts";

// Joiners are left alone: scripts and emoji need them.
const HIDDEN = /(?![\t\n\u200c\u200d])[\p{Cc}\p{Cf}\u2028\u2029]/gu;

function escaped(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`;
}

export function visible(text: string): string {
  return text.replaceAll("\r\n", "\n").replaceAll(HIDDEN, escaped);
}

/** The same answer with every text and key made visible. */
export function visibleAnswer<T>(value: T): T;
export function visibleAnswer(value: unknown): unknown {
  if (typeof value === "string") return visible(value);
  if (Array.isArray(value)) return value.map(visibleAnswer);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [visible(key), visibleAnswer(one)]));
}
