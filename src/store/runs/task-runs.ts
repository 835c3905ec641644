/**
 * Task runs, one row each, from their events and from REST. The client sends computed columns with each event
 * (`payload.task_run`), which the fold copies. A service of the server writes its rows from the same events, so REST
 * lags behind.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/services/task_run_recorder.py
 */
import { isJsonNumber, isJsonObject } from "../../lib/exact-json.ts";
import { type LocalUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { JsonObject, TaskRun } from "../../model/objects.ts";
import type { FoldedState } from "../../model/runs/fold.ts";
import { foldChanges, isLaterState, readRunRelations, type StateChange, stateOfChange } from "../../model/runs/fold.ts";
import type { TaskRunSummary } from "../../model/runs/run-summary.ts";
import { TASK_RUN_ROW_DELAY_US } from "../../model/runs/server-delays.ts";
import type { RecordDb } from "../database.ts";
import type { NewTaskRunRow, TaskRunRow } from "../schema/run.ts";
import { TERMINAL_SQL, UNFINISHED_SQL } from "../state-types.ts";
import { insertStatement, updateStatement } from "../write-row.ts";
import { stampOfStoredState } from "./flow-runs.ts";
import {
  idBytes,
  idText,
  isoText,
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
import { findReceivedUs, mayBeLost } from "./state-events.ts";

export type { TaskRunRow } from "../schema/run.ts";

const COMPARED_COLUMNS = [
  ...STATE_COLUMNS,
  "flow_run_id",
  "child_flow_run_id",
  "name",
  "tags",
  "read_us",
  "deleted_us",
] as const;
const SELECT_COMPARED = `SELECT ${COMPARED_COLUMNS.join(", ")} FROM task_run WHERE id = ?`;
/** The columns that are compared before a stored task run is written. */
type StoredTaskRun = Pick<TaskRunRow, (typeof COMPARED_COLUMNS)[number]>;

/**
 * Stores task runs from REST. `readUs`: start of the request, microseconds, local clock; `serverReadUs`: the same
 * moment on the server clock, null where unknown; `doubtedUs`: see UpsertRunsOptions. Call it inside a transaction. A newer folded state stays: the row at
 * the server may be written seconds after the event, or never. Returns the ids of the runs that changed.
 */
export function upsertTaskRuns(
  db: RecordDb,
  rows: readonly TaskRun[],
  readUs: LocalUs,
  options: { readonly serverReadUs?: ServerUs | null; readonly doubtedUs?: ServerUs; readonly seenUs?: ServerUs } = {},
): string[] {
  const { serverReadUs = null, doubtedUs = Number.NEGATIVE_INFINITY } = options;
  const changed: string[] = [];
  const added = new Map<string, string>();
  for (const run of rows) {
    const id = idBytes(run.id);
    if (id === null) continue;
    const held = db.prepare<StoredTaskRun, [Uint8Array]>(SELECT_COMPARED).get(id);
    if (held?.read_us != null && held.read_us > readUs) continue;
    const restState = stateOf(run);
    const columns = restColumns(run, readUs);
    if (held === null) {
      insertFromRest(db, { id, ...columns, ...stateColumns(restState) });
      added.set(run.id, run.name);
      changed.push(run.id);
      continue;
    }
    const heldUs = held.state_us ?? 0;
    const isLater = heldUs > (restState.atUs ?? 0) && !mayBeLost(db, held, doubtedUs);
    const isNewer = isLater && !isOverruled(db, held, serverReadUs);
    const state = isNewer ? stateOfColumns(held) : restState;
    const deletedUs = held.deleted_us !== null && held.deleted_us > (options.seenUs ?? readUs) ? held.deleted_us : null;
    updateFromRest(db, { ...columns, ...stateColumns(state), deleted_us: deletedUs }, id);
    // A run can be twice in an answer, renamed in between.
    if (added.has(run.id)) added.set(run.id, run.name);
    if (held.read_us === null || idText(held.state_id) !== restState.stateId) changed.push(run.id);
  }
  addRunNames(db, added.values());
  return changed;
}

/** The columns, besides those of the state, of a task run from REST. */
function restColumns(run: TaskRun, readUs: LocalUs) {
  return {
    name: run.name,
    flow_run_id: idBytes(run.flow_run_id),
    child_flow_run_id: idBytes(childFlowRunId(run.state?.state_details)),
    tags: JSON.stringify(run.tags ?? []),
    created_us: timeUs(run.created),
    doc: packDoc("task_run", run),
    read_us: readUs,
  } satisfies Partial<TaskRunRow>;
}

type RestColumns = ReturnType<typeof restColumns>;
type EventColumns = StateColumns & Pick<TaskRunRow, "name" | "flow_run_id" | "child_flow_run_id" | "tags" | "t">;
type Deletion = Pick<TaskRunRow, "deleted_us">;
const insertFromRest = insertStatement<NewTaskRunRow & RestColumns & StateColumns>("task_run");
const updateFromRest = updateStatement<RestColumns & StateColumns & Deletion>("task_run");
const insertFromEvent = insertStatement<NewTaskRunRow & EventColumns>("task_run");
const updateFromEvent = updateStatement<EventColumns & Deletion>("task_run");

/**
 * The server received the stored state so long ago that it will not write it any more: it gave up, it ended the task run with its flow
 * run, and the state is newer by its client's clock only, or it received the state before its own clock was set back. A state without an
 * event was read over REST, and what was read later is what Prefect has: its database was restored.
 */
function isOverruled(db: RecordDb, held: StoredTaskRun, serverReadUs: ServerUs | null): boolean {
  const receivedUs = findReceivedUs(db, held.state_id);
  if (receivedUs === null) return held.read_us !== null;
  return serverReadUs !== null && Math.abs(serverReadUs - receivedUs) >= TASK_RUN_ROW_DELAY_US;
}

/**
 * Those of the flow runs that have a task run whose folded state is newer than in `rows`, which REST returned, or
 * missing there.
 */
export function findFlowRunsWithNewerTaskRuns(
  db: RecordDb,
  flowRunIds: readonly string[],
  rows: readonly TaskRun[],
): Set<string> {
  const ahead = new Set<string>();
  const unread = db.prepare<unknown, [Uint8Array | null]>(
    "SELECT 1 FROM task_run WHERE flow_run_id = ? AND read_us IS NULL AND deleted_us IS NULL LIMIT 1",
  );
  for (const id of flowRunIds) if (unread.get(idBytes(id)) !== null) ahead.add(id.toLowerCase());
  for (const run of rows) {
    const heldUs = findTaskRunRow(db, run.id)?.state_us ?? 0;
    if (run.flow_run_id && heldUs > (stateOf(run).atUs ?? 0)) ahead.add(run.flow_run_id.toLowerCase());
  }
  return ahead;
}

/**
 * Folds the newest change of each task run (`key`: its `event.t`). Call it in the transaction that stores the events.
 * Returns the changed ids.
 */
export function foldTaskRunChanges(
  db: RecordDb,
  newest: ReadonlyMap<string, { readonly change: StateChange; readonly key: number }>,
): string[] {
  const touched: string[] = [];
  const added: string[] = [];
  for (const [runId, { change, key }] of newest) if (foldTaskRun(db, change, key, added)) touched.push(runId);
  addRunNames(db, added);
  return touched;
}

/** `added` gets the name of a task run that is inserted. */
function foldTaskRun(db: RecordDb, change: StateChange, key: number, added: string[]): boolean {
  const id = idBytes(change.runId);
  if (id === null) return false;
  const held = db.prepare<StoredTaskRun, [Uint8Array]>(SELECT_COMPARED).get(id);
  const before = stateOfColumns(held);
  const stamp = stampOfStoredState(db, stampOf(before), [change]);
  if (stamp !== null && !isLaterState(change, stamp)) return false;
  const payload = change.event.payload.task_run;
  const task = isJsonObject(payload) ? payload : {};
  const flowRunId = idBytes(readRunRelations(change.event).flowRunId) ?? held?.flow_run_id ?? null;
  const details = isJsonObject(change.event.payload.validated_state)
    ? change.event.payload.validated_state.state_details
    : undefined;
  const columns: EventColumns = {
    name: change.runName || text(task.name) || held?.name || "",
    flow_run_id: flowRunId,
    child_flow_run_id: idBytes(childFlowRunId(details)) ?? held?.child_flow_run_id ?? null,
    tags: Array.isArray(task.tags) ? JSON.stringify(task.tags) : (held?.tags ?? "[]"),
    t: key,
    ...stateColumns(stateOfTask(change, task, before)),
  };
  if (held === null) {
    insertFromEvent(db, { id, ...columns });
    added.push(columns.name);
  } else {
    const isRestored = held.deleted_us !== null && change.atUs > held.deleted_us && !isFlowRunDeleted(db, flowRunId);
    updateFromEvent(db, { ...columns, deleted_us: isRestored ? null : held.deleted_us }, id);
  }
  return true;
}

/** True when the flow run is deleted: its client may still send events of its task runs. */
function isFlowRunDeleted(db: RecordDb, flowRunId: Uint8Array | null): boolean {
  const find = db.prepare<unknown, [Uint8Array | null]>(
    "SELECT 1 FROM flow_run WHERE id = ? AND deleted_us IS NOT NULL",
  );
  return find.get(flowRunId) !== null;
}

/** The state as the client computed it; without `payload.task_run` (older clients), by the rules of flow runs. */
function stateOfTask(change: StateChange, task: Readonly<Record<string, unknown>>, before: FoldedState): FoldedState {
  if (Object.keys(task).length === 0) return foldChanges(before, null, [change], before.expectedUs !== null);
  return {
    ...stateOfChange(change),
    runCount: isJsonNumber(task.run_count) ? Number(task.run_count) : change.runCount,
    expectedUs: moment(task.expected_start_time),
    nextUs: moment(task.next_scheduled_start_time),
    startUs: moment(task.start_time),
    endUs: moment(task.end_time),
    totalRunTime: isJsonNumber(task.total_run_time) ? Number(task.total_run_time) : 0,
  };
}

function moment(value: unknown): ServerUs | null {
  return typeof value === "string" ? (parseIsoUs(value) ?? null) : null;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function childFlowRunId(details: unknown): string | null {
  return isJsonObject(details) && typeof details.child_flow_run_id === "string" ? details.child_flow_run_id : null;
}

/**
 * Marks task runs as deleted: REST did not have them at `atUs` (microseconds, local clock). A later reading prevents it, and so does
 * a later state, unless it is after `aheadUs`, from before a clock was set back.
 */
export function markTaskRunsDeleted(
  db: RecordDb,
  ids: readonly string[],
  atUs: ServerUs,
  aheadUs: ServerUs | null = null,
): void {
  const mark = db.prepare<unknown, [number, Uint8Array | null, number, number, number]>(
    `UPDATE task_run SET deleted_us = ?
     WHERE id = ? AND deleted_us IS NULL AND (read_us IS NULL OR read_us <= ?)
       AND (state_us IS NULL OR state_us <= ? OR state_us > ?)`,
  );
  for (const id of ids) mark.run(atUs, idBytes(id), atUs, atUs, aheadUs ?? Number.MAX_SAFE_INTEGER);
}

/**
 * Ids of task runs in no terminal state that may change without an event, longest unread first: those that have no event (they were
 * made over REST, or represent a subflow), those whose flow run has ended (the server cancels them), and those whose last change was
 * before `idleSinceUs` (microseconds).
 */
export function findUnfinishedTaskRuns(
  db: RecordDb,
  options: { readonly limit: number; readonly readBeforeUs: LocalUs; readonly idleSinceUs: number },
): string[] {
  return db
    .prepare<{ id: Uint8Array }, [number, number, number]>(
      `SELECT t.id FROM task_run t LEFT JOIN flow_run r ON r.id = t.flow_run_id
       WHERE t.state_type IN (${UNFINISHED_SQL}) AND t.deleted_us IS NULL
         AND coalesce(t.read_us, 0) < ?
         AND (t.t IS NULL OR t.state_us < ? OR r.state_type IN (${TERMINAL_SQL}) OR r.deleted_us IS NOT NULL)
       ORDER BY coalesce(t.read_us, 0) LIMIT ?`,
    )
    .all(options.readBeforeUs, options.idleSinceUs, options.limit)
    .map((row) => idText(row.id));
}

/**
 * Ids of task runs that are expected in this closed range (server clock), that REST has returned, and that were read last before
 * `readBeforeUs`.
 */
export function findTaskRunIdsExpected(db: RecordDb, range: TimeRange, readBeforeUs: LocalUs, limit: number): string[] {
  return db
    .prepare<{ id: Uint8Array }, [number, number, number, number]>(
      "SELECT id FROM task_run WHERE expected_us BETWEEN ? AND ? AND deleted_us IS NULL AND read_us < ? LIMIT ?",
    )
    .all(range.fromUs, range.toUs, readBeforeUs, limit)
    .map((row) => idText(row.id));
}

/**
 * Ids of task runs that REST has never returned although their state is older than `stateBeforeUs`, oldest first. Some have no expected
 * start, so no walk would find them.
 */
export function findUnreadTaskRunIds(db: RecordDb, stateBeforeUs: ServerUs, limit: number): string[] {
  return db
    .prepare<{ id: Uint8Array }, [number, number]>(
      "SELECT id FROM task_run WHERE read_us IS NULL AND deleted_us IS NULL AND state_us < ? ORDER BY state_us LIMIT ?",
    )
    .all(stateBeforeUs, limit)
    .map((row) => idText(row.id));
}

/** Ids of task runs in a terminal state that REST has returned, longest unread first. */
export function findEndedTaskRunIds(db: RecordDb, limit: number): string[] {
  return db
    .prepare<{ id: Uint8Array }, [number]>(
      `SELECT id FROM task_run WHERE state_type IN (${TERMINAL_SQL}) AND deleted_us IS NULL AND read_us IS NOT NULL
       ORDER BY read_us LIMIT ?`,
    )
    .all(limit)
    .map((row) => idText(row.id));
}

/** Ids of task runs that represent subflow runs in their parent and are not recorded. There are no events about them. */
export function findMissingParentTaskRuns(db: RecordDb, limit: number): string[] {
  return db
    .prepare<{ id: Uint8Array }, [number]>(
      `SELECT DISTINCT parent_task_run_id AS id FROM flow_run
       WHERE parent_task_run_id IS NOT NULL AND deleted_us IS NULL
         AND NOT EXISTS (SELECT 1 FROM task_run t WHERE t.id = parent_task_run_id) LIMIT ?`,
    )
    .all(limit)
    .map((row) => idText(row.id));
}

/** One row by its id, or null. */
export function findTaskRunRow(db: RecordDb, id: string): TaskRunRow | null {
  return db.prepare<TaskRunRow, [Uint8Array | null]>("SELECT * FROM task_run WHERE id = ?").get(idBytes(id));
}

/** What lists show of a task run, from the columns alone. */
export function summaryOfTaskRun(row: TaskRunRow): TaskRunSummary {
  return { ...summaryOfColumns(row), flowRunId: idText(row.flow_run_id) };
}

/** A row in Prefect's own shape: `doc` with the newer folded state, or what events have said if there is no `doc`. */
export function toTaskRun(row: TaskRunRow): TaskRun {
  if (row.doc !== null) {
    const doc = unpackDoc("task_run", row.doc);
    return idText(row.state_id) === (doc.state?.id ?? doc.state_id ?? null) ? doc : { ...doc, ...stateFields(row) };
  }
  return {
    id: idText(row.id),
    name: row.name,
    flow_run_id: idText(row.flow_run_id),
    tags: tagsOf(row.tags),
    created: isoText(row.created_us),
    ...stateFields(row),
  };
}

/** A task run with the fields of its newest state event (task key, inputs, policy), for a row that was never read over REST. */
export function withEventPayload(run: TaskRun, event: PrefectEvent): TaskRun {
  const task = event.payload.task_run;
  return isJsonObject(task) ? { ...(task as JsonObject), ...run } : run;
}
