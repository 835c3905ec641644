import { z } from "zod";
import { type Sentence, sentence } from "../../lib/shown-text.ts";

import { DAY_US, formatIsoUs, type ServerUs } from "../../lib/time.ts";
import { withNotes } from "../../model/freshness.ts";
import type { ResolvedName } from "../../queries/names/names.ts";
import { earlierDeploymentNotes } from "../../queries/objects/earlier-deployments.ts";
import type { FlowRunPosition } from "../../queries/runs/flow-run-pages.ts";
import { listFlowRuns } from "../../queries/runs/flow-runs.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import { asOfSchedules, boundsOf } from "../../queries/source/run-window.ts";
import type { FilterSet } from "../../store/filters/bodies.ts";
import { FLOW_RUN_SORT_NAMES } from "../../store/filters/sorts.ts";
import { badCursor, type CursorValue } from "../answer/cursor.ts";
import { MAX_LIMIT } from "../definition/list-arguments.ts";
import { byField, byName, byState } from "../definition/list-filters.ts";
import { listTool } from "../definition/list-tool.ts";
import { durationBounds, filterArg, listArgs, momentArg, textArg, textsArg } from "../definition/shared-schemas.ts";
import { withMoment } from "../definition/with-moment.ts";
import { BRIEF_RUN_FIELDS, briefFlowRun, FULL_RUN_FIELDS, flowRunRow, fullFlowRun, runRow } from "./run-items.ts";

export const getFlowRunsTool = withMoment(
  listTool({
    kind: "flow_run",
    title: "Flow runs",
    description:
      "Flow runs with flow, deployment, state, message, times and how late they are. Default: newest start first, future schedules last. state takes types and names (Late). Times: ISO or age (24h). detail full: parameters and all of Prefect's fields.",
    input: z.strictObject({
      filter: filterArg.describe("Prefect FlowRunFilter"),
      sort: textArg.describe("START_TIME_DESC, DURATION_DESC, …"),
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
      min_duration: textArg.describe("90 (seconds), 1h30m"),
      max_duration: textArg,
      at: momentArg,
      ...listArgs(MAX_LIMIT),
    }),
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
    criteria: {
      state: byState,
      flow: byName("flow", "id", "flows"),
      deployment: byName("deployment", "deployment_id"),
      work_pool: byName("work_pool", "id", "work_pools"),
      flow_run: byName("flow_run"),
      parent: byName("flow_run", "parent_flow_run_id"),
      name: byField("name", "like_"),
      tags: byField("tags", "all_"),
    },
    timeField: "start_time",
    single: "flow_run",
    sorts: FLOW_RUN_SORT_NAMES,
    brief: BRIEF_RUN_FIELDS,
    full: FULL_RUN_FIELDS,
    orderText: ({ sort, filter }) =>
      sort === undefined && filter === undefined ? sentence`, newest first` : sentence``,
    order: [
      "name",
      "flow/deployment",
      "flow",
      "deployment",
      "state",
      "start_time",
      "expected_start_time",
      "duration",
      "late",
      "state_message",
    ],
    toRow: flowRunRow,
    toRowOfFields: runRow,
    hint: sentence`Narrow by state, flow, deployment, tags or times.`,
    none: sentence`No flow run matches.`,
    async query(ctx, { set, sort, limit, position, fresh, isFull, isSingle, named, nowUs }, args) {
      const after = readPosition(position);
      const page = await listFlowRuns(ctx, {
        set: withoutLaterRuns(set, args, after?.nowUs ?? nowUs),
        sort: sort ?? (args.filter === undefined ? undefined : "START_TIME_DESC"),
        limit,
        after,
        duration: durationBounds(args),
        isFull: isFull || isSingle,
        includesDeleted: isSingle,
        fresh,
      });
      const notes = deploymentNotes(ctx, args.deployment, named.deployment);
      return {
        rows: page.items,
        hasMore: page.hasMore,
        freshness: withNotes(asOfSchedules(page.freshness, set.flow_runs, nowUs), notes),
        positionAfter: (index) => writePosition(page.items[index]?.next),
      };
    },
    toItem(row, { isFull, isSingle, hasFields, nowUs }) {
      const brief = briefFlowRun(row, { nowUs, isSingle });
      return isFull ? { ...fullFlowRun(row), ...(hasFields ? brief : {}) } : brief;
    },
  }),
  { needs: [], parts: ["flow", "deployment"], runsBackUs: 30 * DAY_US },
);

/** A list "since" some time is about what happened: runs that are due later are in it only by `until` or by their state. */
function withoutLaterRuns(
  set: FilterSet,
  { since, until, state }: { readonly [name: string]: unknown },
  nowUs: ServerUs,
): FilterSet {
  const { fromUs, toUs } = boundsOf(set.flow_runs);
  if (since === undefined || until !== undefined || state !== undefined) return set;
  if (toUs !== null || fromUs === null || fromUs > nowUs) return set;
  const flow_runs = set.flow_runs as { readonly start_time?: object };
  return { ...set, flow_runs: { ...flow_runs, start_time: { ...flow_runs.start_time, before_: formatIsoUs(nowUs) } } };
}

/** Notes about deleted deployments of the same name. An id asks for that deployment only. */
function deploymentNotes(ctx: QueryContext, given = "", deployment: ResolvedName | undefined): Sentence[] {
  const db = ctx.record();
  if (!db || !deployment || given.toLowerCase().includes(deployment.id)) return [];
  return earlierDeploymentNotes(db, deployment.id, deployment.name);
}

function writePosition(position: FlowRunPosition | undefined): CursorValue[] {
  return position ? [position.nowUs, position.part, position.offset] : [];
}

function readPosition(values: readonly CursorValue[] | undefined): FlowRunPosition | undefined {
  if (values === undefined) return undefined;
  const [nowUs, part, offset] = values;
  if (typeof nowUs !== "number" || typeof offset !== "number" || (part !== 0 && part !== 1))
    throw badCursor("is damaged");
  return { nowUs, part, offset };
}
