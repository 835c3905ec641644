import { z } from "zod";
import { planWorkPools } from "../../acting/plans/work-pools.ts";
import type { Permission } from "../../model/verbs.ts";
import type { ToolDefinition } from "../definition/define-tool.ts";
import { flagArg, textArg } from "../definition/shared-schemas.ts";
import { actingTool, allowedVerbs } from "./acting-tool.ts";

export function changeWorkPoolTool(allowed: ReadonlySet<Permission>): ToolDefinition {
  const actions = allowedVerbs("change_work_pool", allowed);
  return actingTool({
    name: "change_work_pool",
    title: "Change work pools",
    description: "Pauses, resumes or limits a work pool, or a queue of it.",
    shape: {
      action: z.enum(actions),
      work_pool: textArg,
      work_queue: textArg,
      ...(actions.includes("limit")
        ? { limit: z.number().int().min(0).optional(), no_limit: flagArg.describe("removes the limit") }
        : {}),
    },
    isDestructive: true,
    isIdempotent: true,
    isOpenWorld: false,
    aliases: {
      verb: "action",
      pool: "work_pool",
      work_pool_name: "work_pool",
      queue: "work_queue",
      concurrency_limit: "limit",
    },
    verb: ({ action }) => action,
    plan: (ctx, args) => {
      const { limit, no_limit } = args as { limit?: number; no_limit?: boolean };
      return planWorkPools(ctx, { ...args, limit, no_limit });
    },
  });
}
