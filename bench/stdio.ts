/** The bundled program over stdio: time from spawn to the first answer, and latency of calls. */
import { existsSync, readFileSync } from "node:fs";
import { DAY_US, parseIsoUs } from "../src/lib/time.ts";
import { bareEnv, type Product, startProduct } from "../test/support/process/product.ts";
import { type BenchRecord, playSyncingProcess } from "./bench-record.ts";
import { percentile, quantiles, type Row } from "./figures.ts";

const STARTS = 15;
const CALLS = 1000;
const LIST_AIM = "aim p50 ≤ 0.25, p99 ≤ 3";

export async function measureStdio(bundle: string, record: BenchRecord): Promise<Row[]> {
  const env = { HOME: record.dataDir, PREFECT_API_URL: record.apiUrl, PREFECT_MCP_DATA_DIR: record.dataDir };
  const command = [process.execPath, bundle, "serve"];
  const alive = playSyncingProcess(record);
  try {
    const first: number[] = [];
    for (let start = 0; start < STARTS; start += 1) first.push(await firstAnswer(command, env));
    const bare: number[] = [];
    for (let start = 0; start < STARTS; start += 1) bare.push(await bareStart());
    const product = await startProduct({ command, env });
    const rows = await measureCalls(product, record);
    await product.end();
    return [
      {
        what: "first tool answer after spawn",
        found: `${percentile(first, 0.5).toFixed(0)} ms`,
        aim: "aim ≤ 90 (the peer: 1,853)",
      },
      { what: "  of this, starting bun itself", found: `${percentile(bare, 0.5).toFixed(0)} ms`, aim: "" },
      ...rows,
    ];
  } finally {
    alive.stop();
  }
}

/** From spawn to the answer of `read_events`, the handshake included. */
async function firstAnswer(command: readonly string[], env: Record<string, string>): Promise<number> {
  const from = performance.now();
  const product = await startProduct({ command, env });
  const { isError, text } = await product.call("read_events", { limit: 50 });
  const ms = performance.now() - from;
  if (isError) throw new Error(text);
  await product.end();
  return ms;
}

async function bareStart(): Promise<number> {
  const from = performance.now();
  await Bun.spawn([process.execPath, "-e", "0"], { env: bareEnv(), stdio: ["ignore", "ignore", "ignore"] }).exited;
  return performance.now() - from;
}

async function measureCalls(product: Product, record: BenchRecord): Promise<Row[]> {
  const iso = (us: number) => new Date(us / 1000).toISOString();
  const window = { occurred_after: iso(record.fromUs), occurred_before: iso(record.toUs) };
  const day = { since: iso(record.newestUs - DAY_US), until: iso(record.newestUs) };
  const questions: readonly (readonly [what: string, tool: string, args: (n: number) => object])[] = [
    ["read_events, newest 50", "read_events", () => ({ limit: 50 })],
    [
      "read_events of one run",
      "read_events",
      (n) => ({ flow_run: record.flowRunIds[n % record.flowRunIds.length], limit: 50 }),
    ],
    [
      "read_events, a prefix over 30 days",
      "read_events",
      () => ({ event_type_prefix: "prefect.flow-run.", ...window, limit: 50 }),
    ],
    [
      "read_events, a rare prefix over 30 days",
      "read_events",
      () => ({ event_type_prefix: "ml.model.failed", ...window, limit: 50 }),
    ],
    ["get_dashboard, a day", "get_dashboard", () => day],
    ["get_flow_runs, newest 50", "get_flow_runs", () => ({ limit: 50 })],
  ];
  const rows: Row[] = [];
  for (const [what, tool, args] of questions) {
    const check = await product.call(tool, args(0));
    if (check.isError || check.structured.source !== "record") throw new Error(`${what}: ${check.text}`);
    for (let n = 0; n < 100; n += 1) await product.call(tool, args(n));
    const sample: number[] = [];
    const usedMs = processorMs(product.pid);
    for (let n = 0; n < CALLS; n += 1) {
      const from = performance.now();
      await product.call(tool, args(n));
      sample.push(performance.now() - from);
    }
    const cpu = (processorMs(product.pid) - usedMs) / CALLS;
    const spent = Number.isNaN(cpu) ? "" : `${cpu.toFixed(2)} ms of CPU time; `;
    rows.push({ what, found: quantiles(sample), aim: `${spent}${LIST_AIM}` });
  }
  const newest = await product.call("read_events", { limit: 1 });
  if (parseIsoUs(newest.structured.events?.[0]?.occurred ?? "") === undefined) throw new Error("no newest event");
  return rows;
}

/** CPU time of a process so far; NaN except on Linux. */
function processorMs(pid: number): number {
  const stat = `/proc/${pid}/stat`;
  if (!existsSync(stat)) return Number.NaN;
  const fields = readFileSync(stat, "utf8").split(") ")[1]?.split(" ") ?? [];
  const TICKS_PER_SECOND = 100;
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}
