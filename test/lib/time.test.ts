import { describe, expect, test } from "bun:test";
import {
  addUs,
  formatIsoUs,
  type LocalUs,
  latestUs,
  onLocalClock,
  onServerClock,
  parseDurationUs,
  parseIsoUs,
  parseMomentUs,
  type ServerUs,
} from "../../src/lib/time.ts";

describe("an ISO text", () => {
  test("gives every day of the years 1 to 9999", () => {
    // `setUTCFullYear` takes a year as it stands.
    const day = new Date(0);
    day.setUTCFullYear(1, 0, 1);
    for (; day.getUTCFullYear() < 10_000; day.setUTCDate(day.getUTCDate() + 29)) {
      const text = day.toISOString();
      if (parseIsoUs(text) !== day.getTime() * 1000) expect(parseIsoUs(text)).toBe(day.getTime() * 1000);
    }
    expect<unknown>(formatIsoUs(parseIsoUs("0001-01-01") ?? 0)).toBe("0001-01-01T00:00:00Z");
    expect<unknown>(formatIsoUs(parseIsoUs("0099-12-31T23:59:59Z") ?? 0)).toBe("0099-12-31T23:59:59Z");
    expect<unknown>(formatIsoUs(parseIsoUs("9999-12-31T23:59:59Z") ?? 0)).toBe("9999-12-31T23:59:59Z");
  });

  test("keeps microseconds, truncates nanoseconds and applies zones", () => {
    const us = 1_787_217_300_123_456;
    const same = ["2026-08-20T09:15:00.123456Z", "2026-08-20T09:15:00.123456789+00:00", "2026-08-20 09:15:00,123456"];
    for (const text of [...same, "2026-08-20T14:45:00.123456+05:30", "2026-08-20T01:15:00.123456-08"]) {
      expect(parseIsoUs(text)).toBe(us);
    }
    expect<unknown>(formatIsoUs(us)).toBe("2026-08-20T09:15:00.123456Z");
  });

  test("of the last moment Prefect can store stays in its year", () => {
    expect(formatIsoUs(parseIsoUs("9999-12-31T23:59:59.999999Z") ?? 0)).toStartWith("9999-12-31T23:59:59.9999");
  });

  test.each([
    "0000-01-01",
    "2026-00-10",
    "2026-13-01",
    "2026-02-29",
    "1900-02-29",
    "2026-04-31",
    "2026-04-00",
    "2026-08-20T10:75:00Z",
    "2026-08-20T24:00:00Z",
    "2026-08-20T10:00:60Z",
    "2026-08-20T10:00:00+99:99",
    "2026-08-20T10:00:00+24:00",
    "2026-08-20T10:00:00-05:60",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:30:00-01:00",
    "2026-08-20T10Z",
    "",
  ])("that is not a time gives undefined: %p", (text) => {
    expect(parseIsoUs(text)).toBeUndefined();
    expect(parseMomentUs(text, 0)).toBeUndefined();
  });

  test("of a leap day is a time", () => {
    expect<unknown>(formatIsoUs(parseIsoUs("2024-02-29") ?? 0)).toBe("2024-02-29T00:00:00Z");
    expect<unknown>(formatIsoUs(parseIsoUs("2000-02-29") ?? 0)).toBe("2000-02-29T00:00:00Z");
  });
});

test("a long text that is not a moment is rejected without a search in it", () => {
  expect(parseMomentUs(`x${" ".repeat(100_000)}y`, 0)).toBeUndefined();
  expect(parseMomentUs(`x${"\t ago".repeat(50_000)}y`, 0)).toBeUndefined();
  expect(parseDurationUs("1h".repeat(50_000))).toBeUndefined();
});

