import { expect, test } from "bun:test";
import { retries } from "../../../../../src/queries/diagnosis/causes/ended/retries.ts";
import type { RetryGroup } from "../../../../../src/queries/diagnosis/findings/types.ts";
import { anId, T0_US } from "../../../../support/builders.ts";
import { aNamedRun, onlyFinding, someFacts } from "../../../../support/diagnosis/facts.ts";

const run = (n: number, deploymentName = "nightly") =>
  aNamedRun({ id: anId(n), name: `run-${n}`, state_type: "COMPLETED" }, { deploymentName });
const group = (given: Partial<RetryGroup>): RetryGroup => ({
  runs: [run(1)],
  count: 1,
  tasks: [],
  type: "ConnectionError",
  message: "503 Service Unavailable",
  firstUs: T0_US,
  lastUs: T0_US,
  ...given,
});

test("retries for one error in several deployments are a problem, although all runs completed", () => {
  const runs = [run(1, "orders"), run(2, "stock"), run(3, "prices")];
  const found = onlyFinding(
    retries,
    someFacts("workspace", { retries: [group({ runs, count: 6, tasks: ["fetch-0"] })] }),
  );
  expect(found).toMatchObject({
    code: "retries",
    severity: "problem",
    summary:
      "6 retries in 3 runs of load-orders/orders, load-orders/stock and load-orders/prices for ConnectionError: 503 Service Unavailable, the last at 2026-08-20T09:15:00Z; all of them completed in the end, so nothing else shows it.",
    evidence: { retries: 6, tasks: ["fetch-0"] },
  });
  expect(found.fix).toContain("what they share");
});

test("many retries of one deployment are a problem, a single one is a note", () => {
  const severity = (given: Partial<RetryGroup>) =>
    onlyFinding(retries, someFacts("deployment", { retries: [group(given)] })).severity;
  expect(severity({ count: 24 })).toBe("problem");
  expect(severity({ count: 1 })).toBe("note");
});

test("an error that no state and no log names is called by its task", () => {
  const unknown = group({ type: null, message: "", tasks: ["fetch-0"] });
  const found = onlyFinding(retries, someFacts("workspace", { retries: [unknown] }));
  expect(found.summary).toStartWith("1 retry in 1 run of load-orders/nightly for an error of task fetch-0,");
});
