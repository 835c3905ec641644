import { describe, expect, test } from "bun:test";
import {
  cancellingStuck,
  pendingNoInfrastructure,
  zombieRun,
} from "../../../../../src/queries/diagnosis/causes/running/stuck.ts";
import { anEvent, aState, at, aWorker } from "../../../../support/builders.ts";
import { aNamedRun, factsOfRun, onlyFinding, someFacts, somePool } from "../../../../support/diagnosis/facts.ts";

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

  test("the worker that took it is offline: at once", () => {
    const given = { pool: pool(3_000), events: [workerEvent("submitted", 3_000)] };
    const found = onlyFinding(pendingNoInfrastructure, factsOfRun(pending(3_580), given));
    expect(found.code).toBe("worker_lost");
    expect(found.summary).toBe(
      "r is Submitting for 20 s: worker w took it (offline, last heartbeat 10 min ago), but no infrastructure has started.",
    );
  });

  test("the worker lives: only when it takes long", () => {
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

  test("without a living worker at once, with one after the server's own time", () => {
    const found = onlyFinding(cancellingStuck, factsOfRun(run(3_590), {}, { pools: [somePool()] }));
    expect(found.summary).toContain("no live worker in pool etl-pool carries it out");
    const alive = somePool({}, { workers: [aWorker({ last_heartbeat_time: at(3_590) })] });
    expect(cancellingStuck.judge(factsOfRun(run(3_590), {}, { pools: [alive] }))).toEqual([]);
    expect(onlyFinding(cancellingStuck, factsOfRun(run(3_000), {}, { pools: [alive] })).summary).toContain(
      "nobody has carried it out",
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

  test("the worker told its end", () => {
    const events = [workerEvent("executed", 100, { "prefect.infrastructure.status-code": "137" })];
    expect(onlyFinding(zombieRun, factsOfRun(running, { events })).summary).toBe(
      "r says Running, but its worker reported the end of its process (exit code 137).",
    );
  });

  test("its heartbeat stopped", () => {
    const beat = (seconds: number) => anEvent({ event: "prefect.flow-run.heartbeat", occurred: at(seconds) });
    expect(onlyFinding(zombieRun, factsOfRun(running, { events: [beat(600)] })).summary).toContain(
      "its heartbeat stopped 50 min ago",
    );
    expect(zombieRun.judge(factsOfRun(running, { events: [beat(3_400)] }))).toEqual([]);
    expect(zombieRun.judge(factsOfRun(running))).toEqual([]);
  });

  test("in wider questions one run in its own words, several together", () => {
    const dead = (name: string) => ({
      ...aNamedRun({ ...running, name }),
      events: [anEvent({ event: "prefect.flow-run.heartbeat", occurred: at(600) })],
    });
    const alive = { ...aNamedRun({ ...running, name: "alive" }), events: [] };
    const one = onlyFinding(zombieRun, someFacts("workspace", { running: [dead("a"), alive] }));
    expect(one.summary).toBe("a says Running, but its heartbeat stopped 50 min ago: its process is probably dead.");
    const both = onlyFinding(zombieRun, someFacts("deployment", { running: [dead("a"), alive, dead("b")] }));
    expect(both).toMatchObject({
      code: "zombie_run",
      severity: "problem",
      summary: "2 runs say Running, but give no signs of life any more: a and b.",
      evidence: { count: 2, runs: [{ name: "a", says: one.summary }, { name: "b" }] },
      runsExplained: 2,
    });
  });

  test("an end before the present start belongs to an earlier try", () => {
    const again = { ...running, state: aState({ type: "RUNNING", timestamp: at(200) }) };
    expect(zombieRun.judge(factsOfRun(again, { events: [workerEvent("executed", 100)] }))).toEqual([]);
  });
});
