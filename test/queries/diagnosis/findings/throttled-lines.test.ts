import { expect, test } from "bun:test";
import { throttledLines } from "../../../../src/queries/diagnosis/findings/throttled-lines.ts";
import { aLog } from "../../../support/builders.ts";
import { someRunFacts } from "../../../support/diagnosis/facts.ts";

test("lines that report a rate limit, in the order of the log", () => {
  const texts = ["429 Too Many Requests", "fetched 4290 rows", "Rate limit reached", "too many requests"];
  const logs = texts.map((message) => aLog({ message }));
  expect(throttledLines(someRunFacts({}, { logs }))).toEqual(
    [texts[0], texts[2], texts[3]].flatMap((one) => one ?? []),
  );
  expect(throttledLines(someRunFacts({}, { logs: null }))).toEqual([]);
});
