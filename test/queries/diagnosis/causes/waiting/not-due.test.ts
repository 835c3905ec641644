import { describe, expect, test } from "bun:test";
import {
  awaitingRetry,
  paused,
  scheduledForLater,
} from "../../../../../src/queries/diagnosis/causes/waiting/not-due.ts";
import { aState, at } from "../../../../support/builders.ts";
import { aRunError, factsOfRun, onlyFinding, someFacts, someRunFacts } from "../../../../support/diagnosis/facts.ts";

describe("scheduled for later", () => {
  test("is a note with the time", () => {
    const facts = factsOfRun({ name: "r", state_type: "SCHEDULED", expected_start_time: at(3_600 * 3) });
    expect(onlyFinding(scheduledForLater, facts)).toMatchObject({
      severity: "note",
      summary: "r is scheduled for 2026-08-20T12:15:00Z, in 2 h: it is not due yet.",
    });
  });

  test("not for what is due", () => {
    expect(scheduledForLater.judge(factsOfRun({ state_type: "SCHEDULED", expected_start_time: at(0) }))).toEqual([]);
  });
});

describe("awaiting its retry", () => {
  const run = (due: number) => ({
    name: "r",
    state_type: "SCHEDULED" as const,
    state_name: "AwaitingRetry",
    state: aState({ type: "SCHEDULED", name: "AwaitingRetry", state_details: { scheduled_time: at(due) } }),
  });

  test("names its time and the error", () => {
    const found = onlyFinding(awaitingRetry, factsOfRun(run(3_600 * 7), { error: aRunError() }));
    expect(found).toMatchObject({
      severity: "note",
      summary: "r waits for its retry at 2026-08-20T16:15:00Z, in 6 h, after KeyError: 'price'.",
    });
  });

  test("is a problem once the time has passed", () => {
    expect(onlyFinding(awaitingRetry, factsOfRun(run(3_000)))).toMatchObject({ severity: "problem" });
    expect(scheduledForLater.judge(factsOfRun(run(3_600 * 7)))).toEqual([]);
  });
});

describe("paused runs in wider questions", () => {
  const run = (name: string, details: object = {}) =>
    someRunFacts({ name, state_type: "PAUSED", state: aState({ type: "PAUSED", state_details: { ...details } }) });

  test("one finding for several, another for those that wait for input", () => {
    const examined = [
      run("a"),
      run("b"),
      run("c", { run_input_keyset: { schema: "s" } }),
      someRunFacts({ name: "other" }),
    ];
    const found = paused.judge(someFacts("workspace", { examined }));
    expect(found.map((one) => [one.code, one.severity, one.summary])).toEqual([
      ["awaiting_input", "problem", "c is paused and waits for input from a person."],
      [
        "paused",
        "problem",
        "2 runs are paused until they are resumed: a (load-orders/nightly) and b (load-orders/nightly).",
      ],
    ]);
  });
});

describe("paused", () => {
  const about = (state_details: Record<string, never> | object) =>
    factsOfRun({
      name: "r",
      state_type: "PAUSED",
      state: aState({ type: "PAUSED", state_details: state_details as Record<string, string> }),
    });

  test("waits for input, with its timeout", () => {
    const found = onlyFinding(paused, about({ run_input_keyset: { schema: "s" }, pause_timeout: at(3_600 * 2) }));
    expect(found.code).toBe("awaiting_input");
    expect(found.summary).toContain("r is paused and waits for input from a person; it times out at");
  });

  test("without input, suspended, or after its timeout", () => {
    expect<unknown>(onlyFinding(paused, about({})).summary).toBe("r is paused until it is resumed.");
    expect<unknown>(onlyFinding(paused, about({ pause_reschedule: true })).summary).toBe(
      "r is suspended until it is resumed.",
    );
    expect(onlyFinding(paused, about({ pause_timeout: at(3_000) })).summary).toContain("its timeout passed 10 min ago");
    expect(paused.judge(factsOfRun({ state_type: "RUNNING" }))).toEqual([]);
  });
});
