import type { LocalUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import type { RecordDb } from "../database.ts";
import type { BlockRow } from "../schema/event.ts";
import { EventStrings } from "./event-text.ts";

/** Events per block. Fifty compress to a ninth of their size, and reading a single one stays cheap. */
export const BLOCK_SIZE = 50;
const ZSTD_LEVEL = 3;
/** Decompressed blocks that a connection caches, about 100 KB each. */
const CACHED_BLOCKS = 32;
/** Parsed events that a connection caches, about 5 KB each with the values that answers derive from them. */
const CACHED_EVENTS = 300;

/** Block and line of an event's JSON. */
export interface BlockPlace {
  readonly blk: number;
  readonly ofs: number;
}

/** The writer's open block: it is filled in order of arrival and rewritten until it is full. Use it inside a transaction. */
export interface BlockWriter {
  /** Where the next event will be stored. `seenUs`: now, local clock. */
  next(seenUs: LocalUs): BlockPlace;
  /** Adds the event at `next()`; `t` is its key. */
  add(event: PrefectEvent, t: number): void;
  /** Writes the open block. Call it at the end of every batch, because rows of the batch already refer to it. */
  flush(): void;
}

interface OpenBlock {
  readonly id: number;
  readonly seenUs: LocalUs;
  readonly lines: string[];
  /** The distinct strings of its events, for the text index. */
  readonly strings: EventStrings;
  tMin: number;
  tMax: number;
  isDirty: boolean;
}

/** `withText`: full blocks are added to the word index. */
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

  const empty = (id: number, seenUs: LocalUs): OpenBlock => ({
    id,
    seenUs,
    lines: [],
    strings: new EventStrings(),
    tMin: Number.MAX_SAFE_INTEGER,
    tMax: Number.MIN_SAFE_INTEGER,
    isDirty: false,
  });
  const begin = (seenUs: LocalUs): OpenBlock => {
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
 * JSON lines of a block in order of arrival; none when the block was deleted. If the block has `count` lines, at least
 * these are returned. Writers only add lines and never reuse ids, so decompressed blocks stay cached while other
 * connections write.
 */
export function findBlockLines(db: RecordDb, id: number, count: number): readonly string[] {
  const cached = cacheAcrossCommits<readonly string[]>(db, "blocks");
  const known = cached.get(id);
  if (known && known.length >= count) return known;
  const held = known && db.prepare<{ n: number }, [number]>("SELECT n FROM block WHERE id = ?").get(id);
  if (known && held?.n === known.length) return known;
  const row = db.prepare<{ data: Uint8Array }, [number]>("SELECT data FROM block WHERE id = ?").get(id);
  const lines = row ? unpack(row.data) : [];
  cache(cached, id, lines, CACHED_BLOCKS);
  return lines;
}

/** JSON of one event, or undefined when its block or line was deleted. */
export function findEventJson(db: RecordDb, place: BlockPlace): string | undefined {
  return findBlockLines(db, place.blk, place.ofs + 1)[place.ofs] || undefined;
}

/** One event, or undefined when its block or line was deleted. Reading one of the last 300 again returns the same object. */
export function findEventAt(db: RecordDb, place: BlockPlace): PrefectEvent | undefined {
  const json = findEventJson(db, place);
  if (json === undefined) return undefined;
  const cached = cacheAcrossCommits<PrefectEvent>(db, "parsed-events");
  const key = place.blk * BLOCK_SIZE + place.ofs;
  const known = cached.get(key);
  if (known) return known;
  const event = JSON.parse(json) as PrefectEvent;
  cache(cached, key, event, CACHED_EVENTS);
  return event;
}

/** A cache that stays valid when another connection commits, as writers only add. A rollback clears it: ids are given again. */
function cacheAcrossCommits<V>(db: RecordDb, name: string): Map<number, V> {
  return db.perConnection(name, () => {
    const map = new Map<number, V>();
    db.onInvalidate((why) => {
      if (why !== "foreign write") map.clear();
    });
    return map;
  });
}

function cache<V>(cached: Map<number, V>, key: number, value: V, max: number): void {
  cached.delete(key);
  cached.set(key, value);
  const oldest = cached.size > max ? cached.keys().next().value : undefined;
  if (oldest !== undefined) cached.delete(oldest);
}

/** Replaces the lines of a block, some of them now empty. Call it inside a transaction, and `db.invalidate()` after that. */
export function rewriteBlock(db: RecordDb, id: number, lines: readonly string[]): void {
  db.prepare<unknown, [Uint8Array, number]>("UPDATE block SET data = ? WHERE id = ?").run(pack(lines), id);
  const drop = db.prepare<unknown, [number]>("DELETE FROM block_fts WHERE rowid = ?");
  if (drop.run(id).changes === 0) return;
  const strings = new EventStrings();
  for (const line of lines) if (line !== "") strings.add(JSON.parse(line) as PrefectEvent);
  db.prepare<unknown, [number, string]>("INSERT INTO block_fts(rowid, text) VALUES (?, ?)").run(id, strings.text());
}
