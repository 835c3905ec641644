import { describe, expect, test } from "bun:test";
import { completedAfterRetry, failed, timedOut } from "../../../../../src/queries/diagnosis/causes/ended/failed.ts";
import { aFlowRun, anId, aState, aTaskRun, at } from "../../../../support/builders.ts";
import {
  aNamedRun,
  anErrorLine,
  aRunError,
  factsOfRun,
  onlyFinding,
  someRunFacts,
} from "../../../../support/diagnosis/facts.ts";

const run = { id: anId(60), name: "etl-1", state_type: "FAILED" as const };

describe("an exception", () => {
  test("names type, message, frame and task", () => {
    const error = aRunError({ task: aTaskRun({ name: "read_price" }) });
    expect<unknown>(onlyFinding(failed, factsOfRun(run, { error })).summary).toBe(
      "etl-1 (load-orders) failed: KeyError: 'price' in load_rows (flows/etl.py:41), task read_price.",
    );
  });

  test("quotes an error line that adds to the exception, not one that repeats it", () => {
    const error = aRunError({ type: "RuntimeError", message: "export aborted" });
    const other = { ...error, lines: [anErrorLine("disk quota exceeded on /export")] };
    const same = { ...error, lines: [anErrorLine("stopping: export aborted")] };
    expect(onlyFinding(failed, factsOfRun(run, { error: other })).summary).toContain("disk quota exceeded on /export");
    expect(onlyFinding(failed, factsOfRun(run, { error: same })).summary).not.toContain("Its log says");
  });

  test("names what changed since the last completed run", () => {
    const good = aFlowRun({ parameters: { batch_size: 500, day: "mon" }, deployment_version: "1" });
    const bad = { ...run, parameters: { batch_size: 0, day: "mon" }, deployment_version: "2" };
    const found = onlyFinding(failed, factsOfRun(bad, { error: aRunError(), history: [good] }));
    expect(found.summary).toContain(
      'Changed since the last completed run: batch_size 500 → 0, deployment_version "1" → "2".',
    );
    expect(found.evidence).toMatchObject({
      changed_since_last_good_run: { "parameters.batch_size": { from: 500, to: 0 } },
    });
  });

  test("names the deepest failed subflow, unless the parent raised an exception of its own", () => {
    const deepest = someRunFacts({ name: "inner", state_type: "FAILED" }, { error: aRunError() });
    const middle = someRunFacts({ state_type: "FAILED" }, { error: aRunError(), children: [deepest] });
    const facts = (error = aRunError()) => factsOfRun(run, { error, children: [middle] });
    expect(onlyFinding(failed, facts())).toMatchObject({
      code: "subflow_failed",
      evidence: { failed_in: { name: "inner" } },
    });
    const own = onlyFinding(failed, facts(aRunError({ type: "OSError", message: "disk full" })));
    expect(own).toMatchObject({ code: "exception", summary: expect.stringContaining("OSError: disk full") });
  });

  test("the same error elsewhere is first seen when the earliest of them ended", () => {
    const sameError = [
      aNamedRun({ end_time: at(40) }),
      aNamedRun({ end_time: at(20) }),
      aNamedRun({ end_time: at(30) }),
    ];
    const found = onlyFinding(failed, factsOfRun({ state_type: "FAILED" }, { error: aRunError() }, { sameError }));
    expect(found.evidence).toMatchObject({
      same_error: { count: 3, first_seen: at(20), affected: ["load-orders/nightly"] },
    });
  });

  test("not for other states", () => {
    for (const state_type of ["COMPLETED", "CRASHED", "RUNNING", "CANCELLED"] as const)
      expect(failed.judge(factsOfRun({ ...run, state_type }, { error: aRunError() }))).toEqual([]);
    expect(failed.judge(factsOfRun({ ...run, state_name: "TimedOut" }, { error: aRunError() }))).toEqual([]);
  });
});

test("a timeout is named with the frame that was running and the usual time", () => {
  const state = aState({ type: "FAILED", name: "TimedOut", message: "Flow run exceeded timeout of 1.0 second(s)" });
  const history = [
    aFlowRun({ total_run_time: 10 }),
    aFlowRun({ total_run_time: 12 }),
    aFlowRun({ total_run_time: 14 }),
  ];
  const facts = factsOfRun({ ...run, state_name: "TimedOut", state }, { error: aRunError(), history });
  const found = onlyFinding(timedOut, facts);
  expect(found.summary).toContain(
    "etl-1 timed out: Flow run exceeded timeout of 1.0 second(s). It was running load_rows",
  );
  expect(found.evidence).toMatchObject({ usual_run_time: "12 s" });
  expect(timedOut.judge(factsOfRun(run))).toEqual([]);
});

test("completed after a retry is a note with the first error", () => {
  const tasks = [aTaskRun({ name: "fetch", run_count: 2 })];
  const facts = factsOfRun({ name: "ok", state_type: "COMPLETED" }, { tasks, error: aRunError() });
  expect(onlyFinding(completedAfterRetry, facts)).toMatchObject({
    severity: "note",
    summary: "ok completed after a retry: task fetch was tried 2 times.",
    evidence: { first_error: "KeyError: 'price'" },
  });
  expect(completedAfterRetry.judge(factsOfRun({ state_type: "COMPLETED" }))).toEqual([]);
});
