import { append } from "../../lib/lists.ts";
import type { ServerUs } from "../../lib/time.ts";
import { uuidToBytes } from "../../lib/uuid.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { EventTableRow } from "../schema/event.ts";

/** Position of an event in the exact order, which is by `occurred`, then by id. */
export interface EventCursor {
  readonly occurredUs: ServerUs;
  readonly id: string;
}

export type Order = "asc" | "desc";

/** The columns of `event` that a search needs beside the key `t`. */
const NARROW = ["shift", "id", "name_id", "res_id", "blk", "ofs"] as const;
export const NARROW_COLUMNS = NARROW.join(", ");

/** A row of `event` as a search finds it. `occurred = t - shift`. */
export interface EventRow extends Pick<EventTableRow, "t" | (typeof NARROW)[number]> {
  /** The whole event, if the search has read it. */
  readonly event?: PrefectEvent;
}

/**
 * Rows in the order of their keys. `frontier`: all further rows lie strictly beyond this key; null when there are none.
 */
export interface RowStream {
  next(want: number): { readonly rows: readonly EventRow[]; readonly frontier: number | null };
}

export interface OrderedRange extends TimeRange {
  readonly order: Order;
  readonly after: EventCursor | undefined;
  /** Largest `t - occurred` in the record. */
  readonly shift: number;
}

/** The range of keys in which the events of a range of `occurred` can lie. */
export function keyRange(range: OrderedRange): { lo: number; hi: number } {
  const { fromUs, toUs, order, after, shift } = range;
  const from = after && order === "asc" ? Math.max(fromUs, after.occurredUs) : fromUs;
  const to = after && order === "desc" ? Math.min(toUs, after.occurredUs) : toUs;
  return {
    lo: Math.max(Number.MIN_SAFE_INTEGER, from),
    hi: Math.min(Number.MAX_SAFE_INTEGER, to + shift),
  };
}

const FIRST_CHUNK = 16;
const LARGEST_CHUNK = 2_000;

/**
 * Rows in exact order. Keys are only near `occurred`, so a row is held back until no further row can precede it. Newest first,
 * further rows occurred before the frontier; oldest first, after the frontier minus the largest shift.
 */
export function* inExactOrder(stream: RowStream, range: OrderedRange, want: number): Generator<EventRow> {
  const isDesc = range.order === "desc";
  const cursor = range.after && cursorKey(range.after);
  let held: EventRow[] = [];
  let chunk = Math.max(FIRST_CHUNK, Math.min(want, LARGEST_CHUNK));
  for (;;) {
    const { rows, frontier } = stream.next(chunk);
    append(held, rows);
    held.sort(isDesc ? (a, b) => compareRows(b, a) : compareRows);
    const settled = held.filter((row) => frontier === null || isSettled(row, frontier, range));
    held = held.slice(settled.length);
    for (const row of settled) {
      const at = row.t - row.shift;
      if (at < range.fromUs || at > range.toUs) continue;
      if (cursor && !isAfter(row, cursor, isDesc)) continue;
      yield row;
    }
    if (frontier === null) return;
    chunk = Math.min(LARGEST_CHUNK, chunk * 3);
  }
}

function isSettled(row: EventRow, frontier: number, range: OrderedRange): boolean {
  const at = row.t - row.shift;
  return range.order === "desc" ? at >= frontier : at <= frontier - range.shift;
}

function compareRows(a: EventRow, b: EventRow): number {
  return a.t - a.shift - (b.t - b.shift) || Buffer.compare(a.id, b.id);
}

interface CursorKey {
  readonly occurredUs: ServerUs;
  readonly id: Uint8Array;
}

function cursorKey(cursor: EventCursor): CursorKey {
  return { occurredUs: cursor.occurredUs, id: uuidToBytes(cursor.id) };
}

function isAfter(row: EventRow, cursor: CursorKey, isDesc: boolean): boolean {
  const difference = row.t - row.shift - cursor.occurredUs || Buffer.compare(row.id, cursor.id);
  return isDesc ? difference < 0 : difference > 0;
}

/** Several streams as one; a row of two streams is returned once. */
export function mergeStreams(streams: readonly RowStream[], order: Order): RowStream {
  if (streams.length === 1 && streams[0]) return streams[0];
  const isDesc = order === "desc";
  const before = (a: number, b: number) => (isDesc ? a > b : a < b);
  const parts = streams.map((stream) => ({
    stream,
    rows: [] as EventRow[],
    frontier: undefined as number | null | undefined,
  }));
  return {
    next(want) {
      for (const part of parts) {
        if (part.rows.length >= want || part.frontier === null) continue;
        const { rows, frontier } = part.stream.next(want);
        append(part.rows, rows);
        part.frontier = frontier;
      }
      const open = parts.flatMap((part) => (typeof part.frontier === "number" ? [part.frontier] : []));
      const frontier = open.length === 0 ? null : open.reduce((a, b) => (before(a, b) ? a : b));
      const ready = new Map<number, EventRow>();
      for (const part of parts) {
        const cut = frontier === null ? part.rows.length : part.rows.findIndex((row) => before(frontier, row.t));
        for (const row of part.rows.splice(0, cut < 0 ? part.rows.length : cut)) ready.set(row.t, row);
      }
      return { rows: [...ready.values()].sort((a, b) => (isDesc ? b.t - a.t : a.t - b.t)), frontier };
    },
  };
}
