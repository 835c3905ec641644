/** The same error elsewhere: failures in the day before whose state reports the error of the run in question. */
import { own } from "../../../lib/shown-text.ts";
import { addUs, DAY_US, parseIsoUs } from "../../../lib/time.ts";
import { stateFingerprint } from "../../../model/runs/failure-groups.ts";
import type { QueryContext } from "../../source/context.ts";
import { serverNowUs } from "../../source/server-time.ts";
import { failedSubflows } from "../findings/failed-subflows.ts";
import type { NamedRun, RunFacts } from "../findings/types.ts";
import { readFailed } from "./ended-runs.ts";
import { attempt, type Gathering } from "./gathering.ts";
import { readParentIds } from "./parent-ids.ts";

/**
 * Newest first. A subflow that failed together with its parent counts once, as the parent. The run itself, its parent and its
 * subflows do not count.
 */
export async function readSameError(ctx: QueryContext, run: RunFacts, gathering: Gathering): Promise<NamedRun[]> {
  const endUs = parseIsoUs(run.run.end_time ?? "") ?? serverNowUs(ctx);
  const window = { fromUs: addUs(endUs, -DAY_US), toUs: endUs };
  return attempt(gathering, own("the same error elsewhere"), [], async () => {
    const { failed } = await readFailed(ctx, { filters: {}, window, gathering });
    const fingerprint = stateFingerprint(run.run);
    const family = new Set([run, ...(run.parent ? [run.parent] : []), ...failedSubflows(run)].map((one) => one.run.id));
    const sameError = failed.filter((one) => !family.has(one.run.id) && stateFingerprint(one.run) === fingerprint);
    const parents = await readParentIds(ctx, sameError, gathering);
    const counted = new Set([...family, ...sameError.map((one) => one.run.id)]);
    return sameError.filter((one) => !counted.has(parents.get(one.run.parent_task_run_id ?? "") ?? ""));
  });
}
