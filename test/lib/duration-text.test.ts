import { expect, test } from "bun:test";
import { durationText } from "../../src/lib/duration-text.ts";

test.each([
  [-5, "0 s"],
  [0, "0 s"],
  [0.0004, "0 s"],
  [1.335, "1.3 s"],
  [5, "5 s"],
  [9.94, "9.9 s"],
  [9.96, "10 s"],
  [59.7, "1 min"],
  [89.4, "1 min 29 s"],
  [90, "1 min 30 s"],
  [305, "5 min 5 s"],
  [600, "10 min"],
  [5_399, "1 h 30 min"],
  [5_370, "1 h 30 min"],
  [28_898, "8 h 2 min"],
  [7_200, "2 h"],
  [172_800, "2 d"],
  [9 * 86_400, "9 d"],
])("%p seconds are written as %p", (seconds, text) => {
  expect<string>(durationText(seconds * 1_000_000)).toBe(text);
});
