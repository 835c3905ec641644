import { expect, test } from "bun:test";
import { findDivergence } from "../../../src/queries/comparison/diverging-lines.ts";
import { numberLines } from "../../../src/queries/runs/log-lines.ts";
import { aLog, at } from "../../support/builders.ts";

const log = (run: string, ...messages: readonly (string | [level: number, message: string])[]) => ({
  names: [run],
  lines: numberLines(
    messages.map((one, n) => {
      const [level, message] = typeof one === "string" ? [20, one] : one;
      return aLog({ level, message, timestamp: at(n) });
    }),
  ),
});

test("names of runs, ids, numbers and the order of lines make no difference", () => {
  const now = log("calm-otter", "Beginning flow run 'calm-otter'", "task load-a1b: 500 rows", "took 3.2 s");
  const before = log("blue-fox", "Beginning flow run 'blue-fox'", "took 12 s", "task load-9ff: 7 rows");
  expect(findDivergence(now, before)).toEqual({ different: null, missing: null, same: 3 });
});

test("finds the first line that the other run does not have, and the first that it lacks", () => {
  const now = log("a-run", "start", [40, "start"], "ValueError: no such column");
  const before = log("b-run", "start", "wrote the table", "done");
  const { different, missing, same } = findDivergence(now, before);
  expect(different).toMatchObject({ n: 2, log: { level: 40, message: "start" } });
  expect(missing).toMatchObject({ n: 2, log: { message: "wrote the table" } });
  expect(same).toBe(1);
});

test("a run without lines lacks the first line of the other", () => {
  expect(findDivergence(log("a-run"), log("b-run", "start"))).toMatchObject({
    different: null,
    missing: { n: 1 },
    same: 0,
  });
});
