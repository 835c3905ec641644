import { describe, expect, test } from "bun:test";
import { type Sentence, sentence } from "../../../../src/lib/shown-text.ts";
import { type ChainReader, followFindings, type ObjectState } from "../../../../src/queries/diagnosis/chain/follow.ts";
import { judge } from "../../../../src/queries/diagnosis/diagnose.ts";
import type { Facts, Finding, PoolFacts, RunFacts } from "../../../../src/queries/diagnosis/findings/types.ts";
import { anEvent, anId, aState, at, aWorker } from "../../../support/builders.ts";
import { aLateRun, someFacts, somePool, someRunFacts } from "../../../support/diagnosis/facts.ts";

const worker = aWorker({ name: "w", last_heartbeat_time: at(3_590) });
const holderId = anId(10);
const zombie = someRunFacts(
  { id: holderId, name: "load-42", state_type: "RUNNING", start_time: at(0), state: aState({ type: "RUNNING" }) },
  { events: [anEvent({ event: "prefect.flow-run.heartbeat", occurred: at(60), related: [] })] },
);
const healthy = someRunFacts({ id: holderId, name: "load-42", state_type: "RUNNING", start_time: at(3_500) });
const fullPool = (): PoolFacts =>
  somePool(
    { id: anId(20), name: "etl-pool", concurrency_limit: 1 },
    { activeSlots: 1, holders: [{ id: holderId, name: "load-42" }], workers: [worker] },
  );
const late = aLateRun({ id: anId(30), name: "late-run" });
const lateFacts = (pool: PoolFacts): Facts => {
  const run = someRunFacts(late.run, { ...late, pool });
  return someFacts("flow_run", { run, examined: [run], waiting: [late], pools: [pool] });
};
const parentOf = (child: RunFacts, id = anId(40), name = "parent"): RunFacts =>
  someRunFacts({ id, name, state_type: "RUNNING", start_time: at(0) }, { children: [child] });

function readerOf(
  runs: Readonly<Record<string, Facts>>,
  objects: Readonly<Record<string, ObjectState>> = {},
): ChainReader {
  return {
    readRun: async ({ id }) => runs[id] ?? null,
    readObject: async ({ id }) => objects[id] ?? null,
  };
}

const aboutRun = (run: RunFacts): Facts => someFacts("flow_run", { run, examined: [run] });
const follow = (facts: Facts, reader: ChainReader): Promise<Finding[]> => followFindings(judge(facts), reader, judge);

describe("a holder", () => {
  test("whose process has ended is named in the first sentence, and the fix frees its slot", async () => {
    const [first] = await follow(lateFacts(fullPool()), readerOf({ [holderId]: aboutRun(zombie) }));
    expect(first?.summary).toBe(
      "Work pool etl-pool is full: 1 of 1 slots held by load-42; 1 run waits (late-run), because load-42 (load-orders/nightly) is Running in Prefect, but its last heartbeat was 59 min ago: its process has probably ended." as Sentence,
    );
    expect(first?.fix).toContain(`prefect api POST /flow_runs/${holderId}/set_state --data`);
    expect(first?.because).toMatchObject([{ kind: "flow_run", id: holderId, name: "load-42", state: "Running" }]);
  });

  test("that runs as usual is a link without a problem, and the limit's change is the reason", async () => {
    const change = sentence`etl-pool was changed: its limit lowered from 8 to 1 at 2026-08-20T09:10:00Z`;
    const pool = { name: "etl-pool", state: null, since: at(0), change, isReason: true };
    const reader = readerOf({ [holderId]: aboutRun(healthy) }, { [anId(20)]: pool });
    const [first] = await follow(lateFacts(fullPool()), reader);
    expect(first?.summary).toEndWith(
      "; 1 run waits (late-run), because etl-pool was changed: its limit lowered from 8 to 1 at 2026-08-20T09:10:00Z.",
    );
    expect(first?.fix).toStartWith("Wait for the holders");
    expect(first?.because?.map((link) => link.kind)).toEqual(["work_pool", "flow_run"]);
  });

  test("that cannot be read ends the chain, which says so", async () => {
    const [first] = await follow(lateFacts(fullPool()), readerOf({}));
    expect(first?.because?.[0]?.why).toBe("its details are not recorded, so the chain ends here" as Sentence);
  });
});

describe("a child", () => {
  test("passes its own first cause on to its parent", async () => {
    const paused = somePool({ id: anId(20), name: "batch", is_paused: true, status: "PAUSED" });
    const childRun = aLateRun({ id: anId(31), name: "rollup", work_pool_name: "batch" });
    const child = someRunFacts(childRun.run, childRun);
    const childFacts = someFacts("flow_run", { run: child, examined: [child], waiting: [childRun], pools: [paused] });
    const change = sentence`batch was changed: paused at 2026-08-20T09:12:00Z`;
    const object = { name: "batch", state: null, since: at(0), change, isReason: true };
    const reader = readerOf({ [child.run.id]: childFacts }, { [anId(20)]: object });
    const [first] = await follow(aboutRun(parentOf(child)), reader);
    expect(first?.summary).toBe(
      "parent waits for rollup (load-orders), which is Late in pool batch, because Work pool batch is paused: 1 run waits in it (rollup), because batch was changed: paused at 2026-08-20T09:12:00Z." as Sentence,
    );
    expect(first?.fix).toBe("Resume the work pool: prefect work-pool resume batch" as Sentence);
    expect(first?.because?.map((link) => link.name)).toEqual(["rollup", "batch"]);
  });
});

