import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/errors.ts";
import { DAY_US } from "../../src/lib/time.ts";
import { type SyncProgress, syncOnce } from "../../src/sync/sync-once.ts";
import { aDeployment, aFlowRun, aLog, aTaskRun, at, T0_US } from "../support/builders.ts";
import { failureOf } from "../support/failure-of.ts";
import { aHarness, anEventAt, neverAborted } from "./engine-harness.ts";

describe("one complete pass", () => {
  test("fetches events, objects, runs and the logs of failed runs, and reports its progress", async () => {
    const { ctx, prefect } = aHarness();
    const failed = aFlowRun({ expected_start_time: at(-300), state_type: "FAILED", end_time: at(-2) });
    prefect.events = [anEventAt(-5_000), anEventAt(-100)];
    prefect.flowRuns = [failed];
    prefect.taskRuns = [aTaskRun({ flow_run_id: failed.id })];
    prefect.logs = [aLog({ flow_run_id: failed.id, timestamp: at(-3) })];
    prefect.objects.deployment = [aDeployment()];
    const shown: SyncProgress[] = [];
    await syncOnce(ctx, { sinceUs: T0_US - DAY_US }, (progress) => void shown.push(progress), neverAborted);
    // Those of the catch-up are among them.
    expect(shown.at(-1)?.events).toBe(2);
    expect([...new Set(shown.map(({ phase }) => phase))]).toEqual(["events", "objects", "runs", "logs", "done"]);
    const lastOf = (phase: string) => shown.filter((one) => one.phase === phase).at(-1)?.rows;
    expect(["events", "objects", "runs"].map(lastOf)).toEqual([2, 1, 2]);
    const read = new Set(shown.map(({ reading }) => reading));
    expect([...read].filter((what) => !what.includes("concurrency"))).toEqual(
      expect.arrayContaining([
        "events",
        "flows",
        "deployments",
        "work pools",
        "variables",
        "flow runs and task runs",
        "logs",
      ]),
    );
    const count = (table: string) =>
      ctx.db.sqlite.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n;
    expect(["event", "flow_run", "task_run", "log", "object"].map(count)).toEqual([2, 1, 1, 1, 1]);
  });

  test("fetches nothing twice", async () => {
    const { ctx, prefect } = aHarness();
    prefect.events = Array.from({ length: 40 }, (_, i) => anEventAt(-7_000 + i));
    await syncOnce(ctx, { sinceUs: T0_US - DAY_US }, () => {}, neverAborted);
    prefect.asked.length = 0;
    await syncOnce(ctx, { sinceUs: T0_US - DAY_US }, () => {}, neverAborted);
    expect(prefect.asked.filter((asked) => asked.startsWith("events"))).toHaveLength(2);
  });

  test("fails when Prefect does not answer", async () => {
    const { ctx, prefect } = aHarness();
    prefect.before = () => {
      throw new AppError("unavailable", "nothing accepts connections");
    };
    expect((await failureOf(syncOnce(ctx, {}, () => {}, neverAborted))).code).toBe("unavailable");
  });
});
