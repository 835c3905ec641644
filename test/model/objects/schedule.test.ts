import { describe, expect, test } from "bun:test";
import { ExactNumber } from "../../../src/lib/exact-json.ts";
import { describeSchedule } from "../../../src/model/objects/schedule.ts";

const CRON = { cron: "0 6 * * 1-5", timezone: "Europe/Berlin" };
const CRON_TEXT = "at 06:00, Monday through Friday (cron 0 6 * * 1-5, Europe/Berlin)";

test("cron in words with the expression and its zone beside them, interval and rrule with the zone where it matters", async () => {
  expect(await describeSchedule({ schedule: CRON, active: true })).toBe(CRON_TEXT);
  const interval = { interval: 5_400, timezone: "UTC" };
  expect(await describeSchedule({ schedule: interval, active: false })).toBe("every 1h30m (off)");
  const float = { interval: new ExactNumber("5400.0") };
  expect(await describeSchedule({ schedule: float, active: true })).toBe("every 1h30m");
  expect(await describeSchedule({ schedule: { ...interval, timezone: "Europe/Berlin" }, active: true })).toBe(
    "every 1h30m Europe/Berlin",
  );
  expect(await describeSchedule({ schedule: { rrule: "FREQ=DAILY;\nBYHOUR=6" }, active: true })).toBe(
    "rrule FREQ=DAILY; BYHOUR=6 UTC",
  );
});

describe("cron in words", () => {
  const wordsOf = async (cron: string, more = {}) => {
    const text = await describeSchedule({ schedule: { cron, ...more }, active: true });
    return text.endsWith(` (cron ${cron}, UTC)`) ? text.slice(0, -` (cron ${cron}, UTC)`.length) : text;
  };

  test.each([
    ["*/15 * * * *", "every 15 minutes"],
    ["0 0 * * 7", "at 00:00, only on Sunday"],
    ["0 0 L * *", "at 00:00, on the last day of the month"],
    ["0 12 * * L5", "at 12:00, on the last Friday of the month"],
    ["0 0 * * 5#3", "at 00:00, on the third Friday of the month"],
    ["@hourly", "every hour"],
    ["  30   4 1,15 * *  ", "at 04:30, on day 1 and 15 of the month"],
  ])("%s: %s", async (cron, words) => {
    expect(await wordsOf(cron)).toBe(words);
  });

  test("day of the month and weekday: either is enough, or both are needed", async () => {
    expect(await wordsOf("0 6 1 * 1")).toBe("at 06:00, on day 1 of the month, and on Monday");
    expect(await wordsOf("0 6 1 * 1", { day_or: true })).toBe("at 06:00, on day 1 of the month, and on Monday");
    expect(await wordsOf("0 6 1 * 1", { day_or: false })).toBe("at 06:00, on day 1 of the month, only on Monday");
  });

  test.each(["0 6 * * 1-5 30", "H 6 * * *", "0 25 * * *", "nonsense", ""])(
    "%p has no words and is shown alone",
    async (cron) => {
      expect(await wordsOf(cron)).toBe(`cron ${cron} UTC`);
    },
  );
});

describe("a recurrence rule in words", () => {
  const textOf = (rrule: string, timezone = "UTC") => describeSchedule({ schedule: { rrule, timezone }, active: true });

  test.each([
    ["FREQ=DAILY;BYHOUR=6", "every day at 06:00"],
    ["RRULE:FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=9;BYMINUTE=30", "every week on Monday and Friday at 09:30"],
    ["FREQ=MONTHLY;BYDAY=-1FR", "every month on last Friday"],
    ["FREQ=DAILY;UNTIL=20250101T000000Z", "every day until January 1, 2025"],
    ["FREQ=HOURLY;INTERVAL=6;BYDAY=MO", "every 6 hours on Monday"],
    ["FREQ=DAILY;BYHOUR=0,12,13;BYMINUTE=5", "every day at 00:05, 12:05 and 13:05"],
  ])("%s: %s", async (rrule, words) => {
    expect(await textOf(rrule)).toBe(`${words} (rrule ${rrule}, UTC)`);
  });

  test("its start is shown as written, and the offset of its zone, which changes with the season, is not", async () => {
    const rrule = "DTSTART:20240301T050000\nRRULE:FREQ=DAILY;BYHOUR=5";
    expect(await textOf(rrule, "Europe/Berlin")).toBe(
      "every day at 05:00 (rrule DTSTART:20240301T050000 RRULE:FREQ=DAILY;BYHOUR=5, Europe/Berlin)",
    );
  });

  test.each([
    "FREQ=MONTHLY;BYMONTHDAY=-2",
    "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=-12",
    "FREQ=NEVER",
    "nonsense",
    "RRULE:FREQ=DAILY\nEXDATE:20260101T000000",
  ])("%p has no words that say it whole, and is shown alone", async (rrule) => {
    expect(await textOf(rrule)).toBe(`rrule ${rrule.replace(/\s+/g, " ")} UTC`);
  });
});

test("the parameters that a schedule passes to its runs, cut to 80 characters", async () => {
  expect(await describeSchedule({ schedule: CRON, active: false, parameters: { region: "eu" } })).toBe(
    `${CRON_TEXT} with {"region":"eu"} (off)`,
  );
  expect(await describeSchedule({ schedule: CRON, active: true, parameters: {} })).toBe(CRON_TEXT);
  const long = await describeSchedule({ schedule: CRON, active: true, parameters: { tables: "x".repeat(200) } });
  expect(long).toBe(`${CRON_TEXT} with {"tables":"${"x".repeat(68)}…`);
});
