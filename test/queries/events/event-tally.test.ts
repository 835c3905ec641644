import { describe, expect, test } from "bun:test";
import { DAY_US, HOUR_US, MINUTE_US, parseIsoUs } from "../../../src/lib/time.ts";
import {
  addGroup,
  bucketStart,
  type EventGroup,
  fillBuckets,
  NO_GROUP,
  partOfBucket,
  splitTally,
  stateKey,
  toStates,
  usualStep,
} from "../../../src/queries/events/event-tally.ts";

const us = (iso: string) => parseIsoUs(iso) ?? 0;
const group = (key: string, count: number, firstUs: number | null = null, lastUs = firstUs): EventGroup => ({
  key,
  label: null,
  count,
  firstUs,
  lastUs,
});

describe("buckets", () => {
  test("are aligned to a Monday in UTC, before and after it", () => {
    const starts = ["2026-08-20T09:15:30Z", "2019-12-31T23:59:59Z"].map((iso) =>
      [HOUR_US, DAY_US, 7 * DAY_US].map((step) => bucketStart(us(iso), step)),
    );
    expect(starts).toEqual([
      ["2026-08-20T09:00:00Z", "2026-08-20T00:00:00Z", "2026-08-17T00:00:00Z"].map(us),
      ["2019-12-31T23:00:00Z", "2019-12-31T00:00:00Z", "2019-12-30T00:00:00Z"].map(us),
    ]);
  });

  test("of the usual step are at most 48", () => {
    const steps = [MINUTE_US, HOUR_US, DAY_US, 7 * DAY_US, 365 * DAY_US].map((span) =>
      usualStep({ fromUs: 0, toUs: span }),
    );
    expect(steps).toEqual([MINUTE_US, 5 * MINUTE_US, HOUR_US, 6 * HOUR_US, 28 * DAY_US]);
  });

  test("say which part of them the window holds", () => {
    const window = { fromUs: 5, toUs: 2 * MINUTE_US + 7 };
    const parts = [0, 1, 2].map((n) => partOfBucket(n * MINUTE_US, MINUTE_US, window));
    expect(parts).toEqual([{ fromUs: 5 }, null, { toUs: 2 * MINUTE_US + 7 }]);
    expect(partOfBucket(0, MINUTE_US, { fromUs: 5, toUs: 9 })).toEqual({ fromUs: 5, toUs: 9 });
    expect(partOfBucket(0, MINUTE_US, { fromUs: 0, toUs: MINUTE_US - 1 })).toBeNull();
  });

  test("without events are added up to the end of the window, without one that only begins there", () => {
    const filled = fillBuckets(
      new Map([["60000000", group("60000000", 2)]]),
      { fromUs: 5, toUs: 2 * MINUTE_US },
      {
        stepUs: MINUTE_US,
        baseUs: 0,
      },
    );
    expect(filled.map(({ key, count }) => [key, count])).toEqual([
      ["0", 0],
      ["60000000", 2],
    ]);
    const atEnd = new Map([["120000000", group("120000000", 1)]]);
    const buckets = { stepUs: MINUTE_US, baseUs: 0 };
    const counts = (toUs: number) => fillBuckets(atEnd, { fromUs: 5, toUs }, buckets).map(({ count }) => count);
    expect([counts(2 * MINUTE_US), counts(2 * MINUTE_US + 1)]).toEqual([
      [0, 0, 1],
      [0, 0, 1],
    ]);
  });
});

describe("groups", () => {
  test("are added up with their first and last times, and empty ones are dropped", () => {
    const tally = new Map<string, EventGroup>();
    for (const one of [group("a", 2, 5, 9), group("b", 0), group("a", 3, 1), group("a", 1)]) addGroup(tally, one);
    expect([...tally.values()]).toEqual([{ key: "a", label: null, count: 6, firstUs: 1, lastUs: 9 }]);
  });

  test("by state come from the names of run events only", () => {
    expect(stateKey("prefect.task-run.AwaitingRetry")).toBe("task-run AwaitingRetry");
    expect(stateKey("prefect.flow-run.heartbeat")).toBeNull();
    const names = ["prefect.flow-run.Failed", "prefect.flow-run.heartbeat", "shop.order.paid"];
    const byEvent = new Map(names.map((name) => [name, group(name, 1)]));
    expect([...toStates(byEvent)].map(([key, { count }]) => [key, count])).toEqual([
      ["flow-run Failed", 1],
      [NO_GROUP, 2],
    ]);
    expect(splitTally(toStates(byEvent), "state")).toMatchObject({ total: 3, ungrouped: 2, repeated: 0 });
  });
});