describe("a duration", () => {
  const HOURS = 3_600_000_000;
  test.each([
    ["90m", 1.5],
    ["1h30m", 1.5],
    ["1h 30 min", 1.5],
    ["1.5 hours", 1.5],
    ["an hour", 1],
    ["a day", 24],
    ["24 hours", 24],
    ["2 days, 3 hours", 51],
    ["2 days and 3 hrs", 51],
    ["1 week", 168],
    ["1w2d", 216],
    ["3600 secs", 1],
    ["PT15M", 0.25],
    ["P1DT1H", 25],
  ])("is written as %p", (text, hours) => {
    expect(parseDurationUs(text)).toBe(hours * HOURS);
    expect(parseDurationUs(` ${text.toUpperCase()} `)).toBe(hours * HOURS);
  });

  test.each(["", "1", "h", "500ms", "1h30h", "30m1h", "1 month", "-1h", "1h,", "1h and", "a", "PT", "one hour", "1hh"])(
    "is not %p",
    (text) => {
      expect(parseDurationUs(text)).toBeUndefined();
    },
  );
});

describe("a moment", () => {
  const nowUs = parseIsoUs("2026-08-20T10:15:00.5Z") ?? 0;
  test.each([
    ["now", "2026-08-20T10:15:00.500000Z"],
    ["2h", "2026-08-20T08:15:00.500000Z"],
    ["-2h", "2026-08-20T08:15:00.500000Z"],
    ["2h ago", "2026-08-20T08:15:00.500000Z"],
    ["2hAGO", "2026-08-20T08:15:00.500000Z"],
    ["24 hours ago", "2026-08-19T10:15:00.500000Z"],
    ["a week ago", "2026-08-13T10:15:00.500000Z"],
    ["1h30m ago", "2026-08-20T08:45:00.500000Z"],
    ["now-1h", "2026-08-20T09:15:00.500000Z"],
    ["now - 1h30m", "2026-08-20T08:45:00.500000Z"],
    ["now+1h", "2026-08-20T11:15:00.500000Z"],
    ["in 2 hours", "2026-08-20T12:15:00.500000Z"],
    ["today", "2026-08-20T00:00:00Z"],
    [" Yesterday ", "2026-08-19T00:00:00Z"],
    ["tomorrow", "2026-08-21T00:00:00Z"],
    ["2026-08-20", "2026-08-20T00:00:00Z"],
  ])("may be %p", (text, expected) => {
    expect<unknown>(formatIsoUs(parseMomentUs(text, nowUs) ?? 0)).toBe(expected);
  });

  test.each(["", "ago", "now-", "now 1h", "2 fortnights", "in 2h ago", "last week", "--2h", "2h ago ago"])(
    "is not %p",
    (text) => {
      expect(parseMomentUs(text, nowUs)).toBeUndefined();
    },
  );
});

test("an age before the year 1 is not a moment", () => {
  expect(parseMomentUs("7d", 1_787_217_300_000_000)).toBe(1_786_612_500_000_000);
  expect(parseMomentUs("9999999d", 1_787_217_300_000_000)).toBeUndefined();
});

describe("moments of the two clocks", () => {
  test("have whole microseconds, however precisely the skew is known", () => {
    expect([onServerClock(1_000_000, -7_200.25), onLocalClock(1_000_000, 0.5)]).toEqual([992_800, 1_000_000]);
  });

  const local: LocalUs = 1_000_000;
  const server: ServerUs = 5_000_000;

  test("are translated by the skew, and keep their clock in arithmetic", () => {
    expect(onServerClock(local, 4_000_000)).toBe(server);
    expect(onLocalClock(server, 4_000_000)).toBe(local);
    expect(latestUs(server, addUs(server, -1))).toBe(server);
  });

  test("the compiler refuses a moment of one clock where one of the other is expected", () => {
    // `tsc` fails on a line below that is no error.
    // @ts-expect-error a local moment is not one of the server clock
    const wrongServer: ServerUs = local;
    // @ts-expect-error a server moment is not one of the local clock
    const wrongLocal: LocalUs = server;
    // @ts-expect-error the skew leads from the local clock to the server clock, not from there
    const wrongStep = onServerClock(server, 1);
    // @ts-expect-error arithmetic keeps the clock
    const wrongSum: LocalUs = addUs(server, 1);
    expect([wrongServer, wrongLocal, wrongStep, wrongSum]).toEqual([1_000_000, 5_000_000, 5_000_001, 5_000_001]);
  });
});
