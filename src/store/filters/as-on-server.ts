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
 * The filters as the server of this record evaluates them.
 * https://github.com/PrefectHQ/prefect/blob/3.8.8/src/prefect/server/schemas/filters.py
 * https://github.com/PrefectHQ/prefect/blob/3.9.1/src/prefect/server/schemas/filters.py
 */
export function asOnServer(db: RecordDb, set: FilterSet): FilterSet {
  const runs = set.flow_runs as { readonly state?: Readonly<Record<string, unknown>> | null } | null | undefined;
  const state = runs?.state;
  if (!state || !(hasBoth(state.type) || hasBoth(state.name))) return set;
  const version = findFact(db, "instance")?.version ?? null;
  if (version !== null && !isOlderVersion(version, APPLIES_BOTH_SINCE)) return set;
  const kept = Object.entries(state).filter(([, criteria]) => !hasBoth(criteria));
  return { ...set, flow_runs: { ...runs, state: Object.fromEntries(kept) } };
}

function hasBoth(criteria: unknown): boolean {
  const { any_, not_any_ } = (criteria ?? {}) as Lists;
  return any_ != null && (not_any_?.length ?? 0) > 0;
}
