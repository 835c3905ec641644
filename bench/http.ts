/** The bundled program under `serve --http`: requests per second, latency, idle subscriptions, memory per tenant. */
import { readFileSync } from "node:fs";
import { startReplayServer } from "../src/demo/replay-server.ts";
import { postModern } from "../test/mcp/http/http-harness.ts";
import { type HttpProduct, startHttpProduct } from "../test/mcp/http/http-product.ts";
import { type BenchRecord, playSyncingProcess } from "./bench-record.ts";
import { megabytes, quantiles, type Row } from "./figures.ts";

const WARM_MS = 1_000;
const MEASURE_MS = 4_000;
const SUBSCRIPTIONS = 1_000;
const TENANTS = 8;

export async function measureHttp(bundle: string, record: BenchRecord): Promise<Row[]> {
  const alive = playSyncingProcess(record);
  const command = [process.execPath, bundle];
  const env = { PREFECT_API_URL: record.apiUrl, PREFECT_MCP_DATA_DIR: record.dataDir, PREFECT_MCP_LOG_LEVEL: "warn" };
  const product = await startHttpProduct({ command, env });
  try {
    const rows: Row[] = [];
    for (const callers of [1, 16, 64]) rows.push(await measureCallers(product, callers));
    return [...rows, ...(await measureSubscriptions(product))];
  } finally {
    await product.stop();
    alive.stop();
  }
}

async function ask(
  product: HttpProduct,
  name: string,
  args: object,
  headers: Record<string, string> = {},
): Promise<string> {
  const response = await postModern(product.url, "tools/call", { name, arguments: args }, { headers });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${response.status}: ${text.slice(0, 300)}`);
  return text;
}

async function measureCallers(product: HttpProduct, callers: number): Promise<Row> {
  const check = await ask(product, "read_events", { limit: 50 });
  if (!check.includes('"source":"record"')) throw new Error(check.slice(0, 300));
  const sample: number[] = [];
  const startMs = performance.now();
  const loop = async () => {
    for (;;) {
      const from = performance.now();
      if (from - startMs > WARM_MS + MEASURE_MS) return;
      await ask(product, "read_events", { limit: 50 });
      if (from - startMs > WARM_MS) sample.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: callers }, loop));
  const perSecond = Math.round(sample.length / (MEASURE_MS / 1000)).toLocaleString("en-US");
  return {
    what: `read_events, newest 50, ${callers} caller${callers > 1 ? "s" : ""}`,
    found: `${quantiles(sample)}`,
    aim: `${perSecond}/s${callers === 16 ? "; aim ≥ 3,000/s" : ""}${callers === 1 ? "; aim p50 ≤ 0.5" : ""}`,
  };
}

/** Memory and CPU time of streams without events. */
async function measureSubscriptions(product: HttpProduct): Promise<Row[]> {
  const stop = new AbortController();
  const before = resident(product.pid);
  for (let opened = 0; opened < SUBSCRIPTIONS; opened += 50) {
    await Promise.all(Array.from({ length: 50 }, () => subscribe(product, stop.signal)));
  }
  await Bun.sleep(1_000);
  const after = resident(product.pid);
  const busyBefore = cpuSeconds(product.pid);
  await Bun.sleep(10_000);
  const busy = ((cpuSeconds(product.pid) - busyBefore) / 10) * 100;
  const sample: number[] = [];
  for (let n = 0; n < 300; n += 1) {
    const from = performance.now();
    await ask(product, "read_events", { limit: 50 });
    sample.push(performance.now() - from);
  }
  stop.abort();
  return [
    {
      what: `${SUBSCRIPTIONS} idle subscriptions`,
      found: `+${megabytes(after - before)}`,
      aim: `${busy.toFixed(1)} % of a core`,
    },
    { what: "  read_events beside them", found: quantiles(sample), aim: "" },
  ];
}

async function subscribe(product: HttpProduct, signal: AbortSignal): Promise<void> {
  const notifications = { resourceSubscriptions: ["prefect://dashboard"] };
  const response = await postModern(product.url, "subscriptions/listen", { notifications }, { signal });
  if (response.status !== 200) throw new Error(`a subscription was answered ${response.status}`);
}

/** Callers with different Prefects: here one demo workspace with several keys. */
export async function measureTenants(bundle: string): Promise<Row[]> {
  const server = await startReplayServer({ port: 0 });
  const product = await startHttpProduct({
    command: [process.execPath, bundle],
    env: { PREFECT_API_URL: server.url, PREFECT_MCP_LOG_LEVEL: "warn" },
  });
  try {
    await ask(product, "get_dashboard", {});
    await Bun.sleep(10_000);
    const before = resident(product.pid);
    for (let n = 0; n < TENANTS; n += 1) {
      await ask(
        product,
        "get_dashboard",
        {},
        { "x-prefect-api-url": server.url, "x-prefect-api-key": `pnu_tenant_${n}` },
      );
    }
    await Bun.sleep(20_000);
    const each = (resident(product.pid) - before) / TENANTS;
    return [{ what: "a tenant that syncs", found: `+${megabytes(each)}`, aim: `of ${TENANTS}, settled for 20 s` }];
  } finally {
    await product.stop();
    await server.stop();
  }
}

function resident(pid: number): number {
  return (
    Number(
      Bun.spawnSync(["ps", "-o", "rss=", "-p", String(pid)])
        .stdout.toString()
        .trim(),
    ) * 1024
  );
}

/** User and system time so far, from /proc: `ps` prints whole seconds only. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
