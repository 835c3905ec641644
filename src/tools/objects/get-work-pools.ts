import { z } from "zod";
import { formatIsoUs } from "../../lib/time.ts";
import { resolveName } from "../../queries/names/names.ts";
import { addCriterion, startSet } from "../../queries/names/shorthands.ts";
import { uiLink, uiLinkTemplate } from "../../queries/names/ui-links.ts";
import { listWorkPools } from "../../queries/objects/work-pools.ts";
import { serverNowUs } from "../../queries/source/freshness.ts";
import { itemText } from "../answer/item-text.ts";
import { defineTool } from "../definition/define-tool.ts";
import { listAnswer } from "../definition/list-answer.ts";
import { DEFAULT_LIMIT, MAX_LIMIT, offsetArg, offsetCursor, questionOf } from "../definition/list-arguments.ts";
import {
  filterArg,
  listArgs,
  listOutput,
  pickFields,
  textArg,
  textsArg,
  tokenBudget,
} from "../definition/shared-schemas.ts";
import { poolBrief, poolDetail } from "./pool-items.ts";

const input = z.strictObject({
  filter: filterArg.describe("Prefect WorkPoolFilter"),
  work_pool: textArg.describe("name, id, UI link"),
  type: textsArg,
  ...listArgs(MAX_LIMIT),
});

const BRIEF = [
  "id",
  "name",
  "type",
  "status",
  "is_paused",
  "concurrency_limit",
  "active_slots",
  "slot_holders",
  "workers_online",
  "workers_offline",
  "last_heartbeat_seconds_ago",
  "queues",
];
const FULL = [
  "created",
  "updated",
  "description",
  "base_job_template",
  "default_queue_id",
  "storage_configuration",
  "workers",
  "ui_url",
];

export const getWorkPoolsTool = defineTool({
  name: "get_work_pools",
  title: "Work pools",
  description:
    "Work pools by name: status, workers and the age of their heartbeat, slots taken of the limit and who holds them, queues. Give work_pool for one with all queues and workers.",
  input,
  output: listOutput("work_pools"),
  aliases: {
    id: "work_pool",
    work_pool_id: "work_pool",
    work_pool_name: "work_pool",
    name: "work_pool",
    pool: "work_pool",
    types: "type",
  },
  async run({ query: ctx }, args) {
    const set = startSet("work_pools", args.filter);
    const { work_pool, type } = args;
    if (work_pool !== undefined) {
      addCriterion(
        set,
        "work_pools",
        "id",
        { any_: [(await resolveName(ctx, "work_pool", work_pool)).id] },
        "work_pool",
      );
    }
    if (type) addCriterion(set, "work_pools", "type", { any_: type }, "type");
    const nowUs = serverNowUs(ctx);
    const question = questionOf("get_work_pools", args);
    const offset = offsetArg(question, args.cursor);
    const page = await listWorkPools(ctx, { set, limit: args.limit ?? DEFAULT_LIMIT, offset, fresh: args.fresh });
    const isFull = args.detail === "full" || (args.fields ?? []).some((field) => FULL.includes(field));
    const isDetailed = isFull || work_pool !== undefined;
    const items = page.items.map((item) => {
      if (!isDetailed) return poolBrief(item);
      if (!isFull) return poolDetail(item);
      const link = uiLink(ctx.uiUrl, "work_pool", item.pool.name);
      return { ...item.pool, ...poolDetail(item), ...(link === null ? {} : { ui_url: link }) };
    });
    const template = uiLinkTemplate(ctx.uiUrl, "work_pool");
    return listAnswer({
      key: "work_pools",
      title: "work pools",
      items: pickFields(items, args.fields, [...BRIEF, ...FULL]),
      more: page.more,
      cursorAfter: (index) => offsetCursor(question, offset + index + 1),
      freshness: page.freshness,
      nowUs,
      budget: tokenBudget(args),
      ...(template === null || isFull || items.length === 0
        ? {}
        : { extra: { ui_url: template }, facts: [`link: ${template}`] }),
      layout: isFull && !args.fields ? "json" : "table",
      rowText:
        isDetailed && !isFull && !args.fields ? (item) => itemText(item, formatIsoUs(nowUs).slice(0, 10)) : undefined,
      order: ["name", "type", "status", "is_paused", "concurrency_limit", "active_slots"],
      hint: "Narrow by type or filter.",
      none: "No work pool matches.",
    });
  },
});
