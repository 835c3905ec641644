import { describe, expect, test } from "bun:test";
import { type ExpectedRun, type Resource, simulate } from "../../../src/queries/forecast/simulate.ts";

const limit = (slots: number | null, given: Partial<Resource> = {}): Resource => ({
  kind: "work_pool",
  name: "batch",
  slots,
  cancelsNew: false,
  blocked: null,
  ...given,
});
const run = (expectedUs: number, durationUs: number, resources: readonly Resource[], priority = 1): ExpectedRun => ({
  expectedUs,
  durationUs,
  priority,
  resources,
});
/** When each run starts; null: it does not. */
const starts = (runs: readonly ExpectedRun[], running: Parameters<typeof simulate>[1] = [], nowUs = 0) =>
  simulate(runs, running, nowUs).map(({ startUs }) => startUs);

describe("simulate", () => {
  test("runs start on time while slots are free", () => {
    const pool = limit(2);
    expect(starts([run(0, 10, [pool]), run(5, 10, [pool]), run(10, 10, [pool])])).toEqual([0, 5, 10]);
    expect(starts([run(0, 10, []), run(0, 10, [limit(null)])])).toEqual([0, 0]);
  });

  test("a run waits for the first slot that becomes free, in the order in which runs were due", () => {
    const pool = limit(1);
    const outcomes = simulate([run(0, 10, [pool]), run(2, 10, [pool]), run(3, 1, [pool])], [], 0);
    expect(outcomes.map(({ startUs }) => startUs)).toEqual([0, 10, 20]);
    expect(outcomes.map(({ waitsFor }) => waitsFor)).toEqual([null, pool, pool]);
  });

  test("a lower number of priority starts first", () => {
    const pool = limit(1);
    expect(starts([run(0, 10, [pool]), run(1, 10, [pool], 2), run(2, 10, [pool], 1)])).toEqual([0, 20, 10]);
  });

  test("a run that waits for its deployment does not hold up others in the pool", () => {
    const [pool, own] = [limit(2), limit(1, { kind: "deployment", name: "etl/nightly" })];
    const outcomes = simulate([run(0, 100, [own, pool]), run(1, 5, [own, pool]), run(2, 5, [pool])], [], 0);
    expect(outcomes.map(({ startUs, waitsFor }) => [startUs, waitsFor?.name ?? null])).toEqual([
      [0, null],
      [100, "etl/nightly"],
      [2, null],
    ]);
  });

  test("runs in progress hold their slots", () => {
    const pool = limit(1);
    expect(starts([run(0, 10, [pool])], [{ untilUs: 30, resources: [pool] }])).toEqual([30]);
  });

  test("overdue runs wait since their time and start now at the earliest", () => {
    expect(starts([run(-50, 10, [limit(1)])], [], 100)).toEqual([100]);
  });

  test("a deployment that cancels new runs cancels those that find it full", () => {
    const own = limit(1, { kind: "deployment", cancelsNew: true });
    expect(simulate([run(0, 10, [own]), run(5, 10, [own]), run(10, 10, [own])], [], 0)).toMatchObject([
      { startUs: 0, isCancelled: false },
      { startUs: null, isCancelled: true, waitsFor: own },
      { startUs: 10, isCancelled: false },
    ]);
  });

  test("nothing starts in a paused pool, or in one without slots, and others do", () => {
    const [paused, none] = [limit(null, { blocked: "paused" }), limit(0)];
    const outcomes = simulate([run(0, 10, [paused]), run(0, 10, [none]), run(0, 10, [])], [], 0);
    expect(outcomes.map(({ startUs, waitsFor }) => [startUs, waitsFor])).toEqual([
      [null, paused],
      [null, none],
      [0, null],
    ]);
  });

  test("work grows with the number of runs: thousands end in order", () => {
    const pool = limit(3);
    const runs = Array.from({ length: 3_000 }, (_, n) => run(n, 3 + (n % 5), [pool]));
    const found = starts(runs);
    expect(found.every((us) => us !== null)).toBe(true);
    // 15,000 units of work on 3 slots.
    expect(found.at(-1)).toBeGreaterThan(4_990);
  });
});
