/** Typed arguments beside `filter`, turned into Prefect's filters. Objects may be named in any way that `resolveName` takes. */
import { AppError } from "../../errors.ts";
import { closest } from "../../lib/similar.ts";
import { formatIsoUs } from "../../lib/time.ts";
import { type FilterKey, filterName, type RunKind } from "../../model/kinds.ts";
import type { Json, JsonObject } from "../../model/objects.ts";
import { STATE_TYPES } from "../../model/state.ts";
import type { RecordDb } from "../../store/database.ts";
import { BODY_FILTERS, type FilterSet } from "../../store/filters/bodies.ts";
import { parseFilter, unmetRequirement } from "../../store/filters/parse.ts";
import { hasStateName } from "../../store/objects/names.ts";

/** Filters being put together. */
export type MutableSet = { -readonly [K in keyof FilterSet]: FilterSet[K] };

/** The explicit filter, checked, under its key; `undefined` gives an empty set. Throws AppError `invalid_input`. */
export function startSet(key: FilterKey, filter: unknown): MutableSet {
  return filter === undefined ? {} : { [key]: parseFilter(BODY_FILTERS[key].schema, filter, filterName(key)) };
}

/**
 * Adds a criterion to the filter of a kind. Throws AppError `invalid_input` where the explicit filter joins by `or_` or says
 * something about the same field (Prefect has no way to ask for both), and for a value that no filter takes.
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
    throw new AppError("invalid_input", `${argument} cannot be joined to a filter with operator "or_"`, {
      hint: `Put it into the filter as ${field}.`,
    });
  }
  const member = BODY_FILTERS[key].members?.[field];
  const unmet = member ? unmetRequirement(member.schema, criterion) : null;
  if (unmet !== null) throw new AppError("invalid_input", `${argument} ${unmet}`);
  const before = filter[field];
  if (before !== undefined && before !== null && !areApart(before, criterion)) {
    throw new AppError("invalid_input", `${argument} and filter.${field} are given both`, { hint: "Give it once." });
  }
  set[key] = { ...filter, [field]: { ...((before ?? {}) as JsonObject), ...criterion } };
}

/** Both may be said in one object: other operators, all of which must hold. */
function areApart(before: Json, criterion: JsonObject): boolean {
  if (typeof before !== "object" || before === null || Array.isArray(before)) return false;
  const given = before as JsonObject;
  return (
    given.operator !== "or_" &&
    Object.keys(criterion).every((operator) => given[operator] === undefined || given[operator] === null)
  );
}

/** Names of states that Prefect itself gives; others are taken as written. */
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

/** `FAILED`, `late`, `["CRASHED", "Late"]`: types and names of states, any of which matches. */
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
      hint: `State types: ${STATE_TYPES.join(", ")}; or a name such as Late.`,
    });
  }
  return {
    ...(types.length > 0 && names.length > 0 ? { operator: "or_" } : {}),
    ...(types.length > 0 ? { type: { any_: types } } : {}),
    ...(names.length > 0 ? { name: { any_: names } } : {}),
  };
}

const TYPE_NAMES = STATE_TYPES.map((type) => `${type.slice(0, 1)}${type.slice(1).toLowerCase()}`);
/** What other systems call it. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  success: "Completed",
  successful: "Completed",
  succeeded: "Completed",
  error: "Failed",
};

/**
 * Sentences about names of states in a filter of runs that Prefect does not give, and no run that is recorded or shown has: a
 * flow may return a state of any name, so such a word is asked for all the same.
 */
export function stateNotes(
  db: RecordDb | null,
  table: RunKind,
  filter: unknown,
  shown: readonly (string | null)[],
): string[] {
  const { state } = (filter ?? {}) as { state?: { name?: { any_?: readonly string[] | null } | null } | null };
  const known: ReadonlySet<string | null> = new Set([...TYPE_NAMES, ...STATE_NAMES, ...shown]);
  const strange = (state?.name?.any_ ?? []).filter(
    (name) => !known.has(name) && !(db && hasStateName(db, table, name)),
  );
  return strange.map((name) => {
    const near = OTHER_WORDS[name.toLowerCase()] ?? closest(name.slice(0, 100), [...TYPE_NAMES, ...STATE_NAMES], 1)[0];
    const isCapital = name === name.toUpperCase() && name !== near?.toUpperCase();
    const meant = near ? `; did you mean ${isCapital ? near.toUpperCase() : near}?` : ".";
    return `No recorded run has a state "${name}", and it is none of Prefect's own${meant}`;
  });
}

/** `since` and `until` in microseconds as bounds of a time field. */
export function timeCriterion(sinceUs: number | undefined, untilUs: number | undefined): JsonObject {
  if (sinceUs !== undefined && untilUs !== undefined && sinceUs > untilUs) {
    throw new AppError("invalid_input", "since is after until");
  }
  return {
    ...(sinceUs === undefined ? {} : { after_: formatIsoUs(sinceUs) }),
    ...(untilUs === undefined ? {} : { before_: formatIsoUs(untilUs) }),
  };
}
