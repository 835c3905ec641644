import { expect, test } from "bun:test";
import {
  deploymentPaused,
  noSchedule,
  scheduleInactive,
} from "../../../../../src/queries/diagnosis/causes/waiting/deployment-paused.ts";
import { aDeployment, anId } from "../../../../support/builders.ts";
import { onlyFinding, someFacts } from "../../../../support/diagnosis/facts.ts";

const schedule = { id: anId(30), schedule: { interval: 3600 }, active: true };
const about = (given: Parameters<typeof aDeployment>[0]) =>
  someFacts("deployment", { deployments: [aDeployment({ name: "nightly", ...given })] });

test("a paused deployment is one finding, and its inactive schedules are none", () => {
  const facts = about({ paused: true, schedules: [{ ...schedule, active: false }] });
  expect<unknown>(onlyFinding(deploymentPaused, facts).summary).toBe(
    "Deployment nightly is paused: its schedules create no runs until it is resumed.",
  );
  expect(scheduleInactive.judge(facts)).toEqual([]);
});

test("every schedule inactive", () => {
  const inactive = { ...schedule, active: false };
  expect<unknown>(onlyFinding(scheduleInactive, about({ schedules: [inactive] })).summary).toBe(
    "The only schedule of deployment nightly is inactive, so no new runs are created.",
  );
  expect(scheduleInactive.judge(about({ schedules: [inactive, schedule] }))).toEqual([]);
  expect(deploymentPaused.judge(about({ schedules: [inactive] }))).toEqual([]);
});

test("no schedule at all is a note", () => {
  expect(onlyFinding(noSchedule, about({})).severity).toBe("note");
  expect(noSchedule.judge(about({ schedules: [schedule] }))).toEqual([]);
});
