import { describe, expect, test } from "bun:test";
import { backfillGrid } from "../../../src/acting/plans/backfill.ts";
import type { JsonObject } from "../../../src/model/objects.ts";

const daysOf = (range: JsonObject) => backfillGrid({ day: range }, undefined).map(({ day }) => day);

describe("a range of times", () => {
  test("has the days of the calendar, whatever clocks do", () => {
    expect(daysOf({ from: " 2026-03-28", to: "2026-03-30" })).toEqual(["2026-03-28", "2026-03-29", "2026-03-30"]);
    expect(daysOf({ from: "2028-02-28", to: "2028-03-01" })).toEqual(["2028-02-28", "2028-02-29", "2028-03-01"]);
  });

  test("in steps of days across a change of clocks is refused: the last one would be missing", () => {
    const range = { from: "2026-03-28T00:00:00+01:00", to: "2026-03-30T00:00:00+02:00" };
    expect(() => daysOf(range)).toThrow("backfill.day: from and to have different UTC offsets");
    expect(daysOf({ ...range, step: "20h" })).toHaveLength(3);
    expect(daysOf({ from: "2026-03-28T00:00:00Z", to: "2026-03-29T00:00:00+00:00" })).toHaveLength(2);
  });

  test("keeps parts of a second", () => {
    expect(daysOf({ from: "2026-03-28T10:00:00.5Z", to: "2026-03-28T10:00:02Z", step: "1s" })).toEqual([
      "2026-03-28T10:00:00.500000Z",
      "2026-03-28T10:00:01.500000Z",
    ]);
  });

  test.each<[JsonObject, string]>([
    [{ from: "2026-02-28", to: "2026-02-30" }, "are not a range of times"],
    [{ from: "2026-13-01", to: "2026-13-02" }, "are not a range of times"],
    [{ from: "2026-01-01" }, "are not a range of times"],
    [{ from: "2026-01-01", to: "2026-01-02", step: "-1d" }, "are not a range of times"],
    [{ from: "2026-01-02", to: "2026-01-01" }, "from is after to"],
    [{ from: "2026-01-01", to: "2026-01-05", every: "2d" }, "backfill.day: a range of times has no every"],
    [{ from: "0001-01-01", to: "9999-12-31" }, "3,652,059 times"],
  ])("%j is refused", (range, message) => {
    expect(() => daysOf(range)).toThrow(message);
  });
});
