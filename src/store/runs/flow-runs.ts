/**
 * Flow runs: one row each, folded from state events and told by REST. REST's answer is kept whole in `doc`; the columns hold
 * what is filtered and sorted by, and may be newer than `doc` (then `dirty` is 1). A state never moves backwards.
 */
import { formatIsoUs } from "../../lib/time.ts";
import type { FlowRun } from "../../model/objects.ts";
import { foldChanges, readRunContext, type StateChange, type StateStamp, sortChanges } from "../../model/runs/fold.ts";
import type { FlowRunFacts } from "../../model/runs/run-facts.ts";
import { FLOW_RUN_ROW_DELAY_US } from "../../model/runs/server-delays.ts";
import type { RecordDb } from "../database.ts";
import type { FlowRunRow, NewFlowRunRow } from "../schema/run.ts";
import { insertStatement, updateStatement } from "../write-row.ts";
import {
  factsOfColumns,
  idBytes,
  idText,
  type ListedFlowRun,
  STATE_COLUMNS,
  type StateColumns,
  stampOf,
  stateColumns,
  stateFields,
  stateOf,
  stateOfColumns,
  tagsOf,
  timeText,
  timeUs,
} from "./run-columns.ts";
import { packDoc, unpackDoc } from "./run-docs.ts";

export type { FlowRunRow } from "../schema/run.ts";

const HELD_COLUMNS = [...STATE_COLUMNS, "flow_id", "read_us", "deleted_us", "dirty"] as const;
const SELECT_HELD = `SELECT ${HELD_COLUMNS.join(", ")} FROM flow_run WHERE id = ?`;
/** What the record already holds of a run that is about to be written. */
type HeldRun = Pick<FlowRunRow, (typeof HELD_COLUMNS)[number]>;

export interface UpsertRunsOptions {
  /**
   * Start of the reading on the server's clock (microseconds). Given, a folded state that REST still does not know two minutes
   * after it happened gives way: it was announced and rolled back.
   */
  readonly serverReadUs?: number;
}

/**
 * Stores flow runs as REST told them; `readUs` is the start of that request, our clock. Call inside a transaction.
 * An older reading than the stored one is ignored, and state columns keep a newer folded state (the row stays dirty).
 * Answers the ids of the runs that changed.
 */
export function upsertFlowRuns(
  db: RecordDb,
  rows: readonly FlowRun[],
  readUs: number,
  options: UpsertRunsOptions = {},
): string[] {
  const changed: string[] = [];
  for (const run of rows) {
    const id = idBytes(run.id);
    if (id === null) continue;
    const held = db.prepare<HeldRun, [Uint8Array]>(SELECT_HELD).get(id);
    if (held?.read_us != null && held.read_us > readUs) continue;
    const told = stateOf(run);
    const columns = restColumns(run, readUs);
    if (held === null) {
      insertFromRest(db, { id, ...columns, ...stateColumns(told), dirty: 0 });
      changed.push(run.id);
      continue;
    }
    const heldUs = held.state_us ?? Number.NEGATIVE_INFINITY;
    const isRolledBack = options.serverReadUs !== undefined && options.serverReadUs - heldUs > FLOW_RUN_ROW_DELAY_US;
    const isNewer = heldUs > (told.atUs ?? Number.NEGATIVE_INFINITY) && !isRolledBack;
    // What REST says once and for all is taken from it even where the state is not.
    const state = isNewer ? { ...stateOfColumns(held), expectedUs: told.expectedUs } : told;
    const deletedUs = held.deleted_us !== null && held.deleted_us > readUs ? held.deleted_us : null;
    updateFromRest(db, { ...columns, ...stateColumns(state), dirty: isNewer ? 1 : 0, deleted_us: deletedUs }, id);
    if (held.deleted_us !== null && deletedUs === null) restoreTaskRuns(db, id, held.deleted_us);
    if (held.dirty === 1 || held.read_us === null || idText(held.state_id) !== told.stateId) changed.push(run.id);
  }
  return changed;
}

/** The columns that REST alone sets. */
function restColumns(run: FlowRun, readUs: number) {
  return {
    name: run.name,
    flow_id: idBytes(run.flow_id),
    deployment_id: idBytes(run.deployment_id),
    work_queue_id: idBytes(run.work_queue_id),
    work_queue_name: run.work_queue_name ?? null,
    work_pool_name: run.work_pool_name ?? null,
    parent_task_run_id: idBytes(run.parent_task_run_id),
    flow_version: run.flow_version ?? null,
    idempotency_key: run.idempotency_key ?? null,
    created_by_id: idBytes(run.created_by?.id),
    created_by_type: run.created_by?.type ?? null,
    auto_scheduled: run.auto_scheduled ? 1 : 0,
    tags: JSON.stringify(run.tags ?? []),
    created_us: timeUs(run.created),
    doc: packDoc("flow_run", run),
    read_us: readUs,
  } satisfies Partial<FlowRunRow>;
}
type RestColumns = ReturnType<typeof restColumns>;

