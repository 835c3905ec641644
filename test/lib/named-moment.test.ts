import { describe, expect, test } from "bun:test";
import { type MomentRole, readMoment } from "../../src/lib/named-moment.ts";
import { formatIsoUs, parseIsoUs } from "../../src/lib/time.ts";

/** A Thursday. */
const NOW = "2026-08-20T10:15:00Z";

function read(text: string, role: MomentRole = "start", now = NOW): string {
  const found = readMoment(text, parseIsoUs(now) ?? 0, role);
  if (found === undefined) return "no moment";
  return "us" in found ? formatIsoUs(found.us) : `${text} ${found.problem} | ${found.write}`;
}

describe("a moment by name", () => {
  test.each([
    ["9am", "2026-08-20T09:00:00Z"],
    ["since 9am", "2026-08-20T09:00:00Z"],
    ["9:30 AM", "2026-08-20T09:30:00Z"],
    ["12am", "2026-08-20T00:00:00Z"],
    ["08:15", "2026-08-20T08:15:00Z"],
    ["last monday", "2026-08-17T00:00:00Z"],
    ["Monday 9am", "2026-08-17T09:00:00Z"],
    ["9am on monday", "2026-08-17T09:00:00Z"],
    ["last thursday", "2026-08-13T00:00:00Z"],
    ["last fri", "2026-08-14T00:00:00Z"],
    ["yesterday 14:00", "2026-08-19T14:00:00Z"],
    ["yesterday at 2pm", "2026-08-19T14:00:00Z"],
    ["yesterday at noon", "2026-08-19T12:00:00Z"],
    ["yesterday 14:00 Europe/Berlin", "2026-08-19T12:00:00Z"],
    ["yesterday europe/berlin", "2026-08-18T22:00:00Z"],
    ["today 08:00 UTC", "2026-08-20T08:00:00Z"],
    ["today 08:00 UTC+2", "2026-08-20T06:00:00Z"],
    ["yesterday 14:00 +05:30", "2026-08-19T08:30:00Z"],
    ["2026-08-19 9am", "2026-08-19T09:00:00Z"],
    ["2026-08-19T09:00 Europe/Berlin", "2026-08-19T07:00:00Z"],
    ["2026-08-19T09:00:30[America/New_York]", "2026-08-19T13:00:30Z"],
    ["2026-01-30 09:00 CET", "2026-01-30T08:00:00Z"],
    ["2026-07-30 09:00 CEST", "2026-07-30T07:00:00Z"],
    ["2026-07-30 09:00 EDT", "2026-07-30T13:00:00Z"],
    ["30 Jul 2026", "2026-07-30T00:00:00Z"],
    ["July 30, 2026 14:00 Asia/Kolkata", "2026-07-30T08:30:00Z"],
    ["last 24 hours", "2026-08-19T10:15:00Z"],
    ["in the last 2h", "2026-08-20T08:15:00Z"],
    ["since yesterday", "2026-08-19T00:00:00Z"],
    ["since 1.5 hours ago", "no moment"],
    ["1.5 hours", "2026-08-20T08:45:00Z"],
  ])("%p is %p", (text, expected) => {
    expect(read(text)).toBe(expected);
  });

  test("days are those of the zone, where it has another date", () => {
    expect(read("today Asia/Tokyo", "start", "2026-08-20T20:00:00Z")).toBe("2026-08-20T15:00:00Z");
    expect(read("last friday Asia/Tokyo", "start", "2026-08-20T20:00:00Z")).toBe("2026-08-13T15:00:00Z");
  });

  test("a time of day ends a window today, and a time to come is of today", () => {
    expect(read("18:00", "end")).toBe("2026-08-20T18:00:00Z");
    expect(read("until 18:00", "end")).toBe("2026-08-20T18:00:00Z");
    expect(read("6pm", "later")).toBe("2026-08-20T18:00:00Z");
  });
});

describe("what may mean several moments is refused with what to write", () => {
  test.each([
    ["11pm", "start", "is still to come today in UTC | Write the day, as in yesterday 23:00"],
    ["9am", "later", "is over today in UTC | Write the day, as in tomorrow 09:00"],
    ["thursday", "start", 'may be the last or the next one | Write the date, such as 2026-08-20, or "last thursday".'],
    ["monday", "end", "may be the last or the next one"],
    ["last week", "start", "may begin at different days | Write the date, such as 2026-11-30, or an age such as 7d."],
    ["last 2 months", "start", "has no fixed length | Write days: 30d, 365d."],
    ["1y", "start", "has no fixed length"],
    ["1M", "start", "may mean minutes or months | Write 30min, or 30d."],
    ["now-1M", "start", "may mean minutes or months"],
    ["last night", "start", "may mean different times"],
    ["next monday", "later", "may mean different times"],
    ["midnight", "past", "may be the one before or after"],
    ["03/04/2026", "start", "may be read day first or month first"],
    ["3.4.2026", "start", "may be read day first or month first"],
    ["30 Jul", "start", "has no year"],
    ["1787217300", "start", "is a number, in seconds or milliseconds"],
    ["2026-07-30 09:00 CET", "start", "says CET, which is +01:00, but clocks are at +02:00 then | Write Europe/Berlin"],
    ["2026-07-30 09:00 CST", "start", "has a zone, CST, that several countries use or that is not known"],
    ["9am Europe/Berln", "start", 'has no known time zone in "Europe/Berln"'],
    ["2026-03-29 02:30 Europe/Berlin", "past", "was skipped in Europe/Berlin, where clocks were set forward"],
    ["2026-10-25 02:30 Europe/Berlin", "later", "happened twice in Europe/Berlin, where clocks were set back"],
  ] as const)("%p as %p", (text, role, expected) => {
    expect(read(text, role)).toStartWith(`${text} ${expected}`);
  });

  test.each([
    "",
    "soon",
    "UTC",
    "at",
    "13pm",
    "25:00",
    "2026-02-30 9am",
    "99 Jul 2026",
    "last",
    "9",
    "yesterday foo",
    "Europe/Berlin",
  ])("%p is no moment", (text) => expect(read(text)).toBe("no moment"));

  test("an age is for the start of a window", () => {
    expect(read("last 2 hours", "end")).toBe("no moment");
  });

  test("a long text is rejected without a search in it", () => {
    expect(read(`9am ${" 9".repeat(50_000)}`)).toBe("no moment");
  });
});
