import { describe, expect, test } from "bun:test";
import { runStates, segmentsOf, taskStates } from "../../../../src/views/app/parts/attempts.ts";

const at = (second: number) => `2026-12-01T03:00:${String(second).padStart(2, "0")}.500000Z`;
const states = (...names: readonly (readonly [string, number])[]) =>
  names.map(([name, second]) => ({ name, at: at(second) }));

describe("attempts of a run", () => {
  test("are parts of time with how each ended, and the waits between them", () => {
    const found = segmentsOf(
      states(["Pending", 0], ["Running", 1], ["AwaitingRetry", 2], ["Retrying", 4], ["Failed", 5]),
    );
    expect(found.map(({ attempt, from, to, group, outcome }) => [attempt, from, to, group, outcome])).toEqual([
      [1, at(1), at(2), "bad", "failed, retried"],
      [null, at(2), at(4), "wait", "waits to be retried"],
      [2, at(4), at(5), "bad", "Failed"],
    ]);
    expect(found.map(({ startMs, endMs }) => Number(endMs) - startMs)).toEqual([1000, 2000, 1000]);
  });

  test("of a retry without a wait follow each other; the last one may still run", () => {
    const found = segmentsOf(states(["Running", 1], ["Retrying", 2]));
    expect(found.map(({ attempt, endMs, group, outcome }) => [attempt, endMs, group, outcome])).toEqual([
      [1, Date.parse(at(2)), "bad", "failed, retried"],
      [2, null, "busy", "Retrying"],
    ]);
  });

  test("are none where no attempt began, and a time that is none makes no part", () => {
    expect(segmentsOf(states(["Scheduled", 0], ["Pending", 1]))).toEqual([]);
    expect(segmentsOf([{ name: "Running", at: "yesterday" }])).toEqual([]);
  });

  test("come from the events of tasks and from the run's own entries alone", () => {
    const event = (id: string, name: string, second: number) => ({
      event: `prefect.task-run.${name}`,
      resource_id: `prefect.task-run.${id}`,
      occurred: at(second),
    });
    const other = { event: "shop.loaded", resource_id: "shop.1", occurred: at(3) };
    const found = taskStates({
      events: [event("a", "Running", 1), other, event("b", "Running", 2), event("a", "Completed", 4)],
    });
    expect(Object.fromEntries(found)).toEqual({
      a: states(["Running", 1], ["Completed", 4]),
      b: states(["Running", 2]),
    });
    const entries = [
      { kind: "state", what: "Running", time: at(1) },
      { kind: "state", what: "Completed", of: "a subflow", time: at(2) },
      { kind: "log", what: "ERROR line 1", time: at(3) },
      { kind: "state", what: "Failed", time: at(4) },
    ];
    expect(runStates(entries)).toEqual(states(["Running", 1], ["Failed", 4]));
  });
});