/** What an event says about the run itself. */
function detailColumns(change: StateChange) {
  const context = readRunContext(change.event);
  return {
    name: change.runName,
    flow_id: idBytes(context.flowId),
    deployment_id: idBytes(context.deploymentId),
    work_queue_id: idBytes(context.workQueueId),
    work_queue_name: context.workQueueName,
    work_pool_name: context.workPoolName,
    parent_task_run_id: idBytes(context.parentTaskRunId),
    created_by_id: idBytes(context.creatorId),
    created_by_type: context.creatorType,
    tags: JSON.stringify(context.tags),
  } satisfies Partial<FlowRunRow>;
}
type DetailColumns = ReturnType<typeof detailColumns>;

type DirtyState = StateColumns & Pick<FlowRunRow, "dirty" | "deleted_us">;
const insertFromRest = insertStatement<NewFlowRunRow & RestColumns & StateColumns>("flow_run");
const updateFromRest = updateStatement<RestColumns & DirtyState>("flow_run");
const insertFromEvent = insertStatement<NewFlowRunRow & DetailColumns & StateColumns>("flow_run");
const updateState = updateStatement<DirtyState>("flow_run");
const fillDetails = updateStatement<DetailColumns>("flow_run", (column) => `coalesce(?, ${column})`);

/** Folds state changes of flow runs; call inside the transaction that stored their events. Answers the ids touched. */
export function foldFlowRunChanges(db: RecordDb, byRun: ReadonlyMap<string, readonly StateChange[]>): string[] {
  const touched: string[] = [];
  for (const [runId, changes] of byRun) {
    const id = idBytes(runId);
    if (id !== null && foldFlowRun(db, id, changes.length > 1 ? sortChanges(changes) : changes)) touched.push(runId);
  }
  return touched;
}

function foldFlowRun(db: RecordDb, id: Uint8Array, changes: readonly StateChange[]): boolean {
  const newest = changes.at(-1);
  if (newest === undefined) return false;
  const held = db.prepare<HeldRun, [Uint8Array]>(SELECT_HELD).get(id);
  const before = stateOfColumns(held);
  const after = foldChanges(before, stampOfHeldState(db, stampOf(before), changes), changes, held?.read_us != null);
  if (held === null) {
    insertFromEvent(db, { id, ...detailColumns(newest), auto_scheduled: 0, ...stateColumns(after), dirty: 1 });
    return true;
  }
  if (held.flow_id === null) fillDetails(db, detailColumns(newest), id);
  if (after === before) return false;
  const isNewer = after.stateId !== before.stateId;
  // REST has told all there is about a clean row, older events included.
  if (!isNewer && held.dirty === 0 && held.read_us !== null) return false;
  const isRevived = held.deleted_us !== null && isNewer && newest.atUs > held.deleted_us;
  const deletedUs = isRevived ? null : held.deleted_us;
  if (isRevived) restoreTaskRuns(db, id, held.deleted_us);
  updateState(db, { ...stateColumns(after), dirty: isNewer ? 1 : held.dirty, deleted_us: deletedUs }, id);
  return true;
}

/** The held state with what its event says about order, which matters only where a change has the very same time. */
export function stampOfHeldState(
  db: RecordDb,
  stamp: StateStamp | null,
  changes: readonly StateChange[],
): StateStamp | null {
  if (stamp === null || !changes.some((change) => change.atUs === stamp.atUs && change.stateId !== stamp.stateId))
    return stamp;
  const same = changes.find((change) => change.stateId === stamp.stateId);
  if (same !== undefined) return same;
  const row = db
    .prepare<{ recv: number }, [Uint8Array | null]>("SELECT recv FROM event WHERE id = ?")
    .get(idBytes(stamp.stateId));
  return row === null ? stamp : { ...stamp, received: formatIsoUs(stamp.atUs + row.recv) };
}

/**
 * Marks runs that REST, asked at `atUs` (our clock), knew no more, and their task runs, which the server drops with them. A run
 * with a later state or reading stays.
 */
export function markFlowRunsDeleted(db: RecordDb, ids: readonly string[], atUs: number): void {
  const mark = db.prepare<unknown, [number, Uint8Array | null, number, number]>(
    `UPDATE flow_run SET deleted_us = ?, dirty = 0
     WHERE id = ? AND deleted_us IS NULL AND (read_us IS NULL OR read_us <= ?) AND (state_us IS NULL OR state_us <= ?)`,
  );
  const markTaskRuns = db.prepare<unknown, [number, Uint8Array | null]>(
    `UPDATE task_run SET deleted_us = ?1 WHERE flow_run_id = ?2 AND deleted_us IS NULL
       AND NOT EXISTS (SELECT 1 FROM flow_run WHERE id = ?2 AND deleted_us IS NULL)`,
  );
  for (const id of ids) {
    mark.run(atUs, idBytes(id), atUs, atUs);
    markTaskRuns.run(atUs, idBytes(id));
  }
}

