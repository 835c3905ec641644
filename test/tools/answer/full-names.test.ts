/** Deployments and queues have names that are unique within their flow or pool only, so no answer shows one without that. */
import { describe, expect, test } from "bun:test";
import { RESOURCE_ID, RESOURCE_NAME, RESOURCE_ROLE } from "../../../src/model/events/event.ts";
import { allTools } from "../../../src/tools/index.ts";
import {
  aConcurrencyLimit,
  aDeployment,
  aFlow,
  aFlowRun,
  aFlowRunEvent,
  aLog,
  anAutomation,
  anEvent,
  anId,
  at,
  aWorkPool,
  aWorkQueue,
} from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const [orders, billing] = [aFlow({ id: anId(1), name: "orders" }), aFlow({ id: anId(2), name: "billing" })];
const pool = aWorkPool({ id: anId(3), name: "pool-a" });
const queue = aWorkQueue({ id: anId(4), name: "qqq", work_pool_id: pool.id, work_pool_name: pool.name });
const limit = aConcurrencyLimit({ id: anId(5), limit: 1 });
const prod = aDeployment({
  id: anId(6),
  name: "prd",
  flow_id: orders.id,
  work_pool_name: pool.name,
  global_concurrency_limit: { id: limit.id, name: `deployment:${anId(6)}`, limit: 1, active_slots: 1 } as never,
});
const twin = aDeployment({ id: anId(7), name: "prd", flow_id: billing.id });
const of = { flow_id: orders.id, deployment_id: prod.id, work_pool_name: pool.name };
const running = aFlowRun({ ...of, id: anId(10), name: "calm-otter", state_type: "RUNNING", state_name: "Running" });
const failed = aFlowRun({
  ...of,
  id: anId(11),
  name: "wise-owl",
  state_type: "FAILED",
  state_name: "Failed",
  start_time: at(600),
  end_time: at(700),
});
const late = aFlowRun({
  ...of,
  id: anId(12),
  name: "slow-bee",
  state_type: "SCHEDULED",
  state_name: "Late",
  start_time: null,
  end_time: null,
  expected_start_time: at(900),
});
const related = (id: string, name: string, role: string) => ({
  [RESOURCE_ID]: id,
  [RESOURCE_NAME]: name,
  [RESOURCE_ROLE]: role,
});
const ofFlow = [related(`prefect.flow.${orders.id}`, "orders", "flow")];
const updated = anEvent({
  id: anId(20),
  event: "prefect.deployment.updated",
  occurred: at(1_000),
  resource: { [RESOURCE_ID]: `prefect.deployment.${prod.id}`, [RESOURCE_NAME]: "prd" },
  related: ofFlow,
  payload: { updates: { paused: { from: false, to: true } } },
});
const ofRun = aFlowRunEvent(failed, {
  related: [...ofFlow, related(`prefect.deployment.${prod.id}`, "prd", "deployment")],
});
const ofQueue = anEvent({
  event: "prefect.work-queue.paused",
  occurred: at(1_100),
  resource: { [RESOURCE_ID]: `prefect.work-queue.${queue.id}`, [RESOURCE_NAME]: "qqq" },
  related: [related(`prefect.work-pool.${pool.id}`, pool.name, "work-pool")],
});
const automation = anAutomation({
  name: "rerun",
  trigger: {
    type: "event",
    match: { "prefect.resource.id": `prefect.deployment.${prod.id}` },
    expect: ["prefect.deployment.not-ready"],
    posture: "Reactive",
    threshold: 1,
    within: 0,
  },
  actions: [{ type: "run-deployment", source: "selected", deployment_id: prod.id }],
});

function fill(harness: ToolHarness): void {
  harness.objects("flow", [orders, billing]);
  harness.objects("deployment", [prod, twin]);
  harness.objects("work_pool", [pool]);
  harness.objects("work_queue", [queue]);
  harness.objects("worker", []);
  harness.objects("concurrency_limit", [{ ...limit, name: `deployment:${prod.id}` }]);
  harness.objects("automation", [automation]);
  harness.flowRuns([running, failed, late]);
  harness.events([updated, ofRun, ofQueue]);
  harness.fake.workspace.flowRuns.push(running, failed, late);
  harness.fake.workspace.logs.push(aLog({ flow_run_id: failed.id, level: 40, message: "no disk" }));
  for (const kind of ["event", "flow_run", "task_run"]) harness.cover(kind, { fromUs: 0 });
  harness.following();
}

