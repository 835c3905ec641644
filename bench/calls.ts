/**
 * Latency of tool calls, as an assistant makes them and as fast as possible, beside an echo of the same bytes:
 *
 * - warm: the same question again and again, without pause;
 * - cold: another question each time, so that its rows were not seen before;
 * - spaced: one call each 100 ms, while another process works between them.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { DAY_US, HOUR_US } from "../src/lib/time.ts";
import type { Product } from "../test/support/process/product.ts";
import { startProduct } from "../test/support/process/product.ts";
import type { BenchRecord } from "./bench-record.ts";
import { percentile } from "./figures.ts";

interface Question {
  readonly what: string;
  readonly tool: string;
  /** `n` chooses the rows of a cold question. */
  args(n: number): object;
  /** Aim for the warm p50, milliseconds. */
  readonly aimMs: number;
}

const WARM_CALLS = 400;
const COLD_CALLS = 60;
const SPACED_CALLS = 30;
const SPACE_MS = 100;
/** A slower question is asked less often. */
const BUDGET_MS = 4_000;

export interface MeasuredCalls {
  readonly what: string;
  readonly aimMs: number;
  readonly warm: readonly number[];
  readonly cold: readonly number[];
  readonly spaced: readonly number[];
  /** Milliseconds of CPU time of the thread that answers, for each warm call. */
  readonly cpuMs: number;
  readonly echo: readonly number[];
  /** The echo of the same bytes, spaced as the calls are. */
  readonly spacedEcho: readonly number[];
  /** Requests to Prefect of all these calls. */
  readonly requests: number;
  readonly bytes: number;
}

const iso = (us: number) => new Date(us / 1000).toISOString();

/** The questions of the table. Words and ids are of the generated workspace. */
export function questions(record: BenchRecord): readonly Question[] {
  const { fromUs, toUs, newestUs, flowRunIds, longLogId } = record;
  const window = (n: number) => ({ occurred_after: iso(fromUs + n * 1_000_000), occurred_before: iso(toUs) });
  const run = (n: number) => flowRunIds[n % flowRunIds.length];
  const day = (n: number) => ({ since: iso(newestUs - DAY_US - n * HOUR_US), until: iso(newestUs - n * HOUR_US) });
  const before = (n: number) => (n === 0 ? {} : { occurred_before: iso(newestUs - n * HOUR_US) });
  const words = ["otter", "heron", "lion", "amber", "wapiti", "mellow", "finance", "prod", "timeout", "etl"];
  return [
    { what: "read_events, 50", tool: "read_events", args: (n) => ({ limit: 50, ...before(n) }), aimMs: 0.25 },
    { what: "read_events of a run", tool: "read_events", args: (n) => ({ flow_run: run(n), limit: 50 }), aimMs: 0.5 },
    {
      what: "read_events, prefix, 30 days",
      tool: "read_events",
      args: (n) => ({ event_type_prefix: "prefect.flow-run.", ...window(0), ...before(n), limit: 50 }),
      aimMs: 0.5,
    },
    {
      what: "read_events, rare prefix, 30 days",
      tool: "read_events",
      args: (n) => ({ event_type_prefix: "ml.model.failed", ...window(n), limit: 50 }),
      aimMs: 2,
    },
    { what: "get_dashboard, a day", tool: "get_dashboard", args: day, aimMs: 0.3 },
    { what: "get_flow_runs, 50", tool: "get_flow_runs", args: (n) => ({ limit: 50 - (n % 20) }), aimMs: 0.5 },
    { what: "get_task_runs, 50", tool: "get_task_runs", args: (n) => ({ limit: 50 - (n % 20) }), aimMs: 0.5 },
    { what: "get_timeline of a run", tool: "get_timeline", args: (n) => ({ flow_run: run(n) }), aimMs: 0.5 },
    {
      what: "get_flow_run_logs, 100 of 100,000 lines",
      tool: "get_flow_run_logs",
      args: (n) => ({ flow_run: longLogId, limit: 100 - (n % 50) }),
      aimMs: 0.5,
    },
    { what: "get_deployments", tool: "get_deployments", args: () => ({}), aimMs: 0.5 },
    {
      what: "aggregate_events by time, 30 days",
      tool: "aggregate_events",
      args: (n) => ({ ...window(n), by: "time" }),
      aimMs: 1,
    },
    {
      what: "aggregate_events by event, 30 days",
      tool: "aggregate_events",
      args: (n) => ({ ...window(n), by: "event" }),
      aimMs: 1,
    },
    { what: "diagnose", tool: "diagnose", args: () => ({}), aimMs: 5 },
    { what: "search, a word", tool: "search", args: (n) => ({ query: words[n % words.length] }), aimMs: 2 },
    {
      what: "search, a part of a word",
      tool: "search",
      args: (n) => ({ query: `*apit*${"x".repeat(n % 3)}` }),
      aimMs: 5,
    },
  ];
}

/** Asks everything of one process. `say` reports what is measured. */
export async function measureCalls(
  product: Product,
  record: BenchRecord,
  say: (line: string) => void,
): Promise<MeasuredCalls[]> {
  await using echo = startEcho();
  using prefect = countRequests(record.apiUrl);
  const measured: MeasuredCalls[] = [];
  for (const question of questions(record)) {
    say(`${question.what} …`);
    const before = prefect.count();
    const found = await measureQuestion(product, echo, question);
    measured.push({ ...found, requests: prefect.count() - before });
  }
  return measured;
}

