/** Reads the arguments for paging and sorting. */

import { AppError } from "../../errors.ts";
import { asNames, sentence } from "../../lib/shown-text.ts";

import type { TimeRange } from "../../model/freshness.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import type { CursorValue, Question } from "../answer/cursor.ts";
import { badCursor, decodeCursor, encodeCursor, questionIn } from "../answer/cursor.ts";
import { withNearest } from "./suggestions.ts";

/** Arguments that may change between the pages of a list. */
const PAGING: ReadonlySet<string> = new Set(["limit", "cursor", "fresh", "detail", "fields"]);

/** Two calls with equal values ask for the same list, so that the cursor of one is valid for the other. */
export function questionOf(
  ctx: Pick<QueryContext, "instance" | "past">,
  tool: string,
  args: Readonly<Record<string, unknown>>,
): Question {
  return questionIn(ctx, [tool, Object.fromEntries(Object.entries(args).filter(([name]) => !PAGING.has(name)))]);
}

/** One of Prefect's sort values, in any case; undefined when none was given. Throws AppError `invalid_input`. */
export function sortArg<S extends string>(given: string | undefined, valid: readonly S[]): S | undefined {
  if (given === undefined) return undefined;
  const found = valid.find((one) => one === given.trim().toUpperCase());
  if (found !== undefined) return found;
  throw new AppError("invalid_input", sentence`unknown sort ${withNearest(given, valid)}`, {
    hint: sentence`Valid values: ${asNames(valid)}.`,
  });
}

/** The offset in the cursor of a list that is paged by offset; 0 without a cursor. Throws AppError `invalid_input`. */
export function offsetOf(position: readonly CursorValue[] | undefined): number {
  if (position === undefined) return 0;
  const [offset] = position;
  if (typeof offset !== "number" || offset < 0) throw badCursor("is damaged");
  return offset;
}

/** Where a list over a window continues. The first page fixes the window, so that "now" is the same on all pages. */
export interface WindowPosition extends TimeRange {
  readonly offset: number;
}

export function windowCursor(question: Question, { fromUs, toUs }: TimeRange, offset: number): string {
  return encodeCursor(question, [fromUs, toUs, offset]);
}

/** Undefined without a cursor. Throws AppError `invalid_input`. */
export function readWindowCursor(question: Question, cursor: string | undefined): WindowPosition | undefined {
  if (cursor === undefined) return undefined;
  const [fromUs, toUs, offset] = decodeCursor(question, cursor);
  if (typeof fromUs !== "number" || typeof toUs !== "number" || typeof offset !== "number") {
    throw badCursor("is damaged");
  }
  return { fromUs: fromUs, toUs: toUs, offset };
}

/** Items without `limit`: about as many as the default token budget fits. */
export const DEFAULT_LIMIT = 40;
export const MAX_LIMIT = 200;
