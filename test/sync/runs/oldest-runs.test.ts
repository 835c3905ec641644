import { describe, expect, test } from "bun:test";
import { RUN_KINDS } from "../../../src/model/kinds.ts";
import { dropBefore } from "../../../src/store/retention/retention.ts";
import { findTaskRunRow } from "../../../src/store/runs/task-runs.ts";
import { AbsentRuns } from "../../../src/sync/runs/absent-runs.ts";
import { claimNothingOlder } from "../../../src/sync/runs/oldest-runs.ts";
import { fillNewestTaskRuns, fillTaskRunGap } from "../../../src/sync/runs/task-run-fill.ts";
import { aTaskRun, at, T0_US } from "../../support/builders.ts";
import { aHarness, anEventAt, type EngineHarness, neverAborted, SECOND } from "../engine-harness.ts";
import { covered, fill, runAt } from "./run-builders.ts";

const GOAL = -7_200;
const optionsOf = ({ ctx }: EngineHarness, goal = GOAL) =>
  ({
    goalUs: T0_US + goal * SECOND,
    absentRuns: new AbsentRuns(ctx),
    priority: "backfill",
    signal: neverAborted,
  }) as const;

async function aFilledHarness(): Promise<EngineHarness> {
  const harness = aHarness();
  // A server that has this event is the same one as before.
  const event = anEventAt(-30);
  harness.prefect.events = [event];
  harness.ctx.ingest.events([event], "catch-up", null);
  await fill(harness, GOAL);
  await fillNewestTaskRuns(harness.ctx, optionsOf(harness));
  while (await fillTaskRunGap(harness.ctx, optionsOf(harness)));
  harness.prefect.asked.length = 0;
  return harness;
}

const beginOf = (harness: EngineHarness) => RUN_KINDS.map((kind) => covered(harness, kind)[0]?.[0]);
const EVER = -Math.round(T0_US / SECOND);

describe("the time before the history of runs", () => {
  test("is claimed where Prefect has no runs there, once", async () => {
    const harness = await aFilledHarness();
    expect(beginOf(harness)).toEqual([GOAL, GOAL]);
    expect(await claimNothingOlder(harness.ctx, optionsOf(harness))).toBe(true);
    expect(beginOf(harness)).toEqual([EVER, EVER]);
    harness.prefect.asked.length = 0;
    expect(await claimNothingOlder(harness.ctx, optionsOf(harness))).toBe(true);
    expect(harness.prefect.asked).toEqual([]);
  });

  test("is not claimed of the kind of which Prefect has older ones, which are not read", async () => {
    const harness = await aFilledHarness();
    const old = aTaskRun({ expected_start_time: at(-900_000), flow_run_id: null });
    harness.prefect.taskRuns = [old];
    expect(await claimNothingOlder(harness.ctx, optionsOf(harness))).toBe(true);
    expect(beginOf(harness)).toEqual([EVER, GOAL]);
    expect(findTaskRunRow(harness.ctx.db, old.id)).toBeNull();
    harness.prefect.taskRuns = [];
    harness.prefect.flowRuns = [runAt(-900_000)];
    await claimNothingOlder(harness.ctx, optionsOf(harness));
    expect(beginOf(harness)).toEqual([EVER, EVER]);
  });

  test("holds no run that Prefect has deleted since it was read", async () => {
    const harness = await aFilledHarness();
    const deleted = aTaskRun({ expected_start_time: at(-900_000), flow_run_id: null });
    harness.ctx.ingest.taskRuns([deleted], harness.clock.us - SECOND, {});
    await claimNothingOlder(harness.ctx, optionsOf(harness));
    expect(findTaskRunRow(harness.ctx.db, deleted.id)?.deleted_us).not.toBeNull();
    expect(beginOf(harness)).toEqual([EVER, EVER]);
  });

  test("is not asked for while the history has gaps", async () => {
    const harness = await aFilledHarness();
    expect(await claimNothingOlder(harness.ctx, optionsOf(harness, 2 * GOAL))).toBe(false);
    expect(harness.prefect.asked).toEqual([]);
    expect(beginOf(harness)).toEqual([GOAL, GOAL]);
  });

  test("loses its claim with what retention deletes", async () => {
    const harness = await aFilledHarness();
    await claimNothingOlder(harness.ctx, optionsOf(harness));
    dropBefore(harness.ctx.db, T0_US - 300 * SECOND);
    expect(beginOf(harness)).toEqual([-300, -300]);
  });
});
