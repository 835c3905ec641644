import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/errors.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { parseJson } from "../../src/lib/exact-json.ts";
import { createLogger, type Logger, silentLogger } from "../../src/lib/logger.ts";
import type { PrefectEvent } from "../../src/model/events/event.ts";
import type { EventStream } from "../../src/prefect/api.ts";
import { openEventStream } from "../../src/prefect/event-stream.ts";
import type { PrefectConnection } from "../../src/prefect/transport/connection.ts";
import { anEvent } from "../support/builders.ts";
import { DEFAULT_CONNECTION } from "../support/default-connection.ts";
import { failureOf } from "../support/failure-of.ts";
import { facts } from "../support/fake-prefect/client.ts";
import { type FakePrefect, startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { startFaultProxy } from "../support/proxies/fault-proxy.ts";
import { startForwardProxy } from "../support/proxies/forward-proxy.ts";
import { TEST_CERTIFICATE } from "../support/test-certificate.ts";
import { fastClock } from "../support/time/fast-clock.ts";
import { waitUntil } from "../support/time/wait-until.ts";

interface Given extends Partial<PrefectConnection> {
  readonly clock?: ReturnType<typeof fastClock>;
  readonly logger?: Logger;
  readonly signal?: AbortSignal;
}

function open(at: { readonly url: string }, given: Given = {}, filter = {}): EventStream {
  const { clock = fastClock(5), logger = silentLogger, signal = new AbortController().signal, ...options } = given;
  return openEventStream({ ...DEFAULT_CONNECTION, url: at.url, ...options }, filter, { clock, logger, signal });
}

/** An event of this moment: the websocket does not deliver events of more than 15 minutes ago. */
const now = (given: Partial<PrefectEvent> = {}) => anEvent({ occurred: new Date().toISOString(), ...given });

/** How a stream ended: its AppError, or "closed". Reads it to the end. */
async function outcome(stream: EventStream): Promise<AppError | "closed"> {
  try {
    for await (const _ of stream);
    return "closed";
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

async function outcomeFacts(stream: EventStream): Promise<unknown> {
  const end = await outcome(stream);
  return end === "closed" ? end : facts(end);
}

describe("a stream", () => {
  test("ends when events of too many bytes wait for a reader, after giving those that it holds", async () => {
    await using fake = await startFakePrefect();
    const stream = open(fake);
    await stream.ready;
    const large = () => now({ payload: { text: "x".repeat(1_500_000) } });
    // One by one, because Bun's server drops what does not fit into its own buffer.
    await waitUntil("the end of the stream", () => {
      fake.emit(large());
      return fake.subscribers === 0;
    });
    const received: PrefectEvent[] = [];
    const failure = await failureOf(
      (async () => {
        for await (const batch of stream) received.push(...batch);
      })(),
    );
    expect(facts(failure)).toMatchObject({
      code: "unavailable",
      message: "Events arrive faster than they are read: 23 of 35 MB wait.",
    });
    expect(received).toHaveLength(23);
  });

  test("skips an event beyond the bounds of JSON, and delivers those around it", async () => {
    await using fake = await startFakePrefect();
    const log: string[] = [];
    const stream = open(fake, { logger: createLogger("debug", (line) => void log.push(line)) });
    await stream.ready;
    const deep = JSON.parse(`${'{"a":'.repeat(600)}1${"}".repeat(600)}`) as PrefectEvent["payload"];
    const around = [now(), now()];
    fake.emit([around[0] ?? now(), now({ payload: deep }), around[1] ?? now()]);
    const received: PrefectEvent[] = [];
    for await (const batch of stream) {
      received.push(...batch);
      if (received.length === 2) break;
    }
    expect(received).toEqual(around);
    expect(log.map((line) => JSON.parse(line))).toMatchObject([
      {
        level: "warn",
        message: "prefect: event of the stream skipped",
        problem: "it is nested deeper than 512 levels",
      },
    ]);
  });

  test("yields events with every digit of their numbers", async () => {
    await using fake = await startFakePrefect();
    const stream = open(fake);
    await stream.ready;
    const payload = parseJson('{"big":9223372036854775807,"list":[1.0,-0.0,5.2e-05,12]}') as PrefectEvent["payload"];
    fake.emit(now({ payload }));
    for await (const [event] of stream) {
      expect(JSON.stringify(event?.payload)).toBe(JSON.stringify(payload));
      break;
    }
  });

  test("yields events as they are published, unchanged", async () => {
    await using fake = await startFakePrefect();
    const stream = open(fake);
    await stream.ready;
    const events = [now({ payload: { note: "zebra", n: 1.5 }, follows: null }), now()];
    fake.emit(events);
    for await (const batch of stream) {
      expect(batch).toEqual(events);
      break;
    }
  });

  test("queues events while its reader is busy and yields them as one batch", async () => {
    await using fake = await startFakePrefect();
    const stream = open(fake);
    await stream.ready;
    const batches: number[] = [];
    fake.emit(now());
    for await (const batch of stream) {
      batches.push(batch.length);
      if (batches.length === 1) {
        for (let i = 0; i < 4; i += 1) fake.emit(Array.from({ length: 200 }, () => now()));
        await fake.delivered();
      }
      if (batches.reduce((sum, n) => sum + n) === 801) break;
    }
    expect(batches).toEqual([1, 800]);
  });

  test("sends the token first, then a filter for live events far into the future", async () => {
    const received: unknown[] = [];
    using server = Bun.serve({
      port: 0,
      fetch: (request, self) =>
        self.upgrade(request, { headers: { "Sec-WebSocket-Protocol": "prefect" } }) ? undefined : new Response(),
      websocket: {
        message(socket, text) {
          received.push(JSON.parse(String(text)));
          if (received.length === 1) socket.send(JSON.stringify({ type: "auth_success" }));
          else socket.send(JSON.stringify({ type: "event", event: now() }));
        },
      },
    });
    const auth = { kind: "basic", authString: "admin:pass" } as const;
    const stream = open(
      { url: `http://127.0.0.1:${server.port}/api` },
      { auth },
      { event: { prefix: ["a."] }, occurred: { since: "2026-08-20T09:00:00Z" } },
    );
    await stream.ready;
    stream.close();
    const until = (received[1] as { filter: { occurred: { until: string } } }).filter.occurred.until;
    expect(received).toEqual([
      { type: "auth", token: "admin:pass" },
      {
        type: "filter",
        filter: { event: { prefix: ["a."] }, occurred: { since: "2026-08-20T09:00:00Z", until } },
        backfill: false,
      },
    ]);
    expect(Date.parse(until) - systemClock.nowUs() / 1000).toBeGreaterThan(364 * 86_400_000);
  });

  test("sends custom headers on the upgrade, and Authorization for a proxy in front of the server", async () => {
    await using fake = await startFakePrefect({ authString: "admin:pass" });
    const stream = open(fake, {
      auth: { kind: "basic", authString: "admin:pass" },
      customHeaders: { "X-Team": "data", Upgrade: "h2c", "Sec-WebSocket-Key": "x" },
      userAgent: "prefect-mcp-bun/0.1.0",
    });
    await stream.ready;
    stream.close();
    const { headers } = fake.requestsTo("WS /events/out")[0] ?? { headers: {} };
    expect(headers).toMatchObject({
      "x-team": "data",
      "user-agent": "prefect-mcp-bun/0.1.0",
      upgrade: "websocket",
      authorization: `Basic ${btoa("admin:pass")}`,
      "sec-websocket-protocol": "prefect",
    });
    const cloud = open(fake, { isCloud: true, auth: { kind: "key", key: "admin:pass" } });
    await cloud.ready;
    cloud.close();
    expect(fake.requestsTo("WS /events/out")[1]?.headers).not.toHaveProperty("authorization");
  });

  test("skips a malformed event and logs it", async () => {
    await using fake = await startFakePrefect();
    const lines: string[] = [];
    const stream = open(fake, { logger: createLogger("warn", (line) => lines.push(line)) });
    await stream.ready;
    const good = now();
    fake.emit([{ ...now(), id: "no uuid" }, good], { rest: false });
    for await (const batch of stream) {
      expect(batch).toEqual([good]);
      break;
    }
    expect(lines.map((line) => JSON.parse(line).problem)).toEqual([".id should be a UUID"]);
  });

  test("ends without an error, after the queued events, when it is closed, left or aborted", async () => {
    await using fake = await startFakePrefect();
    const stopping = new AbortController();
    const streams = [open(fake), open(fake), open(fake, { signal: stopping.signal })];
    await Promise.all(streams.map(({ ready }) => ready));
    fake.emit(now());
    const [closed, left, aborted] = streams as [EventStream, EventStream, EventStream];
    const ends = [outcome(closed), outcome(aborted)];
    for await (const _ of left) break;
    closed.close();
    stopping.abort();
    expect(await Promise.all(ends)).toEqual(["closed", "closed"]);
    await waitUntil("all have left", () => fake.subscribers === 0);
  });

  test("closed or aborted before it is ready rejects that promise", async () => {
    await using fake = await startFakePrefect();
    fake.faults.stream.mute = true;
    const stream = open(fake);
    stream.close();
    expect(
      facts(
        await stream.ready.then(
          () => Promise.reject(new Error("ready")),
          (error: AppError) => error,
        ),
      ).message,
    ).toBe("The event stream was closed.");
    expect(await outcome(open(fake, { signal: AbortSignal.abort() }))).toBe("closed");
    expect(fake.requestsTo("WS").length).toBeLessThanOrEqual(1);
  });
});

describe("credentials on the socket", () => {
  test.each([
    ["none", { kind: "none" }, "asks for credentials and none are set. It says: Auth required but no token provided."],
    [
      "a wrong one",
      { kind: "basic", authString: "admin:wrong" },
      "does not accept the auth string (401). It says: Invalid token.",
    ],
    ["a key", { kind: "key", key: "pnu_1" }, "does not accept the API key (401). It says: Invalid token."],
  ] as const)("that are refused are a permanent error: %s", async (_, auth, text) => {
    await using fake = await startFakePrefect({ authString: "admin:pass" });
    const stream = open(fake, { auth });
    expect(await outcomeFacts(stream)).toMatchObject({
      code: "unauthorized",
      message: `Prefect at ${fake.url} ${text}`,
    });
    await expect(stream.ready).rejects.toMatchObject({ code: "unauthorized", retryable: false });
  });

  test("can be refused by Cloud's message or during the upgrade", async () => {
    await using fake = await startFakePrefect();
    fake.faults.stream.refuse = 401;
    expect(await outcomeFacts(open(fake))).toMatchObject({
      code: "unauthorized",
      message: `Prefect at ${fake.url} asks for credentials and none are set.`,
    });
    using cloud = Bun.serve({
      port: 0,
      fetch: (request, self) =>
        self.upgrade(request, { headers: { "Sec-WebSocket-Protocol": "prefect" } }) ? undefined : new Response(),
      websocket: { message: (socket) => void socket.send(JSON.stringify({ type: "auth_failure", reason: "expired" })) },
    });
    const url = `http://127.0.0.1:${cloud.port}/api`;
    expect(await outcomeFacts(open({ url }, { isCloud: true, auth: { kind: "key", key: "pnu_1" } }))).toEqual({
      code: "unauthorized",
      message: `Prefect at ${url} does not accept the API key (401). It says: expired.`,
      hint: "Check PREFECT_API_KEY: it may be expired, or belong to another account than PREFECT_API_URL.",
    });
  });
});

describe("a filter that is refused", () => {
  test("looks like a connection lost right after the filter", async () => {
    await using fake = await startFakePrefect();
    fake.faults.stream.plainFilterOnly = true;
    const stream = open(fake, { clock: fastClock(1) }, { event: { prefix: ["a."] } });
    expect(await outcomeFacts(stream)).toEqual({
      code: "unavailable",
      message: "Prefect dropped the event stream right after its filter, without a reason.",
      hint: "An older Prefect does so when it does not know a part of the filter.",
    });
    const plain = open(fake);
    await plain.ready;
    plain.close();
  });

  test("can be refused with code 1002", async () => {
    await using fake = await startFakePrefect();
    const stream = open(fake);
    await stream.ready;
    fake.closeSockets(1002, "Expected 'filter' message");
    expect(await outcome(stream)).toMatchObject({ code: "invalid_input", retryable: false });
  });
});

describe("an upgrade that is refused", () => {
  test.each([403, 404, 502])("with %p is retryable and not an error of the credentials", async (status) => {
    await using fake = await startFakePrefect();
    fake.faults.stream.refuse = status;
    const stream = open(fake);
    expect(await outcomeFacts(stream)).toEqual({
      code: "unavailable",
      message: `The websocket to ${fake.url} is refused with status ${status}.`,
      hint: "A proxy may not let websockets through, or the URL is not the API's. Until then events are read by polling: none are lost, but they arrive later.",
    });
  });

  test("because the connection is refused has the same error as over HTTP", async () => {
    const fake = await startFakePrefect();
    await fake.stop();
    expect(await outcomeFacts(open(fake))).toMatchObject({
      code: "unavailable",
      message: `Nothing accepts connections at ${fake.url}.`,
    });
  });

  test("because the URL is invalid is a wrong setting", async () => {
    expect(await outcome(open({ url: "prefect" }))).toMatchObject({ code: "invalid_config" });
    expect(await outcome(open({ url: "https://127.0.0.1:9/api" }, { tls: { caFile: "/no/such/file" } }))).toMatchObject(
      { code: "invalid_config" },
    );
  });
});

describe("a Prefect that a caller named", () => {
  const large = () => now({ payload: { note: "x".repeat(4_000_000) } });

  test("may not send a message larger than an event can be", async () => {
    await using fake = await startFakePrefect();
    const stream = open(fake, { isNamedByCaller: true });
    await stream.ready;
    fake.emit([large()]);
    expect(await outcomeFacts(stream)).toMatchObject({
      code: "unavailable",
      message: "A message of the event stream is longer than an event can be.",
    });
  });

  test("is asked for no compression; the operator's Prefect may send larger events", async () => {
    const offers: (string | null)[] = [];
    using server = Bun.serve({
      port: 0,
      fetch(request) {
        offers.push(request.headers.get("sec-websocket-extensions"));
        return new Response(null, { status: 403 });
      },
    });
    // On loopback nothing is compressed in any case. This address reaches the same machine and does not look like loopback.
    const url = `http://0.0.0.0:${server.port}`;
    await outcome(open({ url }, { isNamedByCaller: true }));
    await outcome(open({ url }));
    expect(offers).toEqual([null, expect.stringContaining("permessage-deflate")]);
    await using fake = await startFakePrefect();
    const stream = open(fake);
    await stream.ready;
    const event = large();
    fake.emit([event]);
    for await (const batch of stream) {
      expect(batch.map(({ id }) => id)).toEqual([event.id]);
      break;
    }
  });
});

describe("the end of a stream", () => {
  test.each([
    [1012, "", "The Prefect server is stopping or restarting."],
    [1001, "", "The Prefect server is stopping or restarting."],
    [1011, "keepalive ping timeout", "Prefect closed the event stream (1011: keepalive ping timeout)."],
    [1000, "bye", "Prefect closed the event stream (1000: bye)."],
  ])("with code %p is retryable", async (code, reason, message) => {
    await using fake = await startFakePrefect();
    const stream = open(fake);
    await stream.ready;
    fake.closeSockets(code, reason);
    expect(await outcome(stream)).toMatchObject({ code: "unavailable", message, retryable: true });
  });

  test("without a close frame is retryable; queued events are yielded first", async () => {
    await using fake = await startFakePrefect();
    const stream = open(fake);
    await stream.ready;
    fake.emit([now(), now()]);
    await fake.delivered();
    fake.closeSockets(1006);
    const batches: number[] = [];
    const read = async () => {
      for await (const batch of stream) batches.push(batch.length);
    };
    await expect(read()).rejects.toMatchObject({
      code: "unavailable",
      message: `The event stream to ${fake.url} was lost.`,
    });
    expect(batches).toEqual([2]);
  });

  test("is detected by an unanswered ping when the network drops all packets", async () => {
    await using fake = await startFakePrefect();
    using network = startFaultProxy({ hostname: "127.0.0.1", port: fake.port });
    const url = fake.url.replace(String(fake.port), String(network.port));
    const clock = fastClock(20);
    const stream = open({ url }, { clock });
    await stream.ready;
    network.set({ kind: "black-hole" });
    expect(await outcome(stream)).toMatchObject({
      code: "unavailable",
      message: `The event stream to ${url} was lost: no answer to a ping in 10 s.`,
    });
  });

  test("is not assumed while pongs arrive but no events", async () => {
    await using fake = await startFakePrefect();
    const clock = fastClock(5);
    const stream = open(fake, { clock });
    await stream.ready;
    // After an answered ping the stream waits 5 s until it sends the next one.
    await waitUntil("two pings are answered", () => clock.slept.filter((ms) => ms === 5_000).length >= 2);
    fake.emit(now());
    for await (const batch of stream) {
      expect(batch.length).toBe(1);
      break;
    }
  });

  test("comes within 10 s when the server accepts the connection and sends nothing", async () => {
    await using fake = await startFakePrefect();
    fake.faults.stream.mute = true;
    const stream = open(fake, { clock: fastClock(20) });
    expect(await outcomeFacts(stream)).toMatchObject({
      code: "unavailable",
      message: `No event stream from ${fake.url}: the credentials were not answered within 10 s.`,
    });
    using network = startFaultProxy({ hostname: "127.0.0.1", port: fake.port });
    network.set({ kind: "black-hole" });
    const url = fake.url.replace(String(fake.port), String(network.port));
    expect(await outcomeFacts(open({ url }, { clock: fastClock(20) }))).toMatchObject({
      message: `No event stream from ${url}: the websocket did not open within 10 s.`,
    });
  });
});

describe("the connection of a stream", () => {
  const { cert, key } = TEST_CERTIFICATE;
  const becomesReady = async (fake: FakePrefect, given: Given) => {
    const stream = open(fake, given);
    await stream.ready;
    stream.close();
    return true;
  };

  test("may use TLS with a configured CA or without check; an unknown CA is refused", async () => {
    await using fake = await startFakePrefect({ tls: { cert, key } });
    expect(await becomesReady(fake, { tls: { ca: cert } })).toBe(true);
    expect(await becomesReady(fake, { tls: { insecure: true } })).toBe(true);
    expect(await outcomeFacts(open(fake))).toMatchObject({
      code: "unavailable",
      message: `No trusted TLS connection to ${new URL(fake.url).origin}: TLS handshake failed: self signed certificate.`,
    });
  });

  test("may use a proxy, for ws and for wss", async () => {
    await using plain = await startFakePrefect();
    await using secure = await startFakePrefect({ tls: { cert, key } });
    using proxy = startForwardProxy();
    const given = { proxy: { http: proxy.url, https: proxy.url }, tls: { ca: cert } };
    expect(await becomesReady(plain, given)).toBe(true);
    expect(await becomesReady(secure, given)).toBe(true);
    expect(proxy.lines).toEqual([
      `CONNECT 127.0.0.1:${plain.port} HTTP/1.1`,
      `CONNECT 127.0.0.1:${secure.port} HTTP/1.1`,
    ]);
    expect(await becomesReady(plain, { proxy: { http: "http://127.0.0.1:9", noProxy: "127.0.0.1" } })).toBe(true);
    expect(await outcomeFacts(open(plain, { proxy: { http: "http://127.0.0.1:9" } }))).toMatchObject({
      code: "unavailable",
      message: `Nothing accepts connections at ${plain.url} through the proxy 127.0.0.1:9.`,
    });
  });
});
