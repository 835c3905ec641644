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
