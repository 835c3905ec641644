/** All tools, in the order in which `tools/list` names them, and the presets. */
import type { Settings } from "../config/settings.ts";
import {
  ACTING_TOOL_NAMES,
  type ActingToolName,
  ALL_PERMISSIONS,
  isActingTool,
  type Permission,
  readPermissions,
} from "../model/verbs.ts";
import { changeAutomationTool } from "./acting/change-automation.ts";
import { changeConcurrencyLimitTool } from "./acting/change-concurrency-limit.ts";
import { changeFlowRunTool } from "./acting/change-flow-run.ts";
import { changeScheduleTool } from "./acting/change-schedule.ts";
import { changeWorkPoolTool } from "./acting/change-work-pool.ts";
import { runDeploymentTool } from "./acting/run-deployment.ts";
import type { ToolDefinition } from "./definition/define-tool.ts";
import { docsGetReleaseNotesTool } from "./docs/docs-get-release-notes.ts";
import { docsSearchPrefectTool } from "./docs/docs-search-prefect.ts";
import { aggregateEventsTool } from "./events/aggregate-events.ts";
import { getTimelineTool } from "./events/get-timeline.ts";
import { readEventsTool } from "./events/read-events.ts";
import { searchTool } from "./events/search.ts";
import { waitForTool } from "./events/wait-for.ts";
import { whatChangedTool } from "./events/what-changed.ts";
import { getArtifactsTool } from "./objects/get-artifacts.ts";
import { getAutomationsTool } from "./objects/get-automations.ts";
import { getDeploymentsTool } from "./objects/get-deployments.ts";
import { getFlowsTool } from "./objects/get-flows.ts";
import { getLineageTool } from "./objects/get-lineage.ts";
import { getObjectSchemaTool } from "./objects/get-object-schema.ts";
import { getWorkPoolsTool } from "./objects/get-work-pools.ts";
import { compareRunsTool } from "./runs/compare-runs.ts";
import { diagnoseTool } from "./runs/diagnose.ts";
import { forecastTool } from "./runs/forecast.ts";
import { getFlowRunLogsTool } from "./runs/get-flow-run-logs.ts";
import { getFlowRunsTool } from "./runs/get-flow-runs.ts";
import { getIncidentsTool } from "./runs/get-incidents.ts";
import { getReliabilityTool } from "./runs/get-reliability.ts";
import { getTaskRunsTool } from "./runs/get-task-runs.ts";
import { getDashboardTool } from "./workspace/get-dashboard.ts";
import { getIdentityTool } from "./workspace/get-identity.ts";
import { getRecordStatusTool } from "./workspace/get-record-status.ts";
import { listWorkspacesTool } from "./workspace/list-workspaces.ts";
import { orientationTool } from "./workspace/orientation.ts";
import { reviewRateLimitsTool } from "./workspace/review-rate-limits.ts";

export const allTools: readonly ToolDefinition[] = [
  orientationTool,
  getIdentityTool,
  getDashboardTool,
  getDeploymentsTool,
  getFlowsTool,
  getFlowRunsTool,
  getFlowRunLogsTool,
  getTaskRunsTool,
  getWorkPoolsTool,
  readEventsTool,
  getAutomationsTool,
  getObjectSchemaTool,
  searchTool,
  aggregateEventsTool,
  getTimelineTool,
  waitForTool,
  getRecordStatusTool,
  listWorkspacesTool,
  diagnoseTool,
  getIncidentsTool,
  whatChangedTool,
  getReliabilityTool,
  compareRunsTool,
  forecastTool,
  reviewRateLimitsTool,
  getArtifactsTool,
  getLineageTool,
  docsSearchPrefectTool,
  docsGetReleaseNotesTool,
];

/** Names of the official server for tools that have another name here. They are callable and not listed. */
const TOOL_ALIASES: Readonly<Record<string, string>> = { list_authorized_workspaces: "list_workspaces" };

/** The tool of this name or alias. */
export function toolNamed(tools: readonly ToolDefinition[], name: string): ToolDefinition | undefined {
  const known = Object.hasOwn(TOOL_ALIASES, name) ? TOOL_ALIASES[name] : name;
  return tools.find((tool) => tool.name === known);
}

