import { parseJson } from "../lib/exact-json.ts";
import { findJsonExcess, jsonOutline } from "../lib/json-bounds.ts";
import { own, type Sentence } from "../lib/shown-text.ts";

/** Far beyond any filter of Prefect. 200,000 values are 4 MiB of ids. */
const BOUNDS = { maxDepth: 100, maxValues: 200_000 };
/** Levels of a message that hold its id and method: the message, and a batch around it. */
const OUTLINE_DEPTH = 3;

export interface MessageText {
  readonly value: unknown;
  /**
   * Which bound the text exceeds, or what it has that JSON has not, to be put after "it". `value` is then only an outline, with `null` for
   * what is nested inside.
   */
  readonly excess: Sentence | null;
}

/** The JSON of a message, unless it is so deep or large that working on it would block the calls of other clients. Throws SyntaxError. */
export function readMessageText(text: string): MessageText {
  const excess = findJsonExcess(text, BOUNDS);
  if (excess === null) return parseMessage(text);
  return { value: JSON.parse(jsonOutline(text, OUTLINE_DEPTH)), excess: excess.what };
}

/** Python writes these words for numbers; a client that sends them would wait for an answer that has its id. */
const NOT_A_NUMBER = /([:,[][ \t\n\r]{0,64})-?(?:NaN|Infinity)(?=[ \t\n\r]{0,64}[,\]}])/g;

function parseMessage(text: string): MessageText {
  try {
    return { value: parseJson(text), excess: null };
  } catch (error) {
    // Within a string they are replaced too, but nothing is read from it except the id.
    const mended = text.replace(NOT_A_NUMBER, "$1null");
    if (mended === text) throw error;
    return { value: JSON.parse(mended), excess: own("has NaN or Infinity, which JSON does not have") };
  }
}
