/** Every tool there is, in the order in which clients see them, and the presets. Nothing else. */
import type { Settings } from "../config/settings.ts";
import { aggregateEventsTool } from "./aggregate-events.ts";
import type { ToolDefinition } from "./define.ts";
import { diagnoseTool } from "./diagnose.ts";
import { docsGetReleaseNotesTool } from "./docs-get-release-notes.ts";
import { docsSearchPrefectTool } from "./docs-search-prefect.ts";
import { getAutomationsTool } from "./get-automations.ts";
import { getDashboardTool } from "./get-dashboard.ts";
import { getDeploymentsTool } from "./get-deployments.ts";
import { getFlowRunLogsTool } from "./get-flow-run-logs.ts";
import { getFlowRunsTool } from "./get-flow-runs.ts";
import { getFlowsTool } from "./get-flows.ts";
import { getIdentityTool } from "./get-identity.ts";
import { getObjectSchemaTool } from "./get-object-schema.ts";
import { getRecordStatusTool } from "./get-record-status.ts";
import { getTaskRunsTool } from "./get-task-runs.ts";
import { getTimelineTool } from "./get-timeline.ts";
import { getWorkPoolsTool } from "./get-work-pools.ts";
import { orientationTool } from "./orientation.ts";
import { readEventsTool } from "./read-events.ts";
import { reviewRateLimitsTool } from "./review-rate-limits.ts";
import { searchTool } from "./search.ts";
import { waitForTool } from "./wait-for.ts";
import { whatChangedTool } from "./what-changed.ts";

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
  diagnoseTool,
  whatChangedTool,
  reviewRateLimitsTool,
  docsSearchPrefectTool,
  docsGetReleaseNotesTool,
];

/** Tools that are in no preset but `all`, by name. */
const ONLY_IN_ALL: ReadonlySet<string> = new Set(["docs_search_prefect", "docs_get_release_notes"]);

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
  /** The seven that most questions need. */
  core: (tool: ToolDefinition) => CORE.has(tool.name),
  /** What is listed unless told otherwise. */
  default: (tool: ToolDefinition) => !ONLY_IN_ALL.has(tool.name),
  all: (_tool: ToolDefinition) => true,
} as const;
export type Preset = keyof typeof PRESETS;

/** What a client is offered: the preset, more by `allow`, less by `deny` (the last word). */
export function offeredTools(settings: Pick<Settings, "tools" | "docs" | "isCloud">): ToolDefinition[] {
  const { preset, allow, deny } = settings.tools;
  const isInPreset = PRESETS[isPreset(preset) ? preset : "default"];
  return allTools.filter((tool) => {
    if (deny.includes(tool.name) || (tool.cloudOnly && !settings.isCloud)) return false;
    return isInPreset(tool) || allow.includes(tool.name) || (settings.docs && ONLY_IN_ALL.has(tool.name));
  });
}

function isPreset(name: string): name is Preset {
  return Object.hasOwn(PRESETS, name);
}
