/** Turns the typed arguments beside `filter` into Prefect's filters. */

import { AppError } from "../../errors.ts";
import { asName, asNames, quote, type Sentence, sentence } from "../../lib/shown-text.ts";
import { closest } from "../../lib/similar.ts";
import { formatIsoUs, type ServerUs } from "../../lib/time.ts";
import { type FilterKey, filterName, type RunKind } from "../../model/kinds.ts";
import type { Json, JsonObject } from "../../model/objects.ts";
import { STATE_TYPES } from "../../model/state.ts";
import type { RecordDb } from "../../store/database.ts";
import { BODY_FILTERS, type FilterSet } from "../../store/filters/bodies.ts";
import { parseFilter, unmetRequirement } from "../../store/filters/parse.ts";
import { hasStateName } from "../../store/objects/names.ts";

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

/** Names of states that Prefect itself sets. Flows may set others. */
const STATE_NAMES = [
  "Late",
  "AwaitingRetry",
  "AwaitingConcurrencySlot",
  "Resuming",
  "Submitting",
  "InfrastructurePending",
  "NotReady",
  "Retrying",
  "Suspended",
  "Cached",
  "RolledBack",
  "TimedOut",
];

/** Types and names of states, any of which matches: `FAILED`, `late`, `["CRASHED", "Late"]`. */
export function stateCriterion(states: readonly string[]): JsonObject {
  const types: string[] = [];
  const names: string[] = [];
  for (const state of states.flatMap((text) => text.split(",")).map((text) => text.trim())) {
    if (state === "") continue;
    const type = STATE_TYPES.find((one) => one === state.toUpperCase());
    if (type) types.push(type);
    else
      names.push(STATE_NAMES.find((one) => one.toLowerCase() === state.replace(/[\s_-]/g, "").toLowerCase()) ?? state);
  }
  if (types.length + names.length === 0) {
    throw new AppError("invalid_input", "state is empty", {
      hint: sentence`State types: ${asNames(STATE_TYPES)}; or a name such as Late.`,
    });
  }
  return {
    ...(types.length > 0 && names.length > 0 ? { operator: "or_" } : {}),
    ...(types.length > 0 ? { type: { any_: types } } : {}),
    ...(names.length > 0 ? { name: { any_: names } } : {}),
  };
}

const TYPE_NAMES = STATE_TYPES.map((type) => `${type.slice(0, 1)}${type.slice(1).toLowerCase()}`);
/** Words of other systems for Prefect's states. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  success: "Completed",
  successful: "Completed",
  succeeded: "Completed",
  error: "Failed",
};

/**
 * Notes about state names in a filter that are neither Prefect's own nor those of any recorded or shown run. They are no errors,
 * since a flow may return a state of any name.
 */
export function stateNotes(
  db: RecordDb | null,
  table: RunKind,
  filter: unknown,
  shown: readonly (string | null)[],
): Sentence[] {
  const { state } = (filter ?? {}) as { state?: { name?: { any_?: readonly string[] | null } | null } | null };
  const known: ReadonlySet<string | null> = new Set([...TYPE_NAMES, ...STATE_NAMES, ...shown]);
  const unusual = (state?.name?.any_ ?? []).filter(
    (name) => !known.has(name) && !(db && hasStateName(db, table, name)),
  );
  return unusual.map((name) => {
    const near = OTHER_WORDS[name.toLowerCase()] ?? closest(name.slice(0, 100), [...TYPE_NAMES, ...STATE_NAMES], 1)[0];
    const isCapital = name === name.toUpperCase() && name !== near?.toUpperCase();
    const meant = near ? sentence`; did you mean ${asName(isCapital ? near.toUpperCase() : near)}?` : ".";
    return sentence`No recorded run has a state ${quote(name)}, and it is none of Prefect's own${meant}`;
  });
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
