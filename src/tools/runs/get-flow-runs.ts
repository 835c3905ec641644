import { z } from "zod";
import { withNotes } from "../../model/freshness.ts";
import { type ResolvedName, resolveName } from "../../queries/names/names.ts";
import {
  addCriterion,
  type MutableSet,
  startSet,
  stateCriterion,
  timeCriterion,
} from "../../queries/names/shorthands.ts";
import { uiLink, uiLinkTemplate } from "../../queries/names/ui-links.ts";
import { earlierDeploymentNotes } from "../../queries/objects/earlier-deployments.ts";
import { type FlowRunPosition, listFlowRuns } from "../../queries/runs/flow-runs.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import { serverNowUs } from "../../queries/source/freshness.ts";
import { asOfPlans } from "../../queries/source/run-window.ts";
import { FLOW_RUN_SORTS, type FlowRunSort } from "../../store/filters/sorts.ts";
import { badCursor, decodeCursor, encodeCursor } from "../answer/cursor.ts";
import { defineTool } from "../definition/define-tool.ts";
import { listAnswer } from "../definition/list-answer.ts";
import { DEFAULT_LIMIT, MAX_LIMIT, questionOf, sortArg } from "../definition/list-arguments.ts";
import {
  filterArg,
  listArgs,
  listOutput,
  pickFields,
  textArg,
  textsArg,
  tokenBudget,
  windowArgs,
} from "../definition/shared-schemas.ts";
import { BRIEF_RUN_FIELDS, briefFlowRun, FULL_RUN_FIELDS, fullFlowRun, runRow } from "./run-items.ts";

const SORTS = Object.keys(FLOW_RUN_SORTS) as FlowRunSort[];

const input = z.strictObject({
  filter: filterArg.describe("Prefect FlowRunFilter"),
  sort: textArg.describe("START_TIME_DESC, …"),
  state: textsArg.describe("types or names: FAILED, Late"),
  flow: textArg,
  deployment: textArg,
  work_pool: textArg,
  flow_run: textArg.describe("id, prefix, UI link, name"),
  parent: textArg.describe("run whose subflows to list"),
  name: textArg.describe("substring"),
  tags: textsArg,
  since: textArg,
  until: textArg,
  ...listArgs(MAX_LIMIT),
});
type Input = z.infer<typeof input>;

export const getFlowRunsTool = defineTool({
  name: "get_flow_runs",
  title: "Flow runs",
  description:
    "Flow runs with flow, deployment, state, message, times and how late they are. Default: newest start first, future schedules last. state takes types and names (Late). Times: ISO or age (24h). detail full: parameters and all of Prefect's fields.",
  input,
  output: listOutput("flow_runs"),
  aliases: {
    id: "flow_run",
    flow_run_id: "flow_run",
    flow_name: "flow",
    deployment_id: "deployment",
    deployment_name: "deployment",
    work_pool_name: "work_pool",
    states: "state",
    tag: "tags",
    parent_flow_run_id: "parent",
    after: "since",
    before: "until",
  },
  async run({ query: ctx }, args) {
    const nowUs = serverNowUs(ctx);
    const question = questionOf("get_flow_runs", args);
    const { set, deployment } = await readSet(ctx, args, nowUs);
    const isSingle = args.flow_run !== undefined;
    const isFull = args.detail === "full" || (args.fields ?? []).some((field) => !BRIEF_RUN_FIELDS.includes(field));
    const page = await listFlowRuns(ctx, {
      set,
      sort: sortArg(args.sort, SORTS) ?? (args.filter === undefined ? undefined : "START_TIME_DESC"),
      limit: args.limit ?? DEFAULT_LIMIT,
      after: readCursor(question, args.cursor),
      full: isFull || isSingle,
      deleted: isSingle,
      fresh: args.fresh,
    });
    const items = page.items.map((item) => {
      const brief = briefFlowRun(item, { nowUs, isSingle });
      return isFull
        ? { ...fullFlowRun(item, uiLink(ctx.uiUrl, "flow_run", item.facts.id)), ...(args.fields ? brief : {}) }
        : brief;
    });
    const db = ctx.record();
    // Who gives an id means that one alone.
    const isNamed = deployment !== null && !(args.deployment ?? "").toLowerCase().includes(deployment.id);
    const notes = db && isNamed ? earlierDeploymentNotes(db, deployment.id, deployment.name) : [];
    const template = uiLinkTemplate(ctx.uiUrl, "flow_run");
    return listAnswer({
      key: "flow_runs",
      title: `flow runs${args.sort === undefined && args.filter === undefined ? ", newest first" : ""}`,
      items: pickFields(items, args.fields, [...BRIEF_RUN_FIELDS, ...FULL_RUN_FIELDS]),
      more: page.more,
      cursorAfter: (index) => writeCursor(question, page.items[index]?.next),
      freshness: withNotes(asOfPlans(page.freshness, set.flow_runs, nowUs), notes),
      nowUs,
      budget: tokenBudget(args),
      ...(template === null || isFull || items.length === 0
        ? {}
        : { extra: { ui_url: template }, facts: [`link: ${template}`] }),
      layout: isFull && !args.fields ? "json" : "table",
      toRow: runRow,
      order: [
        "name",
        "flow",
        "deployment",
        "state",
        "start_time",
        "expected_start_time",
        "duration",
        "late_seconds",
        "state_message",
      ],
      hint: "Narrow by state, flow, deployment, tags or times.",
      none: "No flow run matches.",
    });
  },
});

