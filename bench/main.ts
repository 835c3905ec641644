/**
 * `bun run bench [stdio|rss|http|ingest|stall|peer …]`: measures and prints tables with their conditions. Without names: all but `peer`.
 *
 *     bun run bench                     on a record of a million events, about eight minutes
 *     bun run bench stdio --size 100k   only these, on a smaller record
 *     bun run bench --size 10m          on ten million events, which are generated first
 *     bun run bench peer                beside the official server, which is installed first
 */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { cpus, loadavg, release, tmpdir, totalmem, type } from "node:os";
import { basename, join } from "node:path";
import { buildBundle } from "../scripts/build.ts";
import { startReplayServer } from "../src/demo/replay-server.ts";
import { startProduct } from "../test/support/process/product.ts";
import { type BenchRecord, benchRecord } from "./bench-record.ts";
import { questions } from "./calls.ts";
import { megabytes, printTable, type Row } from "./figures.ts";
import { measureHttp, measureTenants } from "./http.ts";
import { measureIngest } from "./ingest.ts";
import { measurePeer } from "./peer.ts";
import { measureStall } from "./stall.ts";
import { measureStdio } from "./stdio.ts";

const ROOT = join(import.meta.dir, "..");
const SECTIONS = ["stdio", "rss", "http", "ingest", "stall", "peer"] as const;
const SIZES: Readonly<Record<string, number>> = { "100k": 100_000, "1m": 1_000_000, "10m": 10_000_000 };
/** Port of the benchmark's own Prefect. It is fixed because the name of the record depends on the URL. */
const PORT = 42_873;
const API_URL = `http://127.0.0.1:${PORT}/api`;

const REST_MS = 30_000;

const args = process.argv.slice(2);
const size = args.includes("--size") ? (args[args.indexOf("--size") + 1] ?? "") : "1m";
const events = SIZES[size] ?? Number.NaN;
if (Number.isNaN(events)) throw new Error(`--size is one of ${Object.keys(SIZES).join(", ")}`);
const asked = args.filter((arg, at) => !arg.startsWith("--") && args[at - 1] !== "--size");
const unknown = asked.find((name) => !SECTIONS.some((section) => section === name));
if (unknown) throw new Error(`there is no section "${unknown}": ${SECTIONS.join(", ")}`);
const wanted = (section: (typeof SECTIONS)[number]) =>
  asked.length === 0 ? section !== "peer" : asked.includes(section);
const tmp = join(ROOT, ".tmp");
mkdirSync(tmp, { recursive: true });
const say = (line: string) => console.error(`  ${line}`);

function conditions(): string[] {
  const [cpu] = cpus();
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  return [
    `prefect-mcp-bun ${version}, bun ${Bun.version}, ${type()} ${release()}, ${process.arch}`,
    `${cpus().length} × ${cpu?.model.trim()}, ${megabytes(totalmem())}, load ${loadavg()
      .map((load) => load.toFixed(1))
      .join(" ")}`,
    `${new Date().toISOString()}, ${events.toLocaleString("en-US")} recorded events, generated like real ones (bench/synthetic-events.ts)`,
  ];
}

/** Memory of an idle process that answers and syncs, with the demo's Prefect, on a copy of the record. */
async function measureMemory(bundle: string, held: BenchRecord): Promise<Row[]> {
  const dataDir = mkdtempSync(join(tmp, "bench-rss-"));
  copyFileSync(held.file, join(dataDir, basename(held.file)));
  const server = await startReplayServer({ port: PORT });
  const env = { HOME: dataDir, PREFECT_API_URL: held.apiUrl, PREFECT_MCP_DATA_DIR: dataDir };
  const product = await startProduct({ command: [process.execPath, bundle, "serve"], env });
  try {
    for (let n = 0; n < 20; n += 1) await product.call("read_events", { limit: 50 });
    await Bun.sleep(REST_MS);
    const afterOne = residentSize(product.pid);
    for (const { tool, args } of questions(held)) await product.call(tool, args(0));
    await Bun.sleep(REST_MS);
    return [
      { what: "RSS, syncing, after 20 calls of one tool", found: afterOne, aim: "" },
      { what: "RSS, syncing, after all questions", found: residentSize(product.pid), aim: "aim ≤ 90 MB" },
    ];
  } finally {
    await product.end();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function residentSize(pid: number): string {
  const status = Bun.spawnSync(["ps", "-o", "rss=", "-p", String(pid)]).stdout.toString();
  return megabytes(Number(status.trim()) * 1024);
}

function measureStorage(): Row[] {
  const folder = mkdtempSync(join(tmpdir(), "bench-ingest-"));
  const file = join(folder, "record.sqlite");
  const common = { file, events, batch: 200, fold: true };
  try {
    const withText = measureIngest({ ...common, text: true }, say);
    const without = measureIngest({ ...common, text: false }, say);
    const rate = (perSecond: number) => `${Math.round(perSecond).toLocaleString("en-US")}/s`;
    return [
      {
        what: "ingest, batches of 200, text index",
        found: rate(withText.perSecondAtEnd),
        aim: "last tenth; aim ≥ 18,000/s at 1m, 12,000/s at 10m",
      },
      { what: "ingest without text index", found: rate(without.perSecondAtEnd), aim: "last tenth" },
      { what: "duplicates skipped", found: rate(withText.duplicatesPerSecond), aim: "" },
      { what: "slowest batch", found: `${withText.slowestBatchMs.toFixed(0)} ms`, aim: "a checkpoint; in the Worker" },
      { what: "bytes per event without text index", found: `${without.bytesPerEvent.toFixed(0)} B`, aim: "aim ≤ 420" },
      { what: "bytes per event with text index", found: `${withText.bytesPerEvent.toFixed(0)} B`, aim: "aim ≤ 460" },
      { what: "  JSON of an event", found: `${withText.jsonBytesPerEvent.toFixed(0)} B`, aim: "" },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The program as one file that holds Bun. */
function compile(): string {
  const target = join(tmp, "bench-binary");
  const command = [
    process.execPath,
    "build",
    "--compile",
    "--bytecode",
    "--minify",
    "src/main.ts",
    `--outfile=${target}`,
  ];
  const { exitCode, stderr } = Bun.spawnSync(command, { cwd: ROOT });
  if (exitCode !== 0) throw new Error(stderr.toString());
  return target;
}

for (const line of conditions()) console.log(line);
if (wanted("stdio") || wanted("rss") || wanted("http")) {
  const bundle = await buildBundle(join(tmp, "bench-dist"));
  const held = benchRecord(ROOT, events, API_URL, say);
  say(`bundle ${(statSync(bundle).size / 1024).toFixed(0)} KiB, record ${megabytes(statSync(held.file).size)}`);
  if (wanted("stdio")) await measureStdio(bundle, compile(), held, say);
  if (wanted("rss")) printTable("Memory", await measureMemory(bundle, held));
  if (wanted("http")) {
    printTable("Over HTTP (p50 / p99; the callers run on the same machine)", await measureHttp(bundle, held));
    printTable("Tenants", await measureTenants(bundle));
  }
}
if (wanted("ingest")) printTable("Ingest", measureStorage());
if (wanted("stall")) {
  const folder = mkdtempSync(join(tmpdir(), "bench-stall-"));
  printTable("While events come in", await measureStall(folder));
  rmSync(folder, { recursive: true, force: true });
}
if (wanted("peer")) printTable("Beside the official server (median of 5 calls)", await measurePeer(ROOT, say));
console.log(`\nload afterwards ${loadavg()[0]?.toFixed(1)}`);
