import { z } from "zod";
import { describeAction, describeTrigger } from "../../model/objects/automation-summary.ts";
import type { Automation } from "../../model/objects.ts";
import { resolveName } from "../../queries/names/names.ts";
import { addCriterion, startSet } from "../../queries/names/shorthands.ts";
import { uiLink, uiLinkTemplate } from "../../queries/names/ui-links.ts";
import { listAutomations } from "../../queries/objects/automations.ts";
import { serverNowUs } from "../../queries/source/freshness.ts";
import { OBJECT_SORTS } from "../../store/filters/sorts.ts";
import type { Item } from "../answer/render.ts";
import { defineTool } from "../definition/define-tool.ts";
import { listAnswer } from "../definition/list-answer.ts";
import {
  DEFAULT_LIMIT,
  MAX_LIMIT,
  offsetArg,
  offsetCursor,
  questionOf,
  sortArg,
} from "../definition/list-arguments.ts";
import {
  filterArg,
  listArgs,
  listOutput,
  pickFields,
  textArg,
  textsArg,
  tokenBudget,
} from "../definition/shared-schemas.ts";

const input = z.strictObject({
  filter: filterArg.describe("Prefect AutomationFilter"),
  sort: textArg,
  automation: textArg.describe("id, prefix, UI link, name"),
  name: textArg.describe("exact"),
  tags: textsArg,
  ...listArgs(MAX_LIMIT),
});

const BRIEF = [
  "id",
  "name",
  "enabled",
  "description",
  "trigger",
  "actions",
  "actions_on_trigger",
  "actions_on_resolve",
  "tags",
];
const FULL = ["created", "updated", "ui_url"];

export const getAutomationsTool = defineTool({
  name: "get_automations",
  title: "Automations",
  description:
    "Automations by name: whether enabled, the trigger and the actions in words. detail full: the objects as Prefect stores them.",
  input,
  output: listOutput("automations"),
  aliases: { id: "automation", automation_id: "automation", automation_name: "automation", tag: "tags" },
  async run({ query: ctx }, args) {
    const set = startSet("automations", args.filter);
    const { automation, name, tags } = args;
    if (automation !== undefined) {
      addCriterion(
        set,
        "automations",
        "id",
        { any_: [(await resolveName(ctx, "automation", automation)).id] },
        "automation",
      );
    }
    if (name !== undefined) addCriterion(set, "automations", "name", { any_: [name] }, "name");
    if (tags) addCriterion(set, "automations", "tags", { all_: tags }, "tags");
    const question = questionOf("get_automations", args);
    const offset = offsetArg(question, args.cursor);
    const limit = args.limit ?? DEFAULT_LIMIT;
    const page = await listAutomations(ctx, {
      set,
      sort: sortArg(args.sort, OBJECT_SORTS) ?? "NAME_ASC",
      limit,
      offset,
      fresh: args.fresh,
    });
    const isFull = args.detail === "full" || (args.fields ?? []).some((field) => FULL.includes(field));
    const items = page.rows.map((row) => {
      if (!isFull) return brief(row, page.names);
      return { ...row, ...(ctx.uiUrl === null ? {} : { ui_url: uiLink(ctx.uiUrl, "automation", row.id) }) };
    });
    const template = uiLinkTemplate(ctx.uiUrl, "automation");
    return listAnswer({
      key: "automations",
      title: "automations",
      items: pickFields(items, args.fields, [...BRIEF, ...FULL]),
      more: page.more,
      cursorAfter: (index) => offsetCursor(question, offset + index + 1),
      freshness: page.freshness,
      nowUs: serverNowUs(ctx),
      budget: tokenBudget(args),
      ...(template === null || isFull || items.length === 0
        ? {}
        : { extra: { ui_url: template }, facts: [`link: ${template}`] }),
      layout: isFull && !args.fields ? "json" : "table",
      order: ["name", "enabled", "trigger", "actions"],
      hint: "Narrow by name or tags.",
      none: "No automation matches.",
    });
  },
});

function brief(row: Automation, names: ReadonlyMap<string, string>): Item {
  const say = (actions: Automation["actions"] | undefined) =>
    (actions ?? []).map((action) => describeAction(action, (id) => names.get(id) ?? null));
  const [first, last] = [say(row.actions_on_trigger), say(row.actions_on_resolve)];
  return {
    id: row.id,
    name: row.name,
    enabled: row.enabled !== false,
    ...(row.description ? { description: row.description } : {}),
    trigger: describeTrigger(row.trigger),
    actions: say(row.actions),
    ...(first.length > 0 ? { actions_on_trigger: first } : {}),
    ...(last.length > 0 ? { actions_on_resolve: last } : {}),
    ...(row.tags && row.tags.length > 0 ? { tags: row.tags } : {}),
  };
}
