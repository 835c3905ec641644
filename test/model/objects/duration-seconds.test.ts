import { expect, test } from "bun:test";
import { describeTrigger } from "../../../src/model/objects/automation-summary.ts";
import { readTrigger } from "../../../src/model/objects/automation-trigger.ts";
import { durationSeconds } from "../../../src/model/objects/duration-seconds.ts";

test.each<[unknown, number | null]>([
  [300, 300],
  [0.5, 0.5],
  ["PT300S", 300],
  ["PT1M30.5S", 90.5],
  ["P1DT2H", 93_600],
  ["P2W", 1_209_600],
  ["-PT10S", -10],
  ["P", null],
  ["300", null],
  [null, null],
  [{}, null],
])("%p is %p seconds", (value, seconds) => {
  expect(durationSeconds(value)).toBe(seconds);
});

/** As Prefect 3.8.8 and 3.9.1 give the same trigger. */
test("a trigger means the same, whichever way its times are given", () => {
  const event = { type: "event", posture: "Reactive", threshold: 3, expect: ["prefect.flow-run.Failed"] };
  expect(readTrigger({ ...event, within: "PT1M" })).toEqual(readTrigger({ ...event, within: 60 }));
  const inSequence = (within: unknown) => ({ type: "sequence", triggers: [{ ...event, within: 0 }], within });
  expect(readTrigger(inSequence("PT1M"))).toEqual(readTrigger(inSequence(60)));
  expect(describeTrigger({ ...event, within: "PT1M" })).toBe(describeTrigger({ ...event, within: 60 }));
});
