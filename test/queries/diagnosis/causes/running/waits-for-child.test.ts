import { expect, test } from "bun:test";
import { waitsForChild } from "../../../../../src/queries/diagnosis/causes/running/waits-for-child.ts";
import { anId } from "../../../../support/builders.ts";
import { factsOfRun, onlyFinding, someRunFacts } from "../../../../support/diagnosis/facts.ts";

const child = (state_type: "SCHEDULED" | "RUNNING") =>
  someRunFacts({ id: anId(80), name: "child", state_type, state_name: "Late", work_pool_name: "gpu" });

test("names the child, its state and its pool, and asks about it next", () => {
  const found = onlyFinding(
    waitsForChild,
    factsOfRun({ name: "p", state_type: "RUNNING" }, { children: [child("SCHEDULED")] }),
  );
  expect<unknown>(found.summary).toBe("p waits for child (load-orders), which is Late in pool gpu.");
  expect(found.next?.[0]?.args).toEqual({ flow_run: anId(80) });
});

test("a child that runs counts only if it has a problem of its own; not when the parent has ended", () => {
  const facts = factsOfRun({ state_type: "RUNNING" }, { children: [child("RUNNING")] });
  expect(waitsForChild.judge(facts)).toMatchObject([{ isOfLead: true, leads: [{ kind: "flow_run", name: "child" }] }]);
  expect(waitsForChild.judge(factsOfRun({ state_type: "FAILED" }, { children: [child("SCHEDULED")] }))).toEqual([]);
});
