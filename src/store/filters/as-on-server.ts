import { isOlderVersion } from "../../model/prefect-version.ts";
import type { RecordDb } from "../database.ts";
import { findFact } from "../sync-state.ts";
import type { FilterSet } from "./bodies.ts";

/** From here on, `any_` and `not_any_` of a state of flow runs apply together. */
const APPLIES_BOTH_SINCE = "3.9.1";
/**
 * From here until then, a state with both is not restricted. Before, both apply, each as a criterion of its own under the operator of
 * the state.
 */
const DROPS_BOTH_SINCE = "3.1.9";
/** From here on, an empty `not_any_` counts as absent: the first version that was seen to do so, after 3.6.22. */
const IGNORES_EMPTY_SINCE = "3.6.25";

interface Lists {
  readonly any_?: readonly unknown[] | null;
  readonly not_any_?: readonly unknown[] | null;
}

type State = Readonly<Record<string, unknown>>;

/**
 * The filters as the server of this record evaluates them. The criteria of a state that do not restrict are left out, so that they
 * do not match every run under `or_`.
 * https://github.com/PrefectHQ/prefect/blob/3.0.11/src/prefect/server/schemas/filters.py
 * https://github.com/PrefectHQ/prefect/blob/3.8.8/src/prefect/server/schemas/filters.py
 * https://github.com/PrefectHQ/prefect/blob/3.9.1/src/prefect/server/schemas/filters.py
 */
export function asOnServer(db: RecordDb, set: FilterSet): FilterSet {
  const runs = set.flow_runs as { readonly operator?: string; readonly state?: State | null } | null | undefined;
  const state = runs?.state;
  if (!state || [state.type, state.name].every((criteria) => hasOneList(criteria))) return set;
  const version = findFact(db, "instance")?.version ?? null;
  const isBefore = (than: string) => version !== null && isOlderVersion(version, than);
  const doesDrop = !isBefore(DROPS_BOTH_SINCE) && (version === null || isBefore(APPLIES_BOTH_SINCE));
  const countsEmpty = isBefore(IGNORES_EMPTY_SINCE);
  const isFlat = isBefore(DROPS_BOTH_SINCE) && state.operator === "or_";
  const entries = Object.entries(state);
  const lists = entries.filter(([name]) => name !== "operator").map(([name, value]) => ({ name, ...listsOf(value) }));
  const kept = lists.filter(({ any, not }) => {
    const count = Number(any !== null) + Number(not !== null && (countsEmpty || not.length > 0));
    return count > 0 && !(doesDrop && count > 1);
  });
  // An exclusion of nothing matches every run.
  const isAlways = countsEmpty && state.operator === "or_" && kept.some((one) => excludes(one, isFlat)?.length === 0);
  if (isAlways) {
    const { state: _, ...others } = runs;
    return runs.operator === "or_" ? { ...set, flow_runs: {} } : { ...set, flow_runs: others };
  }
  const criteria = kept.map((one) => [one.name, isFlat ? flattened(one) : state[one.name]]);
  const operator = entries.filter(([name]) => name === "operator");
  return { ...set, flow_runs: { ...runs, state: Object.fromEntries([...operator, ...criteria]) } };
}

interface NamedLists {
  readonly any: readonly unknown[] | null;
  readonly not: readonly unknown[] | null;
}

function listsOf(criteria: unknown): NamedLists {
  const { any_, not_any_ } = (criteria ?? {}) as Lists;
  return { any: any_ ?? null, not: not_any_ ?? null };
}

/** One list that restricts, which all versions read alike. */
function hasOneList(criteria: unknown): boolean {
  const { any, not } = listsOf(criteria);
  return any === null ? not !== null && not.length > 0 : not === null;
}

/** The values that no matching run has; where either list suffices, those of `any_` are not among them. */
function excludes({ any, not }: NamedLists, isFlat: boolean): readonly unknown[] | null {
  if (not === null || any === null || !isFlat) return any === null ? not : null;
  return not.filter((value) => !any.includes(value));
}

/** Either list suffices. */
function flattened(lists: NamedLists): Lists {
  const not_any_ = excludes(lists, true);
  if (lists.not === null) return { any_: lists.any };
  return { not_any_ };
}
