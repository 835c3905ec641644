import { describe, expect, test } from "bun:test";
import { own } from "../../../src/lib/shown-text.ts";
import { TaskStore } from "../../../src/mcp/tasks/task-store.ts";
import { manualClock } from "../../support/time/manual-clock.ts";

const MINUTE_MS = 60_000;
const result = async () => "done";

function open() {
  const clock = manualClock();
  const running: number[] = [];
  const store = new TaskStore<string>({ clock, onRunning: (change) => void running.push(change) });
  return { clock, store, running };
}
const never = () => new Promise<string>(() => undefined);
const started = <Result>(task: Result | null): Result => {
  if (task === null) throw new Error("no task");
  return task;
};

describe("the tasks of a tenant", () => {
  test("hold a result until its time to live has passed, and not longer", async () => {
    const { clock, store, running } = open();
    const task = started(store.start("one", 20 * MINUTE_MS, result));
    expect(await task.ended).toBe("done");
    expect(running).toEqual([1, -1]);
    await clock.advance(20 * MINUTE_MS - 1);
    expect(store.find("one", task.id)?.result).toBe("done");
    await clock.advance(1);
    expect([store.find("one", task.id), store.size]).toEqual([null, 0]);
  });

  test("live from 15 minutes to an hour, whatever is asked for", () => {
    const { store } = open();
    const ttls = [undefined, 0, 1_800_000.9, Number.MAX_SAFE_INTEGER].map(
      (ttl) => store.start("one", ttl, result)?.ttlMs,
    );
    expect(ttls).toEqual([60 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS, 60 * MINUTE_MS]);
  });

  test("are not forgotten while they run, and their result is held for a minute", async () => {
    const { clock, store } = open();
    const { promise, resolve } = Promise.withResolvers<string>();
    const task = started(store.start("one", undefined, () => promise));
    await clock.advance(2 * 60 * MINUTE_MS);
    expect(store.find("one", task.id)).toBe(task);
    resolve("late");
    await task.ended;
    expect(task.ttlMs).toBe(2 * 60 * MINUTE_MS + MINUTE_MS);
    await clock.advance(MINUTE_MS - 1);
    expect(store.find("one", task.id)?.result).toBe("late");
    await clock.advance(1);
    expect(store.find("one", task.id)).toBeNull();
  });

  test("are found only by their caller, by ids that cannot be guessed", () => {
    const { store } = open();
    const ids = ["one", "two"].map((owner) => started(store.start(owner, undefined, never)).id);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(["one", "two", ""].map((owner) => store.find(owner, ids[0] ?? "") !== null)).toEqual([true, false, false]);
  });

  test("are limited: 20 that run and 100 that are held for one caller, 500 for all; beyond that nothing is run", async () => {
    const { store } = open();
    for (let n = 0; n < 20; n += 1) started(store.start("busy", undefined, never));
    let runs = 0;
    const counted = async () => {
      runs += 1;
      return "done";
    };
    expect(store.start("busy", undefined, counted)).toBeNull();
    for (let caller = 0; caller < 4; caller += 1)
      for (let n = 0; n < 100; n += 1) await started(store.start(`caller ${caller}`, undefined, counted)).ended;
    expect(store.start("caller 0", undefined, counted)).toBeNull();
    for (let n = 0; n < 80; n += 1) await started(store.start("another", undefined, counted)).ended;
    expect(store.start("one more", undefined, counted)).toBeNull();
    expect([runs, store.size]).toEqual([480, 500]);
  });

  test("end with their tenant", () => {
    const { store } = open();
    let isAborted = false;
    const task = started(
      store.start("one", undefined, ({ signal, report }) => {
        report(own("working on it"));
        signal.addEventListener("abort", () => {
          isAborted = true;
        });
        return never();
      }),
    );
    expect(`${task.message}`).toBe("working on it");
    store.close();
    expect([isAborted, store.size]).toEqual([true, 0]);
  });
});
