import { describe, expect, test } from "bun:test";
import {
  cancellingStuck,
  pendingNoInfrastructure,
  zombieRun,
} from "../../../../../src/queries/diagnosis/causes/running/stuck.ts";
import { anEvent, aState, at, aWorker } from "../../../../support/builders.ts";
import { factsOfRun, onlyFinding, someFacts, somePool, someRunFacts } from "../../../../support/diagnosis/facts.ts";

const workerEvent = (what: string, seconds: number, labels: Record<string, string> = {}) =>
  anEvent({
    event: `prefect.worker.${what}-flow-run`,
    occurred: at(seconds),
    resource: { "prefect.resource.id": "prefect.worker.process.w", "prefect.resource.name": "w" },
    related: [{ "prefect.resource.id": "prefect.flow-run.x", ...labels }],
  });

describe("pending without infrastructure", () => {
  const pending = (seconds: number) => ({
    name: "r",
    state_type: "PENDING" as const,
    state_name: "Submitting",
    state: aState({ type: "PENDING", name: "Submitting", timestamp: at(seconds) }),
  });
  const pool = (beat: number) => somePool({}, { workers: [aWorker({ name: "w", last_heartbeat_time: at(beat) })] });

  test("a finding at once when the worker that took it is offline", () => {
    const given = { pool: pool(3_000), events: [workerEvent("submitted", 3_000)] };
    const found = onlyFinding(pendingNoInfrastructure, factsOfRun(pending(3_580), given));
    expect(found.code).toBe("worker_lost");
    expect<unknown>(found.summary).toBe(
      "r (load-orders/nightly) has been Submitting for 20 s: worker w took it (offline, last heartbeat 10 min ago), but no infrastructure has started.",
    );
  });

  test("a problem only after a while when the worker is online", () => {
    const given = { pool: pool(3_595), events: [workerEvent("submitted", 3_000)] };
    expect(onlyFinding(pendingNoInfrastructure, factsOfRun(pending(3_580), given))).toMatchObject({
      severity: "note",
      summary: expect.stringContaining("w took it (last heartbeat 5 s ago), and no infrastructure has started yet"),
    });
    expect(pendingNoInfrastructure.judge(factsOfRun(pending(3_580), { pool: pool(3_595) }))).toEqual([]);
    expect(onlyFinding(pendingNoInfrastructure, factsOfRun(pending(3_000), given)).code).toBe(
      "pending_no_infrastructure",
    );
  });
});

describe("cancelling", () => {
  const run = (seconds: number) => ({
    name: "r",
    state_type: "CANCELLING" as const,
    work_pool_name: "etl-pool",
    state: aState({ type: "CANCELLING", timestamp: at(seconds) }),
  });

  test("a finding at once without an online worker, with one after the server's own timeout", () => {
    const found = onlyFinding(cancellingStuck, factsOfRun(run(3_590), {}, { pools: [somePool()] }));
    expect(found.summary).toContain("no worker is online in pool etl-pool to stop it");
    const withWorker = somePool({}, { workers: [aWorker({ last_heartbeat_time: at(3_590) })] });
    expect(cancellingStuck.judge(factsOfRun(run(3_590), {}, { pools: [withWorker] }))).toEqual([]);
    expect(onlyFinding(cancellingStuck, factsOfRun(run(3_000), {}, { pools: [withWorker] })).summary).toContain(
      "no worker has stopped it",
    );
  });
});

describe("running without a process", () => {
  const running = {
    name: "r",
    state_type: "RUNNING" as const,
    start_time: at(0),
    state: aState({ type: "RUNNING", timestamp: at(0) }),
  };

  test("the worker reported the end of the process", () => {
    const events = [workerEvent("executed", 100, { "prefect.infrastructure.status-code": "137" })];
    expect<unknown>(onlyFinding(zombieRun, factsOfRun(running, { events })).summary).toBe(
      "r (load-orders/nightly) is Running in Prefect, but its worker reported the end of its process (exit code 137).",
    );
  });

  test("its heartbeats stopped", () => {
    const beat = (seconds: number) => anEvent({ event: "prefect.flow-run.heartbeat", occurred: at(seconds) });
    expect(onlyFinding(zombieRun, factsOfRun(running, { events: [beat(600)] })).summary).toContain(
      "its last heartbeat was 50 min ago",
    );
    expect(zombieRun.judge(factsOfRun(running, { events: [beat(3_400)] }))).toEqual([]);
    expect(zombieRun.judge(factsOfRun(running))).toEqual([]);
  });

  test("in wider questions one run has its own summary, several share one", () => {
    const silent = (name: string) => ({
      ...someRunFacts({ ...running, name }),
      events: [anEvent({ event: "prefect.flow-run.heartbeat", occurred: at(600) })],
    });
    const without = someRunFacts({ ...running, name: "without-events" });
    const one = onlyFinding(zombieRun, someFacts("workspace", { examined: [silent("a"), without] }));
    expect<unknown>(one.summary).toBe(
      "a (load-orders/nightly) is Running in Prefect, but its last heartbeat was 50 min ago: its process has probably ended.",
    );
    const both = onlyFinding(zombieRun, someFacts("deployment", { examined: [silent("a"), without, silent("b")] }));
    expect(both).toMatchObject({
      code: "zombie_run",
      severity: "problem",
      summary:
        "2 runs are Running in Prefect, but their processes seem to have ended: a (load-orders/nightly) and b (load-orders/nightly).",
      evidence: { count: 2, runs: [{ name: "a", says: one.summary }, { name: "b" }] },
      runsExplained: 2,
    });
  });

  test("an end before the current state began belongs to an earlier attempt", () => {
    const again = { ...running, state: aState({ type: "RUNNING", timestamp: at(200) }) };
    expect(zombieRun.judge(factsOfRun(again, { events: [workerEvent("executed", 100)] }))).toEqual([]);
  });
});
