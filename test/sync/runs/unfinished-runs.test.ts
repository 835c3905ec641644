import { describe, expect, test } from "bun:test";
import { coveredRanges } from "../../../src/store/coverage.ts";
import { findFlowRunRow } from "../../../src/store/runs/flow-runs.ts";
import { findFact } from "../../../src/store/sync-state.ts";
import { RunSync } from "../../../src/sync/runs/run-sync.ts";
import { readAllUnfinishedRuns } from "../../../src/sync/runs/unfinished-runs.ts";
import { syncOnce } from "../../../src/sync/sync-once.ts";
import { T0_US } from "../../support/builders.ts";
import { aHarness, neverAborted, SECOND } from "../engine-harness.ts";
import { runAt } from "./run-builders.ts";

const DAY_S = 86_400;

describe("reading all unfinished flow runs", () => {
  test("a pass records those that began, or were due, before the history that it reads", async () => {
    const harness = aHarness();
    const types = ["RUNNING", "PENDING", "PAUSED", "CANCELLING", "SCHEDULED"] as const;
    const old = types.map((state_type, index) => runAt(-30 * DAY_S - index, { state_type }));
    const ahead = runAt(3_600, { state_type: "RUNNING" });
    const ended = runAt(-30 * DAY_S, { state_type: "COMPLETED" });
    harness.prefect.flowRuns = [...old, ahead, ended];
    await syncOnce(harness.ctx, { sinceUs: T0_US - DAY_S * SECOND }, () => {}, neverAborted);
    const recorded = [...old, ahead, ended].map(({ id }) => findFlowRunRow(harness.ctx.db, id)?.state_type ?? null);
    expect(recorded).toEqual([...types, "RUNNING", null]);
    expect(coveredRanges(harness.ctx.db, "flow_run", "").at(0)?.fromUs).toBe(T0_US - DAY_S * SECOND);
  });

  test("reads page by page, and states when it began once it has read them all", async () => {
    const harness = aHarness({ tuning: { rowPage: 3 } });
    const runs = Array.from({ length: 8 }, (_, index) => runAt(-index, { state_type: "RUNNING" }));
    harness.prefect.flowRuns = runs;
    const beganUs = harness.clock.us;
    harness.prefect.before = () => {
      harness.clock.us += SECOND;
      expect(findFact(harness.ctx.db, "read:unfinished")).toBeNull();
    };
    const pages = await readAllUnfinishedRuns(harness.ctx, harness.ctx.serverClock.mark(), "reconcile", neverAborted);
    expect(runs.filter(({ id }) => findFlowRunRow(harness.ctx.db, id) === null)).toEqual([]);
    expect(pages).toBe(5);
    expect(findFact(harness.ctx.db, "read:unfinished")).toEqual({ readUs: beganUs });
  });

  test("states no later moment than that at which the newest runs were read: one that was scheduled since is in no part", async () => {
    const harness = aHarness();
    harness.prefect.flowRuns = [runAt(-60, { state_type: "RUNNING" })];
    const sync = new RunSync(harness.ctx, { goalUs: () => T0_US - DAY_S * SECOND, isClientActive: () => true });
    const late = runAt(1, { state_type: "SCHEDULED" });
    let madeUs = 0;
    harness.prefect.before = (asked) => {
      harness.clock.us += SECOND;
      if (!asked.startsWith("task_runs") || madeUs > 0) return;
      madeUs = harness.clock.us;
      harness.prefect.flowRuns = [...harness.prefect.flowRuns, late];
    };
    const ask = harness.prefect.filterFlowRuns;
    // A page of scheduled runs that is full of others.
    harness.prefect.filterFlowRuns = async (body) =>
      body.sort === "NEXT_SCHEDULED_START_TIME_ASC" ? [] : ask.call(harness.prefect, body);
    await sync.syncRound(neverAborted);
    expect(findFlowRunRow(harness.ctx.db, late.id)).toBeNull();
    expect(findFact(harness.ctx.db, "read:unfinished")?.readUs).toBeLessThan(madeUs);
  });

  test("states nothing when a page could not be read", async () => {
    const harness = aHarness({ tuning: { rowPage: 3 } });
    harness.prefect.flowRuns = Array.from({ length: 8 }, (_, index) => runAt(-index, { state_type: "RUNNING" }));
    let answers = 0;
    harness.prefect.before = () => {
      answers += 1;
      if (answers === 2) throw new Error("connection reset");
    };
    await expect(
      readAllUnfinishedRuns(harness.ctx, harness.ctx.serverClock.mark(), "reconcile", neverAborted),
    ).rejects.toThrow();
    expect(findFact(harness.ctx.db, "read:unfinished")).toBeNull();
  });

  test("is withdrawn with the claims over runs", async () => {
    const harness = aHarness();
    await readAllUnfinishedRuns(harness.ctx, harness.ctx.serverClock.mark(), "reconcile", neverAborted);
    expect(findFact(harness.ctx.db, "read:unfinished")).not.toBeNull();
    harness.ctx.ingest.withdrawClaims(harness.clock.us);
    expect(findFact(harness.ctx.db, "read:unfinished")).toBeNull();
  });
});
