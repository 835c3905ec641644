import { expect, test } from "bun:test";
import { append, largest, smallest } from "../../src/lib/lists.ts";
import { earliestOf, latestOf, type ServerUs } from "../../src/lib/time.ts";

test("lists of any length are appended and compared", () => {
  const numbers = Array.from({ length: 2_000_000 }, (_, index) => index - 5);
  const list = [7];
  append(list, numbers);
  expect([list.length, list[0], list[1], list.at(-1)]).toEqual([2_000_001, 7, -5, 1_999_994]);
  expect([smallest(numbers), largest(numbers)]).toEqual([-5, 1_999_994]);
  const moments = numbers as unknown as ServerUs[];
  expect([earliestOf(moments), latestOf(moments)] as number[]).toEqual([-5, 1_999_994]);
});

test("nothing is smaller or larger than the numbers of an empty list", () => {
  expect([smallest([]), largest([])]).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  expect([smallest([1, Number.NaN]), largest([Number.NaN, 1])]).toEqual([Number.NaN, Number.NaN]);
});
