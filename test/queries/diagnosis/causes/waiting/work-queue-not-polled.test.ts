import { expect, test } from "bun:test";
import { workQueueNotPolled } from "../../../../../src/queries/diagnosis/causes/waiting/work-queue-not-polled.ts";
import { at, aWorker } from "../../../../support/builders.ts";
import { aLateRun, onlyFinding, someFacts, somePool } from "../../../../support/diagnosis/facts.ts";

const waiting = [aLateRun()];
const workers = [aWorker({ name: "gpu", last_heartbeat_time: at(3_590) })];

test("a worker is online, but none polls the queue", () => {
  const pool = somePool({}, { workers, queue: { last_polled: null } });
  const found = onlyFinding(workQueueNotPolled, someFacts("flow_run", { pools: [pool], waiting }));
  expect<unknown>(found.summary).toBe(
    "No worker polls queue default of pool etl-pool (last polled: never), although worker gpu is online: 1 run waits.",
  );
});

test("not when it was polled just now, when no worker is online, when the queue is paused", () => {
  const judge = (pool: ReturnType<typeof somePool>) =>
    workQueueNotPolled.judge(someFacts("flow_run", { pools: [pool], waiting }));
  expect(judge(somePool({}, { workers, queue: { last_polled: at(3_560) } }))).toEqual([]);
  expect(judge(somePool({}, { queue: { last_polled: null } }))).toEqual([]);
  expect(judge(somePool({}, { workers, queue: { last_polled: null, is_paused: true } }))).toEqual([]);
});
