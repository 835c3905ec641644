import { z } from "zod";
import { sentence } from "../../lib/shown-text.ts";
import { listFlows } from "../../queries/objects/flows.ts";
import { OBJECT_SORTS } from "../../store/filters/sorts.ts";
import { MAX_LIMIT, offsetOf } from "../definition/list-arguments.ts";
import { byField, byName } from "../definition/list-filters.ts";
import { listTool } from "../definition/list-tool.ts";
import { filterArg, listArgs, textArg, textsArg } from "../definition/shared-schemas.ts";

export const getFlowsTool = listTool({
  kind: "flow",
  title: "Flows",
  description: "Flows by name, with tags, their deployments and the last run where recorded.",
  input: z.strictObject({
    filter: filterArg.describe("Prefect FlowFilter"),
    sort: textArg,
    flow: textArg.describe("id, prefix, UI link, name"),
    name: textArg.describe("substring"),
    tags: textsArg,
    ...listArgs(MAX_LIMIT),
  }),
  aliases: { id: "flow", flow_id: "flow", flow_name: "flow", tag: "tags" },
  criteria: { flow: byName("flow"), name: byField("name", "like_"), tags: byField("tags", "all_") },
  single: "flow",
  sorts: OBJECT_SORTS,
  brief: ["id", "name", "tags", "deployments", "last_run_state", "last_run_start"],
  full: ["created", "updated", "labels", "ui_url"],
  order: ["name"],
  hint: sentence`Narrow by name or tags.`,
  none: sentence`No flow matches.`,
  async query(ctx, { set, sort = "NAME_ASC", limit, position, fresh }) {
    const page = await listFlows(ctx, { set, sort, limit, offset: offsetOf(position), fresh });
    return { ...page, rows: page.items };
  },
  toItem: ({ flow, deployments, lastRun }, { isFull }) => ({
    ...(isFull
      ? flow
      : { id: flow.id, name: flow.name, ...(flow.tags && flow.tags.length > 0 ? { tags: flow.tags } : {}) }),
    ...(deployments === null || deployments.length === 0 ? {} : { deployments }),
    ...(lastRun === null ? {} : { last_run_state: lastRun.stateName, last_run_start: lastRun.start }),
  }),
});
