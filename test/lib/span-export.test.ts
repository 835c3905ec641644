import { expect, test } from "bun:test";
import { silentLogger } from "../../src/lib/logger.ts";
import { createSpanExporter } from "../../src/lib/span-export.ts";
import { fastClock } from "../support/fast-clock.ts";
import { eventually } from "../support/product.ts";

test("spans go to the collector in one request, below the trace of the caller", async () => {
  const bodies: { path: string; body: unknown }[] = [];
  await using collector = Bun.serve({
    port: 0,
    async fetch(request) {
      bodies.push({ path: new URL(request.url).pathname, body: await request.json() });
      return Response.json({});
    },
  });
  const stop = new AbortController();
  const exporter = createSpanExporter({
    endpoint: `http://127.0.0.1:${collector.port}/`,
    service: "svc",
    clock: fastClock(50),
    logger: silentLogger,
    signal: stop.signal,
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
  stop.abort();
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
