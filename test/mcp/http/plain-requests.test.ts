/** The same random requests to a server with plain requests and to one where the SDK answers all: both send the same. */
import { expect, test } from "bun:test";
import { plainCall } from "../../../src/mcp/plain-calls.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { ENVELOPE, randomNumbers, randomSession } from "../random-calls.ts";
import { type Harness, modern, post } from "./http-harness.ts";
import { startPair } from "./pair.ts";

const STANDARD = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call" };
/** In place of the headers of a well-formed request; undefined: absent. */
const OTHER_HEADERS: readonly Record<string, string | undefined>[] = [
  { "mcp-name": "echo" },
  { "mcp-name": "Echo" },
  { "mcp-name": "=?base64?ZWNobw==?=" },
  { "mcp-name": undefined },
  { "mcp-method": undefined },
  { "mcp-method": "tools/list" },
  { "mcp-protocol-version": undefined },
  { "mcp-protocol-version": "2025-11-25" },
  { "mcp-protocol-version": "1999-01-01" },
  { "mcp-session-id": "none" },
  { "content-type": "application/json; charset=utf-8" },
  { "content-type": "text/plain" },
  { accept: "application/json" },
  { accept: "text/plain" },
  { origin: "https://app.example" },
  { origin: "https://evil.example" },
  { "mcp-param-text": "other" },
];

function headersOf(line: string, random: () => number): Record<string, string> {
  const { params } = JSON.parse(line.replaceAll("NaN", "null")) as { params?: { name?: unknown } };
  const name = params?.name;
  const usual = { ...STANDARD, ...(typeof name === "string" ? { "mcp-name": name } : {}) };
  const other = random() < 0.15 ? OTHER_HEADERS[Math.floor(random() * OTHER_HEADERS.length)] : {};
  return Object.fromEntries(
    Object.entries({ ...usual, ...other }).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}

function isPlain({ line, headers }: { line: string; headers: Record<string, string> }): boolean {
  const call = plainCall(JSON.parse(line.replaceAll("NaN", "null")), "2026", ENVELOPE);
  return call !== null && call.progressToken === undefined && headers["mcp-name"] === call.name;
}

async function whole(harness: Harness, line: string, headers: Record<string, string>) {
  const response = await post(harness.server.url, line, { headers });
  const { date, ...compared } = Object.fromEntries(response.headers);
  const text = (await response.text()).replace(/under reference [0-9a-f]{8}/g, "under reference 0");
  return { status: response.status, headers: compared, text };
}

test("thousands of random requests get the same status, headers and bytes as from the SDK", async () => {
  await using pair = startPair();
  for (let seed = 1; seed <= 10; seed += 1) {
    const random = randomNumbers(seed);
    // What waits for its client is compared below.
    const lines = randomSession("2026", seed, 500).filter((line) => !line.includes('"wait"'));
    const requests = lines.map((line) => ({ line, headers: headersOf(line, random) }));
    expect(requests.filter(isPlain).length).toBeGreaterThan(80);
    for (let at = 0; at < requests.length; at += 50) {
      const asked = requests.slice(at, at + 50);
      const answers = (harness: Harness) =>
        Promise.all(
          asked.map(async ({ line, headers }) => ({ line, headers, answer: await whole(harness, line, headers) })),
        );
      const [own, sdk] = await Promise.all([answers(pair.own), answers(pair.sdk)]);
      expect(own).toEqual(sdk);
    }
  }
});

test("the log and the metrics count a plain request like any other", async () => {
  await using pair = startPair();
  for (let n = 0; n < 3; n += 1) {
    const { body, headers } = modern("tools/call", { name: "echo", arguments: { text: "x" } });
    await whole(pair.own, JSON.stringify(body), headers);
    await whole(pair.sdk, JSON.stringify(body), headers);
  }
  const counted = async (harness: Harness) => {
    const { text } = await harness.get("/metrics");
    return text.split("\n").filter((line) => line.startsWith("prefect_mcp_requests_total"));
  };
  expect(await counted(pair.own)).toEqual(await counted(pair.sdk));
  expect(await counted(pair.own)).toHaveLength(1);
});

test("an envelope that the SDK refuses is refused again, also after another was accepted", async () => {
  await using pair = startPair();
  const ask = (clientInfo: unknown) => {
    const { body, headers } = modern("tools/call", { name: "echo", arguments: { text: "x" } });
    const envelope = { ...ENVELOPE, "io.modelcontextprotocol/clientInfo": clientInfo };
    return whole(pair.own, JSON.stringify({ ...body, params: { ...body.params, _meta: envelope } }), headers);
  };
  const statuses: number[] = [];
  for (const info of [{ name: "a", version: "1" }, 7, { name: "a", version: "1" }, 7, { name: "b" }]) {
    statuses.push((await ask(info)).status);
  }
  expect(statuses).toEqual([200, 400, 200, 400, 400]);
});

test("a plain call ends when its client disconnects or its tenant is closed", async () => {
  await using pair = startPair();
  const { own } = pair;
  const call = (name: string, signal?: AbortSignal) => {
    const { body, headers } = modern("tools/call", { name, arguments: {} });
    return post(own.server.url, body, { headers, ...(signal ? { signal } : {}) });
  };
  await (await call("instance")).text();
  const seen = pair.tenants[0]?.seen ?? { begun: 0, aborted: 0 };
  const client = new AbortController();
  const left = call("wait", client.signal).catch(() => null);
  await waitUntil("the call", () => seen.begun === 1);
  client.abort();
  await left;
  await waitUntil("its end", () => seen.aborted === 1);
  const open = call("wait").catch(() => null);
  await waitUntil("the second call", () => seen.begun === 2);
  await own[Symbol.asyncDispose]();
  await open;
  expect(seen.aborted).toBe(2);
});

test("a change is left to the SDK, which asks the user where the client can", async () => {
  await using pair = startPair();
  for (const capabilities of [{}, { elicitation: { form: {} } }]) {
    const ask = (harness: Harness, name: string) => {
      const { body, headers } = modern("tools/call", { name, arguments: {} });
      const envelope = { ...ENVELOPE, "io.modelcontextprotocol/clientCapabilities": capabilities };
      const message = { ...body, id: 1, params: { ...body.params, _meta: envelope } };
      return whole(harness, JSON.stringify(message), headers);
    };
    // The envelope is accepted before.
    for (const harness of [pair.own, pair.sdk]) await ask(harness, "instance");
    const [own, sdk] = [await ask(pair.own, "change"), await ask(pair.sdk, "change")];
    expect(own).toEqual(sdk);
    expect(own.text).toContain(`"can_ask":${"elicitation" in capabilities}`);
  }
});
