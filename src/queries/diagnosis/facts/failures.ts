/** Failed and crashed runs, grouped by error. One log is read for each group, not one for each run. */

import { own } from "../../../lib/shown-text.ts";
import { earliestOf, earliestUs, formatIsoUs, latestOf } from "../../../lib/time.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import type { FlowRun } from "../../../model/objects.ts";
import { errorFingerprint } from "../../../model/runs/error-fingerprint.ts";
import { parseStateMessage } from "../../../model/runs/traceback.ts";
import type { FilterSet } from "../../../store/filters/bodies.ts";
import { findFlowRuns } from "../../../store/filters/find.ts";
import { findFlowRunRow } from "../../../store/runs/flow-runs.ts";
import { isRecordCurrent } from "../../source/answer.ts";
import type { QueryContext } from "../../source/context.ts";
import { serverNowUs } from "../../source/server-time.ts";
import type { EndedRunFacts, FailureGroup, NamedRun, RunError, RunFacts } from "../findings/types.ts";
import { endUs } from "./ended-runs.ts";
import { errorOfRun } from "./error-of-run.ts";
import type { Gathering } from "./gathering.ts";
import { readParentIds } from "./parent-ids.ts";
import { RecordedRuns } from "./recorded-run.ts";
import { readRunLog } from "./run-log.ts";

const MAX_GROUPS = 20;
/** Groups whose newest run is read in detail where Prefect has to be asked for it; the errors of the others are those of their states. */
const MAX_DETAILED = 5;
/** Shorter texts, such as the key of a KeyError, are equal by chance. */
const MIN_SHARED_CHARS = 12;

interface Group {
  readonly runs: readonly NamedRun[];
  readonly parents: readonly NamedRun[];
}

/** The largest groups first. */
export async function groupFailures(
  ctx: QueryContext,
  ended: EndedRunFacts,
  failed: readonly NamedRun[],
  window: TimeRange,
  gathering: Gathering,
): Promise<FailureGroup[]> {
  const parents = await readParentIds(ctx, failed, gathering);
  const groups = groupByRoot(failed, (run) => parents.get(run.parent_task_run_id ?? "") ?? null);
  const sorted = groups.toSorted((a, b) => b.runs.length - a.runs.length || endUs(b.runs[0]) - endUs(a.runs[0]));
  const shown = sorted.slice(0, MAX_GROUPS);
  const detailed = ctx.record() ? MAX_GROUPS : MAX_DETAILED;
  return Promise.all(
    shown.map((group, index) => groupOf(ctx, group, { ended, window, gathering, isDetailed: index < detailed })),
  );
}

/**
 * Runs with one error are one group. A run that failed because a subflow of it failed belongs to the group of that subflow, as one of
 * its parents. `parentOf`: id of the flow run that the run is a subflow of.
 */
export function groupByRoot(failed: readonly NamedRun[], parentOf: (run: FlowRun) => string | null): Group[] {
  const byId = new Map(failed.map((one) => [one.run.id, one]));
  const roots = new Map<string, string>();
  for (const child of failed) {
    const parent = byId.get(parentOf(child.run) ?? "");
    if (parent && failedBecauseOf(parent.run, child.run)) roots.set(parent.run.id, child.run.id);
  }
  const rootOf = (id: string): string => {
    let root = id;
    const seen = new Set<string>();
    for (let next = roots.get(root); next !== undefined && !seen.has(next); next = roots.get(root)) {
      seen.add(next);
      root = next;
    }
    return root;
  };
  const groups = new Map<string, { runs: NamedRun[]; parents: NamedRun[] }>();
  for (const one of failed) {
    const root = byId.get(rootOf(one.run.id)) ?? one;
    const key = groupKey(root.run);
    const group = groups.get(key) ?? { runs: [], parents: [] };
    groups.set(key, group);
    (root === one ? group.runs : group.parents).push(one);
  }
  return [...groups.values()];
}

/** The parent's error reports that of the child, or is the same. */
function failedBecauseOf(parent: FlowRun, child: FlowRun): boolean {
  const error = parseStateMessage(parent.state?.message ?? "");
  if (error === null) return true;
  if (/^(FailedRun|CrashedRun|UnfinishedRun|MissingResult)$/.test(error.type)) return true;
  const ofChild = parseStateMessage(child.state?.message ?? "");
  return error.message.includes(child.name) || (ofChild !== null && ofChild.type === error.type);
}

/** Runs of several flows belong together when their errors have the same type and the same long text. */
function groupKey(run: FlowRun): string {
  const message = run.state?.message ?? "";
  const isShared = (parseStateMessage(message)?.message.length ?? 0) >= MIN_SHARED_CHARS;
  return isShared ? stateFingerprint(run) : `${run.flow_id}|${stateFingerprint(run)}`;
}

/** From the state alone: its type, and type and text of the error without numbers and ids that vary between runs. */
export function stateFingerprint(run: FlowRun): string {
  const message = run.state?.message ?? "";
  const exception = parseStateMessage(message);
  return `${run.state_type}|${errorFingerprint({ type: exception?.type ?? null, message: exception?.message ?? message, frame: null })}`;
}

interface GroupQuestion {
  readonly ended: EndedRunFacts;
  readonly window: TimeRange;
  readonly gathering: Gathering;
  readonly isDetailed: boolean;
}

async function groupOf(ctx: QueryContext, { runs, parents }: Group, question: GroupQuestion): Promise<FailureGroup> {
  const { window } = question;
  const [first] = runs;
  const { newest, error } = first ? await readNewest(ctx, first, question) : { newest: null, error: null };
  const times = runs.map(endUs);
  const lastUs = latestOf(times);
  const firstUs = earliestOf(times);
  const hasCompleted = (range: TimeRange) => (first ? completedIn(ctx, first.run, range, question) : false);
  const isOver = await hasCompleted({ fromUs: lastUs + 1, toUs: window.toUs });
  const isNew = await hasCompleted({ fromUs: earliestUs(window.fromUs, firstUs), toUs: firstUs - 1 });
  return { runs, parents, error, firstUs, lastUs, isOver, isNew, newest };
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
