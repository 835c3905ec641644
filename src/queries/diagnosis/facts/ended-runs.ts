/** Runs that ended in the window. The bad ones are read apart where there are too many, so that no success hides a failure. */
import { formatIsoUs, parseIsoUs } from "../../../lib/time.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import type { JsonObject } from "../../../model/objects.ts";
import type { FilterSet } from "../../../store/filters/bodies.ts";
import { countFlowRuns } from "../../../store/filters/find.ts";
import { type FlowRunsPage, listFlowRuns } from "../../runs/flow-runs.ts";
import type { QueryContext } from "../../source/context.ts";
import { openLive } from "../../source/live.ts";
import type { EndedRuns, NamedRun } from "../findings/types.ts";
import { attempt, type Trail } from "./gathering.ts";
import { recordedSince } from "./window-start.ts";

/** With the one that tells of more, a page of Prefect's. */
const MOST_RUNS = 199;
const BAD = ["FAILED", "CRASHED"];
const ENDED = ["COMPLETED", "CANCELLED", ...BAD];

export const NONE_ENDED: EndedRuns = { newest: [], bad: [], total: 0, badTotal: 0, isCut: false };

interface Question {
  readonly scope: FilterSet;
  readonly window: TimeRange;
  readonly trail: Trail;
}

export function readEnded(ctx: QueryContext, question: Question): Promise<EndedRuns> {
  const { trail } = question;
  return attempt(trail, "runs that ended", NONE_ENDED, async () => {
    const page = await readPage(ctx, question, ENDED);
    const newest = page.items.map(toNamed);
    if (!page.more) {
      const bad = newest.filter(isBad);
      return { newest, bad, total: newest.length, badTotal: bad.length, isCut: false };
    }
    const [total, found] = await Promise.all([countEnded(ctx, question, ENDED, page), readBad(ctx, question)]);
    trail.unchecked.push(`order and durations of all but the newest ${newest.length} of ${total} ended runs`);
    return { newest, ...found, total, isCut: true };
  });
}

/** The failed and crashed ones alone, newest first. What is left out is named. */
export async function readBad(ctx: QueryContext, question: Question): Promise<Pick<EndedRuns, "bad" | "badTotal">> {
  const page = await readPage(ctx, question, BAD);
  const bad = page.items.map(toNamed);
  if (!page.more) return { bad, badTotal: bad.length };
  const badTotal = await countEnded(ctx, question, BAD, page);
  question.trail.unchecked.push(`the errors of all but the newest ${bad.length} of ${badTotal} failed runs`);
  return { bad, badTotal };
}

export function isBad(one: NamedRun): boolean {
  return BAD.includes(one.run.state_type ?? "");
}

export function endUs(one: NamedRun | undefined): number {
  return parseIsoUs(one?.run.end_time ?? one?.run.state?.timestamp ?? "") ?? 0;
}

async function readPage(ctx: QueryContext, question: Question, types: readonly string[]): Promise<FlowRunsPage> {
  const page = await listFlowRuns(ctx, {
    set: setOf(ctx, question, types),
    sort: "END_TIME_DESC",
    limit: MOST_RUNS,
    full: true,
    deleted: false,
  });
  question.trail.freshness.push(page.freshness);
  return page;
}

function setOf(ctx: QueryContext, { scope, window }: Question, types: readonly string[]): FilterSet {
  const end_time = { after_: formatIsoUs(window.fromUs), before_: formatIsoUs(window.toUs) };
  const due = dueSince(ctx, window);
  const own = { state: { type: { any_: [...types] } }, end_time, ...(due ? { expected_start_time: due } : {}) };
  return { ...scope, flow_runs: { ...((scope.flow_runs ?? {}) as JsonObject), ...own } };
}

/**
 * A run may begin long before it ends: the record can tell as far back as it reaches, if that is before the window. Undefined:
 * Prefect is asked, without a bound.
 */
function dueSince(ctx: QueryContext, window: TimeRange): { after_: string } | undefined {
  const since = recordedSince(ctx);
  if (!since || (parseIsoUs(since.after_) ?? 0) > window.fromUs) return undefined;
  return since;
}

/** All of them, from where their page came. */
async function countEnded(
  ctx: QueryContext,
  question: Question,
  types: readonly string[],
  page: FlowRunsPage,
): Promise<number> {
  const set = setOf(ctx, question, types);
  const db = page.freshness.source === "record" ? ctx.record() : null;
  if (db) return countFlowRuns(db, set);
  return attempt(question.trail, "how many runs ended", page.items.length, () => {
    const live = openLive(ctx);
    return live.api.countFlowRuns(set as JsonObject, live.options());
  });
}

export function toNamed(item: NamedRun): NamedRun {
  return { run: item.run, flowName: item.flowName, deploymentName: item.deploymentName };
}
