import { z } from "zod";
import { schemaProblem } from "../../acting/json-schema.ts";
import { planAutomations } from "../../acting/plans/automations.ts";
import { AppError } from "../../errors.ts";
import { asReason, sentence } from "../../lib/shown-text.ts";
import type { JsonObject } from "../../model/objects.ts";
import type { Permission } from "../../model/verbs.ts";
import type { ToolDefinition } from "../definition/define-tool.ts";
import { textArg } from "../definition/shared-schemas.ts";
import { AUTOMATION_SCHEMA } from "../objects/automation-schema.ts";
import { actingTool, allowedVerbs } from "./acting-tool.ts";

export function changeAutomationTool(allowed: ReadonlySet<Permission>): ToolDefinition {
  const actions = allowedVerbs("change_automation", allowed);
  return actingTool({
    name: "change_automation",
    title: "Change automations",
    description: "Enables or disables an automation, or creates one from the JSON that get_object_schema describes.",
    shape: {
      action: z.enum(actions),
      automation: textArg,
      ...(actions.includes("create") ? { definition: z.looseObject({}).optional() } : {}),
    },
    isDestructive: true,
    isIdempotent: false,
    isOpenWorld: false,
    aliases: { verb: "action", automation_id: "automation", json: "definition" },
    verb: ({ action }) => action,
    plan: async (ctx, args) => {
      const { definition } = args as { definition?: JsonObject };
      if (args.action === "create" && definition !== undefined) await checkDefinition(definition);
      return planAutomations(ctx, { ...args, definition });
    },
  });
}

async function checkDefinition(definition: JsonObject): Promise<void> {
  const problem = await schemaProblem(AUTOMATION_SCHEMA, definition);
  if (problem === null) return;
  throw new AppError("invalid_input", sentence`the definition is not that of an automation: ${asReason(problem)}`, {
    hint: 'get_object_schema {"object_type": "automation"} shows the schema with an example. Nothing was sent.',
  });
}
