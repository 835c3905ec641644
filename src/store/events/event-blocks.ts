import { parseJson } from "../../lib/exact-json.ts";
import { append } from "../../lib/lists.ts";
import { uuidToBytes } from "../../lib/uuid.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import type { RecordDb } from "../database.ts";
import type { BlockRow } from "../schema/event.ts";
import { BLOCK_SIZE, findBlockLines } from "./blocks.ts";
import { type EventRow, NARROW_COLUMNS, type Order, type RowStream } from "./event-rows.ts";
import { lastOldTexts, type WordQuery } from "./word-index.ts";

/** A search that decides from the JSON of events. */
export interface BlockSearch {
  /**
   * Ids of the full blocks worth reading, or null for all; the open block is always read. Called only after the first
   * few blocks have been read: they suffice for a common word, which the word index would find in every block.
   */
  readonly blocksWorthReading: () => ReadonlySet<number> | null;
  /** A cheap test of the stored JSON that every matching event passes. */
  readonly mayMatch: (json: string) => boolean;
  readonly matches: (event: PrefectEvent) => boolean;
}

type BlockRange = Pick<BlockRow, "id" | "t_min" | "t_max">;

/** Blocks that are read before the word index is used. */
const READ_FIRST = 8;
/** Blocks whose key ranges are read at a time. */
const CHUNK = 256;

/**
 * Events found by reading whole blocks instead of an index, for conditions that need the JSON. Blocks are read in the
 * order of the near end of their key range, so a row can be returned as soon as no later block can contain a row before
 * it.
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
        append(waiting, rowsOfBlock(db, block, search, lo, hi));
        upcoming = blocks.next().value;
        const edge = upcoming && edgeOf(upcoming, isDesc);
        const isReady = (row: EventRow) => edge === undefined || (isDesc ? row.t > edge : row.t < edge);
        append(
          rows,
          waiting.filter(isReady).sort((a, b) => (isDesc ? b.t - a.t : a.t - b.t)),
        );
        waiting = waiting.filter((row) => !isReady(row));
      }
      // A row with the edge as its key may still follow, so the frontier lies one key before the edge.
      const frontier = upcoming ? edgeOf(upcoming, isDesc) + (isDesc ? 1 : -1) : null;
      return { rows, frontier };
    },
  };
}

/** The first key, in this order, that a block can contain. */
function edgeOf(block: BlockRange, isDesc: boolean): number {
  return isDesc ? block.t_max : block.t_min;
}

const NEWEST_FIRST = `SELECT id, t_min, t_max FROM block INDEXED BY block_newest
  WHERE (t_max, t_min, id) < (?, ?, ?) ORDER BY t_max DESC, t_min DESC, id DESC LIMIT ?`;
const OLDEST_FIRST = `SELECT id, t_min, t_max FROM block INDEXED BY block_oldest
  WHERE (t_min, t_max, id) > (?, ?, ?) ORDER BY t_min, t_max, id LIMIT ?`;

/**
 * Blocks whose key range overlaps lo to hi, in order of their edges. Only the index on `block` is read, also for
 * skipped ones.
 */
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
  let worthReading: ReadonlySet<number> | null = null;
  for (let passed = 0, chunk = READ_FIRST + 1; ; chunk = CHUNK) {
    const found = read.all(...at, chunk);
    for (const block of found) {
      if (isDesc ? block.t_max < lo : block.t_min > hi) return undefined;
      if (block.t_min > hi || block.t_max < lo) continue;
      if (passed === READ_FIRST) worthReading = search.blocksWorthReading();
      passed += 1;
      if (!worthReading || worthReading.has(block.id) || block.id === openId) yield block;
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
    const event = parseJson(json) as PrefectEvent;
    if (!search.matches(event)) continue;
    const row = find.get(uuidToBytes(event.id));
    // The event may have been deleted, or a newer copy of it may be stored elsewhere.
    if (row && row.blk === block.id && row.ofs === ofs && row.t >= lo && row.t <= hi) rows.push({ ...row, event });
  }
  return rows;
}

/** Ids of the full blocks with events that can match. */
export function findBlocksByWords(db: RecordDb, { match, skipsOldTexts }: WordQuery): ReadonlySet<number> {
  const lastOld = skipsOldTexts ? lastOldTexts(db).block : 0;
  const find = db.prepare<{ id: number }, [string, number]>(
    "SELECT rowid AS id FROM block_fts WHERE block_fts MATCH ? UNION ALL SELECT id FROM block WHERE id <= ?",
  );
  return new Set(find.all(match, lastOld).map((row) => row.id));
}
