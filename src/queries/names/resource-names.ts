import { AppError } from "../../errors.ts";
import { quote, sentence } from "../../lib/shown-text.ts";
import type { AnyResourceFilter } from "../../model/events/event-filter.ts";
import { findResourceIdsByName } from "../../store/objects/names.ts";
import { resourceCondition } from "../events/event-filter.ts";
import type { QueryContext } from "../source/context.ts";

const MAX_RESOURCES = 50;

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
  throw new AppError("not_found", sentence`no recorded event has a resource named ${quote(text)}`, {
    hint: 'Give the whole resource id ("prefect.flow-run.<id>", "s3://bucket/key"), a prefix ending in "*", or an id.',
  });
}
