/** What a timeline is about, when it was, and which events tell of it. */
import { AppError } from "../../errors.ts";
import { DAY_US, MINUTE_US, parseIsoUs } from "../../lib/time.ts";
import type { EventFilter } from "../../model/events/event-filter.ts";
import type { TimeRange } from "../../model/freshness.ts";
import { eventPrefix, type Kind, resourceId } from "../../model/kinds.ts";
import type { FlowRun } from "../../model/objects.ts";
import { isTerminal } from "../../model/state.ts";
import type { RecordDb } from "../../store/database.ts";
import { findObject, findObjects } from "../../store/objects/objects.ts";
import { findFlowRunRow, toFlowRun } from "../../store/runs/flow-runs.ts";
import { findFlowRunIdsBelow } from "../../store/runs/run-tree.ts";
import { type ResolvedName, resolveName } from "../names/names.ts";
import { readDeletedRun } from "../runs/deleted-run.ts";
import type { QueryContext } from "../source/context.ts";
import { openLive } from "../source/live.ts";

export type SubjectKind = Extract<Kind, "flow_run" | "deployment" | "work_pool">;

export interface Subject extends ResolvedName {
  readonly kind: SubjectKind;
  /** The run itself, where it is one. */
  readonly run: FlowRun | null;
  /** When Prefect was seen to have the run no more. */
  readonly deletedUs: number | null;
  /** The asked window, or the usual one of the subject. */
  readonly window: TimeRange;
  /** Each finds a part of the story. */
  readonly filters: readonly EventFilter[];
  /** Finds the states of subflow runs that the record knows. */
  readonly subflows: EventFilter | null;
}

/** Before a run was due its pool and worker may already have had their trouble. */
const BEFORE_RUN_US = 5 * MINUTE_US;
/** The last state events and lines come some seconds after the end. */
const AFTER_RUN_US = MINUTE_US;

/** What a deployment, pool or queue says of itself. Others of the same pool name it too, but only as related. */
const OWN_NEWS = (["deployment", "work_pool", "work_queue"] as const).map(eventPrefix);
/** Workers are no resource of a run: they name its pool. */
const AROUND = [eventPrefix("worker"), "prefect.cloud."];
/** Each is about one run, and comes with the events of that run. */
const OF_ONE_RUN = ["prefect.worker.submitted-flow-run", "prefect.worker.executed-flow-run"];

/** Subflow runs that one timeline follows. */
const MOST_SUBFLOWS = 200;

interface Asked {
  readonly sinceUs: number | undefined;
  readonly untilUs: number | undefined;
  /** The present, server's clock. */
  readonly nowUs: number;
}

/** Throws AppError as `resolveName` does, and of the live reading of a run that the record does not know. */
export async function findSubject(ctx: QueryContext, kind: SubjectKind, text: string, asked: Asked): Promise<Subject> {
  const named = await resolveName(ctx, kind, text);
  const { nowUs } = asked;
  if (kind === "flow_run") {
    const run = await readRun(ctx, named.id);
    const window = windowOf(asked, runWindow(run, nowUs));
    const db = ctx.record();
    const deletedUs = readDeletedRun(ctx, named.id)?.deleted_us ?? null;
    const base = { ...named, name: run.name, kind, run, deletedUs, window };
    return { ...base, filters: runFilters(db, run), subflows: subflowsOf(db, run) };
  }
  const window = windowOf(asked, { fromUs: (asked.untilUs ?? nowUs) - DAY_US, toUs: nowUs });
  const ids = [resourceId(kind, named.id), ...queuesOf(ctx.record(), kind, named.id)];
  // Task runs of every run would drown the story.
  const filters = [{ any_resource: { id: ids }, event: { exclude_prefix: [eventPrefix("task_run")] } }];
  return { ...named, kind, run: null, deletedUs: null, window, filters, subflows: null };
}

/** The asked ends, the others as usual; a window beyond the usual one reaches to now, or back by nothing. */
function windowOf({ sinceUs, untilUs, nowUs }: Asked, usual: TimeRange): TimeRange {
  if (sinceUs === undefined)
    return { fromUs: Math.min(usual.fromUs, untilUs ?? usual.fromUs), toUs: untilUs ?? usual.toUs };
  const toUs = sinceUs <= usual.toUs ? usual.toUs : Math.max(sinceUs, nowUs);
  return { fromUs: sinceUs, toUs: untilUs ?? toUs };
}

function queuesOf(db: RecordDb | null, kind: SubjectKind, id: string): string[] {
  if (db === null || kind !== "work_pool") return [];
  return findObjects(db, "work_queue", { parentId: id }).map((queue) => resourceId("work_queue", queue.id));
}

function runWindow(run: FlowRun, nowUs: number): TimeRange {
  const times = [run.expected_start_time, run.start_time, run.created].map((text) => parseIsoUs(text ?? "") ?? nowUs);
  const type = run.state_type ?? null;
  const endUs = isTerminal(type) ? parseIsoUs(run.end_time ?? run.state?.timestamp ?? "") : undefined;
  const toUs = Math.min(nowUs, endUs === undefined ? nowUs : endUs + AFTER_RUN_US);
  return { fromUs: Math.min(...times, toUs) - BEFORE_RUN_US, toUs };
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
    { resource: { id: around }, event: { prefix: OWN_NEWS } },
    { any_resource: { id: around }, event: { prefix: AROUND, exclude_name: OF_ONE_RUN } },
  ];
}

function subflowsOf(db: RecordDb | null, run: FlowRun): EventFilter | null {
  const ids = db === null ? [] : findFlowRunIdsBelow(db, run.id, 1).slice(0, MOST_SUBFLOWS);
  if (ids.length === 0) return null;
  return {
    resource: { id: ids.map((id) => resourceId("flow_run", id)) },
    event: { prefix: [eventPrefix("flow_run")] },
  };
}

function poolId(db: RecordDb, name: string): string | null {
  return findObjects(db, "work_pool").find((pool) => pool.name === name)?.id ?? null;
}

async function readRun(ctx: QueryContext, id: string): Promise<FlowRun> {
  const db = ctx.record();
  const row = db && findFlowRunRow(db, id);
  if (row && (row.begin_us !== null || row.doc !== null)) {
    const deployment = row.doc === null && db ? findObject(db, "deployment", toFlowRun(row).deployment_id ?? "") : null;
    const pool = deployment?.doc.work_pool_name;
    return pool ? { ...toFlowRun(row), work_pool_name: pool } : toFlowRun(row);
  }
  try {
    const live = openLive(ctx);
    const run = await live.api.readFlowRun(id, live.options());
    ctx.saveLive({ kind: "flow_run", rows: [run], readUs: live.startedUs });
    return run;
  } catch (error) {
    if (row) return toFlowRun(row);
    if (!(error instanceof AppError) || error.code !== "not_found") throw error;
    const hint = "get_flow_runs lists runs with their ids and names.";
    throw new AppError("not_found", `no flow run ${id} in this workspace`, { hint, cause: error });
  }
}
