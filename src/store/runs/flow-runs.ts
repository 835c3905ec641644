/**
 * Flow runs, one row each, from REST and from state events (the fold). `doc` is the last answer of REST; the columns
 * are what filters and sorts need, and their state may be newer than `doc` (then `dirty` is 1). A state is never
 * replaced by an older one.
 */
import { formatIsoUs, type LocalUs, type ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { FlowRun } from "../../model/objects.ts";
import {
  foldChanges,
  readRunRelations,
  type StateChange,
  type StateStamp,
  sortChanges,
} from "../../model/runs/fold.ts";
import type { FlowRunSummary } from "../../model/runs/run-summary.ts";
import { FLOW_RUN_ROW_DELAY_US } from "../../model/runs/server-delays.ts";
import type { RecordDb } from "../database.ts";
import type { FlowRunRow, NewFlowRunRow } from "../schema/run.ts";
import { TERMINAL_SQL, UNFINISHED_SQL } from "../state-types.ts";
import { insertStatement, updateStatement } from "../write-row.ts";
import {
  idBytes,
  idText,
  isoText,
  type ListedFlowRun,
  STATE_COLUMNS,
  type StateColumns,
  stampOf,
  stateColumns,
  stateFields,
  stateOf,
  stateOfColumns,
  summaryOfColumns,
  tagsOf,
  timeUs,
} from "./run-columns.ts";
import { packDoc, unpackDoc } from "./run-docs.ts";
import { addRunNames } from "./run-names.ts";
import { mayBeLost } from "./state-events.ts";

export type { FlowRunRow } from "../schema/run.ts";

const COMPARED_COLUMNS = [...STATE_COLUMNS, "flow_id", "read_us", "deleted_us", "dirty"] as const;
const SELECT_COMPARED = `SELECT ${COMPARED_COLUMNS.join(", ")} FROM flow_run WHERE id = ?`;
/** The columns that are compared before a stored run is written. */
type StoredRun = Pick<FlowRunRow, (typeof COMPARED_COLUMNS)[number]>;

export interface UpsertRunsOptions {
  /**
   * Start of the request, microseconds, server clock. If given, a folded state that REST does not know two minutes
   * after its time is replaced: its event was published, but the transaction of the server was rolled back.
   */
  readonly serverReadUs?: ServerUs;
  /**
   * Later stamps of Prefect were written before its clock was set back: a folded state with such a stamp is replaced by a
   * state of REST without one.
   */
  readonly aheadUs?: ServerUs;
  /** States that the server received up to this moment (server clock) are replaced by any that REST returns: its database was restored. */
  readonly doubtedUs?: ServerUs;
  /** Start of the request by the clock of the marks of deletion, which may be ahead of the local one. Default: `readUs`. */
  readonly seenUs?: ServerUs;
}

/**
 * Stores flow runs from REST. `readUs`: start of the request, microseconds, local clock. Call it inside a transaction.
 * Runs that were read later already are skipped, and a newer folded state stays in the columns (the row stays dirty).
 * Returns the ids of the runs that changed.
 */
export function upsertFlowRuns(
  db: RecordDb,
  rows: readonly FlowRun[],
  readUs: LocalUs,
  options: UpsertRunsOptions = {},
): string[] {
  const changed: string[] = [];
  const added = new Map<string, string>();
  for (const run of rows) {
    const id = idBytes(run.id);
    if (id === null) continue;
    const held = db.prepare<StoredRun, [Uint8Array]>(SELECT_COMPARED).get(id);
    if (held?.read_us != null && held.read_us > readUs) continue;
    const restState = stateOf(run);
    const columns = restColumns(run, readUs);
    if (held === null) {
      insertFromRest(db, { id, ...columns, ...stateColumns(restState), dirty: 0 });
      added.set(run.id, run.name);
      changed.push(run.id);
      continue;
    }
    const heldUs = held.state_us ?? Number.NEGATIVE_INFINITY;
    const isRolledBack = options.serverReadUs !== undefined && options.serverReadUs - heldUs > FLOW_RUN_ROW_DELAY_US;
    const restUs = restState.atUs ?? Number.NEGATIVE_INFINITY;
    const isFromAhead = options.aheadUs !== undefined && heldUs > options.aheadUs && restUs <= options.aheadUs;
    const isLater = heldUs > restUs && !isRolledBack && !isFromAhead;
    const isNewer = isLater && !(options.doubtedUs !== undefined && mayBeLost(db, held, options.doubtedUs));
    // The expected start never changes, so it is taken from REST even when the state is not.
    const state = isNewer ? { ...stateOfColumns(held), expectedUs: restState.expectedUs } : restState;
    const deletedUs = held.deleted_us !== null && held.deleted_us > (options.seenUs ?? readUs) ? held.deleted_us : null;
    updateFromRest(db, { ...columns, ...stateColumns(state), dirty: isNewer ? 1 : 0, deleted_us: deletedUs }, id);
    // A run can be twice in an answer, renamed in between.
    if (added.has(run.id)) added.set(run.id, run.name);
    if (held.deleted_us !== null && deletedUs === null) restoreTaskRuns(db, id, held.deleted_us);
    if (held.dirty === 1 || held.read_us === null || idText(held.state_id) !== restState.stateId) changed.push(run.id);
  }
  addRunNames(db, added.values());
  return changed;
}

/** The columns, besides those of the state, of a run from REST. */
function restColumns(run: FlowRun, readUs: LocalUs) {
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

/** The columns, besides those of the state, that an event knows. */
function detailColumns(change: StateChange) {
  const context = readRunRelations(change.event);
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

/**
 * Folds state changes of flow runs into their rows. Call it in the transaction that stores the events. Returns the
 * changed ids.
 */
export function foldFlowRunChanges(
  db: RecordDb,
  byRun: ReadonlyMap<string, readonly StateChange[]>,
  aheadUs: ServerUs | null = null,
): string[] {
  const touched: string[] = [];
  const added: string[] = [];
  for (const [runId, changes] of byRun) {
    const id = idBytes(runId);
    if (id === null) continue;
    const sorted = changes.length > 1 ? sortChanges(changes) : changes;
    if (foldFlowRun(db, id, sorted, added) || markUncertain(db, id, sorted, aheadUs)) touched.push(runId);
  }
  addRunNames(db, added);
  return touched;
}

/** `added` gets the name of a run that is inserted. */
function foldFlowRun(db: RecordDb, id: Uint8Array, changes: readonly StateChange[], added: string[]): boolean {
  const newest = changes.at(-1);
  if (newest === undefined) return false;
  const held = db.prepare<StoredRun, [Uint8Array]>(SELECT_COMPARED).get(id);
  const before = stateOfColumns(held);
  const after = foldChanges(before, stampOfStoredState(db, stampOf(before), changes), changes, held?.read_us != null);
  if (held === null) {
    insertFromEvent(db, { id, ...detailColumns(newest), auto_scheduled: 0, ...stateColumns(after), dirty: 1 });
    added.push(newest.runName);
    return true;
  }
  if (held.flow_id === null) fillDetails(db, detailColumns(newest), id);
  if (after === before) return false;
  const isNewer = after.stateId !== before.stateId;
  // REST was read after all states of a clean row, so an older event adds nothing.
  if (!isNewer && held.dirty === 0 && held.read_us !== null) return false;
  const isRestored = held.deleted_us !== null && isNewer && newest.atUs > held.deleted_us;
  const deletedUs = isRestored ? null : held.deleted_us;
  if (isRestored) restoreTaskRuns(db, id, held.deleted_us);
  updateState(db, { ...stateColumns(after), dirty: isNewer ? 1 : held.dirty, deleted_us: deletedUs }, id);
  return true;
}

/**
 * A state from before the server clock was set back seems newer than all that follow. REST knows which one is: the row becomes dirty.
 * Returns whether it did.
 */
function markUncertain(
  db: RecordDb,
  id: Uint8Array,
  changes: readonly StateChange[],
  aheadUs: ServerUs | null,
): boolean {
  const newest = changes.at(-1);
  if (aheadUs === null || newest === undefined || newest.atUs > aheadUs) return false;
  const mark = db.prepare<unknown, [Uint8Array, number]>(
    "UPDATE flow_run SET dirty = 1 WHERE id = ? AND state_us > ? AND dirty = 0 AND deleted_us IS NULL",
  );
  return mark.run(id, aheadUs).changes > 0;
}

/** The stored state with the facts of its event that decide the order. They are needed only if a change has the same time. */
export function stampOfStoredState(
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
 * Marks runs, and their task runs, as deleted: REST did not have them at `atUs` (microseconds, local clock). Runs with a later
 * reading or a later state are not marked, unless that state is after `aheadUs`, from before the server clock was set back.
 * Prefect deletes the task runs of a run with it.
 */
export function markFlowRunsDeleted(
  db: RecordDb,
  ids: readonly string[],
  atUs: ServerUs,
  aheadUs: ServerUs | null = null,
): void {
  const mark = db.prepare<unknown, [number, Uint8Array | null, number, number, number]>(
    `UPDATE flow_run SET deleted_us = ?, dirty = 0
     WHERE id = ? AND deleted_us IS NULL AND (read_us IS NULL OR read_us <= ?)
       AND (state_us IS NULL OR state_us <= ? OR state_us > ?)`,
  );
  const markTaskRuns = db.prepare<unknown, [number, Uint8Array | null]>(
    `UPDATE task_run SET deleted_us = ?1 WHERE flow_run_id = ?2 AND deleted_us IS NULL
       AND NOT EXISTS (SELECT 1 FROM flow_run WHERE id = ?2 AND deleted_us IS NULL)`,
  );
  for (const id of ids) {
    mark.run(atUs, idBytes(id), atUs, atUs, aheadUs ?? Number.MAX_SAFE_INTEGER);
    markTaskRuns.run(atUs, idBytes(id));
  }
}

/** Removes the mark of task runs that were marked with their flow run, which Prefect has after all. */
function restoreTaskRuns(db: RecordDb, flowRunId: Uint8Array, deletedUs: ServerUs): void {
  db.prepare<unknown, [Uint8Array, number]>(
    "UPDATE task_run SET deleted_us = NULL WHERE flow_run_id = ? AND deleted_us = ?",
  ).run(flowRunId, deletedUs);
}

/** Ids of runs whose `doc` is missing or older than their folded state, newest state first: they should be read over REST. */
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
  /** Only runs that were last read over REST before this time, or never; microseconds, local clock. */
  readonly readBeforeUs: LocalUs;
  /**
   * Scheduled runs expected after this time (microseconds, server clock) are left out; they are read as a list of their
   * own.
   */
  readonly expectedBeforeUs?: number;
}

/** Ids of runs in no terminal state, longest unread first. Prefect may have deleted some of them without an event. */
export function findUnfinishedRuns(db: RecordDb, options: UnfinishedRunsOptions): string[] {
  return db
    .prepare<{ id: Uint8Array }, [number, number, number]>(
      `SELECT id FROM flow_run
       WHERE state_type IN (${UNFINISHED_SQL}) AND deleted_us IS NULL
         AND coalesce(read_us, 0) < ? AND (state_type <> 'SCHEDULED' OR coalesce(expected_us, 0) <= ?)
       ORDER BY coalesce(read_us, 0) LIMIT ?`,
    )
    .all(options.readBeforeUs, options.expectedBeforeUs ?? Number.MAX_SAFE_INTEGER, options.limit)
    .map((row) => idText(row.id));
}

/** Ids of runs in a terminal state that were not read since `readBeforeUs`, longest unread first. */
export function findEndedRuns(db: RecordDb, options: UnfinishedRunsOptions): string[] {
  return db
    .prepare<{ id: Uint8Array }, [number, number]>(
      `SELECT id FROM flow_run WHERE state_type IN (${TERMINAL_SQL}) AND deleted_us IS NULL
         AND coalesce(read_us, 0) < ? ORDER BY coalesce(read_us, 0) LIMIT ?`,
    )
    .all(options.readBeforeUs, options.limit)
    .map((row) => idText(row.id));
}

/** Ids of all runs expected within the closed range (server clock) that were not read over REST since `readBeforeUs`. */
export function findFlowRunIdsExpected(db: RecordDb, range: TimeRange, readBeforeUs: LocalUs): string[] {
  return db
    .prepare<{ id: Uint8Array }, [number, number, number]>(
      `SELECT id FROM flow_run WHERE expected_us BETWEEN ? AND ? AND deleted_us IS NULL AND coalesce(read_us, 0) < ?`,
    )
    .all(range.fromUs, range.toUs, readBeforeUs)
    .map((row) => idText(row.id));
}

/** Ids of SCHEDULED runs expected within the closed range that were not read since `readBeforeUs`. */
export function findScheduledRuns(db: RecordDb, fromUs: ServerUs, toUs: ServerUs, readBeforeUs: LocalUs): string[] {
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

/** What lists show of a run, from the columns alone. */
export function summaryOfFlowRun(row: ListedFlowRun): FlowRunSummary {
  return {
    ...summaryOfColumns(row),
    flowId: idText(row.flow_id),
    deploymentId: idText(row.deployment_id),
    workPoolName: row.work_pool_name,
    workQueueName: row.work_queue_name,
    isSubflow: row.parent_task_run_id !== null,
  };
}

/** A row in Prefect's own shape: `doc` with the newer folded state, or what events have said if there is no `doc`. */
export function toFlowRun(row: ListedFlowRun): FlowRun {
  if (row.doc !== null) {
    const doc = unpackDoc("flow_run", row.doc);
    return row.dirty === 1 ? { ...doc, ...stateFields(row) } : doc;
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
    created: isoText(row.created_us),
    ...stateFields(row),
  };
}
