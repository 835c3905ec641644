import { expect, test } from "bun:test";
import { coveredRanges } from "../../../src/store/coverage.ts";
import { findObjects } from "../../../src/store/objects/objects.ts";
import { findFlowRunRow } from "../../../src/store/runs/flow-runs.ts";
import { findTaskRunRow } from "../../../src/store/runs/task-runs.ts";
import { OtherServerError } from "../../../src/sync/context/loop.ts";
import { catchUp } from "../../../src/sync/events/catch-up.ts";
import { AbsentRuns } from "../../../src/sync/runs/absent-runs.ts";
import { Snapshots } from "../../../src/sync/runs/snapshots.ts";
import { fillNewestTaskRuns } from "../../../src/sync/runs/task-run-fill.ts";
import { aDeployment, anArtifact, aTaskRun, at, T0_US } from "../../support/builders.ts";
import { aHarness, anEventAt, type EngineHarness, neverAborted, SECOND } from "../engine-harness.ts";
import { fill, runAt } from "./run-builders.ts";

/** A record with events of a first server, after which another one answers: the same times, other rows. */
async function swapped(): Promise<EngineHarness> {
  const harness = aHarness();
  const { prefect, clock, ctx } = harness;
  prefect.events = Array.from({ length: 5 }, (_, n) => anEventAt(-500 + n * 100));
  await catchUp(ctx, neverAborted);
  prefect.events = Array.from({ length: 5 }, (_, n) => anEventAt(-500 + n * 100));
  // Longer than what is read is taken to come from the server that was recognised.
  clock.us += 6 * SECOND;
  return harness;
}

test("flow runs of another server are not stored", async () => {
  const harness = await swapped();
  const run = runAt(-60);
  harness.prefect.flowRuns = [run];
  await expect(fill(harness, -600)).rejects.toThrow(OtherServerError);
  expect([findFlowRunRow(harness.ctx.db, run.id), coveredRanges(harness.ctx.db, "flow_run", "")]).toEqual([null, []]);
});

test("task runs of another server are not stored", async () => {
  const { ctx, prefect } = await swapped();
  const run = aTaskRun({ expected_start_time: at(-60) });
  prefect.taskRuns = [run];
  const options = {
    goalUs: T0_US - 600 * SECOND,
    absentRuns: new AbsentRuns(ctx),
    priority: "reconcile",
    signal: neverAborted,
  } as const;
  await expect(fillNewestTaskRuns(ctx, options)).rejects.toThrow(OtherServerError);
  expect([findTaskRunRow(ctx.db, run.id), coveredRanges(ctx.db, "task_run", "")]).toEqual([null, []]);
});

test("lists of another server are not stored", async () => {
  const { ctx, prefect } = await swapped();
  prefect.objects.deployment = [aDeployment({ name: "of another server" })];
  const snapshots = new Snapshots(ctx);
  snapshots.markClientActive();
  await expect(snapshots.iterate(neverAborted)).rejects.toThrow(OtherServerError);
  expect(findObjects(ctx.db, "deployment")).toEqual([]);
});

test("the newest of a long list of another server are not stored", async () => {
  const { ctx, prefect } = await swapped();
  prefect.objects.artifact = [anArtifact({ key: "of-another-server" })];
  await expect(new Snapshots(ctx).read("artifact", "reconcile", neverAborted)).rejects.toThrow(OtherServerError);
  expect(findObjects(ctx.db, "artifact")).toEqual([]);
});
