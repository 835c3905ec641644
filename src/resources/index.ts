import type { ResourceDefinition, ResourceTemplate } from "./define.ts";
import { skillResources } from "./skills.ts";
import { deploymentTemplate, eventsTemplate, flowRunTemplate, logsTemplate, timelineTemplate } from "./templates.ts";
import {
  dashboardResource,
  deploymentsResource,
  eventsResource,
  incidentsResource,
  recentRunsResource,
  recordResource,
} from "./workspace.ts";

export const RESOURCES: readonly ResourceDefinition[] = [
  dashboardResource,
  recentRunsResource,
  deploymentsResource,
  eventsResource,
  incidentsResource,
  recordResource,
  ...skillResources,
];

export const RESOURCE_TEMPLATES: readonly ResourceTemplate[] = [
  flowRunTemplate,
  logsTemplate,
  timelineTemplate,
  deploymentTemplate,
  eventsTemplate,
];
