import { expect, test } from "bun:test";
import {
  certainSkewMs,
  isOffsetDoubtful,
  markServerClock,
  measureServerOffset,
  middleMs,
  skewMsOf,
  wallMinusSteadyMs,
} from "../../../src/prefect/transport/server-offset.ts";
import { SettableClock } from "../../support/time/settable-clock.ts";

/** True time at which the steady clock shows 0. */
const BASE = 1_787_217_300_000;
const HOUR_MS = 3_600_000;
const httpDate = (ms: number) => new Date(ms).toUTCString();

/** A server whose clock is `skewMs` ahead and whose Date header is updated once a second, `phaseMs` after the full second. */
function serve(skewMs: number, phaseMs: number) {
  return (atMs: number) => httpDate(Math.floor((BASE + atMs + skewMs - phaseMs) / 1000) * 1000 + phaseMs);
}

/** What is measured from answers that take 20 ms, minus the true offset of a server without skew. */
function measure(skewMs = 0) {
  const clock = new SettableClock(BASE * 1000);
  const offset = measureServerOffset();
  const server = { setMs: skewMs };
  const read = () => offset.read(clock.steadyMs());
  return {
    clock,
    server,
    read,
    skew: () => {
      const now = read();
      return now === null ? Number.NaN : skewMsOf(now, clock);
    },
    answer(phaseMs = 0) {
      const sentMs = clock.steadyMs();
      const date = serve(server.setMs, phaseMs)((clock.nowUs() - clock.bootedUs()) / 1000 + 10);
      clock.pass(20);
      offset.observe(date, sentMs, clock.steadyMs(), wallMinusSteadyMs(clock));
    },
  };
}

test("the server clock is unknown before a usable header", () => {
  const offset = measureServerOffset();
  expect(offset.read(0)).toBeNull();
  offset.observe(null, 0, 10, 0);
  offset.observe("yesterday", 0, 10, 0);
  expect(offset.read(10)).toBeNull();
});

test.each([0, 350, -350, 90_000, -HOUR_MS])("a server clock that is %p ms ahead is found within a second", (skewMs) => {
  for (const phaseMs of [0, 400, 999]) {
    const { clock, skew, answer } = measure(skewMs);
    for (let i = 0; i < 40; i += 1) {
      answer(phaseMs);
      expect(Math.abs(skew() - skewMs)).toBeLessThanOrEqual(1_200);
      clock.pass(1_110);
    }
    expect(Math.abs(skew() - skewMs)).toBeLessThanOrEqual(1_000);
  }
});

test.each([600_000, -600_000, -2 * HOUR_MS])(
  "the measurement starts again when the server clock is set by %p ms",
  (ms) => {
    const { clock, server, read, skew, answer } = measure();
    for (let i = 0; i < 10; i += 1) answer();
    clock.pass(30_000);
    server.setMs = ms;
    answer();
    expect(Math.abs(skew() - ms)).toBeLessThan(1_500);
    // An earlier time is believed when an answer to a later request agrees.
    expect(read()?.disputed === null).toBe(ms > 0);
    clock.pass(4_000);
    answer();
    expect(read()?.disputed).toBeNull();
    expect(Math.abs(middleMs(read() ?? { lowMs: 0, highMs: 0 }) - BASE - ms)).toBeLessThan(1_500);
    expect(Math.abs(skew() - ms)).toBeLessThan(1_500);
  },
);

test.each([-HOUR_MS, -700])(
  "a mark is not later than a server clock that was set by %p ms before it, and back before the next answer",
  (ms) => {
    const { clock, server, read, answer } = measure();
    for (let i = 0; i < 40; i += 1) {
      answer();
      clock.pass(1_110);
    }
    server.setMs = ms;
    answer();
    const mark = markServerClock(read, clock);
    const trueUs = (BASE + clock.steadyMs() + ms) * 1000;
    server.setMs = 0;
    answer();
    expect(mark()).toBeLessThanOrEqual(trueUs);
  },
);

