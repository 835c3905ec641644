import { isOlderVersion } from "../../model/prefect-version.ts";
import type { RecordDb } from "../database.ts";
import { findFact } from "../sync-state.ts";
import type { FilterSet } from "./bodies.ts";

/** From here on, `any_` and `not_any_` of a state of flow runs apply together; before, a state with both is not restricted. */
const APPLIES_BOTH_SINCE = "3.9.1";

interface Lists {
  readonly any_?: readonly unknown[] | null;
  readonly not_any_?: readonly unknown[] | null;
}

/**
 * The filters as the server of this record evaluates them. The criteria of a state that do not restrict are left out, so that they
 * do not match every run under `or_`.
 * https://github.com/PrefectHQ/prefect/blob/3.8.8/src/prefect/server/schemas/filters.py
 * https://github.com/PrefectHQ/prefect/blob/3.9.1/src/prefect/server/schemas/filters.py
 */
export function asOnServer(db: RecordDb, set: FilterSet): FilterSet {
  const runs = set.flow_runs as { readonly state?: Readonly<Record<string, unknown>> | null } | null | undefined;
  const state = runs?.state;
  if (!state || [state.type, state.name].every((criteria) => countLists(criteria) === 1)) return set;
  const version = findFact(db, "instance")?.version ?? null;
  const most = version === null || isOlderVersion(version, APPLIES_BOTH_SINCE) ? 1 : 2;
  const kept = Object.entries(state).filter(([name, criteria]) => {
    const count = countLists(criteria);
    return name === "operator" || (count > 0 && count <= most);
  });
  return { ...set, flow_runs: { ...runs, state: Object.fromEntries(kept) } };
}

/** How many lists restrict. An empty `not_any_` does not. */
function countLists(criteria: unknown): number {
  const { any_, not_any_ } = (criteria ?? {}) as Lists;
  return Number(any_ != null) + Number((not_any_?.length ?? 0) > 0);
}
