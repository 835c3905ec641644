/**
 * Malformed requests and tool inputs against `serve --http`: at least 100,000 unless `--requests=N` says otherwise. Fails on
 * an answer with status 500 or above, a lost connection, a path or secret in an answer, an unhandled error, or a server that does not
 * respond.
 *
 *     bun scripts/fuzz-http.ts --requests=100000 --seed=1
 */

import { toolListing } from "../src/tools/definition/listing.ts";
import { allTools } from "../src/tools/index.ts";
import { modern } from "../test/mcp/http/http-harness.ts";
import { startHttpProduct } from "../test/mcp/http/http-product.ts";
import { aFlowRun, anEvent } from "../test/support/builders.ts";
import { startFakePrefect } from "../test/support/fake-prefect/fake-prefect.ts";
import { seededRandom } from "../test/support/random.ts";

const flag = (name: string, otherwise: number) =>
  Number(process.argv.find((arg) => arg.startsWith(`--${name}=`))?.split("=")[1] ?? otherwise);
const total = flag("requests", 100_000);
const seed = flag("seed", 1);
const random = seededRandom(seed);
const CALLERS = 16;
const KEY = "pnu_fuzzedsecret0123456789abcdefghijkl";

const below = (n: number) => Math.floor(random() * n);
const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;

const TEXTS = [
  "",
  " ",
  "a",
  "x".repeat(5_000),
  "\u0000",
  "\ud800",
  "‮evil",
  "'; DROP TABLE event; --",
  "../../../../etc/passwd",
  "%00%2e%2e",
  "{}",
  "[]",
  "null",
  "-1",
  "1e309",
  "NaN",
  "2026-13-45",
  "7d",
  "P9999999999D",
  "*",
  '"unclosed',
  "(((((",
  "a AND OR NOT",
  "NEAR(x y)",
  "{{x}}",
  "<script>",
  "prefect.flow-run.",
  "00000000-0000-0000-0000-000000000000",
  "😀".repeat(500),
  "\u202e\u200b\ufeff",
] as const;
const NUMBERS = [0, -1, 1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e308, 499, 501] as const;

/** Any JSON value, sometimes deeply nested. */
function junk(depth = 0): unknown {
  const kind = below(depth > 3 ? 5 : 8);
  if (kind === 0) return pick(TEXTS);
  if (kind === 1) return pick(NUMBERS);
  if (kind === 2) return random() < 0.5;
  if (kind === 3) return null;
  if (kind === 4) return pick(TEXTS).slice(0, 20);
  if (kind === 5) return Array.from({ length: below(4) }, () => junk(depth + 1));
  if (kind === 6) return nested(below(60));
  return Object.fromEntries(
    Array.from({ length: below(4) }, () => [
      pick([...TEXTS, "any_", "__proto__", "constructor", "id", "name"]),
      junk(depth + 1),
    ]),
  );
}

function nested(depth: number): unknown {
  let value: unknown = "x";
  for (let n = 0; n < depth; n += 1) value = n % 2 ? [value] : { and_: value };
  return value;
}

const tools = allTools.map((tool) => {
  const properties =
    (toolListing(tool).inputSchema as { properties?: Record<string, { enum?: unknown[] }> }).properties ?? {};
  return { name: tool.name, properties };
});
/** Tools that wait, or send requests to another host. */
const SLOW = new Set(["wait_for", "docs_search_prefect", "docs_get_release_notes"]);

function toolCall(): unknown {
  const { name, properties } = pick(tools.filter((tool) => !SLOW.has(tool.name)));
  const names = Object.keys(properties);
  const args: Record<string, unknown> = {};
  for (let n = 0; n < 1 + below(3); n += 1) {
    const key = random() < 0.9 && names.length > 0 ? pick(names) : String(pick(TEXTS));
    const options = properties[key]?.enum;
    args[key] = options && random() < 0.5 ? pick(options) : junk();
  }
  return {
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name, arguments: random() < 0.1 ? JSON.stringify(args) : args },
  };
}

function rpcNoise(): unknown {
  const methods = [
    "tools/call",
    "tools/list",
    "resources/read",
    "prompts/get",
    "completion/complete",
    "initialize",
    "ping",
    "subscriptions/listen",
    "server/discover",
    "logging/setLevel",
    "resources/subscribe",
    "x",
  ];
  return pick([
    () => ({ jsonrpc: "2.0", id: junk(), method: pick(methods), params: junk() }),
    () => ({ jsonrpc: pick(["2.0", "1.0", 2]), id: 1, method: junk() }),
    () => junk(),
    () => Array.from({ length: below(20) }, () => toolCall()),
    () => ({
      jsonrpc: "2.0",
      id: 1,
      method: "resources/read",
      params: { uri: `prefect://${pick(["flow-runs", "events", "x", ""])}/${pick(TEXTS)}` },
    }),
    () => ({
      jsonrpc: "2.0",
      id: 1,
      method: "completion/complete",
      params: { ref: { type: "ref/resource", uri: pick(TEXTS) }, argument: { name: pick(TEXTS), value: pick(TEXTS) } },
    }),
    () => ({ jsonrpc: "2.0", id: 1, result: junk() }),
  ])();
}

const header = (text: string) => text.replace(/[^\t\x20-\x7e]/g, "?").slice(0, 2_000);

