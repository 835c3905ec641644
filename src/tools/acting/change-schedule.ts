import { z } from "zod";
import { planSchedules } from "../../acting/plans/schedules.ts";
import type { Permission } from "../../model/verbs.ts";
import type { ToolDefinition } from "../definition/define-tool.ts";
import { textArg } from "../definition/shared-schemas.ts";
import { actingTool, allowedVerbs } from "./acting-tool.ts";

export function changeScheduleTool(allowed: ReadonlySet<Permission>): ToolDefinition {
  return actingTool({
    name: "change_schedule",
    title: "Change schedules",
    description: "Pauses or resumes a deployment with all its schedules, or one schedule of it.",
    shape: {
      action: z.enum(allowedVerbs("change_schedule", allowed)),
      deployment: z.string(),
      schedule: textArg.describe("id or slug; default all"),
    },
    isDestructive: true,
    isIdempotent: true,
    isOpenWorld: false,
    aliases: { verb: "action", deployment_id: "deployment", schedule_id: "schedule" },
    verb: ({ action }) => action,
    plan: (ctx, args) => planSchedules(ctx, args),
  });
}
