import { expect, test } from "bun:test";
import { closest, similarity } from "../../src/lib/similar.ts";

test("equal texts, parts of each other and misspellings are alike in this order, strangers are not", () => {
  const scores = ["orders-etl", "orders-etl-2", "order-elt", "billing"].map((text) => similarity("Orders-ETL", text));
  expect(scores[0]).toBe(1);
  expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  expect(scores[3]).toBeLessThan(0.2);
});

test("the closest come first, each once, strangers not at all", () => {
  expect(closest("nigthly", ["billing", "nightly", "nightly", "nightly-2"], 5)).toEqual(["nightly", "nightly-2"]);
  expect(closest("", ["a"], 5)).toEqual([]);
});