function makeHeaders(): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  if (random() < 0.1)
    headers["content-type"] = header(pick(["text/plain", "application/json; charset=x", "", "multipart/form-data"]));
  if (random() < 0.1) headers.accept = header(pick(["*/*", "", "text/html"]));
  if (random() < 0.15)
    headers[
      pick([
        "mcp-session-id",
        "mcp-protocol-version",
        "mcp-method",
        "mcp-name",
        "origin",
        "host",
        "authorization",
        "last-event-id",
      ])
    ] = header(pick(TEXTS));
  if (random() < 0.1) headers["x-prefect-api-key"] = header(pick([KEY, ...TEXTS]));
  if (random() < 0.1)
    headers["x-prefect-api-url"] = header(
      pick([
        "http://169.254.169.254/",
        "http://127.0.0.1:1/api",
        "http://[::1]:1/api",
        "https://localhost/api",
        "file:///etc/passwd",
        ...TEXTS,
      ]),
    );
  return headers;
}

function makeBody(): string | Uint8Array {
  const text = JSON.stringify(random() < 0.7 ? toolCall() : rpcNoise()) ?? "";
  const kind = random();
  if (kind < 0.85) return text;
  if (kind < 0.9) return text.slice(0, below(text.length + 1));
  if (kind < 0.93) return crypto.getRandomValues(new Uint8Array(below(300)));
  if (kind < 0.96) return pick(["[", "{"]).repeat(below(20_000));
  return text.replace(/[":,]/g, (mark) => (random() < 0.05 ? "" : mark));
}

const LEAK =
  /node_modules|\/src\/[a-z-]+\/|\/home\/|\/tmp\/|\bat [\w.<>]+ \(|SQLITE_|no such (table|column)|fuzzedsecret/;

const fake = await startFakePrefect();
const runs = Array.from({ length: 30 }, (_, n) => aFlowRun({ name: `run-${n}` }));
fake.workspace.flowRuns.push(...runs);
for (let n = 0; n < 200; n += 1) fake.emit(anEvent({ occurred: new Date(Date.now() - n * 1000).toISOString() }));
const product = await startHttpProduct({
  env: { PREFECT_API_URL: fake.url, PREFECT_MCP_HTTP_REQUESTS_PER_SECOND: "1000000", PREFECT_MCP_LOG_LEVEL: "warn" },
});

const statuses = new Map<number, number>();
const wrong: string[] = [];
let sent = 0;
const note = (what: string, body: unknown, text: string) => {
  if (wrong.length < 50) wrong.push(`${what}\n    sent: ${String(body).slice(0, 600)}\n    got: ${text.slice(0, 400)}`);
};

async function one(): Promise<void> {
  const method = random() < 0.95 ? "POST" : pick(["GET", "DELETE", "PUT", "PATCH", "HEAD"]);
  const isModern = random() < 0.2;
  const given = isModern
    ? modern(pick(["tools/call", "resources/read", "tools/list", "x"]), { name: pick(tools).name, arguments: junk() })
    : null;
  const body = method === "POST" ? (given ? JSON.stringify(given.body) : makeBody()) : undefined;
  const headers = { ...makeHeaders(), ...given?.headers };
  const path =
    random() < 0.97
      ? product.url
      : product.url.replace("/mcp", pick(["/", "/mcp/../x", "/%00", "/metrics", "/healthz?x", `/${"a".repeat(3000)}`]));
  const giveUp = new AbortController();
  try {
    const response = await fetch(path, {
      method,
      headers,
      signal: giveUp.signal,
      ...(body === undefined ? {} : { body }),
    });
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    const isStream = isListenAnswer(response, body);
    if (isStream) {
      giveUp.abort();
      return;
    }
    const text = await response.text();
    if (response.status >= 500 && response.status !== 503) note(`status ${response.status}`, body, text);
    if (LEAK.test(text) && !String(body).match(LEAK)) note("leak", body, text);
    if (text.includes('"code":"internal"')) note("internal", body, text);
  } catch (error) {
    if (!giveUp.signal.aborted) note(`no answer: ${String(error)}`, body, "");
  }
}

/** Streams of notifications do not end by themselves. */
function isListenAnswer(response: Response, body: unknown): boolean {
  return response.headers.get("content-type") === "text/event-stream" && String(body).includes("subscriptions/listen");
}

const started = performance.now();
await Promise.all(
  Array.from({ length: CALLERS }, async () => {
    while (sent < total) {
      sent += 1;
      if (sent % 20_000 === 0) console.log(`${sent} sent, ${wrong.length} wrong`);
      await one();
    }
  }),
);
const seconds = (performance.now() - started) / 1000;
const isUp = await fetch(product.url.replace("/mcp", "/healthz")).then(
  (response) => response.ok,
  () => false,
);
const log = product.stderr();
const complaints = log.split("\n").filter((line) => /internal error|uncaught error/.test(line));
const code = await product.stop();
await fake.stop();
console.log(`seed ${seed}: ${sent} requests in ${seconds.toFixed(0)} s`);
console.log(
  `answers: ${[...statuses]
    .sort()
    .map(([status, n]) => `${status}×${n}`)
    .join(" ")}`,
);
for (const line of wrong) console.log(`WRONG ${line}`);
for (const line of complaints.slice(0, 20)) console.log(`LOG ${line.slice(0, 600)}`);
const good = isUp && code === 0 && wrong.length === 0 && complaints.length === 0 && !log.includes(KEY);
console.log(
  good
    ? "nothing wrong"
    : `up ${isUp}, exit ${code}, ${wrong.length} wrong, ${complaints.length} complaints, key in log: ${log.includes(KEY)}`,
);
process.exit(good ? 0 : 1);
