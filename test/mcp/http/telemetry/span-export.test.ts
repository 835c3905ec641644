import { expect, test } from "bun:test";
import { systemClock } from "../../../../src/lib/clock.ts";
import { createLogger, silentLogger } from "../../../../src/lib/logger.ts";
import { createSpanExporter } from "../../../../src/mcp/http/telemetry/span-export.ts";
import { eventually } from "../../../support/time/eventually.ts";
import { fastClock } from "../../../support/time/fast-clock.ts";

test("spans go to the collector in one request, below the trace of the caller", async () => {
  const bodies: { path: string; body: unknown }[] = [];
  await using collector = Bun.serve({
    port: 0,
    async fetch(request) {
      bodies.push({ path: new URL(request.url).pathname, body: await request.json() });
      return Response.json({});
    },
  });
  const exporter = createSpanExporter({
    endpoint: `http://127.0.0.1:${collector.port}/`,
    service: "svc",
    clock: fastClock(50),
    logger: silentLogger,
  });
  const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const span = { name: "tools/call", startMs: 1_000, endMs: 1_005, attributes: { status: 200 } };
  exporter.add({ ...span, isError: false, parent });
  exporter.add({ ...span, isError: true, parent: "nonsense" });
  await eventually(
    () => bodies.length,
    (count) => count === 1,
    3_000,
  );
  await exporter.close(1_000);
  const hex = (length: number) => expect.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
  const common = {
    name: "tools/call",
    kind: 2,
    startTimeUnixNano: "1000000000",
    endTimeUnixNano: "1005000000",
    attributes: [{ key: "status", value: { intValue: "200" } }],
    spanId: hex(16),
  };
  const spans = [
    { ...common, traceId: "0af7651916cd43dd8448eb211c80319c", parentSpanId: "b7ad6b7169203331", status: {} },
    { ...common, traceId: hex(32), status: { code: 2 } },
  ];
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "svc" } }] };
  const body = { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "svc" }, spans }] }] };
  expect(bodies).toEqual([{ path: "/v1/traces", body }]);
});

test("what waits when the server ends is still sent, and a collector that hangs is not waited for", async () => {
  let taken = 0;
  const held = Promise.withResolvers<Response>();
  await using collector = Bun.serve({
    port: 0,
    fetch(request) {
      taken += 1;
      return new URL(request.url).pathname.startsWith("/hangs") ? held.promise : Response.json({});
    },
  });
  const span = { name: "tools/call", startMs: 1, endMs: 2, isError: false, parent: null, attributes: {} };
  for (const path of ["", "/hangs"]) {
    const endpoint = `http://127.0.0.1:${collector.port}${path}`;
    const exporter = createSpanExporter({ endpoint, service: "svc", clock: systemClock, logger: silentLogger });
    exporter.add(span);
    await exporter.close(300);
  }
  expect(taken).toBe(2);
  held.resolve(Response.json({}));
});

test("a collector that is away is complained about once, not for every request", async () => {
  const lines: string[] = [];
  const exporter = createSpanExporter({
    endpoint: "http://127.0.0.1:1",
    service: "svc",
    clock: fastClock(50),
    logger: createLogger("warn", (line) => void lines.push(line)),
  });
  const span = { name: "tools/call", startMs: 1, endMs: 2, isError: false, parent: null, attributes: {} };
  exporter.add(span);
  await eventually(
    () => lines.length,
    (count) => count === 1,
    3_000,
  );
  exporter.add(span);
  await exporter.close(1_000);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("spans cannot be exported");
});
