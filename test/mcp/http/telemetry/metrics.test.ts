import { expect, test } from "bun:test";
import { Metrics } from "../../../../src/mcp/http/telemetry/metrics.ts";

const request = (tenant: string) => ({ tenant, method: "tools/call", status: "200" });

/** Lines with a value, without histogram buckets. */
async function series(metrics: Metrics): Promise<string[]> {
  const lines = (await metrics.text()).split("\n");
  return lines.filter((line) => line !== "" && !line.startsWith("#") && !line.includes("_bucket")).sort();
}

test("counters, a histogram and gauges are written in Prometheus' text format", async () => {
  const metrics = new Metrics();
  metrics.gauge("tenants_open", "Tenants with an open application.", () => 3);
  metrics.count("requests_total", request("a"));
  metrics.count("requests_total", request("a"));
  metrics.count("refusals_total", { reason: "rate", status: "429" });
  metrics.observeRequest("a", 0.002);
  metrics.observeRequest("a", 60);
  expect(metrics.contentType).toStartWith("text/plain; version=0.0.4");
  expect(await series(metrics)).toEqual([
    'prefect_mcp_refusals_total{reason="rate",status="429"} 1',
    'prefect_mcp_request_seconds_count{tenant="a"} 2',
    'prefect_mcp_request_seconds_sum{tenant="a"} 60.002',
    'prefect_mcp_requests_total{tenant="a",method="tools/call",status="200"} 2',
    "prefect_mcp_tenants_open 3",
  ]);
  const text = await metrics.text();
  const bucket = (le: string) =>
    text.match(new RegExp(`^prefect_mcp_request_seconds_bucket\\{le="${le}".*$`, "m"))?.[0];
  expect([bucket("0.001"), bucket("0.0025"), bucket("10"), bucket("\\+Inf")]).toEqual([
    'prefect_mcp_request_seconds_bucket{le="0.001",tenant="a"} 0',
    'prefect_mcp_request_seconds_bucket{le="0.0025",tenant="a"} 1',
    'prefect_mcp_request_seconds_bucket{le="10",tenant="a"} 1',
    'prefect_mcp_request_seconds_bucket{le="+Inf",tenant="a"} 2',
  ]);
  for (const name of ["requests_total counter", "request_seconds histogram", "tenants_open gauge"]) {
    expect(text).toContain(`# TYPE prefect_mcp_${name}\n`);
  }
});

test("a closed tenant leaves no series behind, others keep theirs", async () => {
  const metrics = new Metrics();
  for (const tenant of ["a", "b"]) {
    metrics.count("requests_total", request(tenant));
    metrics.count("requests_total", { ...request(tenant), status: "404" });
    metrics.count("credential_checks_total", { tenant });
    metrics.observeRequest(tenant, 0.01);
  }
  const before = await series(metrics);
  await metrics.forgetTenant("a");
  expect(await series(metrics)).toEqual(before.filter((line) => line.includes('tenant="b"')));
  expect(await metrics.text()).not.toContain('"a"');
});

test("two servers in one process count separately", async () => {
  const [one, other] = [new Metrics(), new Metrics()];
  one.count("requests_total", request("a"));
  expect(await series(other)).toEqual([]);
});
