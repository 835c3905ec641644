import { own } from "../../../lib/shown-text.ts";
import { listTaskRuns } from "../../runs/task-runs.ts";
import type { QueryContext } from "../../source/context.ts";
import type { NamedRun } from "../findings/types.ts";
import { attempt, type Gathering } from "./gathering.ts";

/** Parent flow run by the task run that represents the subflow in it. */
export async function readParentIds(
  ctx: QueryContext,
  runs: readonly NamedRun[],
  gathering: Gathering,
): Promise<Map<string, string>> {
  const ids = [...new Set(runs.flatMap((one) => one.run.parent_task_run_id ?? []))];
  if (ids.length === 0) return new Map();
  return attempt(gathering, own("which failures are those of subflows"), new Map(), async () => {
    const set = { task_runs: { id: { any_: ids } } };
    const page = { limit: ids.length, offset: 0, isFull: false, includesDeleted: false };
    const { items } = await listTaskRuns(ctx, { set, sort: "ID_DESC", ...page });
    return new Map(items.map((item) => [item.run.id, item.run.flow_run_id ?? ""]));
  });
}
