import { z } from "zod";
import { planFlowRuns } from "../../acting/plans/flow-runs.ts";
import { MAX_RUNS } from "../../acting/plans/run-selection.ts";
import type { JsonObject } from "../../model/objects.ts";
import type { Permission } from "../../model/verbs.ts";
import type { ToolDefinition } from "../definition/define-tool.ts";
import { filterArg, flagArg, limitArg, textArg, textsArg } from "../definition/shared-schemas.ts";
import { actingTool, allowedVerbs } from "./acting-tool.ts";

export function changeFlowRunTool(allowed: ReadonlySet<Permission>): ToolDefinition {
  const actions = allowedVerbs("change_flow_run", allowed);
  const has = (action: (typeof actions)[number]) => actions.includes(action);
  return actingTool({
    name: "change_flow_run",
    title: "Change flow runs",
    description:
      "Cancels, retries (same run), reruns (new run, same parameters), resumes or suspends a flow run, or sets its state; several by filter, deployment or state.",
    shape: {
      action: z.enum(actions),
      flow_run: textArg,
      filter: filterArg,
      deployment: textArg,
      state: textsArg,
      limit: limitArg(MAX_RUNS),
      message: textArg,
      ...(has("set_state") ? { to: textArg.describe("for set_state: TYPE or TYPE:Name"), force: flagArg } : {}),
      ...(has("resume") ? { run_input: z.looseObject({}).optional() } : {}),
    },
    isDestructive: true,
    isIdempotent: false,
    isOpenWorld: true,
    aliases: { verb: "action", flow_run_id: "flow_run", run_id: "flow_run", id: "flow_run", states: "state" },
    verb: ({ action }) => action,
    plan: (ctx, args, writer) => {
      const { to, force, run_input } = args as { to?: string; force?: boolean; run_input?: JsonObject };
      return planFlowRuns(ctx, { ...args, to, force, run_input }, writer);
    },
  });
}
