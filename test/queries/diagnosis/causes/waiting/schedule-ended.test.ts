import { expect, test } from "bun:test";
import { DAY_US } from "../../../../../src/lib/time.ts";
import { scheduleEnded } from "../../../../../src/queries/diagnosis/causes/waiting/schedule-ended.ts";
import { aDeployment, anId, at } from "../../../../support/builders.ts";
import { NOW_US, onlyFinding, someFacts } from "../../../../support/diagnosis/facts.ts";

const deployment = aDeployment({ id: anId(1), name: "nightly" });
const about = (schedule: Record<string, string | number>, given = {}, facts = {}) =>
  someFacts("deployment", {
    deployments: [
      {
        ...deployment,
        flowName: "load",
        schedules: [{ id: anId(2), schedule, active: true, created: at(0) }],
        ...given,
      },
    ],
    ...facts,
  });
const ENDED = { rrule: "DTSTART:20250101T000000Z\nRRULE:FREQ=DAILY;UNTIL=20251231T060000Z", timezone: "UTC" };

test("an active schedule whose RRULE has ended is a problem that names the end", () => {
  expect(onlyFinding(scheduleEnded, about(ENDED))).toMatchObject({
    code: "schedule_ended",
    severity: "problem",
    summary:
      "The schedule of deployment load/nightly ended at 2025-12-31T06:00:00Z (UNTIL of its RRULE), so it creates no more runs, although it is active.",
  });
});

test("not one that ends later, has no end, or belongs to a paused deployment", () => {
  expect(scheduleEnded.judge(about({ rrule: "FREQ=DAILY;UNTIL=20991231T000000Z" }))).toEqual([]);
  expect(scheduleEnded.judge(about({ cron: "0 6 * * *" }))).toEqual([]);
  expect(scheduleEnded.judge(about(ENDED, { paused: true }))).toEqual([]);
});

test("a schedule without a run to come is a note, once the scheduler has had its time", () => {
  const withoutUpcoming = new Set([deployment.id]);
  const never = { cron: "0 0 30 2 *" };
  expect(onlyFinding(scheduleEnded, about(never, {}, { withoutUpcoming }))).toMatchObject({
    code: "schedule_without_runs",
    severity: "note",
  });
  const isNew = [{ id: anId(2), schedule: never, active: true, created: at(3_590) }];
  expect(scheduleEnded.judge(about(never, { schedules: isNew }, { withoutUpcoming }))).toEqual([]);
});

test("a schedule that no date matches is a problem in every scope", () => {
  const never = { cron: "0 0 30 2 *", timezone: "UTC" };
  const facts = about(
    never,
    {},
    { withoutUpcoming: new Set([deployment.id]), nextTimes: new Map([[deployment.id, null]]) },
  );
  for (const kind of ["deployment", "work_pool", "workspace"] as const)
    expect<unknown>(onlyFinding(scheduleEnded, { ...facts, subject: { ...facts.subject, kind } })).toMatchObject({
      code: "schedule_ended",
      severity: "problem",
      summary:
        'The schedule of deployment load/nightly never fires again: no date in the next nine years matches {"cron":"0 0 30 2 *","timezone":"UTC"}, so it creates no more runs.',
    });
});

test("a run that is due soon and was not made is a problem; one that is due in a year is not", () => {
  const yearly = { cron: "0 0 1 1 *" };
  const due = (us: number) =>
    onlyFinding(
      scheduleEnded,
      about(yearly, {}, { withoutUpcoming: new Set([deployment.id]), nextTimes: new Map([[deployment.id, us]]) }),
    );
  expect(due(NOW_US + 2 * DAY_US)).toMatchObject({
    severity: "problem",
    fix: expect.stringContaining("SCHEDULER_ENABLED"),
  });
  expect(due(NOW_US + 200 * DAY_US).severity).toBe("note");
});
