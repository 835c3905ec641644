/** Events of the largest size that Prefect accepts: blocks and caches are limited by bytes, not by their number of events. */
import { describe, expect, test } from "bun:test";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { parseSearchTerms } from "../../../src/model/text/search-terms.ts";
import { inTransaction, openRecord, type RecordDb } from "../../../src/store/database.ts";
import { createEventWriter, findEventById } from "../../../src/store/events/events.ts";
import { SizedCache } from "../../../src/store/events/sized-cache.ts";
import { findEventsByText } from "../../../src/store/search/text.ts";
import { anEvent, anId, at, T0_US } from "../../support/builders.ts";
import { tempRecordFile } from "../temp-record.ts";

const LARGEST = 1_500_000;
const FULL = 1_000_000;

const large = (n: number, chars = LARGEST): PrefectEvent =>
  anEvent({ id: anId(n), occurred: at(n), payload: { word: `needle${n}`, text: "x".repeat(chars) } });

function insert(db: RecordDb, events: readonly PrefectEvent[]): void {
  inTransaction(db, () => createEventWriter(db).insert(events, "catch-up", T0_US));
}

const search = (db: RecordDb, query: string) =>
  findEventsByText(db, { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER, limit: 10, terms: parseSearchTerms(query) }).events;

const blockSizes = (db: RecordDb) =>
  db.sqlite
    .query<{ n: number; data: Uint8Array }, []>("SELECT n, data FROM block ORDER BY id")
    .all()
    .map(({ n, data }) => ({ n, chars: Bun.zstdDecompressSync(data).byteLength }));

describe("large events", () => {
  test("fill a block by their size, and are found by their words in every block", () => {
    const db = openRecord(":memory:", "write");
    const events = Array.from({ length: 12 }, (_, n) => large(n, 300_000));
    insert(db, events);
    for (const { n, chars } of blockSizes(db)) expect([n, chars < FULL + 400_000]).toEqual([4, true]);
    for (const event of events) {
      expect(findEventById(db, event.id)).toEqual(event);
      expect(search(db, String(event.payload.word))).toEqual([event]);
    }
    db.close();
  });

  test("do not fill up a full block after the record was opened again", () => {
    const file = tempRecordFile();
    for (let n = 0; n < 6; n += 1) {
      const db = openRecord(file, "write");
      insert(db, [large(n)]);
      db.close();
    }
    const db = openRecord(file, "read");
    expect(blockSizes(db).map(({ n }) => n)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(search(db, "needle3")).toEqual([large(3)]);
    expect(search(db, "needle5")).toEqual([large(5)]);
    db.close();
  });

  test("leave room in memory: reading all of them caches a limited number of characters", () => {
    const file = tempRecordFile();
    const writer = openRecord(file, "write");
    for (let n = 0; n < 20; n += 1) insert(writer, [large(n)]);
    writer.close();
    const db = openRecord(file, "read");
    for (let n = 0; n < 20; n += 1) expect(findEventById(db, anId(n))?.id).toBe(anId(n));
    const cached = (name: string) =>
      db.perConnection<SizedCache<unknown>>(name, () => new SizedCache({ maxEntries: 0, maxChars: 0 }));
    for (const [name, most] of [
      ["blocks", 16_000_000],
      ["parsed-events", 8_000_000],
    ] as const) {
      expect(cached(name).chars).toBeGreaterThan(LARGEST);
      expect(cached(name).chars).toBeLessThanOrEqual(most);
    }
    db.close();
  });
});

describe("a cache limited by number and size", () => {
  test("drops the oldest values above either limit, and never takes one that is too large", () => {
    const cache = new SizedCache<string>({ maxEntries: 3, maxChars: 100 });
    for (const [key, chars] of [
      [1, 10],
      [2, 10],
      [3, 10],
      [4, 10],
    ] as const)
      cache.set(key, `v${key}`, chars);
    expect([1, 2, 3, 4].map((key) => cache.get(key))).toEqual([undefined, "v2", "v3", "v4"]);
    cache.set(5, "v5", 85);
    expect([3, 4, 5].map((key) => cache.get(key))).toEqual([undefined, "v4", "v5"]);
    cache.set(6, "v6", 101);
    expect([cache.get(6), cache.chars]).toEqual([undefined, 95]);
    cache.set(5, "again", 20);
    expect([cache.get(5), cache.chars]).toEqual(["again", 30]);
    cache.clear();
    expect([cache.get(5), cache.chars]).toEqual([undefined, 0]);
  });
});
