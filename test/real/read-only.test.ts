/** The requests of the process: a proxy between product and Prefect records them while every tool is called. */

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { formatIsoUs } from "../../src/lib/time.ts";
import { inputSchema } from "../../src/tools/definition/listing.ts";
import { allTools } from "../../src/tools/index.ts";
import {
  aDeployment,
  aFlow,
  aFlowRun,
  aFlowRunEvent,
  aLog,
  anAutomation,
  anId,
  aTaskRun,
  aWorkPool,
} from "../support/builders.ts";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { runProduct, startProduct } from "../support/process/product.ts";
import { startRecordingProxy } from "../support/proxies/recording-proxy.ts";
import { waitUntil } from "../support/time/wait-until.ts";

/** Reads: any GET, the filters and counts that Prefect takes as POST, and the event socket's upgrade (a GET too). */
const READS = new RegExp(
  `^(${[
    String.raw`GET /\S*`,
    String.raw`POST /(v2/)?\w+/(filter|count|paginate|history|lateness|count-by/\w+)`,
    "POST /work_pools/[^/]+/(workers/filter|queues/filter|concurrency_status)",
  ].join("|")})$`,
);

const now = (seconds: number) => formatIsoUs(systemClock.nowUs() + seconds * 1_000_000);

async function startWorkspace() {
  const fake = await startFakePrefect();
  const flow = aFlow({ id: anId(1) });
  const pool = aWorkPool({ id: anId(4) });
  const deployment = aDeployment({ id: anId(5), name: "nightly", work_pool_name: pool.name });
  const run = aFlowRun({
    id: anId(6),
    name: "wandering-guan",
    state_type: "FAILED",
    deployment_id: deployment.id,
    expected_start_time: now(-600),
    end_time: now(-590),
  });
  const goodRun = aFlowRun({
    id: anId(7),
    name: "quiet-heron",
    flow_id: flow.id,
    deployment_id: deployment.id,
    expected_start_time: now(-1200),
    start_time: now(-1200),
    end_time: now(-1190),
  });
  fake.workspace.flows.push(flow);
  fake.workspace.workPools.push(pool);
  fake.workspace.deployments.push(deployment);
  fake.workspace.flowRuns.push(run, goodRun);
  fake.workspace.taskRuns.push(aTaskRun({ flow_run_id: run.id, start_time: now(-595) }));
  fake.workspace.logs.push(aLog({ flow_run_id: run.id, level: 40, timestamp: now(-592) }));
  fake.workspace.automations.push(anAutomation());
  fake.emit(aFlowRunEvent(run, { occurred: now(-590), received: now(-590) }), { socket: false });
  return { fake, run };
}

/** Arguments that a tool needs or that make it send more requests; every tool is also called with `fresh` and without arguments. */
const FURTHER: Readonly<Record<string, readonly object[]>> = {
  get_flow_runs: [{ flow_run: "wandering-guan", detail: "full" }, { state: ["FAILED"] }, { name: "no-such-run" }],
  get_flow_run_logs: [{ flow_run_id: "wandering-guan", include_subflows: true }, { flow_run_id: anId(99) }],
  get_task_runs: [{ flow_run: "wandering-guan" }],
  compare_runs: [{ flow_run: "wandering-guan" }, { flow_run: "wandering-guan", with: "quiet-heron" }],
  get_deployments: [{ deployment: "nightly", detail: "full" }],
  get_work_pools: [{ work_pool: "etl-pool", detail: "full" }],
  get_artifacts: [{ flow_run: "wandering-guan" }, { filter: {}, detail: "full" }],
  get_lineage: [{ asset: "s3://lake/raw" }, { direction: "upstream", depth: 1 }],
  get_incidents: [{ state: ["new"] }, { deployment: "nightly" }],
  get_object_schema: [{ object_type: "automation" }],
  read_events: [{ filter: { text: { query: "failed" } } }, { event_type_prefix: "prefect.", order: "asc" }],
  search: [{ query: "wandering" }, { query: "rows", kinds: ["log"] }],
  aggregate_events: [{ by: "event" }, { by: "deployment" }, { interval: "30s", occurred_after: "10m" }],
  get_timeline: [{ flow_run: "wandering-guan" }, { deployment: "nightly" }, { work_pool: "etl-pool" }],
  wait_for: [{ flow_run: "wandering-guan" }, { event_type_prefix: "no.such.", timeout: "1s" }],
  diagnose: [{ flow_run: "wandering-guan" }, { deployment: "nightly" }, { work_pool: "etl-pool" }],
  docs_search_prefect: [{ query: "retries" }],
};

test("only reading requests leave the process, whatever is called", async () => {
  const { fake } = await startWorkspace();
  await using _stop = fake;
  using proxy = startRecordingProxy(fake.url);
  const dataDir = mkdtempSync(join(tmpdir(), "read-only-"));
  const env = {
    HOME: dataDir,
    PREFECT_API_URL: proxy.url,
    PREFECT_MCP_DATA_DIR: dataDir,
    PREFECT_MCP_TOOLS: "all",
    PREFECT_MCP_DOCS_URL: "http://127.0.0.1:9/mcp",
  };
  try {
    const answered = new Map<string, number>();
    const product = await startProduct({ env });
    await using _end = product;
    for (const tool of allTools.filter((one) => !one.isCloudOnly)) {
      const takesFresh = "fresh" in (inputSchema(tool).properties as object);
      const further = FURTHER[tool.name] ?? [];
      for (const args of [
        {},
        ...further,
        ...(takesFresh ? [{ fresh: true }, ...further.map((one) => ({ ...one, fresh: true }))] : []),
      ]) {
        const { isError } = await product.call(tool.name, args);
        if (!isError) answered.set(tool.name, (answered.get(tool.name) ?? 0) + 1);
      }
    }
    expect([...allTools.filter((one) => !one.isCloudOnly && !answered.has(one.name))].map((one) => one.name)).toEqual(
      [],
    );
    const { resources } = (await product.request("resources/list")) as { resources: { uri: string }[] };
    for (const { uri } of resources) await product.request("resources/read", { uri });
    await waitUntil(
      "the event stream is opened",
      () => proxy.lines,
      (lines) => lines.some((line) => line.includes("/events/out")),
    );
    await product.end();
    for (const command of [["sync", "--once"], ["status"], ["doctor", "--json"], ["audit", "--json"]]) {
      await runProduct(command, env);
    }
    expect(proxy.lines.filter((line) => !READS.test(line))).toEqual([]);
    const kinds = new Set(proxy.lines.map((line) => line.replace(/[0-9a-f-]{36}/g, "{id}")));
    expect(kinds.size).toBeGreaterThan(15);
    expect(kinds).toContain("GET /events/out");
    expect(fake.requests.length).toBeGreaterThan(0);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
