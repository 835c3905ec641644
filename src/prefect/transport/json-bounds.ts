import type { JsonBounds } from "../../lib/json-bounds.ts";
import type { PrefectConnection } from "./connection.ts";

/**
 * No server of Prefect answers with JSON deeper than 255 levels: pydantic refuses to write it (checked on 3.8.8; an event with a payload of
 * 256 levels is answered with 500). All code that walks through values may therefore recurse.
 */
const MAX_DEPTH = 512;
/** Of the Prefect in the program's own settings, which is trusted: far more than any page of its rows. */
const MAX_VALUES = 20_000_000;
/** Of a Prefect that a caller named: 200 rows of 1,250 values. Parsing them takes about a tenth of a second. */
const MAX_CALLER_VALUES = 250_000;
/** The secrets of one text are searched without a pause, at worst 0.7 µs for each character. Prefect's events have at most 1.5 MB. */
const MAX_CALLER_TEXT_CHARS = 2 * 1024 * 1024;

/** The bounds of an answer or a message of the stream. */
export function answerBounds({ isNamedByCaller }: Pick<PrefectConnection, "isNamedByCaller">): JsonBounds {
  return isNamedByCaller
    ? { maxDepth: MAX_DEPTH, maxValues: MAX_CALLER_VALUES, maxTextChars: MAX_CALLER_TEXT_CHARS }
    : { maxDepth: MAX_DEPTH, maxValues: MAX_VALUES };
}
