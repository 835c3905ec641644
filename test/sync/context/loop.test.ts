import { expect, test } from "bun:test";
import { runLoop } from "../../../src/sync/context/loop.ts";
import { Signal } from "../../../src/sync/context/signal.ts";
import { manualClock } from "../../support/time/manual-clock.ts";
import { aHarness } from "../engine-harness.ts";

test("a failed iteration is repeated at once when a retry is asked for, without an end of its wait", async () => {
  const ending = new AbortController();
  const retryNow = new Signal();
  const second = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<void>();
  const { ctx } = aHarness();
  ctx.changes.subscribe({ failure: () => failed.resolve() });
  let iterations = 0;
  const iterate = () => {
    iterations += 1;
    if (iterations === 1) throw new Error("no answer");
    second.resolve();
    return 1_000;
  };
  // Its time stands still: no wait ends by itself.
  const loop = { name: "catch-up", workReady: new Signal(), retryNow, iterate };
  const running = runLoop({ ...ctx, clock: manualClock() }, loop, ending.signal);
  await failed.promise;
  expect(iterations).toBe(1);
  retryNow.notify();
  await second.promise;
  ending.abort();
  await running;
  expect(iterations).toBe(2);
});
