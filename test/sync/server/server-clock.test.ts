import { describe, expect, test } from "bun:test";
import { MINUTE_US } from "../../../src/lib/time.ts";
import type { PrefectApi } from "../../../src/prefect/api.ts";
import { measureServerOffset, wallMinusSteadyMs } from "../../../src/prefect/transport/server-offset.ts";
import { ServerClock, type ServerClockChange } from "../../../src/sync/server/server-clock.ts";
import { T0_US } from "../../support/builders.ts";
import { SettableClock } from "../../support/time/settable-clock.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function aServer() {
  const clock = new SettableClock(T0_US);
  const offset = measureServerOffset();
  const changes: ServerClockChange[] = [];
  const api = {
    get serverOffset() {
      return offset.read(clock.steadyMs());
    },
  } as PrefectApi;
  let disputes = 0;
  const serverClock = new ServerClock(api, clock, {
    beforeMark: () => {},
    onChange: (one) => changes.push(one),
    onDispute: () => {
      disputes += 1;
    },
  });
  let setMs = 0;
  const trueUs = () => T0_US + (clock.steadyMs() + setMs) * 1000;
  /** The answer to a request that is sent now arrives after a while. */
  const arrive = (date: string, afterMs: number) => {
    const sentMs = clock.steadyMs();
    clock.pass(afterMs);
    offset.observe(date, sentMs, clock.steadyMs(), wallMinusSteadyMs(clock));
    serverClock.answered();
  };
  return {
    clock,
    serverClock,
    changes,
    disputes: () => disputes,
    trueUs,
    set(ms: number) {
      setMs += ms;
    },
    /** An answer that took 20 ms arrives after a while. Its header is as old as it is usual, or older by `oldMs`. */
    answer(afterMs = 0, oldMs = 0) {
      clock.pass(afterMs);
      arrive(new Date(trueUs() / 1000 + 20 - oldMs).toUTCString(), 20);
    },
    arrive,
  };
}

const near = (us: number, wantedUs: number) => expect(Math.abs(us - wantedUs)).toBeLessThan(1_500_000);

