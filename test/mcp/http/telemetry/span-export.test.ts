import { expect, test } from "bun:test";
import { systemClock } from "../../../../src/lib/clock.ts";
import { createLogger, silentLogger } from "../../../../src/lib/logger.ts";
import { createSpanExporter } from "../../../../src/mcp/http/telemetry/span-export.ts";
import { waitUntil } from "../../../support/time/wait-until.ts";

const SPAN = { name: "tools/call", startUs: 1, endUs: 2, isError: false, parent: null, attributes: {} };
const common = { service: "svc", clock: systemClock, logger: silentLogger };

test("spans go to the collector in one request, below the trace of the caller", async () => {
  const bodies: { path: string; body: unknown }[] = [];
  await using collector = Bun.serve({
    port: 0,
    async fetch(request) {
      bodies.push({ path: new URL(request.url).pathname, body: await request.json() });
      return Response.json({});
    },
  });
  const exporter = createSpanExporter({ ...common, endpoint: `http://127.0.0.1:${collector.port}/`, everyMs: 50 });
  // Not sampled by the caller: exported in any case.
  const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
  const span = { ...SPAN, startUs: 1_000_000_001, endUs: 1_000_005_000, attributes: { status: 200, tenant: "own" } };
  exporter.add({ ...span, parent });
  exporter.add({ ...span, isError: true, parent: "nonsense" });
  await waitUntil(
    "an export",
    () => bodies.length,
    (count) => count === 1,
  );
  await exporter.close(1_000);
  expect(bodies).toHaveLength(1);
  expect(bodies[0]?.path).toBe("/v1/traces");
  const hex = (length: number) => expect.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
  const expected = {
    name: "tools/call",
    kind: 2,
    startTimeUnixNano: "1000000001000",
    endTimeUnixNano: "1000005000000",
    attributes: [
      { key: "status", value: { intValue: 200 } },
      { key: "tenant", value: { stringValue: "own" } },
    ],
    events: [],
    links: [],
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    spanId: hex(16),
    flags: expect.any(Number),
  };
  const spans = [
    { ...expected, traceId: "0af7651916cd43dd8448eb211c80319c", parentSpanId: "b7ad6b7169203331", status: { code: 0 } },
    { ...expected, traceId: hex(32), status: { code: 2 } },
  ];
  const attributes = [{ key: "service.name", value: { stringValue: "svc" } }];
  const resource = { attributes, droppedAttributesCount: 0 };
  expect(bodies[0]?.body).toEqual({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "svc" }, spans }] }] });
});

test("spans that wait when the server ends are still sent, and a collector that hangs is not waited for", async () => {
  let requests = 0;
  const held = Promise.withResolvers<Response>();
  await using collector = Bun.serve({
    port: 0,
    fetch(request) {
      requests += 1;
      return new URL(request.url).pathname.startsWith("/hangs") ? held.promise : Response.json({});
    },
  });
  for (const path of ["", "/hangs"]) {
    const exporter = createSpanExporter({ ...common, endpoint: `http://127.0.0.1:${collector.port}${path}` });
    exporter.add(SPAN);
    await exporter.close(300);
  }
  expect(requests).toBe(2);
  held.resolve(Response.json({}));
});

test("a collector that refuses is logged once until it accepts again", async () => {
  const lines: string[] = [];
  const answers = [400, 400, 200, 400];
  let requests = 0;
  await using collector = Bun.serve({
    port: 0,
    fetch: () => new Response("{}", { status: answers[requests++] ?? 200 }),
  });
  const logger = createLogger("warn", (line) => void lines.push(line));
  const endpoint = `http://127.0.0.1:${collector.port}`;
  const exporter = createSpanExporter({ ...common, endpoint, logger, everyMs: 10 });
  for (const sent of [1, 2, 3]) {
    exporter.add(SPAN);
    await waitUntil(
      "an export",
      () => requests,
      (count) => count === sent,
    );
  }
  exporter.add(SPAN);
  await exporter.close(1_000);
  expect(requests).toBe(4);
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain("spans cannot be exported");
});

test("a collector that cannot be reached is logged", async () => {
  const lines: string[] = [];
  const logger = createLogger("warn", (line) => void lines.push(line));
  const exporter = createSpanExporter({
    ...common,
    endpoint: "http://127.0.0.1:1",
    logger,
    everyMs: 20,
    timeoutMs: 100,
  });
  exporter.add(SPAN);
  await waitUntil(
    "a log line",
    () => lines.length,
    (count) => count === 1,
  );
  await exporter.close(1_000);
  expect(lines[0]).toContain("spans cannot be exported");
});
