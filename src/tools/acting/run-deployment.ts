import { z } from "zod";
import { MAX_BACKFILL_RUNS } from "../../acting/plans/backfill.ts";
import { planDeploymentRuns } from "../../acting/plans/deployment-runs.ts";
import type { JsonObject } from "../../model/objects.ts";
import type { Permission } from "../../model/verbs.ts";
import type { ToolDefinition } from "../definition/define-tool.ts";
import { limitArg, textArg, textsArg, timeArg } from "../definition/shared-schemas.ts";
import { actingTool, allowedVerbs } from "./acting-tool.ts";

export function runDeploymentTool(allowed: ReadonlySet<Permission>): ToolDefinition {
  const canBackfill = allowedVerbs("run_deployment", allowed).includes("backfill");
  return actingTool({
    name: "run_deployment",
    title: "Run a deployment",
    description: `Starts a run of a deployment with checked parameters, now or at a time${canBackfill ? "; with backfill one run for each combination of values or dates" : ""}.`,
    shape: {
      deployment: z.string(),
      parameters: z.looseObject({}).optional(),
      scheduled_time: textArg.describe("ISO 8601, default now"),
      tags: textsArg,
      name: textArg,
      idempotency_key: textArg,
      ...(canBackfill
        ? {
            backfill: z
              .looseObject({})
              .optional()
              .describe('{"region": ["eu", "us"], "day": {"from": "2026-01-01", "to": "2026-01-07", "step": "1d"}}'),
            limit: limitArg(MAX_BACKFILL_RUNS),
          }
        : {}),
    },
    isDestructive: false,
    isIdempotent: false,
    isOpenWorld: true,
    aliases: {
      deployment_id: "deployment",
      deployment_name: "deployment",
      time: "scheduled_time",
      params: "parameters",
    },
    verb: (args) => ((args as { backfill?: unknown }).backfill === undefined ? "run" : "backfill"),
    plan: (ctx, args, writer) => {
      const { backfill, limit } = args as { backfill?: JsonObject; limit?: number };
      const { deployment, parameters, tags, name, idempotency_key, scheduled_time } = args;
      const scheduledUs = timeArg("scheduled_time", scheduled_time, ctx.seed.nowUs) ?? null;
      const asked = { deployment, tags, name, idempotency_key, backfill, limit, scheduledUs };
      return planDeploymentRuns(ctx, { ...asked, parameters: parameters as JsonObject | undefined }, writer);
    },
  });
}
