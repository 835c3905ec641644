import { z } from "zod";
import { formatIsoUs } from "../../lib/time.ts";
import { resolveName } from "../../queries/names/names.ts";
import { addCriterion, type MutableSet, startSet } from "../../queries/names/shorthands.ts";
import { uiLink, uiLinkTemplate } from "../../queries/names/ui-links.ts";
import { listDeployments, readDeploymentDetail } from "../../queries/objects/deployments.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import { joinFreshness, serverNowUs } from "../../queries/source/freshness.ts";
import { OBJECT_SORTS } from "../../store/filters/sorts.ts";
import { itemText } from "../answer/item-text.ts";
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
  flagArg,
  listArgs,
  listOutput,
  pickFields,
  textArg,
  textsArg,
  tokenBudget,
} from "../definition/shared-schemas.ts";
import {
  BRIEF_DEPLOYMENT_FIELDS,
  briefDeployment,
  deploymentDetail,
  FULL_DEPLOYMENT_FIELDS,
  fullDeployment,
} from "./deployment-items.ts";

const input = z.strictObject({
  filter: filterArg.describe("Prefect DeploymentFilter"),
  sort: textArg,
  deployment: textArg.describe("flow/name, name, id, UI link"),
  flow: textArg,
  work_pool: textArg,
  name: textArg.describe("substring of deployment or flow"),
  paused: flagArg,
  tags: textsArg,
  ...listArgs(MAX_LIMIT),
});
type Input = z.infer<typeof input>;

export const getDeploymentsTool = defineTool({
  name: "get_deployments",
  title: "Deployments",
  description:
    "Deployments by name: flow, schedules in words, paused, status, pool, limit, last and next run. Give deployment for one with recent runs, parameters and every limit its runs must pass with the holders. detail full: all of Prefect's fields.",
  input,
  output: listOutput("deployments"),
  aliases: {
    id: "deployment",
    deployment_id: "deployment",
    deployment_name: "deployment",
    flow_name: "flow",
    work_pool_name: "work_pool",
    is_paused: "paused",
    tag: "tags",
  },
  async run({ query: ctx }, args) {
    const question = questionOf("get_deployments", args);
    const offset = offsetArg(question, args.cursor);
    const page = await listDeployments(ctx, {
      set: await readSet(ctx, args),
      sort: sortArg(args.sort, OBJECT_SORTS) ?? "NAME_ASC",
      limit: args.limit ?? DEFAULT_LIMIT,
      offset,
      fresh: args.fresh,
    });
    const [only] = args.deployment === undefined ? [] : page.items;
    const detail = only ? await readDeploymentDetail(ctx, only.deployment, args.fresh) : null;
    const isFull =
      args.detail === "full" || (args.fields ?? []).some((field) => FULL_DEPLOYMENT_FIELDS.includes(field));
    const nowUs = serverNowUs(ctx);
    const items = page.items.map((item) => ({
      ...(isFull && args.fields ? item.deployment : {}),
      ...(isFull && !args.fields
        ? fullDeployment(item)
        : briefDeployment(detail === null ? item : { ...item, lastRun: null })),
      ...(detail === null ? {} : deploymentDetail(item.deployment, detail)),
      ...(isFull && ctx.uiUrl !== null ? { ui_url: uiLink(ctx.uiUrl, "deployment", item.deployment.id) } : {}),
    }));
    const template = uiLinkTemplate(ctx.uiUrl, "deployment");
    return listAnswer({
      key: "deployments",
      title: "deployments",
      items: pickFields(items, args.fields, [...BRIEF_DEPLOYMENT_FIELDS, ...FULL_DEPLOYMENT_FIELDS]),
      more: page.more,
      cursorAfter: (index) => offsetCursor(question, offset + index + 1),
      freshness: joinFreshness([page.freshness, ...(detail?.freshness ?? [])]),
      nowUs,
      budget: tokenBudget(args),
      ...(template === null || isFull || items.length === 0
        ? {}
        : { extra: { ui_url: template }, facts: [`link: ${template}`] }),
      layout: isFull && !args.fields ? "json" : "table",
      rowText:
        detail !== null && !isFull && !args.fields
          ? (item) => itemText(item, formatIsoUs(nowUs).slice(0, 10))
          : undefined,
      order: [
        "name",
        "flow",
        "paused",
        "status",
        "schedules",
        "work_pool",
        "last_run_state",
        "last_run_start",
        "next_run",
      ],
      hint: "Narrow by name, flow, tags or paused.",
      none: "No deployment matches.",
    });
  },
});

async function readSet(ctx: QueryContext, args: Input): Promise<MutableSet> {
  const set = startSet("deployments", args.filter);
  const { deployment, flow, work_pool, name, paused, tags } = args;
  const idOf = async (kind: Parameters<typeof resolveName>[1], text: string) => [
    (await resolveName(ctx, kind, text)).id,
  ];
  if (deployment !== undefined)
    addCriterion(set, "deployments", "id", { any_: await idOf("deployment", deployment) }, "deployment");
  if (name !== undefined) addCriterion(set, "deployments", "flow_or_deployment_name", { like_: name }, "name");
  if (paused !== undefined) addCriterion(set, "deployments", "paused", { eq_: paused }, "paused");
  if (tags) addCriterion(set, "deployments", "tags", { all_: tags }, "tags");
  if (flow !== undefined) set.flows = { id: { any_: await idOf("flow", flow) } };
  if (work_pool !== undefined) set.work_pools = { id: { any_: await idOf("work_pool", work_pool) } };
  return set;
}