describe("a child that is Running", () => {
  const running = someRunFacts({ id: anId(33), name: "rollup", state_type: "RUNNING", start_time: at(0) });

  test("is a problem of its parent where it has one of its own", async () => {
    const dead = { ...running, events: zombie.events };
    const [first] = await follow(aboutRun(parentOf(running)), readerOf({ [anId(33)]: aboutRun(dead) }));
    expect(first?.summary).toStartWith(
      "parent waits for rollup (load-orders/nightly), which is Running, because rollup (load-orders/nightly) is Running in Prefect, but its last heartbeat was 59 min ago",
    );
    expect(first?.fix).toContain(`prefect api POST /flow_runs/${anId(33)}/set_state`);
  });

  test("is none where it works as it should, also further down", async () => {
    expect(await follow(aboutRun(parentOf(running)), readerOf({ [anId(33)]: aboutRun(running) }))).toEqual([]);
    const middle = parentOf(running, anId(34), "middle");
    const reader = readerOf({ [anId(33)]: aboutRun(running), [anId(34)]: aboutRun(middle) });
    expect(await follow(aboutRun(parentOf(middle)), reader)).toEqual([]);
  });
});

describe("bounds", () => {
  test("a circle ends", async () => {
    const a = someRunFacts({ id: anId(50), name: "a", state_type: "SCHEDULED", state_name: "Late" });
    const parent = parentOf(a);
    const aWaits = {
      ...a,
      run: { ...a.run, state_type: "RUNNING" as const },
      children: [{ ...parent, run: { ...parent.run, state_type: "PENDING" as const } }],
    };
    const reader = readerOf({ [a.run.id]: aboutRun(aWaits), [parent.run.id]: aboutRun(parent) });
    const [first] = await follow(aboutRun(parent), reader);
    expect(first?.because?.length).toBeLessThanOrEqual(5);
  });

  test("at most four links deep", async () => {
    const runs: Record<string, Facts> = {};
    let below = someRunFacts({ id: anId(69), name: "r9", state_type: "SCHEDULED", state_name: "Late" });
    for (let n = 8; n >= 0; n--) {
      const own = parentOf(below, anId(60 + n), `r${n}`);
      runs[own.run.id] = aboutRun(own);
      below = { ...own, run: { ...own.run, state_type: "SCHEDULED", state_name: "Late" } };
    }
    const top = runs[anId(60)];
    const [first] = top ? await follow(top, readerOf(runs)) : [];
    expect(first?.because).toHaveLength(4);
    expect(first?.summary).toContain("r4 waits for r5");
  });
});

describe("one problem, one root", () => {
  const holds = (name: string, id: number): PoolFacts => ({
    ...fullPool(),
    pool: { ...fullPool().pool, id: anId(id), name },
  });

  test("the holder is no second problem beside the limit that it keeps full", async () => {
    const pool = fullPool();
    const facts = someFacts("workspace", { waiting: [late], pools: [pool], examined: [zombie], active: [zombie] });
    const found = await follow(facts, readerOf({ [holderId]: aboutRun(zombie) }));
    expect(found.map((one) => one.code)).toEqual(["work_pool_limit"]);
  });

  test("several limits that one run keeps full are reported with that run", async () => {
    const other = aLateRun({ id: anId(32), name: "other", work_pool_name: "b" });
    const facts = someFacts("workspace", {
      waiting: [late, other],
      pools: [holds("etl-pool", 21), holds("b", 22)],
      examined: [zombie],
    });
    const found = await follow(facts, readerOf({ [holderId]: aboutRun(zombie) }));
    expect(found.map((one) => one.code)).toEqual(["zombie_run"]);
    expect(found[0]?.evidence.keeps_up).toHaveLength(2);
  });
});

test("an automation that cancelled a run is named, with the event that made it act", async () => {
  const id = "24234e3a-0000-4000-8000-000000000001";
  const state = aState({ type: "CANCELLED", message: `Cancelled by Automation ${id}` });
  const run = someRunFacts({ id: anId(83), name: "gone", state_type: "CANCELLED", state, end_time: at(10) });
  const change = sentence`automation pager acted at 2026-08-20T09:15:00Z on the event prefect.flow-run.Late of orders`;
  const object = { name: "pager", state: null, since: at(10), change, isReason: true };
  const [first] = await follow(aboutRun(run), readerOf({}, { [id]: object }));
  expect(first?.summary).toBe(
    "gone (load-orders/nightly) was cancelled at 2026-08-20T09:15:10Z: Cancelled by Automation pager, because automation pager acted at 2026-08-20T09:15:00Z on the event prefect.flow-run.Late of orders." as Sentence,
  );
});

test("a change since the last good run is reported beside a failure, not as its proven cause", async () => {
  const error = { type: "KeyError", message: "'price'", frame: null, lines: [], task: null, others: [] };
  const history = [{ ...late.run, id: anId(80), state_type: "COMPLETED" as const, end_time: at(-100) }];
  const bad = someRunFacts(
    { id: anId(81), name: "bad", state_type: "FAILED", deployment_id: anId(82) },
    { error, history },
  );
  const change = sentence`load-orders/nightly was changed: entrypoint "a.py:f" → "b.py:f" at 2026-08-20T09:14:00Z`;
  const object = { name: "load-orders/nightly", state: null, since: at(-60), change, isReason: false };
  const [first] = await follow(aboutRun(bad), readerOf({}, { [anId(82)]: object }));
  expect(first?.summary).toEndWith(
    'Since the last good run load-orders/nightly was changed: entrypoint "a.py:f" → "b.py:f" at 2026-08-20T09:14:00Z.',
  );
});
