/**
 * Mixed load on `serve --http` for `--minutes=30`: three tenants that receive events, both eras, subscriptions that begin
 * and end, callers with wrong keys. Prints memory each minute and fails when it grows, or when any answer is wrong.
 */

import { post, postModern } from "../test/mcp/http/http-harness.ts";
import { startHttpProduct } from "../test/mcp/http/http-product.ts";
import { aFlowRun, aFlowRunEvent, anEvent, aState } from "../test/support/builders.ts";
import { type FakePrefect, startFakePrefect } from "../test/support/fake-prefect/fake-prefect.ts";

const minutes = Number(process.argv.find((arg) => arg.startsWith("--minutes="))?.split("=")[1] ?? 30);
const endMs = performance.now() + minutes * 60_000;
/** After the first part, in which the heap grows to its normal size, memory may grow by this share. */
const SETTLED = 0.3;
const GROWTH = 0.2;

const keys = ["pnu_soakalpha0123", "pnu_soakbeta01234", "pnu_soakgamma0123"];
const fakes: FakePrefect[] = [];
for (const apiKey of keys) fakes.push(await startFakePrefect({ apiKey }));
const [own] = fakes;
if (!own) throw new Error("no Prefect");
const product = await startHttpProduct({
  env: {
    PREFECT_API_URL: own.url,
    PREFECT_API_KEY: keys[0] ?? "",
    PREFECT_MCP_LOG_LEVEL: "warn",
    PREFECT_MCP_HTTP_RECHECK_SECONDS: "5",
  },
});
const headersOf = (n: number, key = keys[n]) =>
  n === 0 && key === keys[0] ? {} : { "x-prefect-api-url": fakes[n]?.url ?? "", "x-prefect-api-key": key ?? "" };

let answered = 0;
const wrong: string[] = [];
const note = (line: string) => void (wrong.length < 20 && wrong.push(line));

const QUESTIONS = [
  ["read_events", { limit: 50 }],
  ["get_flow_runs", { limit: 20 }],
  ["get_dashboard", {}],
  ["search", { query: "order" }],
  ["get_record_status", {}],
  ["aggregate_events", {}],
  ["get_flow_runs", { limit: 3, fresh: true }],
  ["read_events", { limit: "nonsense" }],
] as const;

const send = (method: string, params: Record<string, unknown>, headers: Record<string, string>, signal?: AbortSignal) =>
  postModern(product.url, method, params, { headers, ...(signal ? { signal } : {}) });

async function caller(tenant: number): Promise<void> {
  for (let n = 0; performance.now() < endMs; n += 1) {
    const [name, args] = QUESTIONS[n % QUESTIONS.length] ?? QUESTIONS[0];
    const response = await send("tools/call", { name, arguments: args }, headersOf(tenant));
    const text = await response.text();
    if (response.status !== 200) note(`tenant ${tenant} ${name}: ${response.status} ${text.slice(0, 200)}`);
    if (text.includes('"code":"internal"')) note(text.slice(0, 300));
    answered += 1;
    await Bun.sleep(20);
  }
}

async function stranger(): Promise<void> {
  for (let n = 0; performance.now() < endMs; n += 1) {
    const response = await send("tools/call", { name: "get_dashboard", arguments: {} }, headersOf(1, `pnu_wrong_${n}`));
    if (response.status !== 403) note(`a stranger got ${response.status}`);
    await response.text();
    await Bun.sleep(250);
  }
}

async function subscriber(tenant: number): Promise<void> {
  while (performance.now() < endMs) {
    const stop = new AbortController();
    const notifications = { resourceSubscriptions: ["prefect://dashboard", "prefect://events"] };
    const opened = Array.from({ length: 10 }, () =>
      send("subscriptions/listen", { notifications }, headersOf(tenant), stop.signal).then((response) => {
        void response.text().catch(() => undefined);
      }),
    );
    await Promise.all(opened);
    await Bun.sleep(3_000);
    stop.abort();
  }
}

