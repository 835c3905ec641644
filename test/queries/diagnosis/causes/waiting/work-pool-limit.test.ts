import { describe, expect, test } from "bun:test";
import { workPoolLimit, workQueueLimit } from "../../../../../src/queries/diagnosis/causes/waiting/work-pool-limit.ts";
import { anId, aWorkQueue } from "../../../../support/builders.ts";
import { aLateRun, onlyFinding, QUEUE_ID, someFacts, somePool } from "../../../../support/diagnosis/facts.ts";

const holders = [{ id: anId(1), name: "holder" }];
const waiting = [aLateRun()];

describe("work pool limit", () => {
  test("names the pool, its holders, and asks about the first of them next", () => {
    const pool = somePool({ concurrency_limit: 1 }, { activeSlots: 1, holders });
    const found = onlyFinding(workPoolLimit, someFacts("work_pool", { pools: [pool], waiting }));
    expect<unknown>(found.summary).toBe(
      "Work pool etl-pool is full: 1 of 1 slots held by holder; 1 run waits (late-run).",
    );
    expect<unknown>(found.next).toEqual([
      { tool: "diagnose", args: { flow_run: anId(1) }, why: "whether the run that holds the slot still runs" },
    ]);
  });

  test("a limit of 0 is held by nobody, and only raising it helps", () => {
    const pool = somePool({ concurrency_limit: 0 }, { activeSlots: 0, holders: [] });
    const found = onlyFinding(workPoolLimit, someFacts("work_pool", { pools: [pool], waiting }));
    expect(found).toMatchObject({
      summary: "Work pool etl-pool lets no run start, because its limit is 0; 1 run waits (late-run).",
      fix: "Raise the limit: prefect work-pool set-concurrency-limit etl-pool 1",
    });
  });

  test("a queue with a lower number is served first", () => {
    const pool = somePool({ concurrency_limit: 1 }, { activeSlots: 1, holders, queue: { priority: 2 } });
    const urgent = { queue: aWorkQueue({ name: "urgent", priority: 1 }), activeSlots: 1, holders, waiting: 0 };
    const facts = someFacts("deployment", { pools: [{ ...pool, queues: [urgent, ...pool.queues] }], waiting });
    expect(onlyFinding(workPoolLimit, facts).summary).toContain(
      "Queue urgent is served before default (priority 1 against 2).",
    );
  });

  test("not with a free slot, without a limit, without waiting runs, in a paused pool", () => {
    const full = { activeSlots: 1, holders };
    const judge = (pool: ReturnType<typeof somePool>, runs = waiting) =>
      workPoolLimit.judge(someFacts("deployment", { pools: [pool], waiting: runs }));
    expect(judge(somePool({ concurrency_limit: 2 }, full))).toEqual([]);
    expect(judge(somePool({}, full))).toEqual([]);
    expect(judge(somePool({ concurrency_limit: 1 }, full), [])).toEqual([]);
    expect(judge(somePool({ concurrency_limit: 1, is_paused: true }, full))).toEqual([]);
  });
});

describe("work queue limit", () => {
  const queued = (limit: number | null) => {
    const pool = somePool({}, { queue: { concurrency_limit: limit } });
    const [queue] = pool.queues;
    return { ...pool, queues: queue ? [{ ...queue, activeSlots: 1, holders }] : [] };
  };

  test("names queue, pool and holders", () => {
    const found = onlyFinding(workQueueLimit, someFacts("deployment", { pools: [queued(1)], waiting }));
    expect<unknown>(found.summary).toBe(
      "Queue default of work pool etl-pool is full: 1 of 1 slots held by holder; 1 run waits (late-run).",
    );
    expect(found.evidence).toMatchObject({ work_queue: { id: QUEUE_ID, concurrency_limit: 1, active_slots: 1 } });
  });

  test("not with a free slot or without a limit", () => {
    expect(workQueueLimit.judge(someFacts("deployment", { pools: [queued(2)], waiting }))).toEqual([]);
    expect(workQueueLimit.judge(someFacts("deployment", { pools: [queued(null)], waiting }))).toEqual([]);
  });
});
