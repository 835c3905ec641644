import { describe, expect, test } from "bun:test";
import { createClock, markMoment, systemClock } from "../../src/lib/clock.ts";

const HOUR_MS = 3_600_000;
/** The uptime has whole seconds. */
const BOOT_TOLERANCE_US = 2_000_000;
const START_MS = 1_787_217_300_000;

/** A machine whose clocks are moved by hand. `countsSuspends`: whether its monotonic clock does. */
function aMachine(countsSuspends = false) {
  const at = { trueMs: 0, setMs: 0, stoodMs: 0 };
  const clock = createClock({
    wallMs: () => Math.floor(START_MS + at.trueMs + at.setMs),
    monotonicMs: () => at.trueMs - at.stoodMs,
    uptimeS: () => Math.ceil((at.trueMs + 500_123.4) / 1000),
  });
  const trueUs = () => (START_MS + at.trueMs + at.setMs) * 1000;
  return {
    clock,
    trueUs,
    pass(ms: number) {
      at.trueMs += ms;
    },
    step(ms: number) {
      at.setMs += ms;
    },
    suspend(ms: number) {
      at.trueMs += ms;
      if (!countsSuspends) at.stoodMs += ms;
    },
  };
}

describe("the wall clock", () => {
  test("has microseconds and follows the machine's clock within 3 ms", () => {
    const machine = aMachine();
    const first = machine.clock.nowUs();
    machine.pass(0.25);
    expect(machine.clock.nowUs() - first).toBe(250);
    for (let second = 0; second < 600; second += 1) {
      machine.pass(1_000);
      // Slewed by NTP as fast as the kernel allows without setting it.
      machine.step(-0.5);
      expect(Math.abs(machine.clock.nowUs() - machine.trueUs())).toBeLessThanOrEqual(3_000);
    }
  });

  test.each([2 * HOUR_MS, -2 * HOUR_MS, 5_000, -50])("follows at once when it is set by %p ms", (ms) => {
    const machine = aMachine();
    machine.clock.nowUs();
    machine.pass(10_000);
    machine.step(ms);
    expect(Math.abs(machine.clock.nowUs() - machine.trueUs())).toBeLessThanOrEqual(3_000);
  });

  test("follows after a suspend", () => {
    const machine = aMachine();
    machine.clock.nowUs();
    machine.suspend(7 * HOUR_MS);
    expect(Math.abs(machine.clock.nowUs() - machine.trueUs())).toBeLessThanOrEqual(3_000);
  });

  test("is the machine's own", () => {
    expect(Math.abs(systemClock.nowUs() / 1000 - Date.now())).toBeLessThan(1_000);
    expect(Number.isSafeInteger(systemClock.nowUs())).toBe(true);
  });
});

describe("the steady clock", () => {
  test.each([2 * HOUR_MS, -2 * HOUR_MS])("does not change when the wall clock is set by %p ms", (ms) => {
    const machine = aMachine();
    const before = machine.clock.steadyMs();
    machine.step(ms);
    expect(machine.clock.steadyMs()).toBe(before);
    machine.pass(1_500);
    expect(machine.clock.steadyMs() - before).toBe(1_500);
  });

  test.each([false, true])("counts a suspend, whether the system does (%p) or not", (countsSuspends) => {
    const machine = aMachine(countsSuspends);
    const before = machine.clock.steadyMs();
    machine.pass(300);
    machine.suspend(HOUR_MS);
    const ageMs = machine.clock.steadyMs() - before;
    expect(ageMs).toBeGreaterThanOrEqual(HOUR_MS - 2_000);
    expect(ageMs).toBeLessThanOrEqual(HOUR_MS + 300);
  });

  test("counts a suspend after which the wall clock was set back by the same time", () => {
    const machine = aMachine();
    const before = machine.clock.steadyMs();
    machine.suspend(HOUR_MS);
    machine.step(-HOUR_MS);
    machine.pass(1_000);
    expect(machine.clock.steadyMs() - before).toBeGreaterThanOrEqual(HOUR_MS - 2_000);
  });
});

describe("a marked moment", () => {
  test.each([
    ["not at all", 0, 0],
    ["back", -2 * HOUR_MS, -2 * HOUR_MS],
    ["forward: then it is too early, never too late", 2 * HOUR_MS, 0],
  ])("is what the wall clock, set %s, would have shown", (_how, setMs, shiftMs) => {
    const machine = aMachine();
    const before = machine.clock.nowUs();
    const momentUs = markMoment(machine.clock);
    machine.pass(20_000);
    machine.step(setMs);
    expect(Math.abs(momentUs() - before - shiftMs * 1000)).toBeLessThanOrEqual(3_000);
  });
});

describe("the moment at which the machine was started", () => {
  test("changes with the wall clock, not with time nor a suspend", () => {
    const machine = aMachine();
    const before = machine.clock.bootedUs();
    machine.pass(12_345);
    machine.suspend(3 * HOUR_MS);
    expect(Math.abs(machine.clock.bootedUs() - before)).toBeLessThan(BOOT_TOLERANCE_US);
    machine.step(-4_000);
    expect(machine.clock.bootedUs() - before).toBeLessThan(-BOOT_TOLERANCE_US);
  });
});
