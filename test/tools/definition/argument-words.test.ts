import { expect, test } from "bun:test";
import { wrongValue } from "../../../src/tools/definition/argument-words.ts";
import { nearest } from "../../../src/tools/definition/suggestions.ts";

test("the bounds of a number are named, also one that is not included", () => {
  expect<string>(wrongValue(0, { type: "number", exclusiveMinimum: 0, maximum: 744 })).toBe(
    "0 is not a number above 0 and of at most 744",
  );
  expect<string>(wrongValue(0, { type: "number", exclusiveMinimum: 0 })).toBe("0 is not a number above 0");
  expect<string>(wrongValue(0, { type: "integer", minimum: 1, maximum: 9 })).toBe(
    "0 is not a whole number from 1 to 9",
  );
});

test("an option that shares some letters by chance is not suggested", () => {
  const options = ["time", "event", "resource", "deployment", "state"];
  expect<string>(wrongValue("hour", { enum: options })).toBe(
    '"hour" is not one of time, event, resource, deployment, state',
  );
  expect(["deploymnt", "events", "stat"].map((name) => nearest(name, options))).toEqual([
    "deployment",
    "event",
    "state",
  ]);
});

test("an option in another spelling is meant before one with similar letters", () => {
  const kinds = { enum: ["event", "log", "flow_run", "task_run", "flow", "work_pool"] };
  for (const [given, meant] of [
    ["flow runs", "flow_run"],
    ["Flow-Run", "flow_run"],
    ["work pools", "work_pool"],
    ["logs", "log"],
  ] as const)
    expect<string>(wrongValue(given, kinds)).toEndWith(`; did you mean ${meant}?`);
});

test("a percentage for a share is answered with the share", () => {
  const share = { type: "number", minimum: 0, maximum: 1 };
  expect<string>(wrongValue(99.5, share)).toBe("99.5 is not a number from 0 to 1; did you mean 0.995?");
  expect<string>(wrongValue(140, share)).toBe("140 is not a number from 0 to 1");
  expect<string>(wrongValue(-1, share)).toBe("-1 is not a number from 0 to 1");
});
