/** Failed and crashed runs, grouped by error. One log is read for each group, not one for each run. */

import { counted, own, sentence } from "../../../lib/shown-text.ts";
import { earliestOf, earliestUs, formatIsoUs, latestOf } from "../../../lib/time.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import type { FlowRun } from "../../../model/objects.ts";
import { groupByRoot, type RunGroup, stateFingerprint } from "../../../model/runs/failure-groups.ts";
import type { FilterSet } from "../../../store/filters/bodies.ts";
import { findFlowRuns } from "../../../store/filters/find.ts";
import { findFlowRunRow } from "../../../store/runs/flow-runs.ts";
import { isRecordCurrent } from "../../source/answer.ts";
import type { QueryContext } from "../../source/context.ts";
import { serverNowUs } from "../../source/server-time.ts";
import type { EndedRunFacts, FailureGroup, NamedRun, RunError, RunFacts } from "../findings/types.ts";
import { endUs, readFailed } from "./ended-runs.ts";
import { errorOfRun } from "./error-of-run.ts";
import type { Gathering } from "./gathering.ts";
import { readParentIds } from "./parent-ids.ts";
import { RecordedRuns } from "./recorded-run.ts";
import { readRunLog } from "./run-log.ts";

const MAX_GROUPS = 100;
/** Groups whose newest run is read in detail where Prefect has to be asked for it; the errors of the others are those of their states. */
const MAX_DETAILED = 5;

/** The largest groups first. */
export async function groupFailures(
  ctx: QueryContext,
  ended: EndedRunFacts,
  failed: readonly NamedRun[],
  window: TimeRange,
  gathering: Gathering,
  isNarrow: boolean,
): Promise<FailureGroup[]> {
  const parents = await readParentIds(ctx, failed, gathering);
  const groups = groupByRoot(failed, (run) => parents.get(run.parent_task_run_id ?? "") ?? null);
  const sorted = groups.toSorted((a, b) => b.runs.length - a.runs.length || endUs(b.runs[0]) - endUs(a.runs[0]));
  const shown = sorted.slice(0, MAX_GROUPS);
  if (sorted.length > shown.length)
    gathering.unchecked.push(
      sentence`all but the ${MAX_GROUPS} most frequent of ${counted(sorted.length, "different error")}`,
    );
  const elsewhere = isNarrow ? await readElsewhere(ctx, { window, gathering }, failed, new Set(parents.values())) : [];
  const detailed = ctx.record() ? MAX_GROUPS : MAX_DETAILED;
  return Promise.all(
    shown.map((group, index) =>
      groupOf(ctx, group, { ended, window, gathering, elsewhere, isDetailed: index < detailed }),
    ),
  );
}

interface GroupQuestion {
  readonly ended: EndedRunFacts;
  readonly window: TimeRange;
  readonly gathering: Gathering;
  readonly isDetailed: boolean;
  /** Failures outside of the scope. */
  readonly elsewhere: readonly NamedRun[];
}

/** Without parents and subflows of `failed`. From the record alone: for one fact more Prefect is not asked. */
async function readElsewhere(
  ctx: QueryContext,
  { window, gathering }: Pick<GroupQuestion, "window" | "gathering">,
  failed: readonly NamedRun[],
  parentIds: ReadonlySet<string>,
): Promise<readonly NamedRun[]> {
  const db = ctx.record();
  if (failed.length === 0 || !db || !isRecordCurrent(ctx, db, "flow_run")) return [];
  const found = await readFailed(ctx, { filters: {}, window, gathering });
  const own = new Set(failed.map(({ run }) => run.id));
  const others = found.failed.filter(({ run }) => !own.has(run.id) && !parentIds.has(run.id));
  const parents = await readParentIds(ctx, others, gathering);
  return others.filter(({ run }) => !own.has(parents.get(run.parent_task_run_id ?? "") ?? ""));
}

async function groupOf(
  ctx: QueryContext,
  { runs, parents }: RunGroup<NamedRun>,
  question: GroupQuestion,
): Promise<FailureGroup> {
  const { window } = question;
  const [first] = runs;
  const { newest, error } = first ? await readNewest(ctx, first, question) : { newest: null, error: null };
  const times = runs.map(endUs);
  const lastUs = latestOf(times);
  const firstUs = earliestOf(times);
  const hasCompleted = (range: TimeRange) => (first ? completedIn(ctx, first.run, range, question) : false);
  const isOver = await hasCompleted({ fromUs: lastUs + 1, toUs: window.toUs });
  const isNew = await hasCompleted({ fromUs: earliestUs(window.fromUs, firstUs), toUs: firstUs - 1 });
  const print = first ? stateFingerprint(first.run) : "";
  const elsewhere = question.elsewhere.filter(({ run }) => stateFingerprint(run) === print);
  return { runs, parents, error, firstUs, lastUs, isOver, isNew, newest, elsewhere };
}

async function readNewest(
  ctx: QueryContext,
  one: NamedRun,
  { isDetailed, gathering }: GroupQuestion,
): Promise<{ newest: RunFacts | null; error: RunError | null }> {
  if (!isDetailed) return { newest: null, error: errorOfRun(one.run, [], []) };
  const logs = await readRunLog(ctx, one.run, gathering);
  const db = ctx.record();
  const recorded = db && findFlowRunRow(db, one.run.id) ? new RecordedRuns(db, serverNowUs(ctx)).detailsOf(one) : null;
  const error = errorOfRun(one.run, recorded?.tasks ?? [], logs ?? []);
  return { newest: recorded ? { ...recorded, logs, error } : null, error };
}

/** A run of the same deployment, or flow, completed in `range`. For times before the newest runs only the record is asked. */
async function completedIn(
  ctx: QueryContext,
  { deployment_id, flow_id }: FlowRun,
  range: TimeRange,
  { ended, gathering }: GroupQuestion,
): Promise<boolean> {
  const isKnown = [...ended.newest, ...ended.earlier].some(
    (one) =>
      one.run.state_type === "COMPLETED" &&
      endUs(one) >= range.fromUs &&
      endUs(one) <= range.toUs &&
      (deployment_id ? one.run.deployment_id === deployment_id : one.run.flow_id === flow_id),
  );
  const lastUs = endUs(ended.newest.at(-1));
  if (isKnown || !ended.isCut || range.fromUs > lastUs) return isKnown;
  const db = ctx.record();
  if (!db || !isRecordCurrent(ctx, db, "flow_run")) {
    gathering.unchecked.push(own("whether flows that failed have completed before or since"));
    return false;
  }
  const end_time = { after_: formatIsoUs(range.fromUs), before_: formatIsoUs(range.toUs) };
  const completed = { state: { type: { any_: ["COMPLETED"] } }, end_time };
  const set: FilterSet = deployment_id
    ? { flow_runs: { ...completed, deployment_id: { any_: [deployment_id] } } }
    : { flow_runs: completed, flows: { id: { any_: [flow_id] } } };
  return findFlowRuns(db, set, "END_TIME_DESC", { limit: 1, isBrief: true }).length > 0;
}
