import { expect, test } from "bun:test";
import { ClockWatch } from "../../../src/sync/server/clock-watch.ts";
import { T0_US } from "../../support/builders.ts";
import { SettableClock } from "../../support/time/settable-clock.ts";

function watched() {
  const clock = new SettableClock(T0_US);
  const set: number[] = [];
  return { clock, set, watch: new ClockWatch(clock, (byMs) => set.push(Math.round(byMs))) };
}

test.each([7_200_000, -7_200_000, 700, -700])("a clock that was set by %p ms is noticed once", (ms) => {
  const { clock, set, watch } = watched();
  clock.pass(1_000);
  watch.check();
  clock.step(ms);
  clock.pass(1_000);
  watch.check();
  clock.pass(1_000);
  watch.check();
  expect(set).toEqual([ms]);
});

test("a suspend that the steady clock does not count is noticed too", () => {
  const { clock, set, watch } = watched();
  clock.suspendUncounted(60_000);
  watch.check();
  expect(set).toEqual([60_000]);
});

test("time that passes, and a clock that NTP slews, are no change", () => {
  const { clock, set, watch } = watched();
  for (let second = 0; second < 3_600; second += 1) {
    clock.pass(1_000);
    clock.step(-0.5);
    watch.check();
  }
  clock.pass(3_600_000);
  watch.check();
  expect(set).toEqual([]);
});
