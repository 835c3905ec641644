import { z } from "zod";
import { sentence } from "../../lib/shown-text.ts";
import { describeAction, describeTrigger } from "../../model/objects/automation-summary.ts";
import type { Automation } from "../../model/objects.ts";
import { listAutomations } from "../../queries/objects/automations.ts";
import { OBJECT_SORTS } from "../../store/filters/sorts.ts";
import type { Item } from "../answer/table.ts";
import { MAX_LIMIT, offsetOf } from "../definition/list-arguments.ts";
import { byField, byName } from "../definition/list-filters.ts";
import { listTool } from "../definition/list-tool.ts";
import { filterArg, listArgs, momentArg, textArg, textsArg } from "../definition/shared-schemas.ts";
import { withMoment } from "../definition/with-moment.ts";

export const getAutomationsTool = withMoment(
  listTool({
    kind: "automation",
    title: "Automations",
    description:
      "Automations by name: whether enabled, the trigger and the actions in words. detail full: the objects as Prefect stores them.",
    input: z.strictObject({
      filter: filterArg.describe("Prefect AutomationFilter"),
      sort: textArg,
      automation: textArg.describe("id, prefix, UI link, name"),
      name: textArg.describe("exact"),
      tags: textsArg,
      at: momentArg,
      ...listArgs(MAX_LIMIT),
    }),
    aliases: { id: "automation", automation_id: "automation", automation_name: "automation", tag: "tags" },
    criteria: { automation: byName("automation"), name: byField("name", "any_"), tags: byField("tags", "all_") },
    single: "automation",
    sorts: OBJECT_SORTS,
    brief: [
      "id",
      "name",
      "enabled",
      "description",
      "trigger",
      "actions",
      "actions_on_trigger",
      "actions_on_resolve",
      "tags",
    ],
    full: ["created", "updated", "ui_url"],
    order: ["name", "enabled", "trigger", "actions"],
    hint: sentence`Narrow by name or tags.`,
    none: sentence`No automation matches.`,
    async query(ctx, { set, sort = "NAME_ASC", limit, position, fresh }) {
      const page = await listAutomations(ctx, { set, sort, limit, offset: offsetOf(position), fresh });
      return { ...page, rows: page.rows.map((automation) => ({ automation, names: page.names })) };
    },
    toItem: ({ automation, names }, { isFull }) => (isFull ? { ...automation } : briefAutomation(automation, names)),
  }),
  { needs: ["automation"], runsBackUs: 0 },
);

/** `names`: names of the objects that its actions act on, by id. */
function briefAutomation(automation: Automation, names: ReadonlyMap<string, string>): Item {
  const nameOf = (id: string) => names.get(id) ?? null;
  const inWords = (actions: Automation["actions"] | undefined) =>
    (actions ?? []).map((action) => describeAction(action, nameOf));
  const onTrigger = inWords(automation.actions_on_trigger);
  const onResolve = inWords(automation.actions_on_resolve);
  return {
    id: automation.id,
    name: automation.name,
    enabled: automation.enabled !== false,
    ...(automation.description ? { description: automation.description } : {}),
    trigger: describeTrigger(automation.trigger, nameOf),
    actions: inWords(automation.actions),
    ...(onTrigger.length > 0 ? { actions_on_trigger: onTrigger } : {}),
    ...(onResolve.length > 0 ? { actions_on_resolve: onResolve } : {}),
    ...(automation.tags && automation.tags.length > 0 ? { tags: automation.tags } : {}),
  };
}
