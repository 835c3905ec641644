/** Notifications of changed resources: in both eras, over HTTP and stdio, only to the tenant that subscribed. */

import { describe, expect, test } from "bun:test";
import { Client, StreamableHTTPClientTransport, type Transport } from "@modelcontextprotocol/client";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";
import { formatIsoUs } from "../../../src/lib/time.ts";
import type { HostedApp } from "../../../src/mcp/app-host.ts";
import { createResourceWatch } from "../../../src/mcp/resource-watch.ts";
import { LineTransport } from "../../../src/mcp/stdio/line-transport.ts";
import { serveOverStdio } from "../../../src/mcp/stdio/stdio.ts";
import type { PrefectApi } from "../../../src/prefect/api.ts";
import { inTransaction, openRecord } from "../../../src/store/database.ts";
import { createEventWriter } from "../../../src/store/events/events.ts";
import { foldRunEvents } from "../../../src/store/runs/fold-events.ts";
import { tempRecordFile } from "../../store/temp-record.ts";
import { aFlowRun, aFlowRunEvent, aState } from "../../support/builders.ts";
import { manualClock } from "../../support/time/manual-clock.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { fakeTenant } from "../fake-tenant.ts";
import { makePipe } from "../stdio/pipe.ts";
import { modern, startHttp } from "./http-harness.ts";

/** An application whose record another process writes, so that its own Worker sends no notices. */
function recordingApp(clock: Clock = systemClock, name = "nightly-load") {
  const file = tempRecordFile();
  const writer = openRecord(file, "write");
  const reader = openRecord(file, "read");
  const stop = new AbortController();
  const run = aFlowRun({ name });
  const watch = createResourceWatch({
    record: () => reader,
    onChange: () => () => undefined,
    clock,
    signal: stop.signal,
  });
  const end = () => {
    stop.abort();
    reader.close();
    writer.close();
  };
  const tenant = fakeTenant();
  const query = tenant.query();
  // Prefect accepts all credentials here.
  const api = { filterFlowRuns: async () => [] } as unknown as PrefectApi;
  const app: HostedApp = Object.assign(tenant, {
    watch,
    query: () => ({ ...query, api: () => api }),
    follow() {},
    async [Symbol.asyncDispose]() {},
  });
  return {
    app,
    run,
    watch,
    /** The run enters a state, now. */
    publish(type: "RUNNING" | "FAILED") {
      const timestamp = formatIsoUs(systemClock.nowUs());
      const event = aFlowRunEvent(run, { state: aState({ type, timestamp }) });
      inTransaction(writer, () => {
        const { inserted, keys } = createEventWriter(writer).insert([event], "stream", systemClock.nowUs());
        foldRunEvents(writer, inserted, keys);
      });
    },
    [Symbol.dispose]: end,
  };
}

type Era = "legacy" | "modern";

async function connect(era: Era, transport: Transport) {
  const client = new Client(
    { name: "test", version: "1" },
    { versionNegotiation: { mode: era === "modern" ? { pin: "2026-07-28" } : "legacy" } },
  );
  await client.connect(transport);
  const updated: string[] = [];
  client.setNotificationHandler("notifications/resources/updated", ({ params }) => void updated.push(params.uri));
  return { client, updated, [Symbol.asyncDispose]: () => client.close() };
}

async function subscribe(era: Era, client: Client, uris: readonly string[]): Promise<void> {
  if (era === "modern") await client.listen({ resourceSubscriptions: [...uris] });
  else for (const uri of uris) await client.subscribeResource({ uri });
}

const FAILURES = "prefect://events/prefect.flow-run.Failed";
const DASHBOARD = "prefect://dashboard";

/** A subscriber of one run, of failures and of the dashboard is notified of these, and not of other runs. */
async function checkUpdates(era: Era, transport: Transport, source: ReturnType<typeof recordingApp>): Promise<void> {
  await using wired = await connect(era, transport);
  const own = `prefect://flow-runs/${source.run.id}`;
  const other = "prefect://flow-runs/00000000-0000-4000-8000-000000000000";
  await subscribe(era, wired.client, [own, other, FAILURES, DASHBOARD]);
  source.publish("RUNNING");
  const running = await waitUntil(
    "notices of the run and the dashboard",
    () => [...wired.updated].sort(),
    (found) => found.length >= 2,
  );
  expect(running).toEqual([DASHBOARD, own]);
  wired.updated.length = 0;
  source.publish("FAILED");
  const failed = await waitUntil(
    "notices of the run, its failure and the dashboard",
    () => [...wired.updated].sort(),
    (found) => found.length >= 3,
  );
  expect(failed).toEqual([DASHBOARD, FAILURES, own]);
}

