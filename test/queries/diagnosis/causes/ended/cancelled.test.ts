import { describe, expect, test } from "bun:test";
import { cancelled } from "../../../../../src/queries/diagnosis/causes/ended/cancelled.ts";
import { aConcurrencyLimit, aFlowRun, aFlowRunEvent, anId, aState, at } from "../../../../support/builders.ts";
import { aNamedRun, factsOfRun, onlyFinding, someEnded, someFacts } from "../../../../support/diagnosis/facts.ts";

describe("a cancelled run", () => {
  const cancelledRun = aFlowRun({ id: anId(60), name: "etl-1", state_type: "CANCELLED" });

  test("names the reason of its Cancelling state, which the last state replaces", () => {
    const state = aState({ type: "CANCELLING", message: "Cancelled by Automation 7" });
    const found = onlyFinding(
      cancelled,
      factsOfRun(cancelledRun, { events: [aFlowRunEvent(cancelledRun, { state })] }),
    );
    expect(found.summary).toContain("Cancelled by Automation 7");
    expect(found.fix).toContain("automation");
  });

  test("names the limit of its deployment", () => {
    const state = aState({ type: "CANCELLED", message: "Deployment concurrency limit reached." });
    expect(onlyFinding(cancelled, factsOfRun({ ...cancelledRun, state })).fix).toContain("CANCEL_NEW");
  });

  test("says when no reason was given", () => {
    expect(onlyFinding(cancelled, factsOfRun(cancelledRun)).summary).toContain("no reason was given");
    expect(cancelled.judge(factsOfRun({ state_type: "FAILED" }))).toEqual([]);
  });

  const limit = aConcurrencyLimit({ id: anId(70), name: `deployment:${anId(71)}`, limit: 1, active_slots: 1 });
  const limits = [{ limit, kind: "deployment" as const, key: anId(71), holders: [{ id: anId(72), name: "now-1" }] }];
  const refused = {
    ...cancelledRun,
    deployment_id: anId(71),
    start_time: null,
    end_time: at(1_000),
    state: aState({ type: "CANCELLED", message: "Deployment concurrency limit reached." }),
  };

  test("by the limit of its deployment names who holds the slot, and the command that raises the limit", () => {
    const found = onlyFinding(cancelled, factsOfRun(refused, {}, { limits }));
    expect<unknown>(found.summary).toBe(
      "etl-1 (load-orders/nightly) was cancelled at 2026-08-20T09:31:40Z: Deployment concurrency limit reached; now-1 held its slot.",
    );
    expect(found.leads).toEqual([{ kind: "flow_run", id: anId(72), name: "now-1" }]);
    expect(found.fix).toContain(`prefect global-concurrency-limit update deployment:${anId(71)} --limit 2`);
  });

  test("by a limit names the run that held the slot then, not the one that holds it now", () => {
    const then = aFlowRun({
      id: anId(73),
      name: "then-1",
      deployment_id: anId(71),
      start_time: at(900),
      end_time: at(1_100),
    });
    const before = aFlowRun({ deployment_id: anId(71), name: "before", start_time: at(800), end_time: at(850) });
    const found = onlyFinding(cancelled, factsOfRun(refused, { history: [then, before] }, { limits }));
    expect(found.summary).toContain("then-1 held its slot");
    expect(found.evidence).toMatchObject({ holders: [{ id: anId(73), name: "then-1" }] });
  });

  test("when a limit cancels most runs of a deployment, one that completed does not make it well", () => {
    const done = aNamedRun({ deployment_id: anId(71), start_time: at(1_200), end_time: at(1_300) });
    const many = [1, 2, 3].map((n) => aNamedRun({ ...refused, id: anId(80 + n), name: `no-${n}` }));
    const facts = (runs: typeof many) => someFacts("deployment", { ended: someEnded(runs), limits });
    expect(onlyFinding(cancelled, facts([done, ...many])).severity).toBe("problem");
    expect(onlyFinding(cancelled, facts([done, ...many.slice(1)])).severity).toBe("note");
  });
});
