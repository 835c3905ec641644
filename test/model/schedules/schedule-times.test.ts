import { describe, expect, test } from "bun:test";
import { formatIsoUs, parseIsoUs } from "../../../src/lib/time.ts";
import type { JsonObject } from "../../../src/model/objects.ts";
import { changesClock, scheduleTimes } from "../../../src/model/schedules/schedule-times.ts";

const us = (text: string) => parseIsoUs(text) ?? Number.NaN;
/** Times as text, or null. */
function list(schedule: JsonObject, from: string, to: string, limit = 100): string[] | null {
  const found = scheduleTimes(schedule, { fromUs: us(from), toUs: us(to) }, limit);
  return found === null ? null : found.map((one) => String(formatIsoUs(one)));
}

const NEW_YORK = "America/New_York";

describe("on the day on which the clocks of New York are set forward, 8 March 2026 at 02:00", () => {
  const [from, to] = ["2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z"] as const;

  test("a daily time keeps its hour of the clock", () => {
    const expected = ["2026-03-07T14:00:00Z", "2026-03-08T13:00:00Z"];
    expect(list({ cron: "0 9 * * *", timezone: NEW_YORK }, from, "2026-03-09T00:00:00Z")).toEqual(expected);
    expect(
      list({ rrule: "FREQ=DAILY;BYHOUR=9;BYMINUTE=0;BYSECOND=0", timezone: NEW_YORK }, from, "2026-03-09T00:00:00Z"),
    ).toEqual(expected);
    const interval = { interval: 86_400, anchor_date: "2026-03-01T14:00:00Z", timezone: NEW_YORK };
    expect(list(interval, from, "2026-03-09T00:00:00Z")).toEqual(expected);
  });

  test("a time that is skipped runs before the gap", () => {
    const expected = ["2026-03-08T06:30:00Z", "2026-03-09T06:30:00Z"];
    expect(list({ cron: "30 2 * * *", timezone: NEW_YORK }, from, to)).toEqual(expected);
    expect(list({ rrule: "FREQ=DAILY;BYHOUR=2;BYMINUTE=30;BYSECOND=0", timezone: NEW_YORK }, from, to)).toEqual(
      expected,
    );
  });

  test("an hourly one skips no hour and repeats none", () => {
    const [one, other] = ["2026-03-08T05:00:00Z", "2026-03-08T08:00:00Z"];
    const expected = ["2026-03-08T05:00:00Z", "2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"];
    expect(list({ cron: "0 * * * *", timezone: NEW_YORK }, one, other)).toEqual(expected);
    expect(list({ interval: 3_600, anchor_date: "2026-01-01T00:00:00Z", timezone: NEW_YORK }, one, other)).toEqual(
      expected,
    );
  });
});

describe("on the day on which they are set back, 1 November 2026 at 02:00", () => {
  test("a time that is shown twice makes one run", () => {
    const [from, to] = ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"] as const;
    const expected = ["2026-11-01T05:30:00Z"];
    expect(list({ cron: "30 1 * * *", timezone: NEW_YORK }, from, to)).toEqual(expected);
    expect(list({ rrule: "FREQ=DAILY;BYHOUR=1;BYMINUTE=30;BYSECOND=0", timezone: NEW_YORK }, from, to)).toEqual(
      expected,
    );
  });

  test("a range that begins in the second showing of an hour has the first time after it", () => {
    const schedule = { cron: "* * * * *", timezone: NEW_YORK };
    expect(list(schedule, "2026-11-01T06:10:00Z", "2027-11-01T00:00:00Z", 1)).toEqual(["2026-11-01T07:00:00Z"]);
  });

  test("an hourly cron pauses for two hours, as Prefect documents", () => {
    expect(list({ cron: "0 * * * *", timezone: NEW_YORK }, "2026-11-01T04:30:00Z", "2026-11-01T08:00:00Z")).toEqual([
      "2026-11-01T05:00:00Z",
      "2026-11-01T07:00:00Z",
      "2026-11-01T08:00:00Z",
    ]);
  });
});

describe("scheduleTimes", () => {
  const [from, to] = ["2026-08-20T00:00:00Z", "2026-09-20T00:00:00Z"] as const;

  test.each([
    [{ cron: "0 0 13 * 5", day_or: false }, ["2026-11-13T00:00:00Z"]],
    [{ cron: "0 0 13 * 5", day_or: true }, ["2026-08-21T00:00:00Z", "2026-08-28T00:00:00Z"]],
    [{ cron: "0 6 L * *" }, ["2026-08-31T06:00:00Z", "2026-09-30T06:00:00Z"]],
    [{ cron: "0 0 * * L5" }, ["2026-08-28T00:00:00Z", "2026-09-25T00:00:00Z"]],
    [{ cron: "@daily" }, ["2026-08-20T00:00:00Z", "2026-08-21T00:00:00Z"]],
    [{ cron: "0 0 * * * 30" }, ["2026-08-20T00:00:30Z", "2026-08-21T00:00:30Z"]],
    [{ interval: 90_000, anchor_date: "2026-08-20T01:00:00Z" }, ["2026-08-20T01:00:00Z", "2026-08-21T02:00:00Z"]],
    [{ rrule: "FREQ=MONTHLY;BYDAY=-1FR" }, ["2026-08-28T00:00:00Z", "2026-09-25T00:00:00Z"]],
    [{ rrule: "FREQ=SECONDLY" }, ["2026-08-20T00:00:00Z", "2026-08-20T00:00:01Z"]],
    [
      { rrule: "DTSTART:20260101T080000\nRRULE:FREQ=DAILY\nRDATE:20260820T090000\nEXDATE:20260820T080000" },
      ["2026-08-20T09:00:00Z", "2026-08-21T08:00:00Z"],
    ],
  ] as const)("%p", (schedule, expected) => {
    expect(list(schedule as unknown as JsonObject, from, "2026-12-31T00:00:00Z", expected.length)).toEqual([
      ...expected,
    ]);
  });

  test.each([
    { cron: "0 0 31 2 *" },
    { rrule: "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30" },
    { rrule: "FREQ=DAILY;UNTIL=20250101T000000" },
  ])("has no time: %p", (schedule) => {
    expect(list(schedule, from, "2030-01-01T00:00:00Z", 1)).toEqual([]);
  });

  test.each([
    { cron: "no cron" },
    { cron: "0 0 * * *", timezone: "Mars/Olympus" },
    { rrule: "FREQ=" },
    { interval: 60 },
    {},
  ])("is not understood: %p", (schedule) => {
    expect(list(schedule as JsonObject, from, to)).toBeNull();
  });

  test("says whether the clock is set in a range", () => {
    const range = { fromUs: us("2026-10-24T00:00:00Z"), toUs: us("2026-10-26T00:00:00Z") };
    expect(["Europe/Berlin", NEW_YORK, "UTC"].map((timezone) => changesClock({ timezone }, range))).toEqual([
      true,
      false,
      false,
    ]);
    expect(changesClock({}, range)).toBe(false);
  });
});
