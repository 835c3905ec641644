import { describe, expect, test } from "bun:test";
import { levelName, matchesLine, numberLines, pageOfLines, parseLevel } from "../../../src/queries/runs/log-lines.ts";
import { aLog, anId, at, T0_US } from "../../support/builders.ts";

const run = anId(1);
const line = (n: number, seconds: number, given = {}) =>
  aLog({ id: anId(100 + n), flow_run_id: run, timestamp: at(seconds), message: `line ${n}`, ...given });

describe("log lines", () => {
  test("are numbered by time within their run; lines of the same time keep their order", () => {
    const logs = [line(3, 2), line(1, 1), line(2, 1), line(9, 1.5, { flow_run_id: anId(2) })];
    expect(numberLines(logs).map(({ n, log }) => [n, log.message])).toEqual([
      [1, "line 1"],
      [2, "line 2"],
      [1, "line 9"],
      [3, "line 3"],
    ]);
  });

  test("are matched by level, text, task and time, bounds included", () => {
    const log = line(1, 10, { level: 30, task_run_id: anId(7), message: "Disk 100% full" });
    const us = T0_US + 10e6;
    const cases: [Parameters<typeof matchesLine>[1], boolean][] = [
      [{}, true],
      [{ level: 30 }, true],
      [{ level: 31 }, false],
      [{ text: "disk 100%" }, true],
      [{ text: "disk.*full" }, false],
      [{ taskRunIds: new Set([anId(7)]) }, true],
      [{ taskRunIds: new Set([anId(8)]) }, false],
      [{ sinceUs: us, untilUs: us }, true],
      [{ sinceUs: us + 1 }, false],
      [{ untilUs: us - 1 }, false],
    ];
    for (const [choice, expected] of cases) expect(matchesLine(log, choice)).toBe(expected);
  });

  test("are paged from either end, also when the line of the cursor was deleted", () => {
    const lines = numberLines([1, 2, 3, 4, 5].map((n) => line(n, n)));
    const numbers = (page: ReturnType<typeof pageOfLines>) => ({
      n: page.lines.map(({ n }) => n),
      hasMore: page.hasMore,
    });
    const position = (n: number) => ({ us: T0_US + n * 1e6, id: anId(100 + n) });
    expect(numbers(pageOfLines(lines, true, 2, undefined))).toEqual({ n: [4, 5], hasMore: true });
    expect(numbers(pageOfLines(lines, true, 2, position(4)))).toEqual({ n: [2, 3], hasMore: true });
    expect(numbers(pageOfLines(lines, true, 2, position(2)))).toEqual({ n: [1], hasMore: false });
    expect(numbers(pageOfLines(lines, false, 2, undefined))).toEqual({ n: [1, 2], hasMore: true });
    expect(numbers(pageOfLines(lines, false, 9, position(2)))).toEqual({ n: [3, 4, 5], hasMore: false });
    const gone = { us: T0_US + 2.5e6, id: anId(99) };
    expect(numbers(pageOfLines(lines, true, 9, gone))).toEqual({ n: [1, 2], hasMore: false });
    expect(numbers(pageOfLines(lines, false, 9, gone))).toEqual({ n: [3, 4, 5], hasMore: false });
  });

  test("levels have names and numbers", () => {
    expect(["debug", " Warning ", "WARN", "critical", "35", "loud", ""].map(parseLevel)).toEqual([
      10,
      30,
      30,
      50,
      35,
      undefined,
      undefined,
    ]);
    expect([10, 40, 35].map(levelName)).toEqual(["DEBUG", "ERROR", "35"]);
  });
});