/** Tools that send questions to another host. They are offered by the preset `all` and by their own setting. */
const DOCS: ReadonlySet<string> = new Set(["docs_search_prefect", "docs_get_release_notes"]);
/** Whether the tool may send a question to another host than Prefect's. */
export const asksDocsHost = (tool: Pick<ToolDefinition, "name">): boolean => DOCS.has(tool.name);

/** Tools that are in no preset but `all`, by name. */
const ONLY_IN_ALL: ReadonlySet<string> = new Set(["get_artifacts", "get_lineage", ...DOCS]);

const CORE: ReadonlySet<string> = new Set([
  "get_dashboard",
  "get_flow_runs",
  "get_flow_run_logs",
  "read_events",
  "get_deployments",
  "get_work_pools",
  "get_record_status",
]);

export const PRESETS = {
  /** The seven tools that answer most questions. */
  core: (tool: ToolDefinition) => CORE.has(tool.name),
  /** Without PREFECT_MCP_TOOLS. */
  default: (tool: ToolDefinition) => !ONLY_IN_ALL.has(tool.name),
  all: (_tool: ToolDefinition) => true,
} as const;
export type Preset = keyof typeof PRESETS;

type OfferSettings = Pick<Settings, "tools" | "docs" | "isCloud"> & Partial<Pick<Settings, "writes">>;

/** Tools that change something in Prefect. In no preset: the setting of the changes offers them. */
const ACTING: { readonly [Name in ActingToolName]: (allowed: ReadonlySet<Permission>) => ToolDefinition } = {
  run_deployment: runDeploymentTool,
  change_flow_run: changeFlowRunTool,
  change_schedule: changeScheduleTool,
  change_work_pool: changeWorkPoolTool,
  change_concurrency_limit: changeConcurrencyLimitTool,
  change_automation: changeAutomationTool,
};

/** With the allowed verbs and their arguments; without the tools of which no verb is allowed. */
function actingTools(allowed: ReadonlySet<Permission>): ToolDefinition[] {
  const names = ACTING_TOOL_NAMES.filter((name) => [...allowed].some((one) => one.startsWith(`${name}.`)));
  return names.map((name) => ACTING[name](allowed));
}

/** All tools, those that the settings do not offer too. */
export function everyTool(): ToolDefinition[] {
  return [...allTools, ...actingTools(new Set(ALL_PERMISSIONS))];
}

/** The tools of the preset and of `allow`, without those of `deny`, and those of the allowed changes. */
export function offeredTools(settings: OfferSettings): ToolDefinition[] {
  const acting = actingTools(readPermissions(settings.writes ?? []).allowed);
  return [...allTools, ...acting].filter((tool) => reasonNotOffered(tool, settings) === null);
}

/** Why the settings do not offer the tool, in words that follow "not offered: "; null when they do. */
export function reasonNotOffered(tool: ToolDefinition, settings: OfferSettings): string | null {
  const { preset, allow, deny } = settings.tools;
  if (deny.includes(tool.name)) return "named in PREFECT_MCP_TOOLS_DENY";
  if (isActingTool(tool.name)) {
    const { allowed } = readPermissions(settings.writes ?? []);
    const isAllowed = [...allowed].some((one) => one.startsWith(`${tool.name}.`));
    return isAllowed ? null : `needs PREFECT_MCP_WRITES=${tool.name}`;
  }
  if (tool.isCloudOnly && !settings.isCloud) return "for Prefect Cloud only";
  if (PRESETS[isPreset(preset) ? preset : "default"](tool) || allow.includes(tool.name)) return null;
  if (asksDocsHost(tool)) return settings.docs ? null : "needs PREFECT_MCP_DOCS=on or --tools all";
  return `needs ${PRESETS.default(tool) ? "--tools default" : "--tools all"} or its name in PREFECT_MCP_TOOLS_ALLOW`;
}

function isPreset(name: string): name is Preset {
  return Object.hasOwn(PRESETS, name);
}
