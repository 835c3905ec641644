/** Runs before the window of deployments that seldom run: a window of a day says nothing about a weekly deployment. */
import { append } from "../../../lib/lists.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import type { FlowRun } from "../../../model/objects.ts";
import { isTerminal } from "../../../model/state.ts";
import type { RecordDb } from "../../../store/database.ts";
import { findFlowRuns } from "../../../store/filters/find.ts";
import { findObjectNames } from "../../../store/objects/objects.ts";
import { toFlowRun } from "../../../store/runs/flow-runs.ts";
import { findStartedRuns, type OwnedRun } from "../../../store/runs/runs-of-owner.ts";
import type { NamedRun } from "../findings/types.ts";

/** At least so many of the last runs are judged, and as far back as the last one that completed. */
const LAST_RUNS = 10;
const MAX_LOOK_BACK = 50;
const MAX_OWNERS = 300;
const IDS_PER_QUERY = 500;

export interface RunsOwner {
  readonly column: "deployment_id" | "flow_id";
  readonly id: string;
}

/** Newest first. Brief rows: without parameters. */
export function readEarlierRuns(db: RecordDb, owners: readonly RunsOwner[], window: TimeRange): NamedRun[] {
  const ids = owners.slice(0, MAX_OWNERS).flatMap(({ column, id }) => earlierIds(db, { column, id }, window));
  const runs: FlowRun[] = [];
  for (let from = 0; from < ids.length; from += IDS_PER_QUERY) {
    const set = { flow_runs: { id: { any_: ids.slice(from, from + IDS_PER_QUERY) } } };
    append(runs, findFlowRuns(db, set, "END_TIME_DESC", { limit: IDS_PER_QUERY, isBrief: true }).map(toFlowRun));
  }
  const flows = findObjectNames(db, "flow", new Set(runs.map((run) => run.flow_id)));
  const deployments = findObjectNames(db, "deployment", new Set(runs.flatMap((run) => run.deployment_id ?? [])));
  return runs.map((run) => ({
    run,
    flowName: flows.get(run.flow_id) ?? null,
    deploymentName: deployments.get(run.deployment_id ?? "") ?? null,
  }));
}

function earlierIds(db: RecordDb, { column, id }: RunsOwner, { fromUs, toUs }: TimeRange): string[] {
  const ended = findStartedRuns(db, column, id, MAX_LOOK_BACK).filter(
    (one) => isTerminal(one.stateType) && (one.endUs ?? 0) <= toUs,
  );
  const lastCompleted = ended.findIndex((one: OwnedRun) => one.stateType === "COMPLETED");
  const wanted = Math.max(LAST_RUNS, lastCompleted + 1);
  return ended.slice(0, wanted).flatMap((one) => (one.endUs !== null && one.endUs < fromUs ? [one.id] : []));
}
