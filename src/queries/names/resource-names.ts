import { AppError } from "../../errors.ts";
import { asNames, quote, sentence } from "../../lib/shown-text.ts";
import type { AnyResourceFilter } from "../../model/events/event-filter.ts";
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
  const near = findResourceNamesWith(db, text, MAX_SUGGESTIONS);
  const suggestion = near.length > 0 ? sentence`Names with it: ${asNames(near)}. ` : "";
  throw new AppError("not_found", sentence`no recorded event has a resource named ${quote(text)}`, {
    hint: sentence`${suggestion}Give the whole resource id ("prefect.flow-run.<id>", "s3://bucket/key"), a prefix ending in "*", or an id.`,
  });
}
