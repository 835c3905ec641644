import { describe, expect, test } from "bun:test";
import { MINUTE_US, SECOND_US } from "../../../src/lib/time.ts";
import { compare } from "../../../src/queries/reliability/compare.ts";
import { budgetOf, measure, type Outcome, percentile } from "../../../src/queries/reliability/measure.ts";

const END_US = 1_000 * MINUTE_US;
/** A run that began at `minute` and took `seconds`. */
function run(minute: number, stateType: string, seconds = 10, given: Partial<Outcome> = {}): Outcome {
  const startUs = minute * MINUTE_US;
  return {
    flowId: "flow",
    deploymentId: "deployment",
    workPool: null,
    tags: [],
    stateType,
    expectedUs: startUs,
    startUs,
    endUs: stateType === "RUNNING" ? null : startUs + seconds * SECOND_US,
    beginUs: startUs,
    ...given,
  };
}

describe("measure", () => {
  test("takes percentiles by the nearest rank", () => {
    const values = Array.from({ length: 20 }, (_, n) => n + 1);
    expect([percentile(values, 50), percentile(values, 95), percentile([7], 95), percentile([], 50)]).toEqual([
      10,
      19,
      7,
      null,
    ]);
  });

  test("counts cancelled and unfinished runs, and leaves them out of the success rate", () => {
    const runs = [run(1, "COMPLETED"), run(2, "FAILED"), run(3, "CANCELLED"), run(4, "RUNNING"), run(5, "CRASHED")];
    expect(measure(runs, [], END_US)).toMatchObject({
      runs: 5,
      completed: 1,
      failed: 2,
      cancelled: 1,
      unfinished: 1,
      successRate: 1 / 3,
      streak: { isFailing: true, runs: 2 },
      longestFailing: 1 + 1,
    });
  });

  test("counts a run that started late, one that still has not started, and none that was cancelled before its start", () => {
    const never = { startUs: null, endUs: null };
    const runs = [
      run(1, "COMPLETED", 10, { expectedUs: MINUTE_US - 15 * SECOND_US }),
      run(2, "COMPLETED", 10, { expectedUs: MINUTE_US }),
      run(3, "SCHEDULED", 0, never),
      run(4, "CANCELLED", 0, never),
    ];
    expect(measure(runs, [], END_US)).toMatchObject({ late: 2, lateP95Us: 60 * SECOND_US });
  });

  test("an outage lasts from its first failed run to the next completed one of the same deployment", () => {
    const other = { deploymentId: "other" };
    const runs = [
      run(1, "COMPLETED"),
      run(2, "FAILED"),
      run(3, "COMPLETED", 10, other),
      run(4, "FAILED"),
      run(8, "COMPLETED"),
      run(9, "FAILED"),
      run(11, "COMPLETED"),
    ];
    expect(measure(runs, [], END_US)).toMatchObject({ recoveryUs: 4 * MINUTE_US, recoveries: 2 });
  });

  test("an outage whose beginning was not seen has no length", () => {
    const [earlier, now] = [
      [run(1, "COMPLETED"), run(2, "FAILED")],
      [run(5, "FAILED"), run(6, "COMPLETED")],
    ];
    expect(measure(now, [], END_US).recoveryUs).toBeNull();
    expect(measure(now, earlier, END_US).recoveryUs).toBe(4 * MINUTE_US);
  });

  test("an error budget is used up by failed runs, and overdrawn below 0", () => {
    const runs = [...Array.from({ length: 98 }, (_, n) => run(n, "COMPLETED")), run(99, "FAILED"), run(100, "FAILED")];
    const figures = measure(runs, [], END_US);
    expect(budgetOf(figures, 0.95)?.left).toBeCloseTo(0.6, 9);
    expect(budgetOf(figures, 0.99)?.left).toBeCloseTo(-1, 9);
    expect(budgetOf(figures, 1)).toEqual({ allowed: 0, left: 0 });
    expect(budgetOf(measure([run(1, "CANCELLED")], [], END_US), 0.9)).toBeNull();
  });
});

describe("compare", () => {
  const many = (count: number, state: string, seconds = 10) =>
    Array.from({ length: count }, (_, n) => run(n, state, seconds));
  const of = (runs: readonly Outcome[]) => measure(runs, [], END_US);

  test("claims nothing without a window before, or with no run in it", () => {
    const now = of(many(10, "FAILED"));
    expect(compare(now, null)).toEqual({ score: 0, worse: [] });
    expect(compare(now, of([]))).toEqual({ score: 0, worse: [] });
  });

  test("a drop over many runs weighs more than one over a single run", () => {
    const before = of(many(10, "COMPLETED"));
    const half = compare(of([...many(5, "COMPLETED"), ...many(5, "FAILED")]), before);
    const single = compare(of(many(1, "FAILED")), before);
    expect(String(half.worse[0])).toBe("success 100% → 50%");
    expect(half.score).toBeGreaterThan(single.score);
  });

  test("names longer durations, more late runs, and that there are no more runs", () => {
    const before = of(many(10, "COMPLETED", 10));
    expect(compare(of(many(10, "COMPLETED", 30)), before).worse.map(String)).toEqual(["p50 10 s → 30 s"]);
    const late = many(10, "COMPLETED").map((one) => ({ ...one, expectedUs: one.beginUs - MINUTE_US }));
    expect(compare(of(late), before).worse.map(String)).toEqual(["late 0 of 10 → 10 of 10"]);
    expect(compare(of([]), before).worse.map(String)).toEqual(["no runs, 10 before"]);
  });

  test("two runs are too few to say that durations grew", () => {
    expect(compare(of(many(2, "COMPLETED", 90)), of(many(2, "COMPLETED", 10))).worse).toEqual([]);
  });
});
