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
import type { changeAutomationTool } from "./acting/change-automation.ts";
import type { changeConcurrencyLimitTool } from "./acting/change-concurrency-limit.ts";
import type { changeFlowRunTool } from "./acting/change-flow-run.ts";
import type { changeScheduleTool } from "./acting/change-schedule.ts";
import type { changeWorkPoolTool } from "./acting/change-work-pool.ts";
import type { runDeploymentTool } from "./acting/run-deployment.ts";
import { CATALOGUE } from "./definition/catalogue.ts";
import type { ToolDefinition } from "./definition/define-tool.ts";
import { DEFINITIONS } from "./definitions.ts";

/** A tool whose definition is loaded with the first call of it. What lists of tools show comes from the catalogue. */
function toolOf([name, load]: [string, () => ToolDefinition]): ToolDefinition {
  const entry = CATALOGUE.find((one) => one.listing.name === name);
  if (entry === undefined) throw new Error(`catalogue.json lacks ${name}: bun scripts/packaging/tool-catalogue.ts`);
  const { listing, ...rest } = entry;
  const { title, description, annotations } = listing;
  return {
    name,
    title,
    description,
    annotations,
    ...rest,
    listing,
    get input() {
      return load().input;
    },
    get output() {
      return load().output;
    },
    run: (ctx, input) => load().run(ctx, input),
  };
}

export const allTools: readonly ToolDefinition[] = Object.entries(DEFINITIONS).map(toolOf);

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
  run_deployment: (allowed) =>
    (require("./acting/run-deployment.ts").runDeploymentTool as typeof runDeploymentTool)(allowed),
  change_flow_run: (allowed) =>
    (require("./acting/change-flow-run.ts").changeFlowRunTool as typeof changeFlowRunTool)(allowed),
  change_schedule: (allowed) =>
    (require("./acting/change-schedule.ts").changeScheduleTool as typeof changeScheduleTool)(allowed),
  change_work_pool: (allowed) =>
    (require("./acting/change-work-pool.ts").changeWorkPoolTool as typeof changeWorkPoolTool)(allowed),
  change_concurrency_limit: (allowed) =>
    (require("./acting/change-concurrency-limit.ts").changeConcurrencyLimitTool as typeof changeConcurrencyLimitTool)(
      allowed,
    ),
  change_automation: (allowed) =>
    (require("./acting/change-automation.ts").changeAutomationTool as typeof changeAutomationTool)(allowed),
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
