import { expect, test } from "bun:test";
import { asName, own } from "../../../src/lib/shown-text.ts";
import type { Finding } from "../../../src/queries/diagnosis/findings/types.ts";
import { rankFindings } from "../../../src/queries/diagnosis/rank.ts";

const finding = (code: string, given: Partial<Finding> = {}): Finding => ({
  code,
  severity: "problem",
  summary: asName(code),
  evidence: {},
  fix: own(""),
  certainty: 1,
  runsExplained: 1,
  ...given,
});
const order = (...findings: Finding[]) => rankFindings(findings).map((one) => one.code);

test("problems come before notes, even when the note is more certain and explains more", () => {
  expect(
    order(finding("note", { severity: "note", runsExplained: 9 }), finding("problem", { certainty: 0.1 })),
  ).toEqual(["problem", "note"]);
});

test("the more certain finding comes first, then the one that explains more runs", () => {
  expect(order(finding("guess", { certainty: 0.6, runsExplained: 9 }), finding("sure"))).toEqual(["sure", "guess"]);
  expect(order(finding("one"), finding("nine", { runsExplained: 9 }))).toEqual(["nine", "one"]);
});

test("certainties in the same tenth are equal, and the order of the list decides last", () => {
  expect(order(finding("a", { certainty: 0.91 }), finding("b", { certainty: 0.95, runsExplained: 2 }))).toEqual([
    "b",
    "a",
  ]);
  expect(order(finding("first"), finding("second"))).toEqual(["first", "second"]);
});
