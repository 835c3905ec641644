/** Conversions that flow runs and task runs share between Prefect's JSON and the columns. */
import { formatIsoUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import { bytesToUuid, isUuid, uuidToBytes } from "../../lib/uuid.ts";
import type { FlowRun, State, TaskRun } from "../../model/objects.ts";
import { type FoldedState, NO_STATE, type StateStamp } from "../../model/runs/fold.ts";
import type { RunSummary } from "../../model/runs/run-summary.ts";
import { isStateType } from "../../model/state.ts";
import type { FlowRunRow, TaskRunRow } from "../schema/run.ts";

/** The columns that a state event changes, in both run tables. */
export const STATE_COLUMNS = [
  "state_id",
  "state_type",
  "state_name",
  "state_us",
  "state_message",
  "run_count",
  "expected_us",
  "next_us",
  "start_us",
  "end_us",
  "total_run_time",
] as const satisfies readonly (keyof FlowRunRow & keyof TaskRunRow)[];
export type StateColumns = Pick<FlowRunRow, (typeof STATE_COLUMNS)[number]>;

/** Columns that a list shows of a flow run; the others cost time to fetch. */
const BRIEF = [
  "id",
  "name",
  "flow_id",
  "deployment_id",
  "work_queue_name",
  "work_pool_name",
  "parent_task_run_id",
  ...STATE_COLUMNS,
  "tags",
  "created_us",
  "dirty",
  "deleted_us",
  "begin_us",
] as const satisfies readonly (keyof FlowRunRow)[];
/** Columns that are null in a brief row. */
const ABSENT = ["doc", "work_queue_id", "created_by_id", "created_by_type"] as const;
/** A flow run as lists return it; a whole row has all these columns too. */
export type ListedFlowRun = Pick<FlowRunRow, (typeof BRIEF)[number] | (typeof ABSENT)[number]>;

/** Columns of `SELECT` for a list of `flow_run <alias>` without documents. */
export function briefFlowRunColumns(alias: string): string {
  const shown = BRIEF.map((column) => `${alias}.${column}`);
  const absent = ABSENT.map((column) => `NULL AS ${column}`);
  return [...shown, ...absent].join(", ");
}

/** The 16 bytes of an id; null for null and for a text that is no UUID. */
export function idBytes(id: string | null | undefined): Uint8Array | null {
  return id && isUuid(id) ? uuidToBytes(id) : null;
}

/** An id as text, in lower case with dashes. */
export function idText(bytes: Uint8Array): string;
export function idText(bytes: Uint8Array | null): string | null;
export function idText(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : bytesToUuid(bytes);
}

/** Microseconds of Prefect's time text; null when it is missing or not a time. */
export function timeUs(text: string | null | undefined): ServerUs | null {
  return text ? (parseIsoUs(text) ?? null) : null;
}

/** Prefect's time text of microseconds. */
export function isoText(us: number | null): string | null {
  return us === null ? null : formatIsoUs(us);
}

/** The state of a run from REST. */
export function stateOf(run: FlowRun | TaskRun): FoldedState {
  return {
    stateId: run.state?.id ?? run.state_id ?? null,
    type: run.state?.type ?? run.state_type ?? null,
    name: run.state?.name ?? run.state_name ?? null,
    atUs: timeUs(run.state?.timestamp),
    message: run.state?.message || null,
    runCount: Number(run.run_count ?? 0),
    expectedUs: timeUs(run.expected_start_time),
    nextUs: timeUs(run.next_scheduled_start_time),
    startUs: timeUs(run.start_time),
    endUs: timeUs(run.end_time),
    totalRunTime: Number(run.total_run_time ?? 0),
  };
}

/** The folded state in the columns of a row; without a row, the state before any event. */
export function stateOfColumns(row: StateColumns | null): FoldedState {
  if (row === null) return NO_STATE;
  return {
    stateId: idText(row.state_id),
    type: row.state_type,
    name: row.state_name,
    atUs: row.state_us,
    message: row.state_message,
    runCount: row.run_count,
    expectedUs: row.expected_us,
    nextUs: row.next_us,
    startUs: row.start_us,
    endUs: row.end_us,
    totalRunTime: row.total_run_time,
  };
}

/** What lists show of a run of either kind. */
export function summaryOfColumns(row: StateColumns & Pick<FlowRunRow, "id" | "name" | "tags">): RunSummary {
  return {
    id: bytesToUuid(row.id),
    name: row.name,
    stateType: row.state_type,
    stateName: row.state_name,
    stateMessage: row.state_message,
    runCount: row.run_count,
    expectedUs: row.expected_us,
    nextUs: row.next_us,
    startUs: row.start_us,
    endUs: row.end_us,
    tags: row.tags === "[]" ? [] : tagsOf(row.tags),
  };
}

/** The stored state in the form that is compared with a change; null while the row has none. */
export function stampOf(state: FoldedState): StateStamp | null {
  if (state.stateId === null || state.atUs === null || state.type === null) return null;
  return { stateId: state.stateId, type: state.type, atUs: state.atUs, follows: null, received: null };
}

/** The state columns of a folded state. */
export function stateColumns(state: FoldedState): StateColumns {
  return {
    state_id: idBytes(state.stateId),
    state_type: state.type,
    state_name: state.name,
    state_us: state.atUs,
    state_message: state.message,
    run_count: state.runCount,
    expected_us: state.expectedUs,
    next_us: state.nextUs,
    start_us: state.startUs,
    end_us: state.endUs,
    total_run_time: state.totalRunTime,
  };
}

/** The state fields of a run in Prefect's names, for a row whose columns are newer than its `doc`. */
export function stateFields(row: StateColumns): Partial<FlowRun & TaskRun> {
  const type = isStateType(row.state_type) ? row.state_type : null;
  const id = idText(row.state_id);
  const state: State | null =
    id !== null && type !== null && row.state_us !== null
      ? { id, type, name: row.state_name, timestamp: formatIsoUs(row.state_us), message: row.state_message }
      : null;
  return {
    state_id: id,
    state_type: type,
    state_name: row.state_name,
    run_count: row.run_count,
    expected_start_time: isoText(row.expected_us),
    next_scheduled_start_time: isoText(row.next_us),
    start_time: isoText(row.start_us),
    end_time: isoText(row.end_us),
    total_run_time: row.total_run_time,
    state,
  };
}

/** The tags of a run from its JSON column. */
export function tagsOf(text: string): string[] {
  const tags: unknown = JSON.parse(text);
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [];
}