describe.each(["legacy", "modern"] as const)("subscriptions in the %s era", (era) => {
  test("notify over HTTP of changes of the record, only the tenant that subscribed", async () => {
    using source = recordingApp();
    using stranger = recordingApp();
    await using http = startHttp({ openOwn: () => source.app, openTenant: () => stranger.app });
    const headers = { "x-prefect-api-url": "https://prefect.example.com/api", "x-prefect-api-key": "k" };
    const url = new URL(http.server.url);
    await using outsider = await connect(era, new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
    await subscribe(era, outsider.client, [DASHBOARD, FAILURES, `prefect://flow-runs/${source.run.id}`]);
    await checkUpdates(era, new StreamableHTTPClientTransport(url), source);
    expect(outsider.updated).toEqual([]);
  });

  test("notify over stdio", async () => {
    using source = recordingApp();
    const [toServer, toClient] = [makePipe(), makePipe()];
    const stop = new AbortController();
    const streams = { input: toServer.readable, write: toClient.write };
    const served = serveOverStdio(source.app, { clock: systemClock, signal: stop.signal, streams });
    const wire = { input: toClient.readable, write: toServer.write };
    await checkUpdates(era, new LineTransport(wire, { clock: systemClock, signal: stop.signal }), source);
    stop.abort();
    await served;
    expect(source.watch.size).toBe(0);
  });
});

test("a resource given by a run's name is notified too, and one that changes constantly at most once a second", async () => {
  const clock = manualClock();
  using source = recordingApp(clock, "nightly-load");
  let notified = 0;
  const end = source.watch.add("prefect://flow-runs/nightly-load", () => {
    notified += 1;
  });
  for (let n = 0; n < 8; n += 1) {
    source.publish("RUNNING");
    await clock.advance(100);
  }
  await clock.advance(900);
  expect(notified).toBe(2);
  for (let n = 0; n < 10; n += 1) await clock.advance(500);
  expect(notified).toBe(2);
  end();
  expect(source.watch.size).toBe(0);
});

test("a subscription of a session continues after its tenant was suspended", async () => {
  using source = recordingApp();
  const headers = { "x-prefect-api-url": "https://prefect.example.com/api", "x-prefect-api-key": "k" };
  await using http = startHttp({ http: { idleMs: 150 }, openTenant: () => source.app });
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } };
  const begun = await http.post({ jsonrpc: "2.0", id: 1, method: "initialize", params }, headers);
  const session = {
    ...headers,
    "mcp-session-id": begun.headers.get("mcp-session-id") ?? "",
    "mcp-protocol-version": "2025-11-25",
  };
  await http.post({ jsonrpc: "2.0", id: 2, method: "resources/subscribe", params: { uri: DASHBOARD } }, session);
  const open = async () => /prefect_mcp_tenants_open (\d+)/.exec((await http.get("/metrics")).text)?.[1];
  expect(await waitUntil("the tenant is suspended", open, (found) => found === "0")).toBe("0");
  expect(source.watch.size).toBe(0);
  const stop = new AbortController();
  const stream = await fetch(http.server.url, {
    headers: { accept: "text/event-stream", ...session },
    signal: stop.signal,
  });
  let read = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of stream.body ?? []) read += decoder.decode(chunk, { stream: true });
  })().catch(() => undefined);
  await waitUntil("the dashboard is watched again", () => source.watch.size === 1);
  source.publish("FAILED");
  await waitUntil(
    "a notice of the dashboard",
    () => read,
    (text) => text.includes(DASHBOARD),
  );
  expect(read).toContain(DASHBOARD);
  stop.abort();
  await reading;
});

test("a stream ends with its client, and nothing stays watched", async () => {
  using source = recordingApp();
  await using http = startHttp({ openOwn: () => source.app });
  const stop = new AbortController();
  const { body, headers } = modern("subscriptions/listen", { notifications: { resourceSubscriptions: [DASHBOARD] } });
  const accept = "application/json, text/event-stream";
  const init = {
    method: "POST",
    headers: { "content-type": "application/json", accept, ...headers },
    signal: stop.signal,
  };
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => fetch(http.server.url, { ...init, body: JSON.stringify(body) })),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(source.watch.size).toBe(1);
  expect((await http.get("/metrics")).text).toContain("prefect_mcp_streams_open 50");
  stop.abort();
  await waitUntil(
    "nothing is watched",
    () => source.watch.size,
    (size) => size === 0,
  );
  expect(source.watch.size).toBe(0);
});

test("a reader that does not read is disconnected", async () => {
  const tenant = fakeTenant();
  const app: HostedApp = Object.assign(tenant, { follow() {}, async [Symbol.asyncDispose]() {} });
  await using http = startHttp({ openOwn: () => app });
  const { body, headers } = modern("subscriptions/listen", { notifications: { toolsListChanged: true } });
  const text = JSON.stringify(body);
  const lines = Object.entries({
    host: "localhost",
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "content-length": String(text.length),
    ...headers,
  });
  let isClosed = false;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: http.server.port,
    socket: {
      open: (self) =>
        void self.write(
          `POST /mcp HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}`).join("\r\n")}\r\n\r\n${text}`,
        ),
      data: (self) => void self.pause(),
      close: () => {
        isClosed = true;
      },
    },
  });
  await waitUntil("the stream is open", async () => (await http.get("/metrics")).text.includes("streams_open 1"));
  const cut = async () => /streams_cut_total\{tenant="own"\} (\d+)/.exec((await http.get("/metrics")).text)?.[1];
  const flood = () => {
    for (let n = 0; n < 2_000; n += 1) tenant.setTools(tenant.tools());
    return cut();
  };
  expect(await waitUntil("the reader is disconnected", flood)).toBe("1");
  socket.terminate();
  expect(isClosed).toBeDefined();
});
