import { expect, test } from "bun:test";
import { scheduleEnded } from "../../../../../src/queries/diagnosis/causes/waiting/schedule-ended.ts";
import { aDeployment, anId, at } from "../../../../support/builders.ts";
import { onlyFinding, someFacts } from "../../../../support/diagnosis/facts.ts";

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
