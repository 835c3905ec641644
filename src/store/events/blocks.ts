import type { PrefectEvent } from "../../model/events/event.ts";
import type { RecordDb } from "../database.ts";
import type { BlockRow } from "../schema/event.ts";
import { EventStrings } from "./event-text.ts";

/** Events per block: 50 keep the price of reading a single one low and compress to a ninth. */
export const BLOCK_SIZE = 50;
const ZSTD_LEVEL = 3;
/** Unpacked blocks a connection keeps, about 100 KB each. */
const KEPT_BLOCKS = 32;
/** Parsed events it keeps, about 5 KB each with what is made of them for answers. */
const KEPT_EVENTS = 300;

/** Where the next event's JSON will stand. */
export interface BlockPlace {
  readonly blk: number;
  readonly ofs: number;
}

/** The writer's open block: filled in order of arrival, rewritten until it is full. Use inside a transaction. */
export interface BlockWriter {
  next(seenUs: number): BlockPlace;
  /** Puts the event at `next()`, under the key `t`. */
  add(event: PrefectEvent, t: number): void;
  /** Stores the open block. Call at the end of every batch: rows already point into it. */
  flush(): void;
}

interface OpenBlock {
  readonly id: number;
  readonly seenUs: number;
  readonly lines: string[];
  /** The distinct strings of its events, for the text index. */
  readonly strings: EventStrings;
  tMin: number;
  tMax: number;
  isDirty: boolean;
}

export function createBlockWriter(db: RecordDb, withText: boolean): BlockWriter {
  let open: OpenBlock | null = null;
  db.onInvalidate(() => {
    open = null;
  });

  const readLast = db.prepare<BlockRow, []>("SELECT * FROM block ORDER BY id DESC LIMIT 1");
  const readLastId = db.prepare<{ seq: number }, []>("SELECT seq FROM sqlite_sequence WHERE name = 'block'");
  const write = db.prepare<unknown, [number, number, number, number, number, Uint8Array]>(
    `INSERT INTO block(id, n, t_min, t_max, seen_us, data) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT(id) DO UPDATE SET n = excluded.n, t_min = excluded.t_min, t_max = excluded.t_max, data = excluded.data`,
  );
  const index = db.prepare<unknown, [number, string]>("INSERT INTO block_fts(rowid, text) VALUES (?, ?)");

  const empty = (id: number, seenUs: number): OpenBlock => ({
    id,
    seenUs,
    lines: [],
    strings: new EventStrings(),
    tMin: Number.MAX_SAFE_INTEGER,
    tMax: Number.MIN_SAFE_INTEGER,
    isDirty: false,
  });
  const begin = (seenUs: number): OpenBlock => {
    if (open && open.lines.length < BLOCK_SIZE) return open;
    if (open) return empty(open.id + 1, seenUs);
    const last = readLast.get();
    if (!last || last.n >= BLOCK_SIZE) return empty((readLastId.get()?.seq ?? 0) + 1, seenUs);
    const lines = unpack(last.data);
    const strings = new EventStrings();
    if (withText) for (const line of lines) if (line !== "") strings.add(JSON.parse(line) as PrefectEvent);
    return { id: last.id, seenUs: last.seen_us, lines, strings, tMin: last.t_min, tMax: last.t_max, isDirty: false };
  };
  const store = (block: OpenBlock): void => {
    const { id, lines, strings, tMin, tMax, seenUs } = block;
    write.run(id, lines.length, tMin, tMax, seenUs, pack(lines));
    if (withText && lines.length === BLOCK_SIZE) index.run(id, strings.text());
    block.isDirty = false;
  };

  return {
    next(seenUs) {
      open = begin(seenUs);
      return { blk: open.id, ofs: open.lines.length };
    },
    add(event, t) {
      if (!open) throw new Error("add() needs next() before it");
      open.lines.push(JSON.stringify(event));
      if (withText) open.strings.add(event);
      open.tMin = Math.min(open.tMin, t);
      open.tMax = Math.max(open.tMax, t);
      open.isDirty = true;
      if (open.lines.length === BLOCK_SIZE) store(open);
    },
    flush() {
      if (open?.isDirty) store(open);
    },
  };
}

function pack(lines: readonly string[]): Uint8Array {
  return Bun.zstdCompressSync(lines.join("\n"), { level: ZSTD_LEVEL });
}

const utf8 = new TextDecoder();

function unpack(data: Uint8Array): string[] {
  return utf8.decode(Bun.zstdDecompressSync(data)).split("\n");
}

/**
 * JSON lines of a block, in order of arrival; empty when it is gone. Lines are only ever added and ids never used twice, so
 * the last few blocks stay unpacked, also while others write; at least `count` lines are returned when they exist.
 */
export function findBlockLines(db: RecordDb, id: number, count: number): readonly string[] {
  const kept = keptWhileWritten<readonly string[]>(db, "blocks");
  const known = kept.get(id);
  if (known && known.length >= count) return known;
  const held = known && db.prepare<{ n: number }, [number]>("SELECT n FROM block WHERE id = ?").get(id);
  if (known && held?.n === known.length) return known;
  const row = db.prepare<{ data: Uint8Array }, [number]>("SELECT data FROM block WHERE id = ?").get(id);
  const lines = row ? unpack(row.data) : [];
  keep(kept, id, lines, KEPT_BLOCKS);
  return lines;
}

/** JSON of one event, or undefined when its block or its line is gone. */
export function findEventJson(db: RecordDb, place: BlockPlace): string | undefined {
  return findBlockLines(db, place.blk, place.ofs + 1)[place.ofs] || undefined;
}

/** One event, or undefined when its block or its line is gone. The last few hundred that were read stay the same objects. */
export function findEventAt(db: RecordDb, place: BlockPlace): PrefectEvent | undefined {
  const json = findEventJson(db, place);
  if (json === undefined) return undefined;
  const kept = keptWhileWritten<PrefectEvent>(db, "parsed-events");
  const key = place.blk * BLOCK_SIZE + place.ofs;
  const known = kept.get(key);
  if (known) return known;
  const event = JSON.parse(json) as PrefectEvent;
  keep(kept, key, event, KEPT_EVENTS);
  return event;
}

/** A cache that outlives the commits of others, which only add; a rollback may give a number that was read to another one. */
function keptWhileWritten<V>(db: RecordDb, name: string): Map<number, V> {
  return db.perConnection(name, () => {
    const map = new Map<number, V>();
    db.onInvalidate((why) => {
      if (why !== "foreign write") map.clear();
    });
    return map;
  });
}

function keep<V>(kept: Map<number, V>, key: number, value: V, most: number): void {
  kept.delete(key);
  kept.set(key, value);
  const oldest = kept.size > most ? kept.keys().next().value : undefined;
  if (oldest !== undefined) kept.delete(oldest);
}

/** Writes a block anew with some lines blanked. Inside a transaction; call `db.invalidate()` after it. */
export function rewriteBlock(db: RecordDb, id: number, lines: readonly string[]): void {
  db.prepare<unknown, [Uint8Array, number]>("UPDATE block SET data = ? WHERE id = ?").run(pack(lines), id);
  const drop = db.prepare<unknown, [number]>("DELETE FROM block_fts WHERE rowid = ?");
  if (drop.run(id).changes === 0) return;
  const strings = new EventStrings();
  for (const line of lines) if (line !== "") strings.add(JSON.parse(line) as PrefectEvent);
  db.prepare<unknown, [number, string]>("INSERT INTO block_fts(rowid, text) VALUES (?, ?)").run(id, strings.text());
}
