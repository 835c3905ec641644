import { expect, test } from "bun:test";
import { StoreCalls } from "../../src/fleet/store-calls.ts";
import { nextTask } from "../../src/lib/clock.ts";
import { manualClock } from "../support/time/manual-clock.ts";

const WITHIN_MS = 2_000;

/** Calls whose connections can be replaced: then those in progress fail, as with PostgreSQL. */
function start(maxUnanswered: number) {
  const clock = manualClock();
  const open = new Set<(error: Error) => void>();
  const log = { replaced: 0 };
  const reconnect = () => {
    log.replaced += 1;
    for (const fail of open) fail(new Error("the connection was closed"));
    open.clear();
  };
  const calls = new StoreCalls({ clock, withinMs: WITHIN_MS, maxUnanswered, reconnect });
  const never = () =>
    calls.ask(() => new Promise<never>((_, reject) => void open.add(reject))).catch(({ message }: Error) => message);
  const pass = async (ms: number) => {
    await clock.advance(ms);
    await nextTask();
    await nextTask();
  };
  return { calls, log, never, pass };
}

test("connections are replaced once for all calls that were not answered, and the next calls keep the new ones", async () => {
  const { calls, log, never, pass } = start(2);
  const stuck = Array.from({ length: 8 }, never);
  await pass(WITHIN_MS / 2);
  const younger = Array.from({ length: 8 }, never);
  await pass(WITHIN_MS / 2);
  // The younger ones fail with their connections, which is no reason to replace those that came after.
  expect(new Set(await Promise.all([...stuck, ...younger])).size).toBeGreaterThan(0);
  expect(log.replaced).toBe(1);
  const next = never();
  await pass(WITHIN_MS);
  expect(await next).toContain("does not answer");
  expect(log.replaced).toBe(1);
  expect(await calls.ask(async () => 7)).toBe(7);
});

test("an error is an answer, so that connections stay", async () => {
  const { calls, log } = start(1);
  for (let n = 0; n < 5; n += 1)
    expect(await calls.ask(() => Promise.reject(new Error("no such table"))).catch(String)).toContain("no such table");
  expect(log.replaced).toBe(0);
});

test("an answer that had arrived while the event loop was busy counts", async () => {
  const { calls, log, pass } = start(1);
  const read = Promise.withResolvers<number>();
  const asked = calls.ask(() => read.promise);
  // The timer and the answer are due in the same iteration of the loop.
  setImmediate(() => read.resolve(7));
  await pass(WITHIN_MS);
  expect(await asked).toBe(7);
  expect(log.replaced).toBe(0);
});
