/** The subject of a timeline: the object, its window, and the filters that find its events. */
import {
  addUs,
  DAY_US,
  earliestOf,
  earliestUs,
  latestUs,
  MINUTE_US,
  parseIsoUs,
  type ServerUs,
} from "../../lib/time.ts";
import type { EventFilter } from "../../model/events/event-filter.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { eventPrefix, type Kind, resourceId } from "../../model/kinds.ts";
import type { FlowRun } from "../../model/objects.ts";
import { isTerminal } from "../../model/state.ts";
import type { RecordDb } from "../../store/database.ts";
import { findObject, findObjects } from "../../store/objects/objects.ts";
import { type FlowRunRow, findFlowRunRow, toFlowRun } from "../../store/runs/flow-runs.ts";
import { findFlowRunIdsBelow } from "../../store/runs/run-tree.ts";
import { type ResolvedName, resolveName } from "../names/names.ts";
import { readDeletedRun } from "../runs/deleted-run.ts";
import { readFlowRun } from "../runs/read-flow-run.ts";
import { areRetriesRecorded } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import { openLive } from "../source/live.ts";

export type TimelineSubjectKind = Extract<Kind, "flow_run" | "deployment" | "work_pool">;

export interface TimelineSubject extends ResolvedName {
  readonly kind: TimelineSubjectKind;
  /** The run itself, where it is one. */
  readonly run: FlowRun | null;
  /** When the run was found to be deleted in Prefect, local clock. Null: it was not. */
  readonly deletedUs: ServerUs | null;
  /** The given window, or the usual one of the subject. */
  readonly window: TimeRange;
  /** Filters of the events of the timeline. */
  readonly filters: readonly EventFilter[];
  /** Filter of the states of recorded subflow runs. */
  readonly subflows: EventFilter | null;
}

/** Problems of work pool and worker may begin before the run is due. */
const BEFORE_RUN_US = 5 * MINUTE_US;
/** The last state events and log lines come some seconds after the end. */
const AFTER_RUN_US = MINUTE_US;

/** Events whose primary resource is a deployment, work pool or work queue. Events of other objects name them as related. */
const OWN_EVENTS = (["deployment", "work_pool", "work_queue"] as const).map(eventPrefix);
/** Events of workers do not name runs, but their work pool. */
const AROUND = [eventPrefix("worker"), "prefect.cloud."];
/** Events about one run, which are found with the events of that run. */
const OF_ONE_RUN = ["prefect.worker.submitted-flow-run", "prefect.worker.executed-flow-run"];

/** The most subflow runs in one timeline. */
const MAX_SUBFLOWS = 200;

interface GivenWindow {
  readonly sinceUs: ServerUs | undefined;
  readonly untilUs: ServerUs | undefined;
  /** Now, server clock. */
  readonly nowUs: ServerUs;
}

/** Throws AppError as `resolveName` does, and errors of reading a run that is not recorded. */
export async function findSubject(
  ctx: QueryContext,
  kind: TimelineSubjectKind,
  text: string,
  asked: GivenWindow,
): Promise<TimelineSubject> {
  const named = await resolveName(ctx, kind, text);
  const { nowUs } = asked;
  if (kind === "flow_run") {
    const { run, isCurrent } = await readRun(ctx, named.id);
    const window = windowOf(asked, runWindow(run, isCurrent, nowUs));
    const db = ctx.record();
    const deletedUs = readDeletedRun(ctx, named.id)?.deleted_us ?? null;
    const base = { ...named, name: run.name, kind, run, deletedUs, window };
    return { ...base, filters: runFilters(db, run), subflows: subflowsOf(db, run) };
  }
  const window = windowOf(asked, { fromUs: addUs(asked.untilUs ?? nowUs, -DAY_US), toUs: nowUs });
  const ids = [resourceId(kind, named.id), ...queuesOf(ctx.record(), kind, named.id)];
  // Without task runs: those of all runs would hide everything else.
  const filters = [{ any_resource: { id: ids }, event: { exclude_prefix: [eventPrefix("task_run")] } }];
  return { ...named, kind, run: null, deletedUs: null, window, filters, subflows: null };
}

