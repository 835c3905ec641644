/** How the work of a pass grows with its input: processor time of this thread, so that it does not matter what else the machine does. */

const TIMES_LARGER = 4;
/** Linear work takes 4 times as long for 4 times the size, quadratic work 16 times. */
export const MOST_TIMES = 9;
/** Work on the larger input that takes less than this is not measured further. */
const LEAST_MS = 8;
/** Processor time is counted in steps of up to 10 ms, so work is repeated until this much is used. */
const MEASURED_US = 30_000;
const TRIES = 3;

export interface Growth {
  /** How many times as long the larger input takes; 1 when it takes too little time to tell. */
  readonly times: number;
  /** Microseconds for each character of the larger input. */
  readonly usPerChar: number;
}

async function leastUs(work: () => unknown): Promise<number> {
  const before = process.threadCpuUsage();
  for (let times = 1; ; times += 1) {
    await work();
    const { user, system } = process.threadCpuUsage(before);
    if (user + system >= MEASURED_US) return (user + system) / times;
  }
}

/** The growth from the size to four times the size; where that is too much, from there on, because a cache may have become too small. */
export async function growthOf<Input>(
  make: (size: number) => Input,
  run: (input: Input) => unknown,
  size: number,
): Promise<Growth> {
  const first = await leastGrowth(make, run, size);
  return first.times > MOST_TIMES ? leastGrowth(make, run, size * TIMES_LARGER) : first;
}

/** The least growth of several tries. */
async function leastGrowth<Input>(
  make: (size: number) => Input,
  run: (input: Input) => unknown,
  size: number,
): Promise<Growth> {
  const [small, large] = [make(size), make(size * TIMES_LARGER)];
  await run(small);
  const startMs = performance.now();
  await run(large);
  const wallMs = performance.now() - startMs;
  const chars = size * TIMES_LARGER;
  if (wallMs < LEAST_MS) return { times: 1, usPerChar: (wallMs * 1_000) / chars };
  let growth: Growth = { times: Number.POSITIVE_INFINITY, usPerChar: Number.POSITIVE_INFINITY };
  for (let attempt = 0; attempt < TRIES && growth.times > MOST_TIMES; attempt += 1) {
    const [less, more] = [await leastUs(() => run(small)), await leastUs(() => run(large))];
    const times = less > 0 ? more / less : 1;
    if (times < growth.times) growth = { times, usPerChar: Math.min(growth.usPerChar, more / chars) };
  }
  return growth;
}
