import { completeEventName, completeName } from "./completion.ts";
import type { ResourceTemplate, ToolCall } from "./define.ts";

const mimeType = "application/json";

/** A template with the variable `flow_run`. */
function flowRunResource(
  path: string,
  named: Pick<ResourceTemplate, "name" | "title" | "description">,
  toolCall: (flowRun: string | undefined) => ToolCall,
): ResourceTemplate {
  return {
    uriTemplate: `prefect://flow-runs/{flow_run}${path}`,
    ...named,
    mimeType,
    toolCall: ({ flow_run }) => toolCall(flow_run),
    complete: (ctx, _, begin) => completeName(ctx, "flow_run", begin),
  };
}

export const flowRunTemplate = flowRunResource(
  "",
  { name: "flow-run", title: "Flow run", description: "One flow run, by name, id or beginning of an id." },
  (flow_run) => ({ tool: "get_flow_runs", args: { flow_run, detail: "full" } }),
);

export const logsTemplate = flowRunResource(
  "/logs",
  { name: "flow-run-logs", title: "Logs of a flow run", description: "The last log lines of one flow run." },
  (flow_run_id) => ({ tool: "get_flow_run_logs", args: { flow_run_id } }),
);

export const timelineTemplate = flowRunResource(
  "/timeline",
  {
    name: "flow-run-timeline",
    title: "Timeline of a flow run",
    description: "States, events, error lines and infrastructure of one flow run, oldest first.",
  },
  (flow_run) => ({ tool: "get_timeline", args: { flow_run } }),
);

export const deploymentTemplate: ResourceTemplate = {
  uriTemplate: "prefect://deployments/{deployment}",
  name: "deployment",
  title: "Deployment",
  description: "One deployment, by name or id.",
  mimeType,
  toolCall: ({ deployment }) => ({ tool: "get_deployments", args: { deployment } }),
  complete: (ctx, _, begin) => completeName(ctx, "deployment", begin),
};

export const eventsTemplate: ResourceTemplate = {
  uriTemplate: "prefect://events/{event_type_prefix}",
  name: "events-named",
  title: "Events by name",
  description: "The newest events whose name begins with the given text.",
  mimeType,
  toolCall: ({ event_type_prefix }) => ({ tool: "read_events", args: { event_type_prefix } }),
  complete: (ctx, _, begin) => completeEventName(ctx, begin),
};
