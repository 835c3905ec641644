import { completeEventName, completeName } from "./completion.ts";
import type { ResourceTemplate } from "./define.ts";

const json = "application/json";

export const flowRunTemplate: ResourceTemplate = {
  uriTemplate: "prefect://flow-runs/{flow_run}",
  name: "flow-run",
  title: "Flow run",
  description: "One flow run, by name, id or beginning of an id.",
  mimeType: json,
  question: ({ flow_run }) => ({ tool: "get_flow_runs", args: { flow_run, detail: "full" } }),
  complete: (ctx, _, begin) => completeName(ctx, "flow_run", begin),
};

export const logsTemplate: ResourceTemplate = {
  uriTemplate: "prefect://flow-runs/{flow_run}/logs",
  name: "flow-run-logs",
  title: "Logs of a flow run",
  description: "The last log lines of one flow run.",
  mimeType: json,
  question: ({ flow_run }) => ({ tool: "get_flow_run_logs", args: { flow_run_id: flow_run } }),
  complete: (ctx, _, begin) => completeName(ctx, "flow_run", begin),
};

export const timelineTemplate: ResourceTemplate = {
  uriTemplate: "prefect://flow-runs/{flow_run}/timeline",
  name: "flow-run-timeline",
  title: "Timeline of a flow run",
  description: "States, events, error lines and infrastructure of one flow run, oldest first.",
  mimeType: json,
  question: ({ flow_run }) => ({ tool: "get_timeline", args: { flow_run } }),
  complete: (ctx, _, begin) => completeName(ctx, "flow_run", begin),
};

export const deploymentTemplate: ResourceTemplate = {
  uriTemplate: "prefect://deployments/{deployment}",
  name: "deployment",
  title: "Deployment",
  description: "One deployment, by name or id.",
  mimeType: json,
  question: ({ deployment }) => ({ tool: "get_deployments", args: { deployment } }),
  complete: (ctx, _, begin) => completeName(ctx, "deployment", begin),
};

export const eventsTemplate: ResourceTemplate = {
  uriTemplate: "prefect://events/{event_type_prefix}",
  name: "events-named",
  title: "Events by name",
  description: "The newest events whose name begins so.",
  mimeType: json,
  question: ({ event_type_prefix }) => ({ tool: "read_events", args: { event_type_prefix } }),
  complete: (ctx, _, begin) => completeEventName(ctx, begin),
};
