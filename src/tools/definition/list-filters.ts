/** Combines the `filter` of a list tool and its other arguments into Prefect's filters. */
import type { Sentence } from "../../lib/shown-text.ts";
import type { ServerUs } from "../../lib/time.ts";
import type { FilterKey, Kind, NamedKind } from "../../model/kinds.ts";
import type { Json, JsonObject } from "../../model/objects.ts";
import { type ResolvedName, resolveName } from "../../queries/names/names.ts";
import { nearNameNote, nearTagNotes } from "../../queries/names/near-values.ts";
import { addCriterion, type MutableSet, startSet, timeCriterion } from "../../queries/names/shorthands.ts";
import { stateCriterion } from "../../queries/names/state-names.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import type { RecordDb } from "../../store/database.ts";
import type { FilterSet } from "../../store/filters/bodies.ts";
import { windowArgs } from "./shared-schemas.ts";

/** What an argument asks of a field. */
export interface Criterion {
  readonly field: string;
  /** The related objects whose filter takes the field, such as the flows of flow runs. Absent: the listed objects. */
  readonly of?: FilterKey | undefined;
  /** The argument is an id, a name or a UI link of this kind; the field takes the id. */
  readonly names?: NamedKind;
  /** The criteria that the argument stands for, each with its part of the value. Absent: this one with the whole value. */
  readonly parts?: (value: string) => readonly { readonly criterion: Criterion; readonly value: string }[];
  toFilter(value: unknown): JsonObject;
}

/** The field equals the argument, contains it (`like_`), is one of it (`any_`), or has all of it (`all_`). */
export function byField(field: string, operator: "eq_" | "like_" | "any_" | "all_"): Criterion {
  const isList = operator === "any_" || operator === "all_";
  return { field, toFilter: (value) => ({ [operator]: (isList ? [value].flat() : value) as Json }) };
}

/** The field, by default `id`, is the id of the object that the argument names. */
export function byName(names: NamedKind, field = "id", of?: FilterKey): Criterion {
  return { field, of, names, toFilter: (id) => ({ any_: [id as string] }) };
}

/**
 * A part of the name of a deployment or of its flow; with `/`, the part before it is of the flow and the rest of the deployment.
 * Prefect's filter matches each of both names alone, and refuses `/` in them.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/filters.py (DeploymentOrFlowNameFilter)
 */
export const byDeploymentName: Criterion = {
  ...byField("flow_or_deployment_name", "like_"),
  parts(text) {
    const slash = text.indexOf("/");
    if (slash === -1) return [{ criterion: byField("flow_or_deployment_name", "like_"), value: text }];
    const parts = [
      { criterion: { ...byField("name", "like_"), of: "flows" as const }, value: text.slice(0, slash).trim() },
      { criterion: byField("name", "like_"), value: text.slice(slash + 1).trim() },
    ];
    return parts.filter(({ value }) => value !== "");
  },
};

export const byState: Criterion = {
  field: "state",
  toFilter: (states) => stateCriterion(states as readonly string[]),
};

/** Notes about a name and tags that nothing matched: what the record has that is near them. */
export function nearNotes(
  db: RecordDb | null,
  kind: Kind,
  criteria: FilterRules["criteria"],
  args: Readonly<Record<string, unknown>>,
): Sentence[] {
  if (db === null) return [];
  const { name, tags } = args;
  const isWhole = criteria.name !== undefined && "any_" in criteria.name.toFilter("");
  const near = typeof name === "string" && criteria.name ? nearNameNote(db, kind, name, isWhole) : null;
  const given = Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [];
  return [...(near === null ? [] : [near]), ...nearTagNotes(db, kind, given)];
}

export interface FilterRules {
  /** The kind of the listed objects, as bodies of `/filter` call it. */
  readonly key: FilterKey;
  /** By the argument's name. */
  readonly criteria: Readonly<Record<string, Criterion | undefined>>;
  /** The field that `since` and `until` bound. */
  readonly timeField?: string | undefined;
}

export interface ReadFilters {
  readonly set: FilterSet;
  /** What the arguments that name an object were resolved to, by argument. */
  readonly named: Readonly<Record<string, ResolvedName>>;
}

/** Throws AppError `invalid_input` for arguments that contradict each other, and what resolving names throws. */
export async function readFilters(
  ctx: QueryContext,
  { key, criteria, timeField }: FilterRules,
  args: Readonly<Record<string, unknown>>,
  nowUs: ServerUs,
): Promise<ReadFilters> {
  const set: MutableSet = startSet(key, args.filter);
  const given = Object.entries(criteria).flatMap(([argument, criterion]) =>
    criterion && args[argument] !== undefined ? [{ argument, criterion }] : [],
  );
  const add = (argument: string, { of = key, field, toFilter }: Criterion, value: unknown) =>
    addCriterion(set, of, field, toFilter(value), argument);
  // Arguments without a look-up come first, so that a wrong one is refused before Prefect is asked for a name.
  for (const { argument, criterion } of given) {
    if (criterion.names) continue;
    const parts = criterion.parts?.(args[argument] as string) ?? [{ criterion, value: args[argument] }];
    for (const part of parts) add(argument, part.criterion, part.value);
  }
  if (timeField !== undefined) {
    const { sinceUs, untilUs } = windowArgs(args, ["since", "until"], nowUs);
    const times = timeCriterion(sinceUs, untilUs);
    if (Object.keys(times).length > 0)
      addCriterion(set, key, timeField, times, args.since === undefined ? "until" : "since");
  }
  const named: Record<string, ResolvedName> = {};
  for (const { argument, criterion } of given) {
    if (!criterion.names) continue;
    const found = await resolveName(ctx, criterion.names, args[argument] as string);
    named[argument] = found;
    add(argument, criterion, found.id);
  }
  return { set, named };
}
