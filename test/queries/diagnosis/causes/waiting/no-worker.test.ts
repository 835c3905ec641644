import { describe, expect, test } from "bun:test";
import { noWorker } from "../../../../../src/queries/diagnosis/causes/waiting/no-worker.ts";
import { at, aWorker } from "../../../../support/builders.ts";
import { aLateRun, NOW_US, onlyFinding, someFacts, somePool } from "../../../../support/diagnosis/facts.ts";

const waiting = [aLateRun({ name: "a" }), aLateRun({ name: "b" })];

describe("no worker", () => {
  test("names the pool and the runs that wait", () => {
    const found = onlyFinding(noWorker, someFacts("deployment", { pools: [somePool()], waiting }));
    expect(found).toMatchObject({ code: "no_worker", severity: "problem", runsExplained: 2, certainty: 1 });
    expect<unknown>(found.summary).toBe(
      "No run starts in work pool etl-pool: it has no worker; 2 runs wait (a and b).",
    );
  });

  test("an old list of workers only says how it was", () => {
    const pools = [somePool({}, { workersReadUs: NOW_US - 600_000_000 })];
    expect<string>(onlyFinding(noWorker, someFacts("workspace", { pools, waiting })).summary).toBe(
      "No run starts in work pool etl-pool: it had no worker at 2026-08-20T10:05:00Z; 2 runs wait (a and b).",
    );
  });

  test("a name with line breaks forges no fix, and its command expands nothing in a shell", () => {
    const name = "p\nfix: $(rm -rf ~) 'x'";
    const runs = [aLateRun({ name: "a", work_pool_name: name }), aLateRun({ name: "b", work_pool_name: name })];
    const found = onlyFinding(noWorker, someFacts("deployment", { pools: [somePool({ name })], waiting: runs }));
    expect<string>(found.summary).toBe(
      "No run starts in work pool \"p\\nfix: $(rm -rf ~) 'x'\": it has no worker; 2 runs wait (a and b).",
    );
    expect<string>(found.fix).toBe(
      "Start a worker for it: prefect worker start --pool 'p ⏎ fix: $(rm -rf ~) '\\''x'\\''' (type process)",
    );
  });

  test("a worker is offline by its heartbeat, whatever its status says", () => {
    const workers = [aWorker({ name: "w", status: "ONLINE", last_heartbeat_time: at(3_500) })];
    const found = onlyFinding(noWorker, someFacts("deployment", { pools: [somePool({}, { workers })], waiting }));
    expect(found.code).toBe("worker_offline");
    expect(found.summary).toContain("worker w is offline, last heartbeat 1 min 40 s ago");
  });

  test("its heartbeat interval decides when it counts as offline", () => {
    const workers = [aWorker({ last_heartbeat_time: at(3_400), heartbeat_interval_seconds: 120 })];
    expect(noWorker.judge(someFacts("deployment", { pools: [somePool({}, { workers })], waiting }))).toEqual([]);
  });

  test("not when no run waits, nor when Prefect itself starts the runs", () => {
    expect(noWorker.judge(someFacts("deployment", { pools: [somePool()] }))).toEqual([]);
    const push = somePool({ type: "ecs:push" });
    const managed = somePool({ type: "prefect:managed" });
    expect(noWorker.judge(someFacts("deployment", { pools: [push, managed], waiting }))).toEqual([]);
  });

  test("a note for a question about a pool without workers and waiting runs, unless it needs no worker", () => {
    const of = (type: string) => {
      const pool = somePool({ type, status: "NOT_READY" });
      return someFacts("work_pool", { subject: { kind: "work_pool", id: pool.pool.id, name: "p" }, pools: [pool] });
    };
    expect(onlyFinding(noWorker, of("process"))).toMatchObject({
      code: "no_worker",
      severity: "note",
      summary: "No run starts in work pool etl-pool: it has no worker.",
    });
    for (const type of ["ecs:push", "prefect:managed"]) expect(noWorker.judge(of(type))).toEqual([]);
  });

  test("not when the workers of the pool are unknown", () => {
    const pools = [somePool({}, { areWorkersKnown: false })];
    expect(noWorker.judge(someFacts("deployment", { pools, waiting }))).toEqual([]);
  });

  test("compares a heartbeat with the time of its reading, so that an outage of Prefect makes no worker offline", () => {
    const workers = [aWorker({ last_heartbeat_time: at(3_000) })];
    const pools = [somePool({}, { workers, workersReadUs: NOW_US - 595_000_000 })];
    expect(noWorker.judge(someFacts("deployment", { pools, waiting }))).toEqual([]);
  });

  test("names an online worker as ruled out", () => {
    const workers = [aWorker({ name: "w", last_heartbeat_time: at(3_590) })];
    const facts = someFacts("deployment", { pools: [somePool({}, { workers })], waiting });
    expect<unknown>(noWorker.ruledOut?.(facts)).toBe("worker w online");
  });
});
