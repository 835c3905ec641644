/** Turns the typed arguments beside `filter` into Prefect's filters. */

import { AppError } from "../../errors.ts";
import { asName, sentence } from "../../lib/shown-text.ts";
import { formatIsoUs, type ServerUs } from "../../lib/time.ts";
import { type FilterKey, filterName } from "../../model/kinds.ts";
import type { Json, JsonObject } from "../../model/objects.ts";
import { BODY_FILTERS, type FilterSet } from "../../store/filters/bodies.ts";
import { parseFilter, unmetRequirement } from "../../store/filters/parse.ts";

/** Filters to which criteria are still added. */
export type MutableSet = { -readonly [K in keyof FilterSet]: FilterSet[K] };

/** The explicit filter, checked, under its key; `undefined` gives an empty set. Throws AppError `invalid_input`. */
export function startSet(key: FilterKey, filter: unknown): MutableSet {
  return filter === undefined ? {} : { [key]: parseFilter(BODY_FILTERS[key].schema, filter, filterName(key)) };
}

/**
 * Adds a criterion to the filter of a kind. Throws AppError `invalid_input` where the explicit filter has the operator `or_` or
 * the same criterion for the field, because Prefect cannot combine them, and for a value that the filter does not take.
 */
export function addCriterion(
  set: MutableSet,
  key: FilterKey,
  field: string,
  criterion: JsonObject,
  argument: string,
): void {
  const filter = (set[key] ?? {}) as JsonObject;
  if (filter.operator === "or_") {
    throw new AppError(
      "invalid_input",
      sentence`${asName(argument)} cannot be combined with a filter with operator "or_"`,
      {
        hint: sentence`Put it into the filter as ${asName(field)}.`,
      },
    );
  }
  const member = BODY_FILTERS[key].members?.[field];
  const unmet = member ? unmetRequirement(member.schema, criterion) : null;
  if (unmet !== null) throw new AppError("invalid_input", sentence`${asName(argument)} ${unmet}`);
  const before = filter[field];
  if (before !== undefined && before !== null && !areCompatible(before, criterion)) {
    throw new AppError("invalid_input", sentence`${asName(argument)} and filter.${asName(field)} are both given`, {
      hint: "Give it once.",
    });
  }
  set[key] = { ...filter, [field]: { ...((before ?? {}) as JsonObject), ...criterion } };
}

/** Both fit into one object: their operators differ, and all of them must match. */
function areCompatible(before: Json, criterion: JsonObject): boolean {
  if (typeof before !== "object" || before === null || Array.isArray(before)) return false;
  const given = before as JsonObject;
  return (
    given.operator !== "or_" &&
    Object.keys(criterion).every((operator) => given[operator] === undefined || given[operator] === null)
  );
}

/** `since` and `until`, microseconds, as bounds of a time field. */
export function timeCriterion(sinceUs: ServerUs | undefined, untilUs: ServerUs | undefined): JsonObject {
  if (sinceUs !== undefined && untilUs !== undefined && sinceUs > untilUs) {
    throw new AppError("invalid_input", "since is after until");
  }
  return {
    ...(sinceUs === undefined ? {} : { after_: formatIsoUs(sinceUs) }),
    ...(untilUs === undefined ? {} : { before_: formatIsoUs(untilUs) }),
  };
}
