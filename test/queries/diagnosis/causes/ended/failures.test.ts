import { expect, test } from "bun:test";
import { failures } from "../../../../../src/queries/diagnosis/causes/ended/failures.ts";
import { at, T0_US } from "../../../../support/builders.ts";
import { aNamedRun, aRunError, onlyFinding, someEnded, someFacts } from "../../../../support/diagnosis/facts.ts";

const runs = [1, 2, 3].map((n) => aNamedRun({ name: `bad-${n}`, state_type: "FAILED", end_time: at(n) }));
const known = { error: aRunError(), firstUs: T0_US, lastUs: T0_US, isOver: false, isNew: true, elsewhere: [] };
const group = { ...known, runs, parents: [], newest: null };

test("one finding for each error, with count, frame and first and last time", () => {
  const found = onlyFinding(failures, someFacts("deployment", { failures: [group] }));
  expect(found).toMatchObject({
    code: "repeated_failure",
    severity: "problem",
    summary:
      "3 runs of load-orders/nightly failed with KeyError: 'price' in load_rows (flows/etl.py:41); the last was bad-1 at 2026-08-20T09:15:00Z.",
    evidence: { count: 3, first_seen: "2026-08-20T09:15:00Z", new: "a run completed before the first of them" },
    runsExplained: 3,
  });
});

test("a group that a later completed run ended is a note", () => {
  const found = onlyFinding(
    failures,
    someFacts("deployment", { failures: [{ ...group, isOver: true, isNew: false }] }),
  );
  expect(found).toMatchObject({ severity: "note", summary: expect.stringContaining("and a later run completed") });
  expect(found.evidence).not.toHaveProperty("new");
});

test("no failure is named as ruled out", () => {
  expect<unknown>(failures.ruledOut?.(someFacts("workspace", { ended: someEnded([aNamedRun()]) }))).toBe(
    "none of 1 ended run failed",
  );
});
