/** The same random requests in sessions of a server with plain calls and of one where the SDK answers all: both send the same. */
import { expect, test } from "bun:test";
import { SessionCalls } from "../../../src/mcp/http/tenants/session-calls.ts";
import { plainCall } from "../../../src/mcp/plain-calls.ts";
import { manualClock } from "../../support/time/manual-clock.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { fakeTenant } from "../fake-tenant.ts";
import { randomNumbers, randomSession } from "../random-calls.ts";
import { type Harness, post } from "./http-harness.ts";
import { startPair } from "./pair.ts";

const INITIALIZE = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } };

async function openSession(harness: Harness, capabilities: object = {}): Promise<string> {
  const params = { ...INITIALIZE, capabilities };
  const response = await post(harness.server.url, { jsonrpc: "2.0", id: "opening", method: "initialize", params });
  await response.text();
  return response.headers.get("mcp-session-id") ?? "";
}

/** In place of the headers of a well-formed request. */
const OTHER_HEADERS: readonly Record<string, string>[] = [
  { "mcp-protocol-version": "2025-11-25" },
  { "mcp-protocol-version": "2025-06-18" },
  { "mcp-protocol-version": "2024-11-05" },
  { "mcp-protocol-version": "1999-01-01" },
  { "mcp-method": "tools/list", "mcp-name": "other" },
  { "content-type": "application/json; charset=utf-8" },
  { "content-type": "text/plain" },
  { accept: "application/json" },
  { accept: "text/event-stream" },
  { accept: "*/*" },
  { origin: "https://app.example" },
];

async function whole(harness: Harness, session: string, line: string, headers: Record<string, string>) {
  const response = await post(harness.server.url, line, { headers: { "mcp-session-id": session, ...headers } });
  const { date, "mcp-session-id": id, ...compared } = Object.fromEntries(response.headers);
  const text = (await response.text()).replace(/under reference [0-9a-f]{8}/g, "under reference 0");
  return { status: response.status, headers: compared, isOfSession: id === session, text };
}

test("thousands of random requests get the same status, headers and bytes as from the SDK", async () => {
  await using pair = startPair();
  for (let seed = 1; seed <= 10; seed += 1) {
    const random = randomNumbers(seed);
    // What waits for its client is compared below.
    const lines = randomSession("2025", seed, 500).filter((line) => !line.includes('"wait"'));
    const isPlain = (line: string) => plainCall(JSON.parse(line.replaceAll("NaN", "null")), "2025", null) !== null;
    expect(lines.filter(isPlain).length).toBeGreaterThan(120);
    const requests = lines.map((line) => ({
      line,
      headers: random() < 0.15 ? (OTHER_HEADERS[Math.floor(random() * OTHER_HEADERS.length)] ?? {}) : {},
    }));
    const answers = async (harness: Harness) => {
      const session = await openSession(harness);
      const found = [];
      for (let at = 0; at < requests.length; at += 50) {
        const asked = requests.slice(at, at + 50);
        // A cancellation may or may not be in time for its call.
        const cancelled = new Set(asked.map(({ line }) => /"requestId":([^,}]+)/.exec(line)?.[1]).filter(Boolean));
        const sent = asked.filter(({ line }) => !cancelled.has(/"id":([^,}]+)/.exec(line)?.[1]));
        found.push(...(await Promise.all(sent.map((one) => whole(harness, session, one.line, one.headers)))));
      }
      return found;
    };
    const [own, sdk] = await Promise.all([answers(pair.own), answers(pair.sdk)]);
    expect(own).toEqual(sdk);
    expect(own.length).toBeGreaterThan(300);
  }
});

const wait = (id: number) => ({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "wait", arguments: {} } });

test("a call ends when it is cancelled and when its session ends, with the same stream as the SDK's", async () => {
  await using pair = startPair();
  const streams = async (harness: Harness, tenant: number) => {
    const session = await openSession(harness);
    const headers = { "mcp-session-id": session };
    const seen = () => pair.tenants[tenant]?.seen ?? { begun: 0, aborted: 0 };
    const calls = [1, 2].map((id) => whole(harness, session, JSON.stringify(wait(id)), {}));
    await waitUntil("both calls", () => seen().begun === 2);
    const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } };
    const cancelled = await post(harness.server.url, cancel, { headers });
    const first = await calls[0];
    await waitUntil("the end of one", () => seen().aborted === 1);
    const ended = await fetch(harness.server.url, { method: "DELETE", headers });
    const second = await calls[1];
    await waitUntil("the end of the other", () => seen().aborted === 2);
    return { first, second, statuses: [cancelled.status, ended.status] };
  };
  const own = await streams(pair.own, 0);
  expect(own).toEqual(await streams(pair.sdk, 1));
  expect(own.first?.text).toBe(": open\n\n");
});

test("a call continues when its reader disconnects", async () => {
  await using pair = startPair();
  const session = await openSession(pair.own);
  const reader = new AbortController();
  const headers = { "mcp-session-id": session };
  const response = await post(pair.own.server.url, wait(1), { headers, signal: reader.signal });
  expect(response.status).toBe(200);
  const seen = pair.tenants[0]?.seen;
  await waitUntil("the call", () => seen?.begun === 1);
  reader.abort();
  const echo = { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "echo", arguments: { text: "later" } } };
  expect((await whole(pair.own, session, JSON.stringify(echo), {})).text).toContain("later");
  expect(seen?.aborted).toBe(0);
});

test("a stream without an answer is kept alive, and closed when the session ends", async () => {
  const clock = manualClock();
  const calls = new SessionCalls({ tenant: fakeTenant(), clock });
  const headers = { accept: "application/json, text/event-stream" };
  const response = calls.answer("s", new Request("http://127.0.0.1/mcp", { method: "POST", headers }), wait(1));
  const reader = response?.body?.getReader();
  for (let n = 0; n < 2; n += 1) {
    await clock.advance(15_000);
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe(": keepalive\n\n");
  }
  calls.close();
  expect((await reader?.read())?.done).toBe(true);
  expect(calls.answer("s", new Request("http://127.0.0.1/mcp", { method: "GET", headers }), wait(2))).toBeNull();
});

test("a change is left to the SDK, which asks the user where the client can", async () => {
  await using pair = startPair();
  const change = { jsonrpc: "2.0", id: 3, method: "tools/call", params: { name: "change", arguments: {} } };
  for (const capabilities of [{}, { elicitation: { form: {} } }]) {
    const [own, sdk] = await Promise.all(
      [pair.own, pair.sdk].map(async (harness) =>
        whole(harness, await openSession(harness, capabilities), JSON.stringify(change), {}),
      ),
    );
    expect(own).toEqual(sdk as NonNullable<typeof sdk>);
    expect(own?.text).toContain(`"can_ask":${"elicitation" in capabilities}`);
  }
});