describe("the server clock", () => {
  test("is known from the first answer on, which cuts what was claimed beyond it", () => {
    const { serverClock, changes, trueUs, answer } = aServer();
    expect([serverClock.isKnown, serverClock.mark().reachedUs()]).toEqual([false, null]);
    answer();
    expect(changes.map(({ byMs }) => byMs)).toEqual([null]);
    const untilUs = changes[0]?.untilUs ?? 0;
    expect(untilUs).toBeGreaterThanOrEqual(trueUs());
    near(untilUs, trueUs() + 1_000_000);
  });

  test.each([2 * HOUR_MS, -2 * HOUR_MS])("stays known when the local clock is set by %p ms", (ms) => {
    const { clock, serverClock, changes, trueUs, answer } = aServer();
    answer();
    clock.step(ms);
    clock.pass(MINUTE_MS);
    near(serverClock.estimateUs(), trueUs());
    answer();
    const mark = serverClock.mark();
    const markedUs = trueUs();
    answer();
    expect(mark.reachedUs()).toBeLessThanOrEqual(markedUs);
    expect(changes).toHaveLength(1);
  });

  test("is given in whole microseconds, as times of Prefect have them", () => {
    const { clock, serverClock, answer } = aServer();
    answer();
    clock.pass(0.123_456_7);
    expect(Number.isInteger(serverClock.estimateUs())).toBe(true);
  });

  test("that was set back is noticed, and doubts what was claimed after the last answer", () => {
    const { changes, disputes, serverClock, trueUs, set, answer } = aServer();
    answer();
    answer(MINUTE_MS);
    const lastUs = trueUs() - HOUR_MS * 1000;
    set(-HOUR_MS);
    answer(30_000);
    expect([changes.length, disputes(), serverClock.isDisputed]).toEqual([1, 1, true]);
    answer(4_000);
    expect(serverClock.isDisputed).toBe(false);
    near(serverClock.estimateUs(), trueUs());
    const [, change] = changes;
    expect(Math.round((change?.byMs ?? 0) / MINUTE_MS)).toBe(-60);
    expect(change?.untilUs).toBeLessThanOrEqual(lastUs);
    near(change?.untilUs ?? 0, lastUs);
  });

  test("that may have been set back before the machine was suspended doubts what was claimed since that time", () => {
    const { changes, trueUs, set, answer } = aServer();
    for (let i = 0; i < 5; i += 1) answer(1_000);
    const backUs = trueUs() - (HOUR_MS / 3) * 1000;
    set(-HOUR_MS / 3);
    answer(500);
    // The steady clock does not count the suspend.
    set(7 * HOUR_MS);
    answer(500);
    expect(changes).toHaveLength(2);
    expect(changes[1]?.byMs).toBeGreaterThan(6 * HOUR_MS);
    expect(changes[1]?.untilUs).toBeLessThanOrEqual(backUs);
    near(changes[1]?.untilUs ?? 0, backUs);
  });

  test.each([-MINUTE_MS, -HOUR_MS])(
    "that may have been set back by %p ms is the earlier one for claims, ages and readers, and the later one for what is asked",
    (ms) => {
      const { clock, serverClock, trueUs, set, answer } = aServer();
      for (let i = 0; i < 5; i += 1) answer(1_000);
      const mark = serverClock.mark();
      const wasUs = trueUs();
      set(ms);
      answer(30_000);
      expect(mark.reachedUs()).toBeLessThanOrEqual(wasUs + ms * 1000);
      expect(mark.settledUs()).toBeLessThanOrEqual(wasUs + ms * 1000);
      near(serverClock.settledUs(), trueUs());
      near(clock.nowUs() + (serverClock.skewMs ?? 0) * 1000, trueUs());
      near(serverClock.estimateUs(), trueUs() - ms * 1000);
    },
  );

  test("is not believed to be set back because of the old headers of a blocked server, whatever their age", () => {
    const { serverClock, changes, disputes, trueUs, answer } = aServer();
    for (let i = 0; i < 5; i += 1) answer(1_000);
    // One header is sent for a minute, then another one.
    for (let ms = 0; ms < 150_000; ms += 700) answer(680, ms % MINUTE_MS);
    expect(disputes()).toBeGreaterThan(100);
    answer(1_000);
    expect([changes.length, serverClock.isDisputed]).toEqual([1, false]);
    near(serverClock.estimateUs(), trueUs());
  });

  test("is not said to be set by an answer that was on its way while the machine was suspended", () => {
    const { clock, serverClock, changes, trueUs, answer, arrive } = aServer();
    for (let i = 0; i < 5; i += 1) answer(1_000);
    const date = new Date(trueUs() / 1000).toUTCString();
    arrive(date, 48 * HOUR_MS);
    expect(changes).toHaveLength(1);
    answer(1_000);
    expect(changes).toHaveLength(1);
    near(serverClock.estimateUs(), trueUs());
    expect(clock.steadyMs()).toBeGreaterThan(48 * HOUR_MS);
  });

  test("that was set forward does not make anything older for eleven minutes", () => {
    const { clock, serverClock, changes, trueUs, set, answer } = aServer();
    answer();
    set(HOUR_MS);
    answer(1_000);
    expect(changes).toHaveLength(2);
    near(serverClock.estimateUs(), trueUs());
    near(serverClock.settledUs(), trueUs() - HOUR_MS * 1000);
    const mark = serverClock.mark();
    answer(10);
    near(mark.settledUs() ?? 0, trueUs() - HOUR_MS * 1000);
    near(mark.reachedUs() ?? 0, trueUs());
    clock.pass(11 * MINUTE_MS);
    near(serverClock.settledUs(), trueUs());
  });

  test("of two servers behind one address that differ is the earlier one, however often they take turns", () => {
    const { serverClock, trueUs, set, answer } = aServer();
    answer();
    for (let i = 0; i < 50; i += 1) {
      set(10_000);
      answer(100);
      set(-10_000);
      answer(100);
    }
    set(10_000);
    answer(100);
    near(serverClock.settledUs(), trueUs() - 10_000_000);
  });

  test("converts a moment from before the local clock was set back to no later than now", () => {
    const { clock, serverClock, trueUs, answer } = aServer();
    answer();
    const beforeUs = clock.nowUs();
    clock.step(-HOUR_MS);
    expect((serverClock.toServerUs(beforeUs) ?? 0) - serverClock.estimateUs()).toBeLessThanOrEqual(0);
    near(serverClock.toServerUs(clock.nowUs() - MINUTE_US) ?? 0, trueUs() - MINUTE_US);
  });
});
