import { expect, test } from "bun:test";
import { describeSchedule } from "../../../src/model/objects/schedule.ts";

const CRON = { cron: "0 6 * * 1-5", timezone: "Europe/Berlin" };

test("cron, interval and rrule in words, with the zone where it matters", () => {
  expect(describeSchedule({ schedule: CRON, active: true })).toBe("cron 0 6 * * 1-5 Europe/Berlin");
  expect(describeSchedule({ schedule: { interval: 5_400, timezone: "UTC" }, active: false })).toBe("every 1h30m (off)");
  expect(describeSchedule({ schedule: { rrule: "FREQ=DAILY;\nBYHOUR=6" }, active: true })).toBe(
    "rrule FREQ=DAILY; BYHOUR=6 UTC",
  );
});

test("the parameters a schedule gives its runs, shortly", () => {
  expect(describeSchedule({ schedule: CRON, active: false, parameters: { region: "eu" } })).toBe(
    'cron 0 6 * * 1-5 Europe/Berlin with {"region":"eu"} (off)',
  );
  expect(describeSchedule({ schedule: CRON, active: true, parameters: {} })).toBe("cron 0 6 * * 1-5 Europe/Berlin");
  const long = describeSchedule({ schedule: CRON, active: true, parameters: { tables: "x".repeat(200) } });
  expect(long).toBe(`cron 0 6 * * 1-5 Europe/Berlin with {"tables":"${"x".repeat(68)}…`);
});
