import { z } from "zod";
import { resolveName } from "../../queries/names/names.ts";
import {
  addCriterion,
  type MutableSet,
  startSet,
  stateCriterion,
  timeCriterion,
} from "../../queries/names/shorthands.ts";
import { uiLink, uiLinkTemplate } from "../../queries/names/ui-links.ts";
import { listTaskRuns } from "../../queries/runs/task-runs.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import { serverNowUs } from "../../queries/source/freshness.ts";
import { TASK_RUN_SORTS, type TaskRunSort } from "../../store/filters/sorts.ts";
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
  momentArg,
  pickFields,
  textArg,
  textsArg,
  tokenBudget,
} from "../definition/shared-schemas.ts";
import { BRIEF_TASK_FIELDS, briefTaskRun, FULL_TASK_FIELDS, runRow } from "./run-items.ts";

const SORTS = Object.keys(TASK_RUN_SORTS) as TaskRunSort[];

const input = z.strictObject({
  filter: filterArg.describe("Prefect TaskRunFilter"),
  sort: textArg,
  state: textsArg,
  flow_run: textArg.describe("id, prefix, UI link, name"),
  task_run: textArg,
  flow: textArg,
  deployment: textArg,
  name: textArg.describe("substring"),
  tags: textsArg,
  since: textArg,
  until: textArg,
  ...listArgs(MAX_LIMIT),
});
type Input = z.infer<typeof input>;

export const getTaskRunsTool = defineTool({
  name: "get_task_runs",
  title: "Task runs",
  description:
    "Task runs with state, message and times, newest expected start first. Give flow_run for the tasks of one run, task_run for one with its inputs. detail full: inputs, retries, cache key, all of Prefect's fields.",
  input,
  output: listOutput("task_runs"),
  aliases: {
    id: "task_run",
    task_run_id: "task_run",
    flow_run_id: "flow_run",
    flow_name: "flow",
    deployment_id: "deployment",
    states: "state",
    tag: "tags",
    after: "since",
    before: "until",
  },
  async run({ query: ctx }, args) {
    const nowUs = serverNowUs(ctx);
    const question = questionOf("get_task_runs", args);
    const offset = offsetArg(question, args.cursor);
    const isSingle = args.task_run !== undefined;
    const isFull = args.detail === "full" || (args.fields ?? []).some((field) => !BRIEF_TASK_FIELDS.includes(field));
    const page = await listTaskRuns(ctx, {
      set: await readSet(ctx, args, nowUs),
      sort: sortArg(args.sort, SORTS) ?? "EXPECTED_START_TIME_DESC",
      limit: args.limit ?? DEFAULT_LIMIT,
      offset,
      full: isFull || isSingle,
      deleted: isSingle,
      fresh: args.fresh,
    });
    const items = page.items.map((item) => {
      const brief = briefTaskRun(item, { nowUs, isSingle });
      const link = uiLink(ctx.uiUrl, "task_run", item.facts.id);
      return isFull ? { ...item.run, ...(link ? { ui_url: link } : {}), ...(args.fields ? brief : {}) } : brief;
    });
    const template = uiLinkTemplate(ctx.uiUrl, "task_run");
    return listAnswer({
      key: "task_runs",
      title: `task runs${args.sort === undefined ? ", newest first" : ""}`,
      items: pickFields(items, args.fields, [...BRIEF_TASK_FIELDS, ...FULL_TASK_FIELDS]),
      more: page.more,
      cursorAfter: (index) => offsetCursor(question, offset + index + 1),
      freshness: page.freshness,
      nowUs,
      budget: tokenBudget(args),
      ...(template === null || isFull || items.length === 0
        ? {}
        : { extra: { ui_url: template }, facts: [`link: ${template}`] }),
      layout: isFull && !args.fields ? "json" : "table",
      toRow: runRow,
      order: ["name", "flow_run", "state", "start_time", "expected_start_time", "duration", "state_message"],
      hint: "Narrow by flow_run, state, name or times.",
      none: "No task run matches.",
    });
  },
});

async function readSet(ctx: QueryContext, args: Input, nowUs: number): Promise<MutableSet> {
  const set = startSet("task_runs", args.filter);
  const add = (field: string, criterion: Parameters<typeof addCriterion>[3], argument: keyof Input) =>
    addCriterion(set, "task_runs", field, criterion, argument);
  const idOf = async (kind: Parameters<typeof resolveName>[1], text: string) => [
    (await resolveName(ctx, kind, text)).id,
  ];
  if (args.state) add("state", stateCriterion(args.state), "state");
  if (args.name !== undefined) add("name", { like_: args.name }, "name");
  if (args.tags) add("tags", { all_: args.tags }, "tags");
  const times = timeCriterion(momentArg("since", args.since, nowUs), momentArg("until", args.until, nowUs));
  if (Object.keys(times).length > 0) add("expected_start_time", times, args.since === undefined ? "until" : "since");
  if (args.task_run !== undefined) add("id", { any_: await idOf("task_run", args.task_run) }, "task_run");
  if (args.flow_run !== undefined) add("flow_run_id", { any_: await idOf("flow_run", args.flow_run) }, "flow_run");
  if (args.flow !== undefined) set.flows = { id: { any_: await idOf("flow", args.flow) } };
  if (args.deployment !== undefined)
    set.flow_runs = { deployment_id: { any_: await idOf("deployment", args.deployment) } };
  return set;
}
