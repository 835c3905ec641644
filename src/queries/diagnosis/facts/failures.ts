/** Failed and crashed runs, grouped by error. One log is read for each group, not one for each run. */

import { own } from "../../../lib/shown-text.ts";
import { earliestUs, formatIsoUs, latestUs } from "../../../lib/time.ts";
import type { TimeRange } from "../../../model/freshness.ts";
import type { FlowRun } from "../../../model/objects.ts";
import { errorFingerprint } from "../../../model/runs/error-fingerprint.ts";
import { parseStateMessage } from "../../../model/runs/traceback.ts";
import type { FilterSet } from "../../../store/filters/bodies.ts";
import { findFlowRuns } from "../../../store/filters/find.ts";
import { isRecordCurrent } from "../../source/answer.ts";
import type { QueryContext } from "../../source/context.ts";
import type { EndedRunFacts, FailureGroup, NamedRun } from "../findings/types.ts";
import { endUs } from "./ended-runs.ts";
import { errorOfRun } from "./error-of-run.ts";
import type { Gathering } from "./gathering.ts";
import { readRunLog } from "./run-log.ts";

const MAX_GROUPS = 5;

/** The largest groups first. */
export async function groupFailures(
  ctx: QueryContext,
  ended: EndedRunFacts,
  window: TimeRange,
  gathering: Gathering,
): Promise<FailureGroup[]> {
  const groups = new Map<string, NamedRun[]>();
  for (const one of ended.failed) {
    const key = `${one.run.flow_id}|${stateFingerprint(one.run)}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const sorted = [...groups.values()].sort((a, b) => b.length - a.length || endUs(b[0]) - endUs(a[0]));
  return Promise.all(sorted.slice(0, MAX_GROUPS).map((runs) => groupOf(ctx, runs, { ended, window, gathering })));
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
}

async function groupOf(ctx: QueryContext, runs: readonly NamedRun[], question: GroupQuestion): Promise<FailureGroup> {
  const { gathering, window } = question;
  const [newest] = runs;
  const logs = newest ? await readRunLog(ctx, newest.run, gathering) : null;
  const error = newest ? errorOfRun(newest.run, [], logs ?? []) : null;
  const times = runs.map(endUs);
  const lastUs = latestUs(...times);
  const firstUs = earliestUs(...times);
  const hasCompleted = (range: TimeRange) => (newest ? completedIn(ctx, newest.run, range, question) : false);
  const isOver = await hasCompleted({ fromUs: lastUs + 1, toUs: window.toUs });
  const isNew = await hasCompleted({ fromUs: window.fromUs, toUs: firstUs - 1 });
  return { runs, error, firstUs, lastUs, isOver, isNew };
}

/** A run of the same deployment, or flow, completed in `range`. For times before the newest runs only the record is asked. */
async function completedIn(
  ctx: QueryContext,
  { deployment_id, flow_id }: FlowRun,
  range: TimeRange,
  { ended, gathering }: GroupQuestion,
): Promise<boolean> {
  const isKnown = ended.newest.some(
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
