import { parseJson } from "../lib/exact-json.ts";
import { findJsonExcess, jsonOutline } from "../lib/json-bounds.ts";

/** Far beyond any filter of Prefect. 200,000 values are 4 MiB of ids. */
const BOUNDS = { maxDepth: 100, maxValues: 200_000 };
/** Levels of a message that hold its id and method: the message, and a batch around it. */
const OUTLINE_DEPTH = 3;

export interface MessageText {
  readonly value: unknown;
  /** Which bound the text exceeds, to be put after "it". `value` is then only an outline, with `null` for what is nested inside. */
  readonly excess: string | null;
}

/** The JSON of a message, unless it is so deep or large that working on it would block the calls of other clients. Throws SyntaxError. */
export function readMessageText(text: string): MessageText {
  const excess = findJsonExcess(text, BOUNDS);
  if (excess === null) return { value: parseJson(text), excess: null };
  return { value: JSON.parse(jsonOutline(text, OUTLINE_DEPTH)), excess: excess.what };
}
