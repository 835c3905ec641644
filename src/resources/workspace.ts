import type { ResourceDefinition } from "./define.ts";

const json = "application/json";

export const dashboardResource: ResourceDefinition = {
  uri: "prefect://dashboard",
  name: "dashboard",
  title: "Dashboard",
  description: "Run counts of the last 24 hours, limits and their holders, pools, and what is wrong now.",
  mimeType: json,
  content: { tool: "get_dashboard", args: {} },
};

export const recentRunsResource: ResourceDefinition = {
  uri: "prefect://flow-runs",
  name: "flow-runs",
  title: "Recent flow runs",
  description: "The newest flow runs with state, message and times.",
  mimeType: json,
  content: { tool: "get_flow_runs", args: {} },
};

export const deploymentsResource: ResourceDefinition = {
  uri: "prefect://deployments",
  name: "deployments",
  title: "Deployments",
  description: "Deployments with schedules, pools and recent runs.",
  mimeType: json,
  content: { tool: "get_deployments", args: {} },
};

export const eventsResource: ResourceDefinition = {
  uri: "prefect://events",
  name: "events",
  title: "Recent events",
  description: "The newest events of the workspace.",
  mimeType: json,
  content: { tool: "read_events", args: {} },
};

export const incidentsResource: ResourceDefinition = {
  uri: "prefect://incidents",
  name: "incidents",
  title: "Incidents",
  description:
    "Failures by error with their state. Notifies when one repeats, returns or has recovered, not of a single failure.",
  mimeType: json,
  content: { tool: "get_incidents", args: {} },
};

export const recordResource: ResourceDefinition = {
  uri: "prefect://record",
  name: "record",
  title: "Record status",
  description: "What the local record holds, how current it is, and which process syncs it.",
  mimeType: json,
  content: { tool: "get_record_status", args: {} },
};
