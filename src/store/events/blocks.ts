import { parseJson } from "../../lib/exact-json.ts";
import type { LocalUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import type { RecordDb } from "../database.ts";
import type { BlockRow } from "../schema/event.ts";
import { EventStrings } from "./event-text.ts";
import { type CacheLimits, SizedCache } from "./sized-cache.ts";

/** Most events per block. Fifty compress to a ninth of their size, and reading a single one stays cheap. */
export const BLOCK_SIZE = 50;
/** A block with this many characters is full, too: fifty events of the largest size that Prefect accepts would be 75 MB. */
const FULL_BLOCK_CHARS = 1_000_000;
const ZSTD_LEVEL = 3;
/** Decompressed blocks that a connection caches, about 100 KB each. */
const CACHED_BLOCKS: CacheLimits = { maxEntries: 32, maxChars: 16_000_000 };
/** Parsed events that a connection caches, about 5 KB each with the values that answers derive from them. */
const CACHED_EVENTS: CacheLimits = { maxEntries: 300, maxChars: 8_000_000 };

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
  chars: number;
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
  const unindex = db.prepare<unknown, [number]>("DELETE FROM block_fts WHERE rowid = ?");

  const empty = (id: number, seenUs: LocalUs): OpenBlock => ({
    id,
    seenUs,
    lines: [],
    chars: 0,
    strings: new EventStrings(),
    tMin: Number.MAX_SAFE_INTEGER,
    tMax: Number.MIN_SAFE_INTEGER,
    isDirty: false,
  });
  const begin = (seenUs: LocalUs): OpenBlock => {
    if (open && !isFull(open)) return open;
    if (open) return empty(open.id + 1, seenUs);
    const last = readLast.get();
    const first = () => empty((readLastId.get()?.seq ?? 0) + 1, seenUs);
    if (!last || last.n >= BLOCK_SIZE) return first();
    const lines = unpack(last.data);
    const chars = lines.reduce((sum, line) => sum + line.length, 0);
    if (isFull({ lines, chars })) return first();
    const strings = new EventStrings();
    if (withText) for (const line of lines) if (line !== "") strings.add(JSON.parse(line) as PrefectEvent);
    return {
      id: last.id,
      seenUs: last.seen_us,
      lines,
      chars,
      strings,
      tMin: last.t_min,
      tMax: last.t_max,
      isDirty: false,
    };
  };
  const store = (block: OpenBlock): void => {
    const { id, lines, strings, tMin, tMax, seenUs } = block;
    write.run(id, lines.length, tMin, tMax, seenUs, pack(lines));
    if (withText && isFull(block)) {
      // A full block becomes open again when lines of it are erased: then it is in the index already.
      unindex.run(id);
      index.run(id, strings.text());
    }
    block.isDirty = false;
  };

  return {
    next(seenUs) {
      open = begin(seenUs);
      return { blk: open.id, ofs: open.lines.length };
    },
    add(event, t) {
      if (!open) throw new Error("add() needs next() before it");
      const line = JSON.stringify(event);
      open.lines.push(line);
      open.chars += line.length;
      if (withText) open.strings.add(event);
      open.tMin = Math.min(open.tMin, t);
      open.tMax = Math.max(open.tMax, t);
      open.isDirty = true;
      if (isFull(open)) store(open);
    },
    flush() {
      if (open?.isDirty) store(open);
    },
  };
}

function isFull({ lines, chars }: Pick<OpenBlock, "lines" | "chars">): boolean {
  return lines.length >= BLOCK_SIZE || chars >= FULL_BLOCK_CHARS;
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
  const cached = cacheAcrossCommits<readonly string[]>(db, "blocks", CACHED_BLOCKS);
  const known = cached.get(id);
  if (known && known.length >= count) return known;
  const held = known && db.prepare<{ n: number }, [number]>("SELECT n FROM block WHERE id = ?").get(id);
  if (known && held?.n === known.length) return known;
  const row = db.prepare<{ data: Uint8Array }, [number]>("SELECT data FROM block WHERE id = ?").get(id);
  const lines = row ? unpack(row.data) : [];
  const chars = lines.reduce((sum, line) => sum + line.length, 0);
  cached.set(id, lines, chars);
  return lines;
}

/** JSON of one event, or undefined when its block or line was deleted. */
export function findEventJson(db: RecordDb, place: BlockPlace): string | undefined {
  return findBlockLines(db, place.blk, place.ofs + 1)[place.ofs] || undefined;
}

/**
 * The event of a row, which was read in the same transaction; undefined when its block or line was deleted. Reading one of the last 300
 * again returns the same object.
 */
export function findEventAt(db: RecordDb, place: BlockPlace): PrefectEvent | undefined {
  const cached = cacheAcrossCommits<PrefectEvent>(db, "parsed-events", CACHED_EVENTS);
  const key = place.blk * BLOCK_SIZE + place.ofs;
  const known = cached.get(key);
  // A line is erased together with the row that leads to it, so the block is not read for an event that is known.
  if (known) return known;
  const json = findEventJson(db, place);
  if (json === undefined) return undefined;
  const event = parseJson(json) as PrefectEvent;
  cached.set(key, event, json.length);
  return event;
}

/** A cache that stays valid when another connection commits, as writers only add. A rollback clears it: ids are given again. */
function cacheAcrossCommits<V>(db: RecordDb, name: string, limits: CacheLimits): SizedCache<V> {
  return db.perConnection(name, () => {
    const cache = new SizedCache<V>(limits);
    db.onInvalidate((why) => {
      if (why !== "foreign write") cache.clear();
    });
    return cache;
  });
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
