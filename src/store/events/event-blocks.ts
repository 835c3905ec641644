import { uuidToBytes } from "../../lib/uuid.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import type { RecordDb } from "../database.ts";
import type { BlockRow } from "../schema/event.ts";
import { BLOCK_SIZE, findBlockLines } from "./blocks.ts";
import { type EventRow, NARROW_COLUMNS, type Order, type RowStream } from "./event-rows.ts";

export interface BlockSearch {
  /**
   * Ids of the full blocks worth reading, or null for all. The open block is always read. Asked for after a few blocks only:
   * what is common is found in them, and the index of words would name every block there is.
   */
  readonly blocksWorthReading: () => ReadonlySet<number> | null;
  /** Quick test of an event's stored JSON before it is parsed. */
  readonly mayMatch: (json: string) => boolean;
  readonly matches: (event: PrefectEvent) => boolean;
}

type BlockRange = Pick<BlockRow, "id" | "t_min" | "t_max">;

/** Blocks that are read before the index of words is asked. */
const READ_FIRST = 8;
/** Blocks whose ranges are looked up at a time. */
const CHUNK = 256;

/**
 * Events found by reading whole blocks instead of an index: for conditions that only the JSON can answer. Blocks come by the
 * end of their time range, so that rows leave in order of keys as soon as no block to come can hold an earlier one.
 */
export function blockStream(db: RecordDb, search: BlockSearch, order: Order, lo: number, hi: number): RowStream {
  const isDesc = order === "desc";
  const blocks = blockRanges(db, search, order, lo, hi);
  let upcoming = blocks.next().value;
  let waiting: EventRow[] = [];
  return {
    next(want) {
      const rows: EventRow[] = [];
      while (upcoming && rows.length < want) {
        const block = upcoming;
        waiting.push(...rowsOfBlock(db, block, search, lo, hi));
        upcoming = blocks.next().value;
        const edge = upcoming && edgeOf(upcoming, isDesc);
        const isReady = (row: EventRow) => edge === undefined || (isDesc ? row.t > edge : row.t < edge);
        rows.push(...waiting.filter(isReady).sort((a, b) => (isDesc ? b.t - a.t : a.t - b.t)));
        waiting = waiting.filter((row) => !isReady(row));
      }
      // The edge itself is still to come, so what is beyond the frontier begins one before it.
      const frontier = upcoming ? edgeOf(upcoming, isDesc) + (isDesc ? 1 : -1) : null;
      return { rows, frontier };
    },
  };
}

/** Best key a block can hold in this order. */
function edgeOf(block: BlockRange, isDesc: boolean): number {
  return isDesc ? block.t_max : block.t_min;
}

const NEWEST_FIRST = `SELECT id, t_min, t_max FROM block INDEXED BY block_newest
  WHERE (t_max, t_min, id) < (?, ?, ?) ORDER BY t_max DESC, t_min DESC, id DESC LIMIT ?`;
const OLDEST_FIRST = `SELECT id, t_min, t_max FROM block INDEXED BY block_oldest
  WHERE (t_min, t_max, id) > (?, ?, ?) ORDER BY t_min, t_max, id LIMIT ?`;

/** Blocks that reach into the range, best edge first. Only the index is read, also for those passed over. */
function* blockRanges(
  db: RecordDb,
  search: BlockSearch,
  order: Order,
  lo: number,
  hi: number,
): Generator<BlockRange, undefined> {
  const isDesc = order === "desc";
  const openId = db.prepare<{ id: number | null }, []>("SELECT max(id) AS id FROM block").get()?.id ?? -1;
  const read = db.prepare<BlockRange, [number, number, number, number]>(isDesc ? NEWEST_FIRST : OLDEST_FIRST);
  let at: [number, number, number] = isDesc ? [Number.MAX_SAFE_INTEGER, 0, 0] : [Number.MIN_SAFE_INTEGER, 0, 0];
  let among: ReadonlySet<number> | null = null;
  for (let passed = 0, chunk = READ_FIRST + 1; ; chunk = CHUNK) {
    const found = read.all(...at, chunk);
    for (const block of found) {
      if (isDesc ? block.t_max < lo : block.t_min > hi) return undefined;
      if (block.t_min > hi || block.t_max < lo) continue;
      if (passed === READ_FIRST) among = search.blocksWorthReading();
      passed += 1;
      if (!among || among.has(block.id) || block.id === openId) yield block;
    }
    const last = found.at(-1);
    if (!last || found.length < chunk) return undefined;
    at = isDesc ? [last.t_max, last.t_min, last.id] : [last.t_min, last.t_max, last.id];
  }
}

function rowsOfBlock(db: RecordDb, block: BlockRange, search: BlockSearch, lo: number, hi: number): EventRow[] {
  const find = db.prepare<EventRow, [Uint8Array]>(`SELECT t, ${NARROW_COLUMNS} FROM event WHERE id = ?`);
  const rows: EventRow[] = [];
  for (const [ofs, json] of findBlockLines(db, block.id, BLOCK_SIZE).entries()) {
    if (json === "" || !search.mayMatch(json)) continue;
    const event = JSON.parse(json) as PrefectEvent;
    if (!search.matches(event)) continue;
    const row = find.get(uuidToBytes(event.id));
    // The row may be gone, or point at a newer copy elsewhere.
    if (row && row.blk === block.id && row.ofs === ofs && row.t >= lo && row.t <= hi) rows.push({ ...row, event });
  }
  return rows;
}
