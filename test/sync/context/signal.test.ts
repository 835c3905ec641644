import { describe, expect, test } from "bun:test";
import { Signal } from "../../../src/sync/context/signal.ts";
import { ManualClock, neverAborted } from "../engine-harness.ts";

describe("a signal", () => {
  test("ends a wait early", async () => {
    const wake = new Signal();
    const waiting = wake.wait({ ...new ManualClock(), sleep: () => new Promise(() => {}) }, 60_000, neverAborted);
    wake.notify();
    await waiting;
  });

  test("is not lost when the notification comes before the wait", async () => {
    const wake = new Signal();
    wake.notify();
    const clock = new ManualClock();
    await wake.wait(clock, 60_000, neverAborted);
    expect(clock.slept).toEqual([]);
    await wake.wait(clock, 60_000, neverAborted);
    expect(clock.slept).toEqual([60_000]);
  });

  test("ends its wait when that is aborted", async () => {
    const stop = new AbortController();
    const waiting = new Signal().wait(
      { ...new ManualClock(), sleep: () => new Promise(() => {}) },
      60_000,
      stop.signal,
    );
    stop.abort();
    await waiting;
  });
});
