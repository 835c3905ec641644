import { addUs, ceilUs, formatIsoUs, latestUs, type ServerUs } from "../../lib/time.ts";
import { gapsIn, type TimeRange } from "../../model/freshness.ts";
import { RUN_KINDS, type RunKind } from "../../model/kinds.ts";
import { coveredRanges } from "../../store/coverage.ts";
import type { EngineContext } from "../context/engine-context.ts";
import { retentionFloorUs } from "../context/retention-floor.ts";
import { walkFlowRuns } from "./flow-run-fill.ts";
import { type TaskRunFillOptions, walkTaskRuns } from "./task-run-fill.ts";

/**
 * Claims all time before the history of runs, of each kind of which Prefect has none there. Nothing else proves that: a run may be made
 * for an expected start long past, before any flow existed, and a task run needs no flow run. Without this claim a question without a
 * time bound is not covered. Returns whether Prefect was asked about every kind that has no such claim.
 */
export async function claimNothingOlder(ctx: EngineContext, options: TaskRunFillOptions): Promise<boolean> {
  let isAsked = true;
  for (const kind of RUN_KINDS) {
    const beforeUs = historyBeginUs(ctx, kind, options.goalUs);
    if (beforeUs === 0) continue;
    if (beforeUs === null || !ctx.serverClock.isKnown) {
      isAsked = false;
      continue;
    }
    const range = { fromUs: 0, toUs: addUs(beforeUs, -1) };
    if ((await countAtPrefect(ctx, kind, range, options)) > 0) continue;
    await (kind === "task_run" ? walkTaskRuns(ctx, range, options) : walkFlowRuns(ctx, range, options));
  }
  return isAsked;
}

/** Where the coverage of this kind begins. Null while there are gaps since the goal: reading them moves the beginning. */
function historyBeginUs(ctx: EngineContext, kind: RunKind, goalUs: ServerUs): ServerUs | null {
  const covered = coveredRanges(ctx.db, kind, "");
  const [first, last] = [covered[0], covered.at(-1)];
  if (first === undefined || last === undefined) return null;
  const fromUs = ceilUs(latestUs(goalUs, retentionFloorUs(ctx.db)));
  return gapsIn({ fromUs, toUs: last.toUs }, covered).length > 0 ? null : latestUs(first.fromUs, 0);
}

function countAtPrefect(
  ctx: EngineContext,
  kind: RunKind,
  range: TimeRange,
  { priority, signal }: TaskRunFillOptions,
): Promise<number> {
  const expected_start_time = { after_: formatIsoUs(range.fromUs), before_: formatIsoUs(range.toUs) };
  return ctx.requests.call(priority, signal, (api, call) =>
    kind === "flow_run"
      ? api.countFlowRuns({ flow_runs: { expected_start_time } }, call)
      : api.countTaskRuns({ task_runs: { expected_start_time } }, call),
  );
}
