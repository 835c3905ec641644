/** Flow runs as they were at a moment, copied into another record: rows as they are, or with the state that their events show. */
import { parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { resourceId } from "../../model/kinds.ts";
import type { FlowRun } from "../../model/objects.ts";
import { isTerminal } from "../../model/state.ts";
import type { RecordDb } from "../database.ts";
import { findEvents } from "../events/events.ts";
import type { FlowRunRow } from "../runs/flow-runs.ts";
import { idBytes, idText } from "../runs/run-columns.ts";
import { packDoc, unpackDoc } from "../runs/run-docs.ts";
import type { NewFlowRunRow } from "../schema/run.ts";
import { insertStatement } from "../write-row.ts";

export interface RunsAt {
  /** Runs that begin from here on are copied, and earlier ones that had not ended. */
  readonly fromUs: ServerUs;
  /** Runs that existed, and whose state is not known from then. */
  readonly unknown: number;
}

export interface RunsAtQuestion {
  readonly atUs: ServerUs;
  /** Runs that began before it are copied only where they had not ended. */
  readonly fromUs: ServerUs;
  readonly nowUs: ServerUs;
}

/** Rows that are copied, newest first; copying takes about 30 µs for each. */
const MAX_RUNS = 20_000;
/** Of runs that were due later, and of those that began earlier and had not ended. */
const MAX_OTHERS = 2_000;
/** Runs whose events are read, which takes about 300 µs for each. */
const MAX_CHANGED = 2_000;
/** With a moment that is longer ago, fewer runs began before it than have changed since. */
const RECENT_US = 7 * 86_400_000_000;

const insertRun = insertStatement<NewFlowRunRow>("flow_run");

/** Call it inside a transaction of `target`. The names of the runs are not indexed there: nothing searches `target`. */
export function copyRunsAt(source: RecordDb, target: RecordDb, question: RunsAtQuestion): RunsAt {
  const { rows, fromUs } = rowsAround(source, question);
  let changed = 0;
  let unknown = 0;
  for (const row of rows) {
    const isSame = row.state_us !== null && row.state_us <= question.atUs;
    changed += isSame ? 0 : 1;
    const then = isSame ? row : changed > MAX_CHANGED ? null : withStateAt(source, row, question.atUs);
    if (then === "not yet") continue;
    if (then === null) unknown += 1;
    else insertRun(target, toInsert(then));
  }
  return { fromUs, unknown };
}

type WholeRow = FlowRunRow;

function rowsAround(db: RecordDb, { atUs, fromUs, nowUs }: RunsAtQuestion): { rows: WholeRow[]; fromUs: ServerUs } {
  const existed = "coalesce(created_us, begin_us) <= ? AND (deleted_us IS NULL OR deleted_us > ?)";
  const began = db
    .prepare<WholeRow, number[]>(
      `SELECT * FROM flow_run WHERE begin_us BETWEEN ? AND ? AND ${existed} ORDER BY begin_us DESC LIMIT ?`,
    )
    .all(fromUs, atUs, atUs, atUs, MAX_RUNS);
  const firstUs = began.length === MAX_RUNS ? (began.at(-1)?.begin_us ?? fromUs) : fromUs;
  const due = db
    .prepare<WholeRow, number[]>(
      `SELECT * FROM flow_run WHERE begin_us > ? AND created_us <= ? AND ${existed} ORDER BY begin_us LIMIT ?`,
    )
    .all(atUs, atUs, atUs, atUs, MAX_OTHERS);
  // The unary plus decides which index is used: that of the state's time, or that of the begin.
  const isRecent = nowUs - atUs < RECENT_US;
  const open = db
    .prepare<WholeRow, number[]>(
      `SELECT * FROM flow_run WHERE ${isRecent ? "+" : ""}begin_us < ? AND ${isRecent ? "" : "+"}state_us > ? AND ${existed}
       AND (end_us IS NULL OR end_us > ?) LIMIT ?`,
    )
    .all(firstUs, atUs, atUs, atUs, atUs, MAX_OTHERS);
  return { rows: [...began, ...due, ...open], fromUs: firstUs };
}

function toInsert({ begin_us: _, ...row }: WholeRow): NewFlowRunRow {
  return { ...row, deleted_us: null };
}

/** Not among the state events: these come every half minute. */
const HEARTBEAT = "prefect.flow-run.heartbeat";
const MAX_EVENTS = 20;

/** The row with the state of that moment. Null: unknown. `not yet`: the run was made later. */
function withStateAt(db: RecordDb, row: WholeRow, atUs: ServerUs): WholeRow | null | "not yet" {
  const id = idText(row.id);
  const filter = { resource: { id: [resourceId("flow_run", id)] }, event: { exclude_name: [HEARTBEAT] } };
  const find = (order: "asc" | "desc", fromUs: ServerUs, toUs: ServerUs) =>
    findEvents(db, { fromUs, toUs, order, limit: MAX_EVENTS, filter }).events.find(isStateEvent);
  const last = find("desc", 0, atUs);
  if (last) return withState(row, stateOfEvent(last), atUs);
  const next = find("asc", atUs + 1, Number.MAX_SAFE_INTEGER);
  if (!next) return null;
  const { type, name } = (next.payload.initial_state ?? {}) as { readonly type?: unknown; readonly name?: unknown };
  if (typeof type !== "string") return row.created_us === null ? "not yet" : null;
  const state = { id: next.follows, type, name: typeof name === "string" ? name : null, us: null, message: null };
  return withState(row, { ...state, runCount: 0 }, atUs);
}

function isStateEvent(event: PrefectEvent): boolean {
  return event.resource["prefect.state-type"] !== undefined;
}

interface StateThen {
  readonly id: string | null;
  readonly type: string | null;
  readonly name: string | null;
  /** Null: unknown, but before the moment. */
  readonly us: ServerUs | null;
  readonly message: string | null;
  readonly runCount: number;
}

function stateOfEvent({ id, occurred, resource }: PrefectEvent): StateThen {
  return {
    id,
    type: resource["prefect.state-type"] ?? null,
    name: resource["prefect.state-name"] ?? null,
    us: parseIsoUs(occurred) ?? null,
    message: resource["prefect.state-message"] || null,
    runCount: Number(resource["prefect.run-count"] ?? 0),
  };
}

function withState(row: WholeRow, state: StateThen, atUs: ServerUs): WholeRow {
  const hasEnded = isTerminal(state.type);
  const startUs = row.start_us !== null && row.start_us <= atUs ? row.start_us : null;
  return {
    ...row,
    state_id: idBytes(state.id),
    state_type: state.type,
    state_name: state.name,
    state_us: state.us,
    state_message: state.message,
    run_count: state.runCount,
    next_us: state.type === "SCHEDULED" ? row.expected_us : null,
    start_us: startUs,
    end_us: hasEnded ? state.us : null,
    total_run_time: hasEnded && startUs !== null && state.us !== null ? (state.us - startUs) / 1_000_000 : 0,
    doc: row.doc === null ? null : docThen(row.doc),
    dirty: 1,
  };
}

/** Without what the state columns do not replace, and what has become known later. */
function docThen(bytes: Uint8Array): Uint8Array {
  const doc: Record<string, unknown> = { ...unpackDoc("flow_run", bytes) };
  for (const field of ["updated", "estimated_run_time", "estimated_start_time_delta", "infrastructure_pid"])
    delete doc[field];
  return packDoc("flow_run", doc as unknown as FlowRun);
}
