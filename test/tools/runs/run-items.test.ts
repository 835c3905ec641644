import { describe, expect, test } from "bun:test";
import { HOUR_US } from "../../../src/lib/time.ts";
import type { FlowRun } from "../../../src/model/objects.ts";
import type { StateType } from "../../../src/model/state.ts";
import { stateItem } from "../../../src/tools/runs/run-items.ts";
import { aFlowRun, aState, at, T0_US } from "../../support/builders.ts";

const NOW_US = T0_US + HOUR_US;
const began = (type: StateType, given: Partial<FlowRun> = {}) =>
  aFlowRun({ state_type: type, start_time: at(0), end_time: null, ...given });
const durationOf = (run: FlowRun) => stateItem(run, NOW_US, false).duration;

describe("the duration of a run", () => {
  test("that is running grows, as Prefect's estimated_run_time does", () => {
    expect(durationOf(began("RUNNING"))).toBe(3_600);
  });

  test("that waits is its total_run_time (here 42 s), as in Prefect's estimated_run_time", () => {
    for (const [type, name] of [
      ["PAUSED", "Suspended"],
      ["PAUSED", "Paused"],
      ["SCHEDULED", "AwaitingRetry"],
      ["SCHEDULED", "Resuming"],
      ["PENDING", "Pending"],
    ] as const) {
      const run = began(type, { state_name: name, total_run_time: 42, estimated_run_time: 42 });
      expect(durationOf(run)).toBe(run.estimated_run_time);
    }
  });

  test("that waits ends when it began to wait if Prefect gives no total_run_time", () => {
    const state = aState({ type: "PAUSED", name: "Suspended", timestamp: at(42) });
    expect(durationOf(began("PAUSED", { state }))).toBe(42);
    expect(durationOf({ ...began("PAUSED"), state: null })).toBeUndefined();
  });

  test("that has ended is from start to end; a run that never started has none", () => {
    expect(durationOf(aFlowRun({ state_type: "COMPLETED", start_time: at(0), end_time: at(12) }))).toBe(12);
    expect(durationOf(aFlowRun({ state_type: "SCHEDULED" }))).toBeUndefined();
  });
});
