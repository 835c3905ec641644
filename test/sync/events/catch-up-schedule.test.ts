import { describe, expect, test } from "bun:test";
import { CatchUpSchedule } from "../../../src/sync/events/catch-up-schedule.ts";

describe("the schedule of catch-ups", () => {
  test("begins at once, then follows the interval", () => {
    const schedule = new CatchUpSchedule();
    expect(schedule.waitMs(1_000_000, 30_000)).toBe(0);
    schedule.completed(1_000_000);
    expect(schedule.waitMs(1_010_000, 30_000)).toBe(20_000);
  });

  test("is earlier after a request, which is fulfilled only by a catch-up that began later", () => {
    const schedule = new CatchUpSchedule();
    schedule.completed(1_000_000);
    schedule.request(1_002_000);
    schedule.request(1_008_500);
    expect(schedule.waitMs(1_001_000, 30_000)).toBe(1_000);
    schedule.completed(1_002_000);
    expect(schedule.waitMs(1_002_100, 30_000)).toBe(6_400);
  });
});
