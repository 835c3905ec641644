import type { RunKind } from "../../model/kinds.ts";
import { ROWS_PER_PAGE } from "../../prefect/transport/page-sizes.ts";
import type { RecordDb } from "../../store/database.ts";
import { findRunNames } from "../../store/runs/run-tree.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";

/** Names of runs by id. Those that are not recorded are read from Prefect in one request and saved. */
export async function readRunNames(
  ctx: QueryContext,
  live: LiveReader,
  kind: RunKind,
  ids: Iterable<string>,
): Promise<Map<string, string>> {
  const wanted = [...new Set(ids)];
  const db = ctx.record();
  const names = db ? findRunNames(db, kind, wanted) : new Map<string, string>();
  const unknown = wanted.filter((id) => !names.has(id)).slice(0, ROWS_PER_PAGE);
  if (unknown.length === 0) return names;
  const filter = { id: { any_: unknown } };
  const { api, startedUs: readUs } = live;
  if (kind === "flow_run") {
    const rows = await api.filterFlowRuns({ flow_runs: filter, limit: ROWS_PER_PAGE }, live.options());
    ctx.saveLive({ kind, rows, readUs });
    for (const row of rows) names.set(row.id, row.name);
  } else {
    const rows = await api.filterTaskRuns({ task_runs: filter, limit: ROWS_PER_PAGE }, live.options());
    ctx.saveLive({ kind, rows, readUs });
    for (const row of rows) names.set(row.id, row.name);
  }
  return names;
}

/** Names of flow runs by id, as far as they are recorded. */
export function recordedRunNames(db: RecordDb | null, ids: Iterable<string>): ReadonlyMap<string, string> {
  return db === null ? new Map() : findRunNames(db, "flow_run", [...new Set(ids)]);
}
