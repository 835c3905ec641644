import { describe, expect, test } from "bun:test";
import { findFlowRunRow } from "../../../src/store/runs/flow-runs.ts";
import { aHarness, SECOND } from "../engine-harness.ts";
import { covered, fill, runAt } from "./run-builders.ts";

describe("filling flow runs", () => {
  test("reads them by expected start, newest first, and claims what it has proven", async () => {
    const harness = aHarness();
    harness.prefect.flowRuns = Array.from({ length: 11 }, (_, i) => runAt(-i * 600));
    await fill(harness, -7_200);
    expect(harness.prefect.flowRuns.every((run) => findFlowRunRow(harness.ctx.db, run.id) !== null)).toBe(true);
    expect(covered(harness, "flow_run")).toEqual([[-7_200, -1]]);
    expect(harness.prefect.asked.every((asked) => asked.startsWith("flow_runs -"))).toBe(true);
  });

  test("reads only the newest part in the next call", async () => {
    const harness = aHarness();
    await fill(harness, -7_200);
    harness.clock.us += 60 * SECOND;
    const fresh = runAt(30);
    harness.prefect.flowRuns = [fresh];
    harness.prefect.asked.length = 0;
    await fill(harness, -7_200);
    expect(harness.prefect.asked).toEqual(["flow_runs -121..60"]);
    expect(findFlowRunRow(harness.ctx.db, fresh.id)).not.toBeNull();
    expect(covered(harness, "flow_run").at(-1)?.[1]).toBe(59);
  });

  test("pages by offset inside an instant that fills a page", async () => {
    const harness = aHarness();
    harness.prefect.flowRuns = Array.from({ length: 10 }, () => runAt(-600));
    await fill(harness, -1_000);
    expect(harness.prefect.flowRuns.every((run) => findFlowRunRow(harness.ctx.db, run.id) !== null)).toBe(true);
  });

  test("ends also when a server ignores the offset", async () => {
    const harness = aHarness();
    harness.prefect.flowRuns = Array.from({ length: 10 }, () => runAt(-600));
    const filter = harness.prefect.filterFlowRuns;
    harness.prefect.filterFlowRuns = (body) => filter({ ...body, offset: 0 });
    expect(fill(harness, -1_000)).rejects.toThrow("contradict");
  });
});
