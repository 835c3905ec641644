import { AppError } from "../../errors.ts";
import { asNames, quote, sentence } from "../../lib/shown-text.ts";
import { closest } from "../../lib/similar.ts";
import type { AnyResourceFilter } from "../../model/events/event-filter.ts";
import type { RecordDb } from "../../store/database.ts";
import { findResourceIdsByName, findResourceNamesWith } from "../../store/objects/names.ts";
import { resourceCondition } from "../events/event-filter.ts";
import type { QueryContext } from "../source/context.ts";

const MAX_RESOURCES = 50;
const MAX_SUGGESTIONS = 5;

/**
 * The condition for the argument `resource`. A name is first turned into ids: these have an index, whereas a name would require
 * reading every event. Throws AppError `not_found` for a name that no recorded resource has.
 */
export function findResourceCondition(ctx: QueryContext, text: string): AnyResourceFilter {
  const condition = resourceCondition(text);
  const db = ctx.record();
  if (!condition.labels || !db) return condition;
  const ids = findResourceIdsByName(db, text, MAX_RESOURCES);
  if (ids.length > 0) return { id: ids };
  const holding = findResourceNamesWith(db, text, MAX_SUGGESTIONS);
  const near = holding.length > 0 ? holding : similarNames(db, text);
  const what = holding.length > 0 ? sentence`Names with it` : sentence`Nearest names`;
  const suggestion = near.length > 0 ? sentence`${what}: ${asNames(near)}. ` : "";
  throw new AppError("not_found", sentence`no recorded event has a resource named ${quote(text)}`, {
    hint: sentence`${suggestion}Give the whole resource id ("prefect.flow-run.<id>", "s3://bucket/key"), a prefix ending in "*", or an id.`,
  });
}

const MAX_WORDS = 5;
const MAX_CANDIDATES = 500;
/** Letters of a word that a name has to contain; a record has too many names to compare all of them. */
const SHARED_LETTERS = 3;

/** Names that contain a word of the text, or its beginning, closest first. */
function similarNames(db: RecordDb, text: string): string[] {
  const words = text
    .slice(0, 200)
    .split(/[\s/_.:-]+/)
    .filter((word) => word.length >= SHARED_LETTERS)
    .slice(0, MAX_WORDS);
  const starts = [...new Set(words.map((word) => word.slice(0, SHARED_LETTERS)))];
  return closest(
    text,
    starts.flatMap((start) => findResourceNamesWith(db, start, MAX_CANDIDATES)),
    MAX_SUGGESTIONS,
  );
}
