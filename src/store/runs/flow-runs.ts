/**
 * Flow runs: one row each, folded from state events and told by REST. REST's answer is kept whole in `doc`; the columns hold
 * what is filtered and sorted by, and may be newer than `doc` (then `dirty` is 1). A state never moves backwards.
 */
import { formatIsoUs } from "../../lib/time.ts";
import type { FlowRun } from "../../model/objects.ts";
import { foldChanges, readRunContext, type StateChange, type StateStamp, sortChanges } from "../../model/runs/fold.ts";
import type { FlowRunFacts } from "../../model/runs/run-facts.ts";
import { FLOW_RUN_ROW_DELAY_US } from "../../model/runs/server-delays.ts";
import type { RecordDb, SQLQueryBindings } from "../database.ts";
import {
  assignments,
  factsOfColumns,
  idBytes,
  idText,
  placeholders,
  STATE_COLUMNS,
  type StateColumns,
  stampOf,
  stateBindings,
  stateFields,
  stateOf,
  stateOfColumns,
  tagsOf,
  timeText,
  timeUs,
} from "./run-columns.ts";
import { packDoc, unpackDoc } from "./run-docs.ts";

/** A row of `flow_run`. */
export interface FlowRunRow extends StateColumns {
  readonly id: Uint8Array;
  readonly name: string;
  readonly flow_id: Uint8Array | null;
  readonly deployment_id: Uint8Array | null;
  readonly work_queue_id: Uint8Array | null;
  readonly work_queue_name: string | null;
  readonly work_pool_name: string | null;
  readonly parent_task_run_id: Uint8Array | null;
  readonly flow_version: string | null;
  readonly idempotency_key: string | null;
  readonly created_by_id: Uint8Array | null;
  readonly created_by_type: string | null;
  readonly auto_scheduled: number;
  readonly tags: string;
  readonly created_us: number | null;
  readonly doc: Uint8Array | null;
  readonly read_us: number | null;
  readonly deleted_us: number | null;
  readonly dirty: number;
  readonly begin_us: number | null;
}

const DETAIL_COLUMNS = [
  "name",
  "flow_id",
  "deployment_id",
  "work_queue_id",
  "work_queue_name",
  "work_pool_name",
  "parent_task_run_id",
  "created_by_id",
  "created_by_type",
  "tags",
] as const;
const REST_COLUMNS = [
  ...DETAIL_COLUMNS,
  "flow_version",
  "idempotency_key",
  "auto_scheduled",
  "created_us",
  "doc",
  "read_us",
];
const INSERTED = ["id", ...REST_COLUMNS, ...STATE_COLUMNS, "dirty"];

const SELECT_HELD = `SELECT ${STATE_COLUMNS.join(", ")}, flow_id, read_us, deleted_us, dirty FROM flow_run WHERE id = ?`;
const INSERT = `INSERT INTO flow_run (${INSERTED.join(", ")}) VALUES (${placeholders(INSERTED)})`;
const UPDATE_REST = `UPDATE flow_run SET ${assignments([...REST_COLUMNS, ...STATE_COLUMNS, "dirty", "deleted_us"])} WHERE id = ?`;
const UPDATE_STATE = `UPDATE flow_run SET ${assignments([...STATE_COLUMNS, "dirty", "deleted_us"])} WHERE id = ?`;
const FILL = `UPDATE flow_run SET ${DETAIL_COLUMNS.map((name) => `${name} = coalesce(?, ${name})`).join(", ")} WHERE id = ?`;

type Held = StateColumns & Pick<FlowRunRow, "flow_id" | "read_us" | "deleted_us" | "dirty">;

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
    const held = db.prepare<Held, [Uint8Array]>(SELECT_HELD).get(id);
    if (held?.read_us != null && held.read_us > readUs) continue;
    const told = stateOf(run);
    const columns = restBindings(run, readUs);
    if (held === null) {
      db.prepare<unknown, SQLQueryBindings[]>(INSERT).run(id, ...columns, ...stateBindings(told), 0);
      changed.push(run.id);
      continue;
    }
    const heldUs = held.state_us ?? Number.NEGATIVE_INFINITY;
    const isRolledBack = options.serverReadUs !== undefined && options.serverReadUs - heldUs > FLOW_RUN_ROW_DELAY_US;
    const isNewer = heldUs > (told.atUs ?? Number.NEGATIVE_INFINITY) && !isRolledBack;
    // What REST says once and for all is taken from it even where the state is not.
    const state = isNewer ? { ...stateOfColumns(held), expectedUs: told.expectedUs } : told;
    const deletedUs = held.deleted_us !== null && held.deleted_us > readUs ? held.deleted_us : null;
    db.prepare<unknown, SQLQueryBindings[]>(UPDATE_REST).run(
      ...columns,
      ...stateBindings(state),
      isNewer ? 1 : 0,
      deletedUs,
      id,
    );
    if (held.deleted_us !== null && deletedUs === null) reviveTaskRuns(db, id, held.deleted_us);
    if (held.dirty === 1 || held.read_us === null || idText(held.state_id) !== told.stateId) changed.push(run.id);
  }
  return changed;
}

