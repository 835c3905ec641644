/** Runs that ended in the window. When they are too many for one page, failed runs are read on their own, so that none is missed. */
import { counted, own, sentence } from "../../../lib/shown-text.ts";
import { formatIsoUs, parseIsoUs, type ServerUs } from "../../../lib/time.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import type { JsonObject } from "../../../model/objects.ts";
import { FAILED_TYPES, isFailed, TERMINAL_TYPES } from "../../../model/state.ts";
import type { FilterSet } from "../../../store/filters/bodies.ts";
import { countFlowRuns } from "../../../store/filters/find.ts";
import { type FlowRunsPage, listFlowRuns } from "../../runs/flow-runs.ts";
import type { QueryContext } from "../../source/context.ts";
import { openLive } from "../../source/live.ts";
import type { EndedRunFacts, NamedRun } from "../findings/types.ts";
import { coveredSince } from "./covered-since.ts";
import { attempt, type Gathering } from "./gathering.ts";

/** One less than Prefect's page: the row after the last one shows whether there are more. */
const MAX_RUNS = 199;

export const NO_ENDED_RUNS: EndedRunFacts = {
  newest: [],
  failed: [],
  total: 0,
  failedTotal: 0,
  isCut: false,
  earlier: [],
};

interface Question {
  readonly filters: FilterSet;
  readonly window: TimeRange;
  readonly gathering: Gathering;
}

export function readEnded(ctx: QueryContext, question: Question): Promise<EndedRunFacts> {
  const { gathering } = question;
  return attempt(gathering, own("runs that ended"), NO_ENDED_RUNS, async () => {
    const page = await readPage(ctx, question, TERMINAL_TYPES);
    const newest = page.items.map(toNamed);
    if (!page.hasMore) {
      const failed = newest.filter(({ run }) => isFailed(run.state_type));
      return { newest, failed, total: newest.length, failedTotal: failed.length, isCut: false, earlier: [] };
    }
    const [total, found] = await Promise.all([
      countEnded(ctx, question, TERMINAL_TYPES, page),
      readFailed(ctx, question),
    ]);
    gathering.unchecked.push(
      sentence`order and durations of all but the newest ${newest.length} of ${counted(total, "ended run")}`,
    );
    return { newest, ...found, total, isCut: true, earlier: [] };
  });
}

/** Failed and crashed runs only, newest first. */
export async function readFailed(
  ctx: QueryContext,
  question: Question,
): Promise<Pick<EndedRunFacts, "failed" | "failedTotal">> {
  const page = await readPage(ctx, question, FAILED_TYPES);
  const failed = page.items.map(toNamed);
  if (!page.hasMore) return { failed, failedTotal: failed.length };
  const failedTotal = await countEnded(ctx, question, FAILED_TYPES, page);
  question.gathering.unchecked.push(
    sentence`the errors of all but the newest ${failed.length} of ${counted(failedTotal, "failed run")}`,
  );
  return { failed, failedTotal };
}

/** 0 when no time is known. */
export function endUs(one: NamedRun | undefined): ServerUs {
  return parseIsoUs(one?.run.end_time ?? one?.run.state?.timestamp ?? "") ?? 0;
}

async function readPage(ctx: QueryContext, question: Question, types: readonly string[]): Promise<FlowRunsPage> {
  const page = await listFlowRuns(ctx, {
    set: filtersOf(ctx, question, types),
    sort: "END_TIME_DESC",
    limit: MAX_RUNS,
    isFull: true,
    includesDeleted: false,
  });
  question.gathering.freshness.push(page.freshness);
  return page;
}

function filtersOf(ctx: QueryContext, { filters, window }: Question, types: readonly string[]): FilterSet {
  const end_time = { after_: formatIsoUs(window.fromUs), before_: formatIsoUs(window.toUs) };
  const bound = startBound(ctx, window);
  const own = { state: { type: { any_: [...types] } }, end_time, ...(bound ? { expected_start_time: bound } : {}) };
  return { ...filters, flow_runs: { ...((filters.flow_runs ?? {}) as JsonObject), ...own } };
}

/**
 * A run may start long before it ends. The record can answer when it covers more than the window, as far back as it reaches.
 * Undefined: Prefect is asked, without a bound.
 */
function startBound(ctx: QueryContext, window: TimeRange): { after_: string } | undefined {
  const since = coveredSince(ctx);
  if (!since || (parseIsoUs(since.after_) ?? 0) > window.fromUs) return undefined;
  return since;
}

/** The number of all of them, from the same source as their page. */
async function countEnded(
  ctx: QueryContext,
  question: Question,
  types: readonly string[],
  page: FlowRunsPage,
): Promise<number> {
  const set = filtersOf(ctx, question, types);
  const db = page.freshness.source === "record" ? ctx.record() : null;
  if (db) return countFlowRuns(db, set);
  return attempt(question.gathering, own("how many runs ended"), page.items.length, () => {
    const live = openLive(ctx);
    return live.api.countFlowRuns(set as JsonObject, live.options());
  });
}

export function toNamed(item: NamedRun): NamedRun {
  return { run: item.run, flowName: item.flowName, deploymentName: item.deploymentName };
}