async function measureQuestion(product: Product, echo: Echo, { what, tool, args, aimMs }: Question) {
  const timed = async (n: number): Promise<number> => {
    const from = performance.now();
    await product.call(tool, args(n));
    return performance.now() - from;
  };
  const check = await product.call(tool, args(0));
  if (check.isError || check.structured.source !== "record") throw new Error(`${what}: ${check.text}`);
  // Cold questions come first: those that follow would find the rows of the warm ones.
  const cold: number[] = [];
  for (let n = 1; n <= COLD_CALLS && sumOf(cold) < BUDGET_MS; n += 1) cold.push(await timed(n));
  const bytes = Buffer.byteLength(JSON.stringify(check.structured)) + Buffer.byteLength(check.text);
  const line = JSON.stringify("x".repeat(bytes));
  for (let n = 0; n < 50; n += 1) if ((await timed(0)) > 50) break;
  const warm: number[] = [];
  const floor: number[] = [];
  const usedMs = answeringMs(product.pid);
  while (warm.length < WARM_CALLS && sumOf(warm) < BUDGET_MS) {
    warm.push(await timed(0));
    floor.push(await echo.send(line));
  }
  const cpuMs = (answeringMs(product.pid) - usedMs) / warm.length;
  const spaced: number[] = [];
  const spacedEcho: number[] = [];
  for (let n = 0; n < SPACED_CALLS; n += 1) {
    workElsewhere();
    await Bun.sleep(SPACE_MS);
    spaced.push(await timed(0));
    workElsewhere();
    await Bun.sleep(SPACE_MS);
    spacedEcho.push(await echo.send(line));
  }
  return { what, aimMs, warm, cold, spaced, cpuMs, echo: floor, spacedEcho, bytes };
}

/** A Prefect that refuses and counts every request: a question that the record covers makes none. */
function countRequests(apiUrl: string): Disposable & { count(): number } {
  let count = 0;
  const { hostname, port } = new URL(apiUrl);
  const fetch = () => {
    count += 1;
    return new Response("the benchmark has no Prefect", { status: 503 });
  };
  const server = Bun.serve({ hostname, port: Number(port), fetch });
  return { count: () => count, [Symbol.dispose]: () => void server.stop(true) };
}

function sumOf(sample: readonly number[]): number {
  return sample.reduce((sum, ms) => sum + ms, 0);
}

/** Replaces what the processor's caches hold, as the assistant's own work between two calls does. */
function workElsewhere(): void {
  const values = new Float64Array(4 * 1024 * 1024);
  for (let n = 0; n < values.length; n += 1) values[n] = n;
}

/** CPU time of the main thread so far; NaN except on Linux. */
function answeringMs(pid: number): number {
  return nanoseconds(`/proc/${pid}/task/${pid}/schedstat`) / 1e6;
}

/** CPU time of all threads of a process so far. */
export function processorMs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return Number.NaN;
  return readdirSync(tasks).reduce((sum, task) => sum + nanoseconds(`${tasks}/${task}/schedstat`), 0) / 1e6;
}

function nanoseconds(file: string): number {
  return existsSync(file) ? Number(readFileSync(file, "utf8").split(" ")[0]) : Number.NaN;
}

interface Echo extends AsyncDisposable {
  /** Milliseconds until the line has come back. */
  send(line: string): Promise<number>;
}

const ECHO =
  "const out = Bun.stdout.writer(); for await (const part of Bun.stdin.stream()) { out.write(part); await out.flush(); }";

/** A process that returns what it gets: the least that any server in this runtime needs for the same bytes. */
function startEcho(): Echo {
  const child = Bun.spawn([process.execPath, "-e", ECHO], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.getReader();
  return {
    async send(line) {
      const from = performance.now();
      child.stdin.write(`${line}\n`);
      await child.stdin.flush();
      for (let left = line.length + 1; left > 0; ) {
        const { value, done } = await reader.read();
        if (done) throw new Error("the echo ended");
        left -= value.length;
      }
      return performance.now() - from;
    },
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

/** The table of `measureCalls`: p50 / p99 in milliseconds. */
export function callLines(measured: readonly MeasuredCalls[]): string[] {
  const head = [
    "question",
    "warm p50/p99",
    "cold p50/p99",
    "spaced p50/p99",
    "CPU",
    "echo p50",
    "warm/echo",
    "spaced/echo",
    "requests",
    "KB",
    "aim",
  ];
  const rows = measured.map(({ what, warm, cold, spaced, cpuMs, echo, spacedEcho, requests, bytes, aimMs }) => [
    what,
    pair(warm),
    pair(cold),
    pair(spaced),
    cpuMs.toFixed(2),
    percentile(echo, 0.5).toFixed(2),
    (percentile(warm, 0.5) / percentile(echo, 0.5)).toFixed(1),
    (percentile(spaced, 0.5) / percentile(spacedEcho, 0.5)).toFixed(1),
    String(requests),
    (bytes / 1024).toFixed(0),
    `≤ ${aimMs}`,
  ]);
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join("  "),
  );
}

function pair(sample: readonly number[]): string {
  return `${percentile(sample, 0.5).toFixed(2)}/${percentile(sample, 0.99).toFixed(2)}`;
}

/** From spawn to the answer of the first call, the handshake included: milliseconds, and CPU time of all threads. */
export async function firstAnswer(
  command: readonly string[],
  env: Record<string, string>,
): Promise<{ ms: number; cpuMs: number }> {
  const from = performance.now();
  const product = await startProduct({ command, env });
  const { isError, text } = await product.call("read_events", { limit: 50 });
  const ms = performance.now() - from;
  const cpuMs = processorMs(product.pid);
  if (isError) throw new Error(text);
  await product.end();
  return { ms, cpuMs };
}
