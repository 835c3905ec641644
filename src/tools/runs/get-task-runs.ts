import { z } from "zod";
import { sentence } from "../../lib/shown-text.ts";
import type { ServerUs } from "../../lib/time.ts";
import { listTaskRuns } from "../../queries/runs/task-runs.ts";
import { TASK_RUN_SORT_NAMES } from "../../store/filters/sorts.ts";
import { badCursor, type CursorValue } from "../answer/cursor.ts";
import { MAX_LIMIT, offsetOf } from "../definition/list-arguments.ts";
import { byField, byName, byState } from "../definition/list-filters.ts";
import { listTool } from "../definition/list-tool.ts";
import { durationBounds, filterArg, listArgs, textArg, textsArg } from "../definition/shared-schemas.ts";
import { BRIEF_TASK_FIELDS, briefTaskRun, FULL_TASK_FIELDS, runRow } from "./run-items.ts";

export const getTaskRunsTool = listTool({
  kind: "task_run",
  title: "Task runs",
  description:
    "Task runs with state, message and times, newest expected start first. Give flow_run for the tasks of one run, task_run for one with its inputs. detail full: inputs, retries, cache key, all of Prefect's fields.",
  input: z.strictObject({
    filter: filterArg.describe("Prefect TaskRunFilter"),
    sort: textArg.describe("DURATION_DESC, …"),
    state: textsArg,
    flow_run: textArg.describe("id, prefix, UI link, name"),
    task_run: textArg,
    flow: textArg,
    deployment: textArg,
    name: textArg.describe("substring"),
    tags: textsArg,
    since: textArg,
    until: textArg,
    min_duration: textArg,
    max_duration: textArg,
    ...listArgs(MAX_LIMIT),
  }),
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
  criteria: {
    state: byState,
    flow_run: byName("flow_run", "flow_run_id"),
    task_run: byName("task_run"),
    flow: byName("flow", "id", "flows"),
    deployment: byName("deployment", "deployment_id", "flow_runs"),
    name: byField("name", "like_"),
    tags: byField("tags", "all_"),
  },
  timeField: "expected_start_time",
  single: "task_run",
  sorts: TASK_RUN_SORT_NAMES,
  brief: BRIEF_TASK_FIELDS,
  full: FULL_TASK_FIELDS,
  orderText: ({ sort }) => (sort === undefined ? sentence`, newest first` : sentence``),
  order: ["name", "flow_run", "state", "start_time", "expected_start_time", "duration", "state_message"],
  toRow: runRow,
  toRowOfFields: runRow,
  hint: sentence`Narrow by flow_run, state, name or times.`,
  none: sentence`No task run matches.`,
  async query(ctx, { set, sort = "EXPECTED_START_TIME_DESC", limit, position, fresh, isFull, isSingle, nowUs }, args) {
    const offset = offsetOf(position);
    const firstUs = firstPageUs(position) ?? nowUs;
    const isWholeRun = isFull || isSingle;
    const page = await listTaskRuns(ctx, {
      set,
      sort,
      limit,
      offset,
      duration: durationBounds(args),
      nowUs: firstUs,
      isFull: isWholeRun,
      includesDeleted: isSingle,
      fresh,
    });
    return { ...page, rows: page.items, positionAfter: (index) => [offset + index + 1, firstUs] };
  },
  toItem(row, { isFull, isSingle, hasFields, nowUs }) {
    const brief = briefTaskRun(row, { nowUs, isSingle });
    return isFull ? { ...row.run, ...(hasFields ? brief : {}) } : brief;
  },
});

/** The time of the first page, to which all pages measure tasks that are running. */
function firstPageUs([, nowUs]: readonly CursorValue[] = []): ServerUs | undefined {
  if (nowUs === undefined || typeof nowUs === "number") return nowUs;
  throw badCursor("is damaged");
}
