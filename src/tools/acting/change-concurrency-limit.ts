import { z } from "zod";
import { planConcurrencyLimits } from "../../acting/plans/concurrency-limits.ts";
import type { Permission } from "../../model/verbs.ts";
import type { ToolDefinition } from "../definition/define-tool.ts";
import { textArg } from "../definition/shared-schemas.ts";
import { actingTool, allowedVerbs } from "./acting-tool.ts";

export function changeConcurrencyLimitTool(allowed: ReadonlySet<Permission>): ToolDefinition {
  const actions = allowedVerbs("change_concurrency_limit", allowed);
  return actingTool({
    name: "change_concurrency_limit",
    title: "Change concurrency limits",
    description:
      "Sets a concurrency limit (global, of a tag or of a deployment), or frees slots that no run in progress holds.",
    shape: {
      action: z.enum(actions),
      name: textArg.describe("limit or tag"),
      deployment: textArg,
      ...(actions.includes("limit") ? { limit: z.number().int().min(0).optional() } : {}),
    },
    isDestructive: true,
    isIdempotent: true,
    isOpenWorld: false,
    aliases: { verb: "action", tag: "name", limit_name: "name", concurrency_limit: "name" },
    verb: ({ action }) => action,
    plan: (ctx, args) => planConcurrencyLimits(ctx, { ...args, limit: (args as { limit?: number }).limit }),
  });
}