interface Asked {
  readonly set: MutableSet;
  /** The one whose runs are asked for. */
  readonly deployment: ResolvedName | null;
}

async function readSet(ctx: QueryContext, args: Input, nowUs: number): Promise<Asked> {
  const set = startSet("flow_runs", args.filter);
  const add = (field: string, criterion: Parameters<typeof addCriterion>[3], argument: keyof Input) =>
    addCriterion(set, "flow_runs", field, criterion, argument);
  const idOf = async (kind: Parameters<typeof resolveName>[1], text: string) => [
    (await resolveName(ctx, kind, text)).id,
  ];
  if (args.state) add("state", stateCriterion(args.state), "state");
  if (args.name !== undefined) add("name", { like_: args.name }, "name");
  if (args.tags) add("tags", { all_: args.tags }, "tags");
  const { sinceUs, untilUs } = windowArgs(args, ["since", "until"], nowUs);
  const times = timeCriterion(sinceUs, untilUs);
  if (Object.keys(times).length > 0) add("start_time", times, args.since === undefined ? "until" : "since");
  if (args.flow_run !== undefined) add("id", { any_: await idOf("flow_run", args.flow_run) }, "flow_run");
  if (args.parent !== undefined) add("parent_flow_run_id", { any_: await idOf("flow_run", args.parent) }, "parent");
  const deployment = args.deployment === undefined ? null : await resolveName(ctx, "deployment", args.deployment);
  if (deployment) add("deployment_id", { any_: [deployment.id] }, "deployment");
  if (args.flow !== undefined) set.flows = { id: { any_: await idOf("flow", args.flow) } };
  if (args.work_pool !== undefined) set.work_pools = { id: { any_: await idOf("work_pool", args.work_pool) } };
  return { set, deployment };
}

function writeCursor(question: unknown, position: FlowRunPosition | undefined): string {
  return encodeCursor(question, position ? [position.nowUs, position.part, position.offset] : []);
}

function readCursor(question: unknown, cursor: string | undefined): FlowRunPosition | undefined {
  if (cursor === undefined) return undefined;
  const [nowUs, part, offset] = decodeCursor(question, cursor);
  if (typeof nowUs !== "number" || typeof offset !== "number" || (part !== 0 && part !== 1))
    throw badCursor("is damaged");
  return { nowUs, part, offset };
}
