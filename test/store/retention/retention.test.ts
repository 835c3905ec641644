import { describe, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { DAY_US, formatIsoUs, HOUR_US, parseIsoUs, SECOND_US } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { parseSearchTerms } from "../../../src/model/text/search-terms.ts";
import { addCoverage, coveredRanges } from "../../../src/store/coverage.ts";
import { inTransaction, openRecord, type RecordDb } from "../../../src/store/database.ts";
import { countEventsPerHour } from "../../../src/store/events/event-groups.ts";
import { createEventWriter, findEvents } from "../../../src/store/events/events.ts";
import { findLogsOfFlowRun, upsertLogs } from "../../../src/store/logs/logs.ts";
import {
  dropBefore,
  endOfOldestStep,
  eraseDropped,
  releaseFreePages,
  usedBytes,
} from "../../../src/store/retention/retention.ts";
import { findFlowRunRow, upsertFlowRuns } from "../../../src/store/runs/flow-runs.ts";
import { findEventsByText } from "../../../src/store/search/text.ts";
import { aFlowRun, aLog, anEvent, anId, aState, T0_US } from "../../support/builders.ts";
import { seededRandom } from "../../support/random.ts";
import { someEvent } from "../events/random-events.ts";
import { tempRecordFile } from "../temp-record.ts";

const ALL = { fromUs: Number.MIN_SAFE_INTEGER, toUs: Number.MAX_SAFE_INTEGER, order: "asc", limit: 100_000 } as const;
const usOf = (event: PrefectEvent) => parseIsoUs(event.occurred) ?? 0;

function insert(db: RecordDb, events: readonly PrefectEvent[]): void {
  inTransaction(db, () => createEventWriter(db).insert(events, "backfill", 1));
}

function claim(db: RecordDb, kind: string, scope: string, fromUs: number, toUs: number): void {
  inTransaction(db, () =>
    addCoverage(db, kind, scope, {
      fromUs,
      toUs,
      source: "backfill",
      verifiedUs: toUs,
      serverCount: null,
      recordCount: null,
    }),
  );
}

const count = (db: RecordDb, table: string) =>
  db.sqlite.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n;

describe("deleting old rows", () => {
  test("deletes exactly the events that occurred before, in small steps, with postings, blocks, words and resources", () => {
    const random = seededRandom(11);
    const db = openRecord(":memory:", "write");
    const events = Array.from({ length: 900 }, () => someEvent(random));
    insert(db, events);
    insert(db, [
      anEvent({
        id: anId(1),
        occurred: formatIsoUs(T0_US - DAY_US),
        event: "old.only",
        resource: { "prefect.resource.id": "old.only" },
      }),
    ]);
    const before = T0_US + 20;
    const kept = events.filter((event) => usOf(event) >= before);
    let [dropped, steps] = [0, 0];
    for (let hasMore = true; hasMore; steps += 1) {
      const result = dropBefore(db, before, 70);
      expect(result.events).toBeLessThanOrEqual(70);
      dropped += result.events;
      hasMore = result.hasMore;
    }
    expect([dropped, steps > 3]).toEqual([901 - kept.length, true]);
    const held = findEvents(db, ALL).events;
    expect(held).toEqual([...kept].sort((a, b) => usOf(a) - usOf(b) || (a.id < b.id ? -1 : 1)));
    const hours = countEventsPerHour(db, { fromUs: 0, endUs: 3_000_000 * HOUR_US });
    expect(hours.reduce((sum, { count }) => sum + count, 0)).toBe(kept.length);
    expect(count(db, "event_gone")).toBe(0);
    expect(
      db.sqlite
        .query("SELECT count(*) AS n FROM related r WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.t = r.t)")
        .get(),
    ).toEqual({ n: 0 });
    expect(db.sqlite.query("SELECT name FROM resource WHERE resource_id = 'old.only'").get()).toBeNull();
    expect(
      db.sqlite
        .query("SELECT count(*) AS n FROM block b WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.blk = b.id)")
        .get(),
    ).toEqual({ n: 0 });
    insert(db, events);
    expect(findEvents(db, ALL).events).toHaveLength(900);
  });

  test("removes the claims of the deleted range and keeps later ones", () => {
    const db = openRecord(":memory:", "write");
    insert(
      db,
      Array.from({ length: 200 }, (_, n) => anEvent({ occurred: formatIsoUs(T0_US + n) })),
    );
    for (const kind of ["event", "flow_run"]) claim(db, kind, "", T0_US, T0_US + 1000);
    expect(dropBefore(db, T0_US + 100, 10).hasMore).toBe(true);
    for (const kind of ["event", "flow_run"])
      expect(coveredRanges(db, kind, "")).toMatchObject([{ fromUs: T0_US + 100, toUs: T0_US + 1000 }]);
  });

  test("deletes log lines, ended and deleted runs and their claims, never unfinished runs", () => {
    const db = openRecord(":memory:", "write");
    const old = formatIsoUs(T0_US - HOUR_US);
    const run = (n: number, type: "COMPLETED" | "RUNNING", stamp: string) =>
      aFlowRun({
        id: anId(n),
        state: aState({ type, timestamp: stamp }),
        start_time: stamp,
        ...(type === "RUNNING" ? {} : { end_time: stamp }),
      });
    inTransaction(db, () => {
      upsertFlowRuns(
        db,
        [run(1, "COMPLETED", old), run(2, "RUNNING", old), run(3, "COMPLETED", formatIsoUs(T0_US))],
        T0_US,
      );
      upsertLogs(
        db,
        [1, 2, 3].flatMap((n) => [
          aLog({ flow_run_id: anId(n), timestamp: n === 3 ? formatIsoUs(T0_US) : old, message: `needle ${n}` }),
        ]),
      );
    });
    for (const n of [1, 2, 3]) for (const kind of ["log", "task_run"]) claim(db, kind, anId(n), 0, T0_US);
    expect(dropBefore(db, T0_US)).toEqual({ events: 0, logs: 2, runs: 1, hasMore: false });
    expect([1, 2, 3].map((n) => findFlowRunRow(db, anId(n)) !== null)).toEqual([false, true, true]);
    expect([1, 2, 3].map((n) => findLogsOfFlowRun(db, anId(n)).length)).toEqual([0, 0, 1]);
    expect(
      [1, 2, 3].map((n) => [coveredRanges(db, "log", anId(n)).length, coveredRanges(db, "task_run", anId(n)).length]),
    ).toEqual([
      [0, 0],
      [0, 1],
      [1, 1],
    ]);
    expect(db.sqlite.query("SELECT rowid FROM log_fts WHERE log_fts MATCH 'needle'").all()).toHaveLength(1);
  });

  test("by size deletes the oldest rows first, events or log lines, and uses less space afterwards", () => {
    const db = openRecord(tempRecordFile(), "write");
    expect(endOfOldestStep(db)).toBeNull();
    const empty = usedBytes(db);
    insert(
      db,
      Array.from({ length: 3000 }, (_, n) =>
        anEvent({ occurred: formatIsoUs(T0_US + n * SECOND_US), payload: { text: anId() } }),
      ),
    );
    expect(endOfOldestStep(db, 500)).toBe(T0_US + 499 * SECOND_US + 1);
    inTransaction(db, () => upsertLogs(db, [aLog({ timestamp: formatIsoUs(T0_US - HOUR_US) })]));
    expect(endOfOldestStep(db, 500)).toBe(T0_US - HOUR_US + 1);
    const half = (empty + usedBytes(db)) / 2;
    for (let at = endOfOldestStep(db, 500); at !== null && usedBytes(db) > half; at = endOfOldestStep(db, 500))
      dropBefore(db, at, 500);
    expect(usedBytes(db)).toBeLessThanOrEqual(half);
    const held = findEvents(db, ALL).events.map(usOf);
    expect(held.at(0)).toBeGreaterThan(T0_US);
    expect(held.at(-1)).toBe(T0_US + 2999 * SECOND_US);
    db.close();
  });

  test("releases the space to the file system", () => {
    const file = tempRecordFile();
    const db = openRecord(file, "write");
    const empty = usedBytes(db);
    insert(
      db,
      Array.from({ length: 4000 }, (_, n) =>
        anEvent({
          occurred: formatIsoUs(T0_US + n * SECOND_US),
          payload: { text: `${anId()} ${crypto.randomUUID()}` },
        }),
      ),
    );
    db.sqlite.run("PRAGMA wal_checkpoint(TRUNCATE)");
    const before = statSync(file).size;
    while (dropBefore(db, T0_US + 3900 * SECOND_US).hasMore);
    while (releaseFreePages(db, 100));
    expect(statSync(file).size - empty).toBeLessThan((before - empty) / 5);
    expect(findEvents(db, ALL).events).toHaveLength(100);
    db.close();
  });
});

describe("erasing", () => {
  test("leaves no text of deleted events in blocks with other events, nor in the word index", () => {
    const file = tempRecordFile();
    const db = openRecord(file, "write");
    const writer = createEventWriter(db);
    const secret = (n: number) =>
      anEvent({
        id: anId(n),
        occurred: formatIsoUs(T0_US + n),
        payload: { text: n % 2 ? `keepword${n}` : `dropword${n}` },
      });
    inTransaction(db, () =>
      writer.insert(
        Array.from({ length: 230 }, (_, n) => secret(n)),
        "live",
        1,
      ),
    );
    db.sqlite.run("DELETE FROM event WHERE (t - ?) % 2 = 0", [T0_US]);
    inTransaction(db, () =>
      writer.insert([anEvent({ id: anId(1000), occurred: formatIsoUs(T0_US + 500) })], "live", 1),
    );
    for (let at: number | null = 0; at !== null; at = eraseDropped(db, at, 2));
    const text = db.sqlite
      .query<{ data: Uint8Array }, []>("SELECT data FROM block")
      .all()
      .map(({ data }) => Buffer.from(Bun.zstdDecompressSync(data)).toString())
      .join("\n");
    expect(text).not.toContain("dropword");
    const search = (words: string) =>
      findEventsByText(db, { ...ALL, limit: 500, terms: parseSearchTerms(words) }).events.length;
    expect([search("keepword*"), search("dropword*")]).toEqual([115, 0]);
    expect(db.sqlite.query("SELECT rowid FROM block_fts WHERE block_fts MATCH 'dropword*'").all()).toEqual([]);
    expect(findEvents(db, ALL).events).toHaveLength(116);
    inTransaction(db, () =>
      writer.insert(
        Array.from({ length: 60 }, (_, n) => anEvent({ id: anId(2000 + n), occurred: formatIsoUs(T0_US + 600 + n) })),
        "live",
        1,
      ),
    );
    expect(findEvents(db, ALL).events).toHaveLength(176);
    db.close();
  });
});
