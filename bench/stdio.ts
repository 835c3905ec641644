/** The program over stdio: time from spawn to the first answer, and latency of calls. */
import { bareEnv, startProduct } from "../test/support/process/product.ts";
import { type BenchRecord, playSyncingProcess } from "./bench-record.ts";
import { callLines, firstAnswer, measureCalls } from "./calls.ts";
import { percentile, printTable, type Row } from "./figures.ts";

const STARTS = 15;

/** `binary`: the compiled program. */
export async function measureStdio(
  bundle: string,
  binary: string,
  record: BenchRecord,
  say: (line: string) => void,
): Promise<void> {
  const env = { HOME: record.dataDir, PREFECT_API_URL: record.apiUrl, PREFECT_MCP_DATA_DIR: record.dataDir };
  const command = [process.execPath, bundle, "serve"];
  const alive = playSyncingProcess(record);
  try {
    printTable("First answer after spawn (p50 of 15)", await measureStarts(command, [binary, "serve"], env));
    await using product = await startProduct({ command, env });
    const lines = callLines(await measureCalls(product, record, say));
    console.log(`\nCalls over stdio, milliseconds\n${lines.map((line) => `  ${line}`).join("\n")}`);
  } finally {
    alive.stop();
  }
}

/** The programs and bare Bun in turn, so that other load meets all of them. */
async function measureStarts(
  bundled: readonly string[],
  compiled: readonly string[],
  env: Record<string, string>,
): Promise<Row[]> {
  const bare: number[] = [];
  const bareCpu: number[] = [];
  const found = { bundled: [] as { ms: number; cpuMs: number }[], compiled: [] as { ms: number; cpuMs: number }[] };
  for (let start = 0; start < STARTS; start += 1) {
    found.bundled.push(await firstAnswer(bundled, env));
    found.compiled.push(await firstAnswer(compiled, env));
    const { ms, cpuMs } = await bareStart();
    bare.push(ms);
    bareCpu.push(cpuMs);
  }
  const floorMs = percentile(bareCpu, 0.5);
  const row = (what: string, sample: readonly { ms: number; cpuMs: number }[], aim: string): Row => {
    const [ms, cpuMs] = [sample.map((one) => one.ms), sample.map((one) => one.cpuMs)].map((all) =>
      percentile(all, 0.5),
    );
    const ratio = ((cpuMs ?? 0) / floorMs).toFixed(0);
    return { what, found: `${ms?.toFixed(0)} ms`, aim: `${cpuMs?.toFixed(0)} ms of CPU, ${ratio} × bare bun; ${aim}` };
  };
  return [
    row("bundle", found.bundled, "aim ≤ 80 ms, 20 ×"),
    row("compiled binary", found.compiled, "aim ≤ 60 ms, 14 ×"),
    {
      what: "bare bun",
      found: `${percentile(bare, 0.5).toFixed(0)} ms`,
      aim: `${floorMs.toFixed(0)} ms of CPU; the floor`,
    },
  ];
}

async function bareStart(): Promise<{ ms: number; cpuMs: number }> {
  const from = performance.now();
  const child = Bun.spawn([process.execPath, "-e", "0"], { env: bareEnv(), stdio: ["ignore", "ignore", "ignore"] });
  await child.exited;
  const { user = 0n, system = 0n } = child.resourceUsage()?.cpuTime ?? {};
  return { ms: performance.now() - from, cpuMs: Number(BigInt(user) + BigInt(system)) / 1000 };
}
