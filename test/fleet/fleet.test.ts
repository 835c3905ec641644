/** Three nodes as processes, a real PostgreSQL and two Prefects. The tests run in order and share the fleet. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { openPostgresStore } from "../../src/fleet/database/postgres-store.ts";
import { type FakePrefect, startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { runProduct } from "../support/process/product.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { callNode, type FleetNode, metricOf, startTestFleet, type TestFleet } from "./fleet-nodes.ts";
import { MixedCallers } from "./mixed-callers.ts";

const KEY = "a-key-of-a-caller-123456";
let own: FakePrefect;
let other: FakePrefect;
let fleet: TestFleet;
let nodes: FleetNode[];
let caller: Record<string, string>;

beforeAll(async () => {
  own = await startFakePrefect();
  other = await startFakePrefect({ apiKey: KEY });
  caller = { "x-prefect-api-url": other.url, "x-prefect-api-key": KEY };
  fleet = await startTestFleet(own.url);
  nodes = await Promise.all(["a", "b", "c"].map((name) => fleet.start(name)));
  for (const node of nodes)
    await waitUntil(
      "all nodes",
      () => metricOf(node, "fleet_nodes"),
      (count) => count === 3,
    );
});

afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
  await Promise.all([own?.stop(), other?.stop()]);
});

const ask = (node: FleetNode | undefined, headers = caller) => callNode(node as FleetNode, "read_events", headers);
const isSynced = ({ structured, isError }: Awaited<ReturnType<typeof ask>>) =>
  !isError && structured.source === "record";

/** The node that answers the caller's tenant when each is asked. It may change under load, then it is looked for again. */
function ownerOf(): Promise<FleetNode> {
  const received = () => Promise.all(nodes.map((node) => metricOf(node, "fleet_received_requests")));
  return waitUntil("one owner", async () => {
    const before = await received();
    for (const node of nodes) await ask(node);
    const after = await received();
    const gained = after.map((count, index) => count - (before[index] ?? 0));
    const isClear = gained.filter((count) => count > 0).length === 1;
    return isClear ? nodes[gained.findIndex((count) => count >= nodes.length - 1)] : undefined;
  });
}

const others = (owner: FleetNode) => nodes.filter((node) => node !== owner);

test("one node follows the Prefect of the settings, and all are ready", async () => {
  await waitUntil(
    "a follower",
    () => own.subscribers,
    (count) => count === 1,
  );
  const owned = await Promise.all(nodes.map((node) => metricOf(node, "fleet_tenants_owned")));
  expect(owned.toSorted()).toEqual([0, 0, 1]);
  for (const { url } of nodes) expect(await (await fetch(url.replace("/mcp", "/readyz"))).text()).toBe("ready\n");
});

test("every node answers a tenant from the one record, which one node writes", async () => {
  for (const node of nodes) {
    const answer = await waitUntil("an answer from the record", () => ask(node), isSynced);
    expect(answer.structured.coverage).toMatchObject({ complete: true });
  }
  // The websocket may open after the first catch-up.
  await waitUntil("a node follows Prefect", () => other.subscribers);
  expect(other.subscribers).toBe(1);
  const forwarded = await Promise.all(nodes.map((node) => metricOf(node, "fleet_forwarded_requests")));
  expect(forwarded.filter((count) => count > 0).length).toBeGreaterThanOrEqual(2);
});

test("every answer names the node that gave it, also through another node", async () => {
  const owner = await ownerOf();
  const call = { id: 1, method: "tools/call", params: { name: "read_events", arguments: {} } };
  const named = await Promise.all(
    nodes.map(async (node) => (await send(node, call)).headers.get("x-prefect-mcp-node")),
  );
  expect(named).toEqual(nodes.map(() => owner.name));
});

test("refused credentials get nothing and no place in the database", async () => {
  for (const node of nodes) {
    const answer = await ask(node, { ...caller, "x-prefect-api-key": "a-wrong-key-of-a-caller" });
    expect([answer.status, answer.isError]).toEqual([403, true]);
  }
  const store = openPostgresStore(fleet.databaseUrl);
  const { tenants } = await store.status();
  await store[Symbol.asyncDispose]();
  expect(tenants.map(({ url }) => url).toSorted()).toEqual([own.url, other.url].toSorted());
});

