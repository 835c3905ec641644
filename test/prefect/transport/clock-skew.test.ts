import { expect, test } from "bun:test";
import { certainSkewMs, createClockSkew } from "../../../src/prefect/transport/clock-skew.ts";

const BASE = 1_787_217_300_000;
const httpDate = (ms: number) => new Date(ms).toUTCString();

/** A server whose clock is `skewMs` ahead and whose Date header is updated once a second, `phaseMs` after the full second. */
function serve(skewMs: number, phaseMs: number) {
  return (ourMs: number) => httpDate(Math.floor((ourMs + skewMs - phaseMs) / 1000) * 1000 + phaseMs);
}

test("the skew is unknown before a usable header", () => {
  const skew = createClockSkew();
  expect(skew.read()).toBeNull();
  skew.observe(null, BASE, BASE);
  skew.observe("yesterday", BASE, BASE);
  expect(skew.read()).toBeNull();
});

test.each([0, 350, -350, 90_000, -3_600_000])("a skew of %p ms is found within a second", (skewMs) => {
  for (const phaseMs of [0, 400, 999]) {
    const skew = createClockSkew();
    const date = serve(skewMs, phaseMs);
    for (let i = 0; i < 40; i += 1) {
      const sentMs = BASE + i * 1_130;
      skew.observe(date(sentMs + 10), sentMs, sentMs + 20);
      expect(Math.abs((skew.read() ?? Number.NaN) - skewMs)).toBeLessThanOrEqual(1_200);
    }
    expect(Math.abs((skew.read() ?? Number.NaN) - skewMs)).toBeLessThanOrEqual(1_000);
  }
});

test("the measurement starts again when a clock is changed", () => {
  const skew = createClockSkew();
  skew.observe(httpDate(BASE), BASE, BASE + 5);
  skew.observe(httpDate(BASE + 600_000), BASE + 1_000, BASE + 1_005);
  expect(Math.abs((skew.read() ?? 0) - 599_000)).toBeLessThan(1_500);
});

test("the certain skew is 0 where the clocks may agree, otherwise the bound closest to 0", () => {
  expect([0, 900, -900, 1_100, -1_100].map((ms) => certainSkewMs(ms))).toEqual([0, 0, 0, 0, 0]);
  expect([1_101, -1_101, 300_000, -5_000].map((ms) => certainSkewMs(ms))).toEqual([1, -1, 298_900, -3_900]);
});

test.each([0, 200, 700, 999])(
  "clocks that agree are never said to differ, whatever the phase of the header: %p",
  (phaseMs) => {
    const skew = createClockSkew();
    const date = serve(0, phaseMs);
    for (let i = 0; i < 40; i += 1) {
      const sentMs = BASE + i * 1_130;
      skew.observe(date(sentMs + 10), sentMs, sentMs + 20);
      expect(certainSkewMs(skew.read() ?? Number.NaN)).toBe(0);
    }
  },
);
