/** The help of one tool, for `call TOOL --help`. */
import { isJsonObject } from "../../lib/exact-json.ts";
import { largest } from "../../lib/lists.ts";
import { type Line, oneLine } from "../../lib/shown-text.ts";
import { requirement } from "../../tools/definition/argument-words.ts";
import type { ToolDefinition } from "../../tools/definition/define-tool.ts";
import { inputSchema } from "../../tools/definition/listing.ts";

/** Arguments of example calls, by tool. */
const EXAMPLES: Readonly<Record<string, object>> = {
  get_dashboard: { since: "7d" },
  get_flow_runs: { state: "FAILED", since: "24h", limit: 5 },
  get_task_runs: { flow_run: "calm-otter", state: "FAILED" },
  get_deployments: { deployment: "etl/nightly" },
  get_flows: { name: "etl" },
  get_work_pools: { work_pool: "my-pool" },
  get_automations: { name: "on-failure-notify" },
  get_artifacts: { limit: 5 },
  get_flow_run_logs: { flow_run_id: "calm-otter", level: "ERROR" },
  read_events: { event_type_prefix: "prefect.flow-run.", occurred_after: "1h" },
  aggregate_events: { by: "state", occurred_after: "7d" },
  search: { query: '"disk quota"', since: "7d" },
  get_timeline: { flow_run: "calm-otter" },
  wait_for: { flow_run: "calm-otter", timeout: "5m" },
  what_changed: { since: "yesterday" },
  diagnose: { flow_run: "calm-otter" },
  forecast: { hours: 12 },
  compare_runs: { flow_run: "calm-otter" },
  get_reliability: { group_by: "deployment", since: "7d", target: 0.99 },
  get_object_schema: { object_type: "automation" },
  docs_search_prefect: { query: "work pools" },
  docs_get_release_notes: { version: "3.8" },
};

/** What arguments mean that several tools take; their schemas are short, because clients put them into the model's context. */
const MEANINGS: Readonly<Record<string, string>> = {
  flow: "a flow: name, id or UI link",
  deployment: "a deployment: flow/name, name, id or UI link",
  work_pool: "a work pool: name, id or UI link",
  flow_run: "a flow run: name, id, beginning of an id or UI link",
  task_run: "a task run: name, id, beginning of an id or UI link",
  automation: "an automation: name, id or UI link",
  since: "a time",
  until: "a time",
  occurred_after: "a time",
  occurred_before: "a time",
  max_duration: "a duration, as min_duration",
  limit: "the most items of one answer",
  cursor: "next_cursor of an earlier answer: the list continues there",
  fresh: "true: ask Prefect although the record could answer",
  detail: "brief or full",
  fields: "the columns or members to show",
  workspace: "another workspace: a profile, account/workspace, its id or API URL; list_workspaces lists them",
};

/** `columns`: where lines are wrapped. */
export function toolHelp(tool: ToolDefinition, columns: number): Line[] {
  const { properties = {}, required = [] } = inputSchema(tool);
  const needed = new Set(Array.isArray(required) ? required.map(String) : []);
  const names = Object.keys(properties as object);
  const width = 4 + largest([0, ...names.map((name) => name.length)]);
  const lines = names.flatMap((name) => {
    const schema = (properties as Readonly<Record<string, unknown>>)[name];
    const own = isJsonObject(schema) ? requirement(schema) : "";
    const words = isJsonObject(schema) && schema.description === undefined ? (MEANINGS[name] ?? own) : own;
    const text = `${words}${needed.has(name) ? "; required" : ""}`;
    return Bun.wrapAnsi(text, Math.max(30, columns - width))
      .split("\n")
      .map((line, index) => (index === 0 ? `  ${name}`.padEnd(width) : " ".repeat(width)) + line);
  });
  const example = EXAMPLES[tool.name];
  const args = example === undefined ? "" : ` --args '${JSON.stringify(example)}'`;
  return [
    `call ${tool.name}: ${tool.title}`,
    "",
    ...Bun.wrapAnsi(tool.description, columns).split("\n"),
    "",
    ...(names.length > 0
      ? ["Arguments, as one JSON object in --args; times are ISO 8601 or ages (2h, 7d, yesterday):", ...lines]
      : ["It takes no arguments."]),
    "",
    `Example: prefect-mcp-bun call ${tool.name}${args}`,
  ].map(oneLine);
}