function restBindings(run: FlowRun, readUs: number): SQLQueryBindings[] {
  return [
    run.name,
    idBytes(run.flow_id),
    idBytes(run.deployment_id),
    idBytes(run.work_queue_id),
    run.work_queue_name ?? null,
    run.work_pool_name ?? null,
    idBytes(run.parent_task_run_id),
    idBytes(run.created_by?.id),
    run.created_by?.type ?? null,
    JSON.stringify(run.tags ?? []),
    run.flow_version ?? null,
    run.idempotency_key ?? null,
    run.auto_scheduled ? 1 : 0,
    timeUs(run.created),
    packDoc("flow_run", run),
    readUs,
  ];
}

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
  const held = db.prepare<Held, [Uint8Array]>(SELECT_HELD).get(id);
  const before = stateOfColumns(held);
  const after = foldChanges(before, heldStamp(db, stampOf(before), changes), changes, held?.read_us != null);
  if (held === null) {
    const rest = [null, null, 0, null, null, null];
    const bindings = [id, ...detailBindings(newest), ...rest, ...stateBindings(after), 1];
    db.prepare<unknown, SQLQueryBindings[]>(INSERT).run(...bindings);
    return true;
  }
  if (held.flow_id === null) db.prepare<unknown, SQLQueryBindings[]>(FILL).run(...detailBindings(newest), id);
  if (after === before) return false;
  const isNewer = after.stateId !== before.stateId;
  // REST has told all there is about a clean row, older events included.
  if (!isNewer && held.dirty === 0 && held.read_us !== null) return false;
  const isRevived = held.deleted_us !== null && isNewer && newest.atUs > held.deleted_us;
  const deletedUs = isRevived ? null : held.deleted_us;
  if (isRevived) reviveTaskRuns(db, id, held.deleted_us);
  const dirty = isNewer ? 1 : held.dirty;
  db.prepare<unknown, SQLQueryBindings[]>(UPDATE_STATE).run(...stateBindings(after), dirty, deletedUs, id);
  return true;
}

/** What an event tells about the run itself, in the order of `DETAIL_COLUMNS`. */
function detailBindings(change: StateChange): SQLQueryBindings[] {
  const context = readRunContext(change.event);
  return [
    change.runName,
    idBytes(context.flowId),
    idBytes(context.deploymentId),
    idBytes(context.workQueueId),
    context.workQueueName,
    context.workPoolName,
    idBytes(context.parentTaskRunId),
    idBytes(context.creatorId),
    context.creatorType,
    JSON.stringify(context.tags),
  ];
}

/** The held state with what its event says about order, which matters only where a change has the very same time. */
export function heldStamp(db: RecordDb, stamp: StateStamp | null, changes: readonly StateChange[]): StateStamp | null {
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
function reviveTaskRuns(db: RecordDb, flowRunId: Uint8Array, deletedUs: number): void {
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
    .map((row) => idText(row.id) ?? "");
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
    .map((row) => idText(row.id) ?? "");
}

/** Runs in a terminal state that REST did not tell since `readBeforeUs`, longest unread first. */
export function findEndedRuns(db: RecordDb, options: UnfinishedRunsOptions): string[] {
  return db
    .prepare<{ id: Uint8Array }, [number, number]>(
      `SELECT id FROM flow_run WHERE state_type IN ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED') AND deleted_us IS NULL
         AND coalesce(read_us, 0) < ? ORDER BY coalesce(read_us, 0) LIMIT ?`,
    )
    .all(options.readBeforeUs, options.limit)
    .map((row) => idText(row.id) ?? "");
}

/** Plans (SCHEDULED runs) expected within the closed range, ids: what a reading of that range did not name is gone. */
export function findPlannedRuns(db: RecordDb, fromUs: number, toUs: number, readBeforeUs: number): string[] {
  return db
    .prepare<{ id: Uint8Array }, [number, number, number]>(
      `SELECT id FROM flow_run WHERE expected_us BETWEEN ? AND ? AND state_type = 'SCHEDULED' AND deleted_us IS NULL
         AND coalesce(read_us, 0) < ?`,
    )
    .all(fromUs, toUs, readBeforeUs)
    .map((row) => idText(row.id) ?? "");
}

/** One row by its id, or null. */
export function readFlowRunRow(db: RecordDb, id: string): FlowRunRow | null {
  return db.prepare<FlowRunRow, [Uint8Array | null]>("SELECT * FROM flow_run WHERE id = ?").get(idBytes(id));
}

/** What lists show, straight from the columns. */
export function factsOfFlowRun(row: FlowRunRow): FlowRunFacts {
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
export function toFlowRun(row: FlowRunRow): FlowRun {
  if (row.doc !== null) {
    const told = unpackDoc("flow_run", row.doc);
    return row.dirty === 1 ? { ...told, ...stateFields(row) } : told;
  }
  return {
    id: idText(row.id) ?? "",
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