test("fleet status lists nodes, tenants and owners", async () => {
  const env = { PREFECT_MCP_FLEET_URL: fleet.databaseUrl };
  const { stdout, code } = await runProduct(["fleet", "status", "--json"], env);
  const status = JSON.parse(stdout);
  expect([code, status.tenant_count, status.owned_count]).toEqual([0, 2, 2]);
  expect(status.nodes.map((node: { name: string }) => node.name)).toEqual(["a", "b", "c"]);
  expect(status.tenants.map((tenant: { url: string }) => tenant.url).toSorted()).toEqual(
    [own.url, other.url].toSorted(),
  );
  for (const tenant of status.tenants) expect([tenant.moves > 0, typeof tenant.owner]).toEqual([true, "string"]);
  const shown = await runProduct(["fleet", "status"], env);
  expect(shown.stdout).toContain("2 tenants, 2 of them owned.");
});

test("a request with a false signature is refused", async () => {
  const headers = { "x-prefect-mcp-fleet": "1.someone.1.aXA6MQ.AAAA" };
  expect(await ask(nodes[0], { ...caller, ...headers })).toMatchObject({ status: 403, isError: true });
});

/** A request of a session, or without one. */
const send = (node: FleetNode, body: object, more: object = {}) =>
  fetch(node.url, {
    method: "POST",
    headers: { ...caller, ...JSON_HEADERS, ...more },
    body: JSON.stringify({ jsonrpc: "2.0", ...body }),
  });
const JSON_HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const CLIENT = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } };

/** Begins a session of the 2025 era, and returns the headers that name it. */
async function beginSession(entry: FleetNode): Promise<Record<string, string>> {
  const begun = await send(entry, { id: 1, method: "initialize", params: CLIENT });
  await begun.text();
  const inSession = {
    "mcp-session-id": begun.headers.get("mcp-session-id") ?? "",
    "mcp-protocol-version": "2025-11-25",
  };
  await (await send(entry, { method: "notifications/initialized" }, inSession)).text();
  return inSession;
}

async function openStream(node: FleetNode, inSession: object, signal?: AbortSignal) {
  const headers = { ...caller, ...JSON_HEADERS, ...inSession };
  const stream = await fetch(node.url, { headers, ...(signal ? { signal } : {}) });
  expect(stream.headers.get("content-type")).toStartWith("text/event-stream");
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toContain(": open");
  return reader;
}

const noStreams = (owner: FleetNode) =>
  waitUntil(
    "the end of the stream",
    () => metricOf(owner, "streams_open"),
    (count) => count === 0,
  );

test("a session of the 2025 era is served through every node, streams included", async () => {
  const owner = await ownerOf();
  const [entry, second] = others(owner) as [FleetNode, FleetNode];
  const inSession = await beginSession(entry);
  expect(inSession["mcp-session-id"]).toStartWith(`${owner.name}~`);
  for (const node of nodes) {
    const listed = await send(node, { id: 2, method: "tools/list" }, inSession);
    expect([listed.status, (await listed.text()).includes("read_events")]).toEqual([200, true]);
  }
  const stop = new AbortController();
  await openStream(second, inSession, stop.signal);
  stop.abort();
  await noStreams(owner);
});

/** One after the other: the owner of the tenant is among them. */
test.each(["a", "b", "c"])("no call fails while node %s is ended and started again", async (name) => {
  const callers = new MixedCallers({ nodes: () => nodes, headers: caller });
  const node = nodes.find((one) => one.name === name) as FleetNode;
  expect(await node.stop()).toBe(0);
  const next = await fleet.start(name);
  nodes = nodes.map((one) => (one === node ? next : one));
  for (const one of nodes)
    await waitUntil(
      "all nodes",
      () => metricOf(one, "fleet_nodes"),
      (count) => count === 3,
    );
  const { calls, sessions, streams, failed } = await callers.stop();
  expect(failed).toEqual([]);
  for (const count of [...Object.values(calls), sessions, streams]) expect(count).toBeGreaterThan(0);
  await waitUntil("an answer from the record", () => ask(next), isSynced);
  await waitUntil(
    "one follower",
    () => other.subscribers,
    (count) => count === 1,
  );
});

