import { describe, expect, test } from "bun:test";
import { DAY_US, HOUR_US, MINUTE_US } from "../../../src/lib/time.ts";
import { dueVerification, type VerifyCursors } from "../../../src/sync/verification/verify-schedule.ts";

describe("the schedule of verifications", () => {
  const now = 100 * DAY_US;
  const none: VerifyCursors = {};
  const noFloor = Number.NEGATIVE_INFINITY;

  test("goes back with the server clock, and does not wait until that is where it was", () => {
    const covered = [{ fromUs: now - 30 * DAY_US, toUs: now, verifiedUs: now }];
    const ahead = dueVerification(covered, none, now + 2 * DAY_US, noFloor).cursors;
    const { ranges, cursors } = dueVerification(covered, ahead, now, noFloor);
    expect([ranges, Object.values(cursors).every((us) => us <= now)]).toEqual([[], true]);
    const later = dueVerification(covered, cursors, now + 10 * MINUTE_US, noFloor);
    expect(later.ranges.at(-1)?.toUs).toBe(now);
  });

  test("repeats what was verified when it was younger than five minutes", () => {
    const covered = [{ fromUs: now - 11 * MINUTE_US, toUs: now - 1, verifiedUs: now - 10 * MINUTE_US }];
    // Verified ten minutes ago: what occurred since eleven minutes ago was younger than five minutes then.
    expect(dueVerification(covered, none, now, noFloor).ranges).toEqual([
      { fromUs: now - 11 * MINUTE_US, toUs: now - 5 * MINUTE_US },
    ]);
  });

  test("does not repeat what was verified when it was old enough", () => {
    const covered = [{ fromUs: now - DAY_US, toUs: now - 2 * HOUR_US, verifiedUs: now }];
    expect(dueVerification(covered, none, now, noFloor).ranges).toEqual([]);
  });

  test("repeats once per step, because the cursors remember it", () => {
    const covered = [{ fromUs: now - 30 * MINUTE_US, toUs: now, verifiedUs: now - 20 * MINUTE_US }];
    const first = dueVerification(covered, none, now, noFloor);
    expect(first.ranges).toEqual([{ fromUs: now - 25 * MINUTE_US + 1, toUs: now - 5 * MINUTE_US }]);
    expect(dueVerification(covered, first.cursors, now + MINUTE_US, noFloor).ranges).toEqual([]);
    expect(dueVerification(covered, first.cursors, now + 6 * MINUTE_US, noFloor).ranges).toEqual([
      { fromUs: now - 5 * MINUTE_US + 1, toUs: now },
    ]);
  });

  test("merges the ranges of several steps, and splits them by days", () => {
    const covered = [{ fromUs: now - 3 * DAY_US, toUs: now, verifiedUs: now - 3 * DAY_US }];
    const { ranges } = dueVerification(covered, none, now, noFloor);
    expect(ranges).toHaveLength(3);
    expect(ranges[0]?.fromUs).toBe(now - 3 * DAY_US);
    expect(ranges.at(-1)?.toUs).toBe(now - 5 * MINUTE_US);
  });

  test("contains nothing that the server may have deleted by age, and nothing that is not covered", () => {
    const covered = [
      { fromUs: now - 3 * DAY_US, toUs: now - 2 * DAY_US, verifiedUs: now - 3 * DAY_US },
      { fromUs: now - HOUR_US, toUs: now, verifiedUs: now - HOUR_US },
    ];
    expect(dueVerification(covered, none, now, now - DAY_US).ranges).toEqual([
      { fromUs: now - HOUR_US, toUs: now - 5 * MINUTE_US },
    ]);
  });

  test("is empty while nothing is covered", () => {
    expect(dueVerification([], none, now, noFloor)).toEqual({ ranges: [], cursors: none });
  });
});
