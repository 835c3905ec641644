import { describe, expect, test } from "bun:test";
import { localTime, ticksBetween, tickText, timeBeside } from "../../../../src/views/app/parts/time.ts";

const HOUR_MS = 3_600_000;
const localMs = (day: number, hour: number) => new Date(2026, 10, day, hour).getTime();

describe("ticks of an axis of time", () => {
  test("are round local times, at most as many as fit", () => {
    const { stepMs, ticks } = ticksBetween(localMs(29, 4) + 1, localMs(30, 4), 8);
    expect(stepMs).toBe(3 * HOUR_MS);
    expect(ticks.map((ms) => new Date(ms).getHours())).toEqual([6, 9, 12, 15, 18, 21, 0, 3]);
  });

  test("of no time at all, or of no place, are none", () => {
    expect(ticksBetween(5, 5, 8).ticks).toEqual([]);
    expect(ticksBetween(5, Number.NaN, 8).ticks).toEqual([]);
    expect(ticksBetween(localMs(1, 0), localMs(2, 0), 0).ticks).toEqual([]);
  });

  test("name the day at the first of each day only", () => {
    const texts = [22, 23, 24, 25].map((hour) =>
      tickText(localMs(29, hour), HOUR_MS, hour === 22 ? null : localMs(29, hour - 1)),
    );
    expect(texts.map((text) => text.includes("\n"))).toEqual([true, false, true, false]);
  });
});

describe("a local time", () => {
  test("is without the day beside one of the same day, and with it beside another", () => {
    const [morning, noon, next] = [localMs(29, 8), localMs(29, 12), localMs(30, 8)].map((ms) =>
      new Date(ms).toISOString(),
    );
    expect(timeBeside(noon ?? "", morning ?? "")).not.toContain("29");
    expect(timeBeside(next ?? "", morning ?? "")).toContain("30");
  });

  test("names the year where it is not the present one; other texts stay as they are", () => {
    expect(localTime("2019-03-01T12:00:00Z")).toContain("2019");
    expect(localTime("soon")).toBe("soon");
    expect(timeBeside("soon", "2019-03-01T12:00:00Z")).toBe("soon");
  });
});