test("an old header is neither believed nor relied on until an answer shows whether the server clock was set back", () => {
  const { clock, server, read, skew, answer } = measure();
  for (let i = 0; i < 10; i += 1) answer();
  clock.pass(30_000);
  const mark = markServerClock(read, clock);
  const trueUs = BASE * 1000 + clock.steadyMs() * 1000;
  // The same header for a minute.
  for (let oldMs = 5_000; oldMs < 60_000; oldMs += 1_000) {
    server.setMs = -oldMs;
    answer();
    clock.pass(980);
    const offset = read();
    expect(Math.abs(middleMs(offset ?? { lowMs: 0, highMs: 0 }) - BASE)).toBeLessThan(1_500);
    expect(offset?.disputed).not.toBeNull();
    expect(Math.abs(skew() + oldMs)).toBeLessThan(2_500);
    expect(mark()).toBeLessThanOrEqual(trueUs - oldMs * 1000);
  }
  server.setMs = 0;
  answer();
  expect(read()?.disputed).toBeNull();
  expect(Math.abs(skew())).toBeLessThan(1_500);
});

test("answers to requests that were sent at once do not confirm each other's header", () => {
  const { clock, server, read, answer } = measure();
  answer();
  clock.pass(30_000);
  server.setMs = -20_000;
  for (let i = 0; i < 100; i += 1) answer();
  expect(read()?.disputed).not.toBeNull();
});

test.each([2 * HOUR_MS, -2 * HOUR_MS])(
  "setting the wall clock of this machine by %p ms changes nothing but the skew",
  (ms) => {
    const { clock, read, skew, answer } = measure();
    for (let i = 0; i < 10; i += 1) answer();
    const before = read();
    clock.step(ms);
    expect(read()).toEqual(before);
    expect(Math.abs(skew() + ms)).toBeLessThan(1_500);
  },
);

test("a measurement loses precision with its age", () => {
  const { clock, read, answer } = measure();
  for (let i = 0; i < 10; i += 1) answer();
  const width = () => (read()?.highMs ?? 0) - (read()?.lowMs ?? 0);
  const young = width();
  clock.pass(10 * HOUR_MS);
  expect(width() - young).toBeCloseTo(36_000, 3);
  answer();
  expect(width()).toBeLessThan(2_300);
});

test("a mark gives what the server clock had certainly reached, and nothing without an answer since", () => {
  const { clock, server, read, answer } = measure();
  answer();
  clock.pass(1);
  const mark = markServerClock(read, clock);
  clock.pass(500);
  expect(mark()).toBeNull();
  const trueUs = BASE * 1000 + 21_000;
  answer();
  expect(mark()).toBeLessThanOrEqual(trueUs);
  expect(mark()).toBeGreaterThan(trueUs - 2_800_000);
  server.setMs = HOUR_MS;
  answer();
  expect(mark()).toBeLessThanOrEqual(trueUs);
  server.setMs = -HOUR_MS;
  answer();
  expect(mark()).toBeLessThanOrEqual(trueUs - HOUR_MS * 1000);
});

test("the offset is doubtful once wall clock and steady clock have moved apart, until the next answer", () => {
  for (const move of [
    (clock: SettableClock) => clock.step(HOUR_MS),
    (clock: SettableClock) => clock.step(-HOUR_MS),
    // The wall clock has moved on, and so has the server, but the steady clock has not.
    (clock: SettableClock) => clock.suspendUncounted(HOUR_MS),
  ]) {
    const { clock, read, answer } = measure();
    const isDoubtful = () => {
      const offset = read();
      return offset === null || isOffsetDoubtful(offset, clock);
    };
    answer();
    clock.pass(HOUR_MS);
    expect(isDoubtful()).toBe(false);
    move(clock);
    expect(isDoubtful()).toBe(true);
    answer();
    expect(isDoubtful()).toBe(false);
  }
});

test("the middle of the bounds is the estimate", () => {
  expect(middleMs({ lowMs: -500, highMs: 1_500 })).toBe(500);
});

test("the certain skew is 0 where the clocks may agree, otherwise the lower bound, so that no time lies in the future", () => {
  expect([0, 900, -900, 1_100, -1_100].map((ms) => certainSkewMs(ms))).toEqual([0, 0, 0, 0, 0]);
  expect([1_101, -1_101, 300_000, -5_000].map((ms) => certainSkewMs(ms))).toEqual([1, -2_201, 298_900, -6_100]);
});

test.each([0, 200, 700, 999])(
  "clocks that agree are never said to differ, whatever the phase of the header: %p",
  (phaseMs) => {
    const { clock, skew, answer } = measure();
    for (let i = 0; i < 40; i += 1) {
      answer(phaseMs);
      expect(certainSkewMs(skew())).toBe(0);
      clock.pass(1_110);
    }
  },
);