const CALLS: readonly (readonly [tool: string, args: object])[] = [
  ["get_dashboard", {}],
  ["get_flow_runs", {}],
  ["get_flow_runs", { detail: "full" }],
  ["get_flow_runs", { fields: ["deployment"] }],
  ["get_flow_runs", { flow_run: "wise-owl" }],
  ["get_deployments", {}],
  ["get_deployments", { deployment: "orders/prd" }],
  ["get_flows", {}],
  ["get_work_pools", {}],
  ["get_automations", {}],
  ["read_events", {}],
  ["read_events", { fields: ["deployment", "resource_name"] }],
  ["aggregate_events", { by: "deployment" }],
  ["aggregate_events", { by: "resource" }],
  ["search", { query: "prd" }],
  ["search", { query: "wise" }],
  ["search", { query: "qqq" }],
  ["what_changed", {}],
  ["get_timeline", { deployment: "orders/prd" }],
  ["get_timeline", { flow_run: "wise-owl" }],
  ["get_timeline", { work_pool: "pool-a" }],
  ["get_flow_run_logs", { flow_run_id: "wise-owl" }],
  ["wait_for", { flow_run: "wise-owl" }],
  ["wait_for", { deployment: "orders/prd", occurred_after: "1d" }],
  ["diagnose", {}],
  ["diagnose", { deployment: "orders/prd" }],
  ["diagnose", { flow_run: "wise-owl" }],
  ["diagnose", { flow_run: "slow-bee" }],
];

/** Where text names the deployment or the queue without its flow or pool. The queues of a pool are in its row. */
const ALONE = /.{0,30}(?<![/\w])(?:prd|qqq(?! priority| has))\b.{0,30}/;

describe("names within a flow or a pool", () => {
  for (const [name, args] of CALLS) {
    test(`${name} ${JSON.stringify(args)} shows them with their flow or pool`, async () => {
      await using harness = await openToolHarness();
      fill(harness);
      const tool = allTools.find((one) => one.name === name);
      if (!tool) throw new Error(`no tool ${name}`);
      const { text, structured, isError } = await harness.call(tool, args);
      expect([isError, text]).toEqual([false, text]);
      expect(ALONE.exec(text.replace(/"query":"[^"]*"/, ""))?.[0]).toBeUndefined();
      expect(namedAlone(structured, false)).toEqual([]);
    });
  }

  test("answers about one of them or one of its runs name it in their header", async () => {
    await using harness = await openToolHarness();
    fill(harness);
    const heads = new Map<string, string>();
    for (const [name, args] of CALLS) {
      const tool = allTools.find((one) => one.name === name);
      const { text } = tool ? await harness.call(tool, args) : { text: "" };
      heads.set(`${name} ${JSON.stringify(args)}`, text.split("\n")[0] ?? "");
    }
    for (const [name, args] of [
      ["get_timeline", { deployment: "orders/prd" }],
      ["get_timeline", { flow_run: "wise-owl" }],
      ["get_flow_run_logs", { flow_run_id: "wise-owl" }],
      ["diagnose", { deployment: "orders/prd" }],
      ["diagnose", { flow_run: "wise-owl" }],
    ] as const) {
      expect(heads.get(`${name} ${JSON.stringify(args)}`)).toContain("orders/prd");
    }
    expect(heads.get('diagnose {"flow_run":"wise-owl"}')).toContain(`flow run wise-owl ${failed.id} of orders/prd`);
    expect(heads.get('diagnose {"deployment":"orders/prd"}')).toContain(`deployment orders/prd ${prod.id}`);
  });
});

test("a heartbeat, which has the deployment by its id only, is shown with the recorded name", async () => {
  await using harness = await openToolHarness();
  fill(harness);
  const beat = aFlowRunEvent(failed, {
    id: anId(25),
    event: "prefect.flow-run.heartbeat",
    related: [...ofFlow, { [RESOURCE_ID]: `prefect.deployment.${prod.id}`, [RESOURCE_ROLE]: "deployment" }],
  });
  harness.events([beat]);
  const asked = { event_type_prefix: "prefect.flow-run.heartbeat" };
  const calls: readonly (readonly [tool: string, args: object])[] = [
    ["read_events", asked],
    ["search", { query: "heartbeat" }],
    ["wait_for", { ...asked, occurred_after: "1d" }],
  ];
  for (const [name, args] of calls) {
    const tool = allTools.find((one) => one.name === name);
    if (!tool) throw new Error(`no tool ${name}`);
    const { text } = await harness.call(tool, args);
    expect([name, text]).toEqual([name, expect.stringContaining("orders/prd")]);
    expect([name, text]).toEqual([name, expect.not.stringContaining(`orders/${prod.id}`)]);
  }
});

/** Strings that name one of them alone, unless a member beside it names its flow; whole documents of Prefect are left out. */
function namedAlone(value: unknown, isBesideFlow: boolean): unknown[] {
  if (value === "prd" || value === "qqq") return isBesideFlow ? [] : [value];
  if (typeof value !== "object" || value === null) return [];
  const hasFlow = "flow_name" in value || "related" in value;
  return Object.entries(value).flatMap(([key, one]) =>
    key === "resource" || key === "related" || key === "payload" ? [] : namedAlone(one, hasFlow),
  );
}
