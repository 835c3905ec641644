import { describe, expect, test } from "bun:test";
import { globalLimit, tagLimit } from "../../../../../src/queries/diagnosis/causes/running/task-limits.ts";
import { aConcurrencyLimit, anEvent, anId, aState, aTaskRun, at } from "../../../../support/builders.ts";
import { factsOfRun, onlyFinding } from "../../../../support/diagnosis/facts.ts";

const running = { id: anId(70), name: "r", state_type: "RUNNING" as const, start_time: at(3_000) };

describe("tag limit", () => {
  const task = aTaskRun({
    name: "write",
    tags: ["db"],
    state_type: "PENDING",
    state: aState({ type: "PENDING", timestamp: at(3_300) }),
  });
  const limits = (active_slots: number, active = true) => [
    {
      limit: aConcurrencyLimit({ name: "tag:db", limit: 1, active_slots, active }),
      kind: "tag" as const,
      key: "db",
      holders: [{ id: anId(71), name: "other-write" }],
    },
  ];

  test("names tag, task and holder", () => {
    const found = onlyFinding(tagLimit, factsOfRun(running, { tasks: [task] }, { limits: limits(1) }));
    expect<unknown>(found.summary).toBe(
      "Task write of r has been Pending for 5 min because the limit of tag db is full: 1 of 1 held by other-write.",
    );
  });

  test("a limit of 0 is not reset but raised", () => {
    const [one] = limits(0);
    const zero = one ? [{ ...one, limit: { ...one.limit, limit: 0 }, holders: [] }] : [];
    expect(onlyFinding(tagLimit, factsOfRun(running, { tasks: [task] }, { limits: zero }))).toMatchObject({
      summary: "Task write of r has been Pending for 5 min because the limit of tag db is 0, so no task starts.",
      fix: "Raise the limit: prefect concurrency-limit create db 1",
    });
  });

  test("without a holder the fix is the command that frees slots on this server", () => {
    const fixFor = (given: object) => {
      const limit = { ...aConcurrencyLimit({ name: "tag:db", limit: 1, active_slots: 1 }), ...given };
      const leaked = [{ limit, kind: "tag" as const, key: "db", holders: [] }];
      return onlyFinding(tagLimit, factsOfRun(running, { tasks: [task] }, { limits: leaked })).fix;
    };
    // `concurrency-limit reset` leaves the number of occupied slots there.
    expect<unknown>(fixFor({})).toBe(
      "Free the slots that no task holds: prefect global-concurrency-limit update tag:db --active-slots 0",
    );
    expect<unknown>(fixFor({ tag: "db" })).toBe(
      "Free the slots that no task holds: prefect concurrency-limit reset db",
    );
  });

  test("not with a free slot, another tag, an inactive limit, or a running task", () => {
    const judge = (given: Partial<typeof task>, of = limits(1)) =>
      tagLimit.judge(factsOfRun(running, { tasks: [{ ...task, ...given }] }, { limits: of }));
    expect(judge({}, limits(0))).toEqual([]);
    expect(judge({ tags: ["free"] })).toEqual([]);
    expect(judge({}, limits(1, false))).toEqual([]);
    expect(judge({ state_type: "RUNNING" })).toEqual([]);
  });
});

describe("global limit", () => {
  const limit = aConcurrencyLimit({ id: anId(72), name: "ledger", limit: 1, active_slots: 1 });
  const limits = [{ limit, kind: "global" as const, key: "ledger", holders: [{ id: anId(73), name: "holder" }] }];
  const acquired = anEvent({
    event: "prefect.concurrency-limit.acquired",
    resource: { "prefect.resource.id": `prefect.concurrency-limit.${anId(72)}`, "prefect.resource.name": "ledger" },
  });

  test("is inferred from earlier runs, and the summary says so", () => {
    const found = onlyFinding(globalLimit, factsOfRun(running, { historyLimits: ["ledger"] }, { limits }));
    expect(found.certainty).toBeLessThan(0.7);
    expect(found.summary).toContain("most likely waits for the global limit ledger (1 of 1 slots held by holder)");
    expect(found.summary).toContain("This is inferred");
  });

  test("not when this run holds it, when earlier runs never acquired it, or when a slot is free", () => {
    const judge = (events = [] as (typeof acquired)[], historyLimits = ["ledger"], of = limits) =>
      globalLimit.judge(factsOfRun(running, { events, historyLimits }, { limits: of }));
    expect(judge([acquired])).toEqual([]);
    expect(judge([], [])).toEqual([]);
    expect(judge([], ["ledger"], [{ ...limits[0], limit: { ...limit, active_slots: 0 } }] as typeof limits)).toEqual(
      [],
    );
  });
});
