import type { FlowRun } from "../../../src/model/objects.ts";
import { coveredRanges } from "../../../src/store/coverage.ts";
import { AbsentRuns } from "../../../src/sync/runs/absent-runs.ts";
import { fillFlowRuns } from "../../../src/sync/runs/flow-run-fill.ts";
import { Reconciler } from "../../../src/sync/runs/reconcile.ts";
import { aFlowRun, anId, at, T0_US } from "../../support/builders.ts";
import { anEventAt, type EngineHarness, neverAborted, SECOND } from "../engine-harness.ts";

/** A flow run that is expected this many seconds after T0. */
export const runAt = (seconds: number, given: Partial<FlowRun> = {}) =>
  aFlowRun({ expected_start_time: at(seconds), ...given });

/** The event of a flow run that enters a state this many seconds after T0. */
export function stateEvent(run: string, type: string, seconds: number, stateId = anId()) {
  return anEventAt(seconds, {
    id: stateId,
    event: `prefect.flow-run.${type}`,
    resource: {
      "prefect.resource.id": `prefect.flow-run.${run}`,
      "prefect.resource.name": "amber-heron",
      "prefect.run-count": "1",
      "prefect.state-name": type,
      "prefect.state-type": type.toUpperCase(),
      "prefect.state-timestamp": at(seconds),
    },
  });
}

/** Reads flow runs since this many seconds after T0. */
export const fill = ({ ctx }: EngineHarness, goalSeconds: number) =>
  fillFlowRuns(ctx, {
    goalUs: T0_US + goalSeconds * SECOND,
    absentRuns: new AbsentRuns(ctx),
    priority: "reconcile",
    signal: neverAborted,
  });

export const aReconciler = ({ ctx }: EngineHarness) => new Reconciler(ctx, new AbsentRuns(ctx));

/** Claims of a kind: from and to in seconds after T0. */
export const covered = (harness: EngineHarness, kind: string, scope = "") =>
  coveredRanges(harness.ctx.db, kind, scope).map((range) => [
    Math.round((range.fromUs - T0_US) / SECOND),
    Math.round((range.toUs - T0_US) / SECOND),
  ]);
