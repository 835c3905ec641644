/** The same error elsewhere: failures of the day before whose state tells what the run asked about tells. */
import { DAY_US, parseIsoUs } from "../../../lib/time.ts";
import { listTaskRuns } from "../../runs/task-runs.ts";
import type { QueryContext } from "../../source/context.ts";
import { serverNowUs } from "../../source/freshness.ts";
import { failedBelow } from "../causes/ended/failed.ts";
import type { NamedRun, RunFacts } from "../findings/types.ts";
import { readBad } from "./ended-runs.ts";
import { stateFingerprint } from "./failures.ts";
import { attempt, type Trail } from "./gathering.ts";

/** Newest first. A subflow that failed with its parent is one failure, the parent's; the run's own family is none of them. */
export async function readAlike(ctx: QueryContext, run: RunFacts, trail: Trail): Promise<NamedRun[]> {
  const endUs = parseIsoUs(run.run.end_time ?? "") ?? serverNowUs(ctx);
  const window = { fromUs: endUs - DAY_US, toUs: endUs };
  return attempt(trail, "the same error elsewhere", [], async () => {
    const { bad } = await readBad(ctx, { scope: {}, window, trail });
    const own = stateFingerprint(run.run);
    const family = new Set([run, ...(run.parent ? [run.parent] : []), ...failedBelow(run)].map((one) => one.run.id));
    const alike = bad.filter((one) => !family.has(one.run.id) && stateFingerprint(one.run) === own);
    const parents = await readParentIds(ctx, alike, trail);
    const failed = new Set([...family, ...alike.map((one) => one.run.id)]);
    return alike.filter((one) => !failed.has(parents.get(one.run.parent_task_run_id ?? "") ?? ""));
  });
}

/** Flow runs that hold the task runs by which their subflows were started. */
async function readParentIds(ctx: QueryContext, runs: readonly NamedRun[], trail: Trail): Promise<Map<string, string>> {
  const ids = [...new Set(runs.flatMap((one) => one.run.parent_task_run_id ?? []))];
  if (ids.length === 0) return new Map();
  return attempt(trail, "which of the same failures are subflows of others", new Map(), async () => {
    const set = { task_runs: { id: { any_: ids } } };
    const page = { limit: ids.length, offset: 0, full: false, deleted: false };
    const { items } = await listTaskRuns(ctx, { set, sort: "ID_DESC", ...page });
    return new Map(items.map((item) => [item.run.id, item.run.flow_run_id ?? ""]));
  });
}
