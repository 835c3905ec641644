/**
 * Prefect's text search in events and logs: `foo bar` matches either word, `-foo` and `!foo` exclude, `+foo` is required,
 * `"two words"` is a phrase. Every term matches as a substring, in any case.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/utilities/text_search_parser.py
 */
import { isJsonObject } from "../../lib/exact-json.ts";
import type { PrefectEvent } from "./event.ts";

export interface TextQuery {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly required: readonly string[];
}

export function isBlankQuery(query: string): boolean {
  return query.trim() === "";
}

/** One term: an optional prefix directly before it, then a quoted phrase (to the end if unclosed) or text up to a space or quote. */
const TERM = /([-!+]?)(?:"((?:\\[\s\S]|[^"\\])*)(?:"|\\?$)|([^\s"]+))/y;

export function parseTextQuery(query: string): TextQuery {
  const terms = { include: [] as string[], exclude: [] as string[], required: [] as string[] };
  let at = 0;
  while (at < query.length) {
    TERM.lastIndex = at;
    const isLonePrefix = /^[-!+](?:\s|$)/.test(query.slice(at, at + 2));
    const match = /\s/.test(query.charAt(at)) || isLonePrefix ? null : TERM.exec(query);
    if (!match) {
      at += 1;
      continue;
    }
    at += match[0].length;
    const [, prefix = "", phrase, word] = match;
    const term = phrase === undefined ? (word ?? "") : phrase.replace(/\\(["\\])/g, "$1");
    if (term.trim() === "") continue;
    const list = prefix === "+" ? terms.required : prefix === "" ? terms.include : terms.exclude;
    list.push(term);
  }
  return terms;
}

/** Whether a text matches, which must be in lower case. */
export function matchesTextQuery(query: TextQuery, lowerText: string): boolean {
  const has = (term: string) => lowerText.includes(term.toLowerCase());
  return (
    (query.include.length === 0 || query.include.some(has)) && !query.exclude.some(has) && query.required.every(has)
  );
}

export function compileTextQuery(query: string): (event: PrefectEvent) => boolean {
  const parsed = parseTextQuery(query);
  return (event) => matchesTextQuery(parsed, searchableText(event).toLowerCase());
}

/** The text that the server searches: name, then resource, related and payload as JSON with keys, spaced as by Python. */
export function searchableText(event: PrefectEvent): string {
  return [event.event, ...[event.resource, event.related, event.payload].map(spacedJson)].join(" ");
}

function spacedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spacedJson).join(", ")}]`;
  if (!isJsonObject(value)) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${spacedJson(item)}`);
  return `{${entries.join(", ")}}`;
}
