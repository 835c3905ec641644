/**
 * The main thread while 5,000 events a second arrive: delay of a 2 ms timer, and latency of reads. The program runs in a process
 * of its own (this file again, with arguments); the events come from the process of the benchmark.
 */
import { join } from "node:path";
import { openApp } from "../src/app/app.ts";
import { fixedSettings } from "../src/app/settings-source.ts";
import { VERSION } from "../src/app/version.ts";
import { loadSettings } from "../src/config/load-settings.ts";
import { systemClock } from "../src/lib/clock.ts";
import { silentLogger } from "../src/lib/logger.ts";
import { callTool } from "../src/mcp/guard.ts";
import { readEventsTool } from "../src/tools/events/read-events.ts";
import { getRecordStatusTool } from "../src/tools/workspace/get-record-status.ts";
import { percentile, quantiles, type Row } from "./figures.ts";
import { startFloodServer } from "./flood-server.ts";

const RATE = 5000;
const SECONDS = 15;
const TIMER_MS = 2;
const READ_EVERY_MS = 5;

interface Stall {
  readonly latenessMs: readonly number[];
  readonly readMs: readonly number[];
}

export async function measureStall(folder: string): Promise<Row[]> {
  const server = startFloodServer();
  try {
    const command = [process.execPath, import.meta.path, server.url, folder];
    const child = Bun.spawn(command, { env: { ...process.env, HOME: folder }, stdio: ["pipe", "pipe", "inherit"] });
    const lines = readLines(child.stdout);
    await lines.next();
    const idle: Stall = JSON.parse((await lines.next()).value ?? "{}");
    server.flow(RATE);
    startNextPart(child);
    const busy: Stall = JSON.parse((await lines.next()).value ?? "{}");
    server.flow(0);
    startNextPart(child);
    const held: number = JSON.parse((await lines.next()).value ?? "0");
    await child.stdin.end();
    await child.exited;
    const stall = (sample: readonly number[]) =>
      `${percentile(sample, 0.99).toFixed(1)} / ${Math.max(...sample).toFixed(1)} ms`;
    return [
      { what: `loop stall p99 / max under ${RATE} events/s`, found: stall(busy.latenessMs), aim: "aim p99 ≤ 10" },
      { what: "  the same without events", found: stall(idle.latenessMs), aim: "" },
      { what: "  reads meanwhile, newest 50", found: quantiles(busy.readMs), aim: "" },
      { what: "  events stored of those published", found: `${held} of ${server.published}`, aim: "" },
    ];
  } finally {
    server.stop();
  }
}

/** The child waits for a line before each part. */
function startNextPart(child: { readonly stdin: Bun.FileSink }): void {
  child.stdin.write("go\n");
  child.stdin.flush();
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + new TextDecoder().decode(chunk)).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}

/** The process of the program under test. */
async function runChild(apiUrl: string, folder: string): Promise<void> {
  // Events that the websocket loses under this load are read over REST; the default request budget would slow that down.
  const flags = {
    "api-url": apiUrl,
    "data-dir": folder,
    "log-level": "silent",
    PREFECT_MCP_REQUESTS_PER_MINUTE: "60000",
  };
  const settings = fixedSettings(
    loadSettings({ flags, env: {}, cwd: folder, home: folder, platform: process.platform }),
  );
  const entry = join(import.meta.dir, "..", "src", "main.ts");
  await using app = openApp({ settings, entry, version: VERSION, clock: systemClock, logger: silentLogger });
  app.follow();
  await systemClock.sleep(3000);
  const commands = readLines(Bun.stdin.stream());
  const signal = new AbortController().signal;
  const read = () => callTool(app, readEventsTool, { limit: 50 }, { signal, progress: () => {} });
  const held = async () => {
    const { structuredContent } = await callTool(app, getRecordStatusTool, {}, { signal, progress: () => {} });
    return Number(structuredContent.events ?? 0);
  };
  console.log("ready");
  console.log(JSON.stringify(await watch(5, read)));
  await commands.next();
  await systemClock.sleep(2000);
  console.log(JSON.stringify(await watch(SECONDS, read)));
  await commands.next();
  console.log(await settled(held));
}

/** The count, once it has not changed for 15 s. */
async function settled(count: () => Promise<number>): Promise<number> {
  for (let before = -1; ; ) {
    const now = await count();
    if (now === before) return now;
    before = now;
    await systemClock.sleep(15_000);
  }
}

async function watch(seconds: number, read: () => Promise<unknown>): Promise<Stall> {
  const latenessMs: number[] = [];
  const readMs: number[] = [];
  const endMs = performance.now() + seconds * 1000;
  let dueMs = performance.now() + TIMER_MS;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    latenessMs.push(Math.max(0, nowMs - dueMs));
    dueMs = nowMs + TIMER_MS;
  }, TIMER_MS);
  while (performance.now() < endMs) {
    const from = performance.now();
    await read();
    readMs.push(performance.now() - from);
    await systemClock.sleep(READ_EVERY_MS);
  }
  clearInterval(timer);
  return { latenessMs, readMs };
}

if (import.meta.main) {
  const [apiUrl = "", folder = ""] = process.argv.slice(2);
  await runChild(apiUrl, folder);
}
