import type { ToolDefinition } from "./definition/define-tool.ts";
import type { docsGetReleaseNotesTool } from "./docs/docs-get-release-notes.ts";
import type { docsSearchPrefectTool } from "./docs/docs-search-prefect.ts";
import type { aggregateEventsTool } from "./events/aggregate-events.ts";
import type { getTimelineTool } from "./events/get-timeline.ts";
import type { readEventsTool } from "./events/read-events.ts";
import type { searchTool } from "./events/search.ts";
import type { waitForTool } from "./events/wait-for.ts";
import type { whatChangedTool } from "./events/what-changed.ts";
import type { getArtifactsTool } from "./objects/get-artifacts.ts";
import type { getAutomationsTool } from "./objects/get-automations.ts";
import type { getDeploymentsTool } from "./objects/get-deployments.ts";
import type { getFlowsTool } from "./objects/get-flows.ts";
import type { getLineageTool } from "./objects/get-lineage.ts";
import type { getObjectSchemaTool } from "./objects/get-object-schema.ts";
import type { getWorkPoolsTool } from "./objects/get-work-pools.ts";
import type { compareRunsTool } from "./runs/compare-runs.ts";
import type { diagnoseTool } from "./runs/diagnose.ts";
import type { forecastTool } from "./runs/forecast.ts";
import type { getFlowRunLogsTool } from "./runs/get-flow-run-logs.ts";
import type { getFlowRunsTool } from "./runs/get-flow-runs.ts";
import type { getIncidentsTool } from "./runs/get-incidents.ts";
import type { getReliabilityTool } from "./runs/get-reliability.ts";
import type { getTaskRunsTool } from "./runs/get-task-runs.ts";
import type { getDashboardTool } from "./workspace/get-dashboard.ts";
import type { getIdentityTool } from "./workspace/get-identity.ts";
import type { getRecordStatusTool } from "./workspace/get-record-status.ts";
import type { listWorkspacesTool } from "./workspace/list-workspaces.ts";
import type { orientationTool } from "./workspace/orientation.ts";
import type { reviewRateLimitsTool } from "./workspace/review-rate-limits.ts";

/**
 * The definitions of all tools, in their order. Each is loaded when it is first needed, because making the schemas of all takes a third of
 * the time until the first answer. `require`, because it is bundled and loads at once.
 */
export const DEFINITIONS: Readonly<Record<string, () => ToolDefinition>> = {
  orientation: () => require("./workspace/orientation.ts").orientationTool as typeof orientationTool,
  get_identity: () => require("./workspace/get-identity.ts").getIdentityTool as typeof getIdentityTool,
  get_dashboard: () => require("./workspace/get-dashboard.ts").getDashboardTool as typeof getDashboardTool,
  get_deployments: () => require("./objects/get-deployments.ts").getDeploymentsTool as typeof getDeploymentsTool,
  get_flows: () => require("./objects/get-flows.ts").getFlowsTool as typeof getFlowsTool,
  get_flow_runs: () => require("./runs/get-flow-runs.ts").getFlowRunsTool as typeof getFlowRunsTool,
  get_flow_run_logs: () => require("./runs/get-flow-run-logs.ts").getFlowRunLogsTool as typeof getFlowRunLogsTool,
  get_task_runs: () => require("./runs/get-task-runs.ts").getTaskRunsTool as typeof getTaskRunsTool,
  get_work_pools: () => require("./objects/get-work-pools.ts").getWorkPoolsTool as typeof getWorkPoolsTool,
  read_events: () => require("./events/read-events.ts").readEventsTool as typeof readEventsTool,
  get_automations: () => require("./objects/get-automations.ts").getAutomationsTool as typeof getAutomationsTool,
  get_object_schema: () => require("./objects/get-object-schema.ts").getObjectSchemaTool as typeof getObjectSchemaTool,
  search: () => require("./events/search.ts").searchTool as typeof searchTool,
  aggregate_events: () => require("./events/aggregate-events.ts").aggregateEventsTool as typeof aggregateEventsTool,
  get_timeline: () => require("./events/get-timeline.ts").getTimelineTool as typeof getTimelineTool,
  wait_for: () => require("./events/wait-for.ts").waitForTool as typeof waitForTool,
  get_record_status: () =>
    require("./workspace/get-record-status.ts").getRecordStatusTool as typeof getRecordStatusTool,
  list_workspaces: () => require("./workspace/list-workspaces.ts").listWorkspacesTool as typeof listWorkspacesTool,
  diagnose: () => require("./runs/diagnose.ts").diagnoseTool as typeof diagnoseTool,
  get_incidents: () => require("./runs/get-incidents.ts").getIncidentsTool as typeof getIncidentsTool,
  what_changed: () => require("./events/what-changed.ts").whatChangedTool as typeof whatChangedTool,
  get_reliability: () => require("./runs/get-reliability.ts").getReliabilityTool as typeof getReliabilityTool,
  compare_runs: () => require("./runs/compare-runs.ts").compareRunsTool as typeof compareRunsTool,
  forecast: () => require("./runs/forecast.ts").forecastTool as typeof forecastTool,
  review_rate_limits: () =>
    require("./workspace/review-rate-limits.ts").reviewRateLimitsTool as typeof reviewRateLimitsTool,
  get_artifacts: () => require("./objects/get-artifacts.ts").getArtifactsTool as typeof getArtifactsTool,
  get_lineage: () => require("./objects/get-lineage.ts").getLineageTool as typeof getLineageTool,
  docs_search_prefect: () =>
    require("./docs/docs-search-prefect.ts").docsSearchPrefectTool as typeof docsSearchPrefectTool,
  docs_get_release_notes: () =>
    require("./docs/docs-get-release-notes.ts").docsGetReleaseNotesTool as typeof docsGetReleaseNotesTool,
};