/** A client of the 2025 era that opens a session, calls, and often disconnects without ending the session. */
async function sessions(): Promise<void> {
  const ask = (body: object, headers: Record<string, string> = {}) =>
    post(product.url, { jsonrpc: "2.0", id: 1, ...body }, { headers });
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "soak", version: "1" } };
  for (let n = 0; performance.now() < endMs; n += 1) {
    const begun = await ask({ method: "initialize", params });
    await begun.text();
    const headers = {
      "mcp-session-id": begun.headers.get("mcp-session-id") ?? "",
      "mcp-protocol-version": "2025-11-25",
    };
    const answer = await ask({ method: "tools/call", params: { name: "get_dashboard", arguments: {} } }, headers);
    if (answer.status !== 200) note(`a session was answered ${answer.status}`);
    await answer.text();
    if (n % 10 !== 0) await fetch(product.url, { method: "DELETE", headers });
    await Bun.sleep(200);
  }
}

async function publisher(fake: FakePrefect): Promise<void> {
  for (let n = 0; performance.now() < endMs; n += 1) {
    const now = () => new Date().toISOString();
    const run = aFlowRun({
      start_time: now(),
      state: aState({ type: n % 5 ? "COMPLETED" : "FAILED", timestamp: now() }),
    });
    if (fake.workspace.flowRuns.length < 2_000) fake.workspace.flowRuns.push(run);
    fake.emit([aFlowRunEvent(run), anEvent({ occurred: now() })]);
    await Bun.sleep(100);
  }
}

const readMetrics = async () => await (await fetch(product.url.replace("/mcp", "/metrics"))).text();
const memory: { minute: number; megabytes: number }[] = [];
async function watcher(): Promise<void> {
  const startMs = performance.now();
  while (performance.now() < endMs) {
    const figures = await readMetrics();
    const figure = (name: string) => Number(new RegExp(`^prefect_mcp_${name} (\\d+)`, "m").exec(figures)?.[1]);
    const [rss, heap] = [figure("resident_bytes") / 1e6, figure("heap_bytes") / 1e6];
    const minute = (performance.now() - startMs) / 60_000;
    memory.push({ minute, megabytes: rss });
    console.log(
      `${minute.toFixed(1)} min: ${rss.toFixed(0)} MB (heap ${heap.toFixed(0)}), ${figure("sessions_open")} sessions, ${answered} answers, ${wrong.length} wrong`,
    );
    await Bun.sleep(Math.min(30_000, Math.max(100, endMs - performance.now())));
  }
}

await Promise.all([
  watcher(),
  stranger(),
  sessions(),
  ...[0, 1, 2].flatMap((tenant) => [caller(tenant), caller(tenant), subscriber(tenant)]),
  ...fakes.map(publisher),
]);
const metrics = await readMetrics();
const complaints = product
  .stderr()
  .split("\n")
  .filter((line) => /internal error|uncaught error/.test(line));
const code = await product.stop();
for (const fake of fakes) await fake.stop();
const later = memory.filter(({ minute }) => minute >= minutes * SETTLED).map((one) => one.megabytes);
const half = Math.floor(later.length / 2);
const average = (list: readonly number[]) => list.reduce((sum, one) => sum + one, 0) / Math.max(1, list.length);
const growth = average(later.slice(half)) / average(later.slice(0, half)) - 1;
console.log(metrics.match(/prefect_mcp_\w+_open \d+/g)?.join(", ") ?? "");
console.log(`memory after settling: ${(growth * 100).toFixed(1)} % between the halves`);
for (const line of [...wrong, ...complaints].slice(0, 30)) console.log(`WRONG ${line.slice(0, 400)}`);
const good = wrong.length === 0 && complaints.length === 0 && code === 0 && (later.length < 4 || growth < GROWTH);
console.log(good ? "nothing wrong" : `failed (exit ${code})`);
process.exit(good ? 0 : 1);