/** Prefect knows the run after all: the task runs that went with it are there again. */
function restoreTaskRuns(db: RecordDb, flowRunId: Uint8Array, deletedUs: number): void {
  db.prepare<unknown, [Uint8Array, number]>(
    "UPDATE task_run SET deleted_us = NULL WHERE flow_run_id = ? AND deleted_us = ?",
  ).run(flowRunId, deletedUs);
}

/** Runs whose `doc` is missing or older than their folded state, newest state first: REST should be asked for them. */
export function findRunsToReconcile(db: RecordDb, limit: number): string[] {
  return db
    .prepare<{ id: Uint8Array }, [number]>(
      "SELECT id FROM flow_run WHERE dirty = 1 AND deleted_us IS NULL ORDER BY state_us DESC LIMIT ?",
    )
    .all(limit)
    .map((row) => idText(row.id));
}

export interface UnfinishedRunsOptions {
  readonly limit: number;
  /** Only runs that REST did not tell since then (microseconds, our clock). */
  readonly readBeforeUs: number;
  /** Only runs not planned for later than this (microseconds): plans are read as a list of their own. */
  readonly expectedBeforeUs?: number;
}

/** Runs in no terminal state, longest unread first: some of them may be gone without an event. */
export function findUnfinishedRuns(db: RecordDb, options: UnfinishedRunsOptions): string[] {
  return db
    .prepare<{ id: Uint8Array }, [number, number, number]>(
      `SELECT id FROM flow_run
       WHERE state_type IN ('SCHEDULED', 'PENDING', 'RUNNING', 'PAUSED', 'CANCELLING') AND deleted_us IS NULL
         AND coalesce(read_us, 0) < ? AND (state_type <> 'SCHEDULED' OR coalesce(expected_us, 0) <= ?)
       ORDER BY coalesce(read_us, 0) LIMIT ?`,
    )
    .all(options.readBeforeUs, options.expectedBeforeUs ?? Number.MAX_SAFE_INTEGER, options.limit)
    .map((row) => idText(row.id));
}

/** Runs in a terminal state that REST did not tell since `readBeforeUs`, longest unread first. */
export function findEndedRuns(db: RecordDb, options: UnfinishedRunsOptions): string[] {
  return db
    .prepare<{ id: Uint8Array }, [number, number]>(
      `SELECT id FROM flow_run WHERE state_type IN ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED') AND deleted_us IS NULL
         AND coalesce(read_us, 0) < ? ORDER BY coalesce(read_us, 0) LIMIT ?`,
    )
    .all(options.readBeforeUs, options.limit)
    .map((row) => idText(row.id));
}

/** Plans (SCHEDULED runs) expected within the closed range, ids: what a reading of that range did not name is gone. */
export function findPlannedRuns(db: RecordDb, fromUs: number, toUs: number, readBeforeUs: number): string[] {
  return db
    .prepare<{ id: Uint8Array }, [number, number, number]>(
      `SELECT id FROM flow_run WHERE expected_us BETWEEN ? AND ? AND state_type = 'SCHEDULED' AND deleted_us IS NULL
         AND coalesce(read_us, 0) < ?`,
    )
    .all(fromUs, toUs, readBeforeUs)
    .map((row) => idText(row.id));
}

/** One row by its id, or null. */
export function findFlowRunRow(db: RecordDb, id: string): FlowRunRow | null {
  return db.prepare<FlowRunRow, [Uint8Array | null]>("SELECT * FROM flow_run WHERE id = ?").get(idBytes(id));
}

/** What lists show, straight from the columns. */
export function factsOfFlowRun(row: ListedFlowRun): FlowRunFacts {
  return {
    ...factsOfColumns(row),
    flowId: idText(row.flow_id),
    deploymentId: idText(row.deployment_id),
    workPoolName: row.work_pool_name,
    workQueueName: row.work_queue_name,
    isSubflow: row.parent_task_run_id !== null,
  };
}

/** A row in Prefect's own shape: `doc` where REST told it, with a newer folded state on top; else what events told. */
export function toFlowRun(row: ListedFlowRun): FlowRun {
  if (row.doc !== null) {
    const told = unpackDoc("flow_run", row.doc);
    return row.dirty === 1 ? { ...told, ...stateFields(row) } : told;
  }
  return {
    id: idText(row.id),
    name: row.name,
    flow_id: idText(row.flow_id) ?? "",
    deployment_id: idText(row.deployment_id),
    work_queue_id: idText(row.work_queue_id),
    work_queue_name: row.work_queue_name,
    work_pool_name: row.work_pool_name,
    parent_task_run_id: idText(row.parent_task_run_id),
    tags: tagsOf(row.tags),
    ...(row.created_by_type === null
      ? {}
      : { created_by: { id: idText(row.created_by_id), type: row.created_by_type, display_value: null } }),
    created: timeText(row.created_us),
    ...stateFields(row),
  };
}