/** The given bounds; open ones come from the usual window. A window that begins after the usual one ends now. */
function windowOf({ sinceUs, untilUs, nowUs }: GivenWindow, usual: TimeRange): TimeRange {
  if (sinceUs === undefined)
    return { fromUs: earliestUs(usual.fromUs, untilUs ?? usual.fromUs), toUs: untilUs ?? usual.toUs };
  const toUs = sinceUs <= usual.toUs ? usual.toUs : latestUs(sinceUs, nowUs);
  return { fromUs: sinceUs, toUs: untilUs ?? toUs };
}

function queuesOf(db: RecordDb | null, kind: TimelineSubjectKind, id: string): string[] {
  if (db === null || kind !== "work_pool") return [];
  return findObjects(db, "work_queue", { parentId: id }).map((queue) => resourceId("work_queue", queue.id));
}

/** `isCurrent`: an end of the run is its last one up to now. */
function runWindow(run: FlowRun, isCurrent: boolean, nowUs: ServerUs): TimeRange {
  const times = [run.expected_start_time, run.start_time, run.created].map((text) => parseIsoUs(text ?? "") ?? nowUs);
  const type = run.state_type ?? null;
  const endUs = isCurrent && isTerminal(type) ? parseIsoUs(run.end_time ?? run.state?.timestamp ?? "") : undefined;
  const toUs = earliestUs(nowUs, endUs === undefined ? nowUs : addUs(endUs, AFTER_RUN_US));
  return { fromUs: addUs(earliestOf([...times, toUs]), -BEFORE_RUN_US), toUs };
}

function runFilters(db: RecordDb | null, run: FlowRun): EventFilter[] {
  const own: EventFilter = { any_resource: { id: [resourceId("flow_run", run.id)] } };
  const around: string[] = [];
  if (run.deployment_id) around.push(resourceId("deployment", run.deployment_id));
  if (run.work_queue_id) around.push(resourceId("work_queue", run.work_queue_id));
  const pool = run.work_pool_id ?? (run.work_pool_name && db ? poolId(db, run.work_pool_name) : null);
  if (pool) around.push(resourceId("work_pool", pool));
  if (around.length === 0) return [own];
  return [
    own,
    { resource: { id: around }, event: { prefix: OWN_EVENTS } },
    { any_resource: { id: around }, event: { prefix: AROUND, exclude_name: OF_ONE_RUN } },
  ];
}

function subflowsOf(db: RecordDb | null, run: FlowRun): EventFilter | null {
  const ids = db === null ? [] : findFlowRunIdsBelow(db, run.id, 1).slice(0, MAX_SUBFLOWS);
  if (ids.length === 0) return null;
  return {
    resource: { id: ids.map((id) => resourceId("flow_run", id)) },
    event: { prefix: [eventPrefix("flow_run")] },
  };
}

function poolId(db: RecordDb, name: string): string | null {
  return findObjects(db, "work_pool").find((pool) => pool.name === name)?.id ?? null;
}

/** The run from the record where that shows whether it was retried, otherwise from Prefect. A retry makes another end of the window. */
async function readRun(ctx: QueryContext, id: string): Promise<{ run: FlowRun; isCurrent: boolean }> {
  const db = ctx.record();
  const row = db && findFlowRunRow(db, id);
  const isCurrent = db !== null && row !== null && (row.deleted_us !== null || areRetriesRecorded(ctx, db));
  if (db && row && isCurrent && (row.begin_us !== null || row.doc !== null)) return { run: ofRow(db, row), isCurrent };
  try {
    return { run: await readFlowRun(ctx, openLive(ctx), id), isCurrent: true };
  } catch (error) {
    if (db && row) return { run: ofRow(db, row), isCurrent };
    throw error;
  }
}

function ofRow(db: RecordDb, row: FlowRunRow): FlowRun {
  const run = toFlowRun(row);
  const deployment = row.doc === null ? findObject(db, "deployment", run.deployment_id ?? "") : null;
  const pool = deployment?.doc.work_pool_name;
  return pool ? { ...run, work_pool_name: pool } : run;
}
