import { expect } from "bun:test";

const TIMES_LARGER = 8;
/** Linear work takes 8 times as long for 8 times the size, quadratic work 64 times. */
const MOST_TIMES = 24;
const RUNS = 3;
/** Processor time is counted in steps of up to 10 ms, so the work is repeated until this much is used. */
const LEAST_MICROSECONDS = 60_000;

/**
 * Fails when `work` takes more than proportionally longer for a larger size. Compares processor time of this thread, the least of
 * several measurements each, so that it does not matter how fast the machine is and what else it does.
 */
export function expectLinear(work: (size: number) => void, size: number): void {
  const small = leastMicroseconds(() => work(size));
  const large = leastMicroseconds(() => work(size * TIMES_LARGER));
  expect(large / small).toBeLessThan(MOST_TIMES);
}

function leastMicroseconds(work: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run += 1) {
    const before = process.threadCpuUsage();
    let used = 0;
    let times = 0;
    while (used < LEAST_MICROSECONDS) {
      work();
      times += 1;
      const { user, system } = process.threadCpuUsage(before);
      used = user + system;
    }
    least = Math.min(least, used / times);
  }
  return least;
}
