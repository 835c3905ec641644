/** A caller repeats in `fields` what it has read as the heading of a column. */
import { describe, expect, test } from "bun:test";
import type { JsonSchema, ToolDefinition } from "../../../src/tools/definition/define-tool.ts";
import { inputSchema } from "../../../src/tools/definition/listing.ts";
import { allTools } from "../../../src/tools/index.ts";
import {
  aDeployment,
  aFlow,
  aFlowRun,
  aFlowRunEvent,
  aLog,
  anArtifact,
  anAutomation,
  anId,
  aTaskRun,
  at,
  aWorker,
  aWorkPool,
  aWorkQueue,
} from "../../support/builders.ts";
import { openToolHarness, type ToolHarness } from "../../support/tool-harness.ts";

const flow = aFlow({ id: anId(1), name: "orders" });
const pool = aWorkPool({ id: anId(2), name: "pool-a", concurrency_limit: 2 });
const queue = aWorkQueue({ id: anId(3), name: "fast", work_pool_id: pool.id, work_pool_name: pool.name });
const worker = aWorker({ id: anId(4), name: "w1", work_pool_id: pool.id, last_heartbeat_time: at(3_590) });
const deployment = aDeployment({ id: anId(5), name: "prd", flow_id: flow.id, work_pool_name: pool.name, tags: ["a"] });
const of = { flow_id: flow.id, deployment_id: deployment.id, work_pool_name: pool.name };
const failed = aFlowRun({
  ...of,
  id: anId(6),
  name: "wise-owl",
  state_type: "FAILED",
  state_name: "Failed",
  start_time: at(600),
  end_time: at(700),
});
const late = aFlowRun({
  ...of,
  id: anId(7),
  name: "slow-bee",
  state_type: "SCHEDULED",
  state_name: "Late",
  start_time: null,
  end_time: null,
  expected_start_time: at(900),
});
const task = aTaskRun({ id: anId(8), name: "load-1", flow_run_id: failed.id, start_time: at(610) });

function fill(harness: ToolHarness): void {
  harness.objects("flow", [flow]);
  harness.objects("deployment", [deployment]);
  harness.objects("work_pool", [pool]);
  harness.objects("work_queue", [{ ...queue, concurrency_limit: 1 }]);
  harness.objects("worker", [worker]);
  harness.objects("concurrency_limit", []);
  harness.objects("automation", [anAutomation({ name: "rerun" })]);
  harness.objects("artifact", [anArtifact({ key: "report", flow_run_id: failed.id })]);
  harness.flowRuns([failed, late]);
  harness.taskRuns([task]);
  harness.events([aFlowRunEvent(failed)]);
  harness.fake.workspace.flowRuns.push(failed, late);
  harness.fake.workspace.logs.push(aLog({ flow_run_id: failed.id, level: 40, message: "owl has no disk" }));
  for (const kind of ["event", "flow_run", "task_run"]) harness.cover(kind, { fromUs: 0 });
  harness.following();
}

/** Arguments that a tool needs. */
const NEEDED: Readonly<Record<string, object>> = {
  search: { query: "owl" },
  get_flow_run_logs: { flow_run_id: failed.id },
};

/** Of the table in the text: the names of the columns, and those that all rows share. */
function headingsOf(text: string): string[] {
  const lines = text.split("\n");
  const columns = lines.find((line) => line.includes(" | ") && lines.indexOf(line) > 0 && !line.includes("as of"));
  const shared = lines.find((line) => line.startsWith("all: ")) ?? "";
  return [...(columns?.split(" | ") ?? []), ...[...shared.matchAll(/([\w/]+)=/g)].map(([, name = ""]) => name)];
}

const hasFields = (schema: JsonSchema) => Object.hasOwn((schema.properties ?? {}) as object, "fields");
const tools = allTools.filter((tool) => hasFields(inputSchema(tool)));

/** Of the lines of one object. */
function membersShown(text: string): string[] {
  return [...text.matchAll(/^([\w/]+): /gm)]
    .map(([, name = ""]) => name)
    .filter((name) => !["id", "link"].includes(name));
}

describe("headings of one object in lines", () => {
  const singles = [
    ["get_deployments", { deployment: "orders/prd" }],
    ["get_work_pools", { work_pool: "pool-a" }],
  ] as const;

  test.each(singles)("of %s are fields", async (name, args) => {
    await using harness = await openToolHarness();
    fill(harness);
    const tool = allTools.find((one) => one.name === name) as ToolDefinition;
    const { text } = await harness.call(tool, args);
    const shown = membersShown(text.slice(text.indexOf("<untrusted")));
    expect(shown.length).toBeGreaterThan(5);
    expect(text).not.toMatch(/_seconds|_name:/);
    for (const heading of shown) {
      const answer = await harness.call(tool, { ...args, fields: [heading] });
      const [item = {}] = Object.values(answer.structured).find((value) => Array.isArray(value)) ?? [];
      expect([heading, answer.isError, Object.keys(item).length > 1]).toEqual([heading, false, true]);
    }
  });

  test("a member of the brief form is there for one pool too", async () => {
    await using harness = await openToolHarness();
    fill(harness);
    const tool = allTools.find((one) => one.name === "get_work_pools") as ToolDefinition;
    const { structured, text } = await harness.call(tool, {
      work_pool: "pool-a",
      fields: ["last_heartbeat_seconds_ago"],
    });
    expect(structured.work_pools[0].last_heartbeat_seconds_ago).toBeNumber();
    expect(text).toMatch(/^last_heartbeat \| id\n.* ago\|/m);
  });
});

describe("headings of tables", () => {
  test("there are tools with fields", () => {
    expect(tools.length).toBeGreaterThanOrEqual(9);
  });

  for (const tool of tools) {
    test(`of ${tool.name} are fields, and give what stands under them`, async () => {
      await using harness = await openToolHarness();
      fill(harness);
      const needed = NEEDED[tool.name] ?? {};
      const { text, structured } = await harness.call(tool, needed);
      const headings = headingsOf(text);
      expect([tool.name, text, headings.length > 1 || tool.name === "get_flow_run_logs"]).toEqual([
        tool.name,
        text,
        true,
      ]);
      const key = Object.keys(structured).find((name) => Array.isArray(structured[name])) ?? "";
      const spelt = headings.flatMap((name) => [name, name.toUpperCase(), name.replaceAll("_", " ")]);
      const wrong = await harness.call(tool, { ...needed, fields: ["zzz"] });
      const { hint } = wrong.structured as { hint: string };
      const unnamed = headings.filter((name) => !hint.split(/[:,.] ?/).some((part) => part.trim() === name));
      expect([tool.name, unnamed]).toEqual([tool.name, []]);
      for (const heading of spelt.filter((name) => name.toLowerCase() !== "id")) {
        const answer = await harness.call(tool, { ...needed, fields: [heading] });
        const members = (answer.structured[key] ?? []).flatMap((item: object) => Object.keys(item));
        const others = members.filter((name: string) => name !== "id" && name !== "ui_url");
        expect([heading, answer.isError, others.length > 0]).toEqual([heading, false, true]);
      }
    });
  }
});
