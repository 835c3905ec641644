import { z } from "zod";
import { resolveName } from "../../queries/names/names.ts";
import { addCriterion, startSet } from "../../queries/names/shorthands.ts";
import { uiLink, uiLinkTemplate } from "../../queries/names/ui-links.ts";
import { listFlows } from "../../queries/objects/flows.ts";
import { serverNowUs } from "../../queries/source/freshness.ts";
import { OBJECT_SORTS } from "../../store/filters/sorts.ts";
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
  filter: filterArg.describe("Prefect FlowFilter"),
  sort: textArg,
  flow: textArg.describe("id, prefix, UI link, name"),
  name: textArg.describe("substring"),
  tags: textsArg,
  ...listArgs(MAX_LIMIT),
});

const BRIEF = ["id", "name", "tags", "deployments", "last_run_state", "last_run_start"];
const FULL = ["created", "updated", "labels", "ui_url"];

export const getFlowsTool = defineTool({
  name: "get_flows",
  title: "Flows",
  description: "Flows by name, with tags, their deployments and the last run where recorded.",
  input,
  output: listOutput("flows"),
  aliases: { id: "flow", flow_id: "flow", flow_name: "flow", tag: "tags" },
  async run({ query: ctx }, args) {
    const set = startSet("flows", args.filter);
    if (args.flow !== undefined)
      addCriterion(set, "flows", "id", { any_: [(await resolveName(ctx, "flow", args.flow)).id] }, "flow");
    if (args.name !== undefined) addCriterion(set, "flows", "name", { like_: args.name }, "name");
    if (args.tags) addCriterion(set, "flows", "tags", { all_: args.tags }, "tags");
    const question = questionOf("get_flows", args);
    const offset = offsetArg(question, args.cursor);
    const limit = args.limit ?? DEFAULT_LIMIT;
    const page = await listFlows(ctx, {
      set,
      sort: sortArg(args.sort, OBJECT_SORTS) ?? "NAME_ASC",
      limit,
      offset,
      fresh: args.fresh,
    });
    const isFull = args.detail === "full" || (args.fields ?? []).some((field) => FULL.includes(field));
    const items = page.items.map(({ flow, deployments, lastRun }) => ({
      ...(isFull
        ? flow
        : { id: flow.id, name: flow.name, ...(flow.tags && flow.tags.length > 0 ? { tags: flow.tags } : {}) }),
      ...(deployments === null || deployments.length === 0 ? {} : { deployments }),
      ...(lastRun === null ? {} : { last_run_state: lastRun.stateName, last_run_start: lastRun.start }),
      ...(isFull && ctx.uiUrl !== null ? { ui_url: uiLink(ctx.uiUrl, "flow", flow.id) } : {}),
    }));
    const template = uiLinkTemplate(ctx.uiUrl, "flow");
    return listAnswer({
      key: "flows",
      title: "flows",
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
      order: ["name"],
      hint: "Narrow by name or tags.",
      none: "No flow matches.",
    });
  },
});