test("calls and streams do not wait for an owner whose connections became silent", async () => {
  const owner = await ownerOf();
  const [entry] = others(owner) as [FleetNode];
  const inSession = await beginSession(entry);
  const stream = await openStream(entry, inSession);
  owner.peers.set({ kind: "black-hole" });
  const cut = await ask(entry);
  expect([cut.status, cut.isError, cut.structured.source]).toEqual([200, false, "live"]);
  expect(cut.text).toStartWith("The record of this workspace cannot be used at the moment");
  // The caller has to begin it again.
  expect(
    await stream.read().then(
      ({ done }) => done,
      () => true,
    ),
  ).toBe(true);
  const before = await metricOf(entry, "fleet_live_requests");
  expect((await ask(entry)).structured.source).toBe("live");
  expect(await metricOf(entry, "fleet_live_requests")).toBe(before + 1);
  const lost = await send(entry, { id: 3, method: "tools/list" }, inSession);
  expect([lost.status, await lost.text()]).toEqual([404, expect.stringContaining("Start a new one")]);
  // It is still the owner: it serves its own callers from the record, and alone follows Prefect.
  expect((await ask(owner)).structured.source).toBe("record");
  expect(other.subscribers).toBe(1);
  owner.peers.set({ kind: "reset" });
  owner.peers.set({ kind: "none" });
  await waitUntil("a forwarded answer", () => ask(entry), isSynced);
  await noStreams(owner);
});

test("after kill -9 of the owner every call is answered, and another node gets the record", async () => {
  const owner = await ownerOf();
  const [entry] = others(owner);
  process.kill(owner.pid, "SIGKILL");
  nodes = others(owner);
  const first = await ask(entry);
  expect([first.isError, first.structured.source]).toEqual([false, "live"]);
  expect(first.text).toStartWith("The record of this workspace cannot be used at the moment");
  expect(first.structured.coverage).toMatchObject({
    notes: expect.arrayContaining([expect.stringContaining("read from Prefect")]),
  });
  const answers = [first];
  await waitUntil(
    "an answer from the record",
    async () => {
      const answer = await ask(entry);
      answers.push(answer);
      return answer;
    },
    isSynced,
  );
  expect(answers.filter(({ isError, status }) => isError || status !== 200)).toEqual([]);
  await waitUntil(
    "one follower",
    () => other.subscribers,
    (count) => count === 1,
  );
});

test("an owner that is cut off from the database stops writing, answers live and says so; another takes over", async () => {
  const owner = await ownerOf();
  const [rest] = others(owner) as [FleetNode];
  owner.database.set({ kind: "black-hole" });
  const cut = await waitUntil(
    "a live answer",
    () => ask(owner),
    ({ structured, isError }) => !isError && structured.source === "live",
  );
  expect(cut.text).toStartWith("The record of this workspace cannot be used at the moment");
  expect(await (await fetch(owner.url.replace("/mcp", "/readyz"))).text()).toContain("database does not answer");
  await waitUntil("an answer from the record", () => ask(rest), isSynced);
  await waitUntil(
    "one follower",
    () => other.subscribers,
    (count) => count === 1,
  );
  owner.database.set({ kind: "reset" });
  owner.database.set({ kind: "none" });
  await waitUntil(
    "both nodes",
    () => metricOf(owner, "fleet_nodes"),
    (count) => count === 2,
  );
  await waitUntil("a forwarded answer", () => ask(owner), isSynced);
});

test("a node that ends on SIGTERM hands its tenants over at once", async () => {
  const owner = await ownerOf();
  const [rest] = others(owner) as [FleetNode];
  expect(await owner.stop()).toBe(0);
  nodes = [rest];
  // Nothing waits for a session to run out: the first call owns the tenant.
  expect(await ask(rest)).toMatchObject({ isError: false });
  expect(await metricOf(rest, "fleet_nodes")).toBeLessThanOrEqual(2);
  await waitUntil(
    "both tenants",
    () => metricOf(rest, "fleet_tenants_owned"),
    (count) => count === 2,
  );
  await waitUntil("an answer from the record", () => ask(rest), isSynced);
  expect(owner.stderr()).not.toMatch(/internal error|terminated/);
});
