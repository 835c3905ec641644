/**
 * Preloaded into the program: its wall clock, and on request its monotonic clock, differ from the machine's by what the file of
 * CLOCK_SHIM_FILE holds: two numbers of eight bytes, milliseconds, which the test changes while the program runs. `bun --preload` does
 * not reach Workers, so `Worker` is replaced by one that preloads this file too.
 */
const file = process.env.CLOCK_SHIM_FILE;
if (file === undefined) throw new Error("CLOCK_SHIM_FILE is not set");
const offsets = new Float64Array(Bun.mmap(file, { shared: true }).buffer);

const wallMs = Date.now.bind(Date);
const monotonicMs = performance.now.bind(performance);
Date.now = () => wallMs() + (offsets[0] ?? 0);
performance.now = () => monotonicMs() + (offsets[1] ?? 0);

const Original = globalThis.Worker;
globalThis.Worker = class extends Original {
  constructor(url: string | URL, options: WorkerOptions = {}) {
    super(url, { ...options, preload: [import.meta.path] });
  }
};
