import { describe, expect, test } from "bun:test";
import { rmSync, statSync } from "node:fs";
import { createRecordReader, MAX_HOLD_MS } from "../../src/app/record.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { inTransaction, openRecord, type RecordDb } from "../../src/store/database.ts";
import { findObjects, upsertObjects } from "../../src/store/objects/objects.ts";
import { tempRecordFile } from "../store/temp-record.ts";
import { aFlow } from "../support/builders.ts";
import { manualClock } from "../support/time/manual-clock.ts";

function open() {
  const file = tempRecordFile();
  const writer = openRecord(file, "write");
  const clock = manualClock();
  const reader = createRecordReader(file, clock, silentLogger);
  let written = 0;
  return {
    file,
    writer,
    clock,
    reader,
    /** Another connection commits one more flow. */
    write: () => {
      written += 1;
      const row = aFlow({ name: `flow-${written}` });
      inTransaction(writer, () => void upsertObjects(writer, "flow", [row], written, false));
    },
    [Symbol.dispose]: () => {
      reader.close();
      writer.close();
    },
  };
}

const count = (db: RecordDb | null) => (db === null ? null : findObjects(db, "flow").length);

/** Pages of the write-ahead log that a reader prevents from being written to the file. */
function unwritten(db: RecordDb): number {
  const state = db.sqlite.query<{ log: number; checkpointed: number }, []>("PRAGMA wal_checkpoint(PASSIVE)").get();
  return state === null ? 0 : state.log - state.checkpointed;
}

describe("a held record", () => {
  test("stays as it was at the first look until it is released", () => {
    using h = open();
    h.write();
    const held = h.reader.hold();
    h.write();
    expect(count(held.record())).toBe(2);
    h.write();
    expect([count(held.record()), count(h.reader.current())]).toEqual([2, 3]);
    held.release();
    const next = h.reader.hold();
    expect(count(next.record())).toBe(3);
    next.release();
  });

  test("is the same for each of several calls at once, whatever is written between them", () => {
    using h = open();
    const calls = Array.from({ length: 12 }, (_, n) => {
      h.write();
      const held = h.reader.hold();
      return { held, seen: count(held.record()), first: n + 1 };
    });
    h.write();
    for (const { held, seen } of calls) expect(count(held.record())).toBe(seen);
    // More calls than connections share the newest of the views.
    expect(calls.map(({ seen }) => seen)).toEqual([1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
    for (const { held } of calls) held.release();
    const next = h.reader.hold();
    expect(count(next.record())).toBe(13);
    next.release();
  });

  test("continues with the newest contents after the longest time that it may be kept", async () => {
    using h = open();
    h.write();
    const held = h.reader.hold();
    expect(count(held.record())).toBe(1);
    h.write();
    await h.clock.advance(MAX_HOLD_MS - 1);
    expect(count(held.record())).toBe(1);
    await h.clock.advance(1);
    // Nothing is kept while the call only waits: the log can be emptied.
    expect(h.writer.sqlite.query("PRAGMA wal_checkpoint(TRUNCATE)").get()).toMatchObject({ busy: 0 });
    expect(statSync(`${h.file}-wal`).size).toBe(0);
    expect(count(held.record())).toBe(2);
    held.release();
  });

  test("is not kept after the call, so that the log can be emptied", () => {
    using h = open();
    h.write();
    const held = h.reader.hold();
    held.record();
    h.write();
    expect(unwritten(h.writer)).toBeGreaterThan(0);
    held.release();
    held.release();
    expect(unwritten(h.writer)).toBe(0);
  });

  test("is that of the file that was there, also when the file is replaced during the call", async () => {
    using h = open();
    h.write();
    const held = h.reader.hold();
    expect(count(held.record())).toBe(1);
    for (const suffix of ["", "-wal", "-shm"]) rmSync(h.file + suffix, { force: true });
    using replaced = openRecordAgain(h.file);
    await h.clock.advance(200);
    const next = h.reader.hold();
    expect([count(held.record()), count(next.record())]).toEqual([1, 0]);
    held.release();
    next.release();
    expect(count(replaced.db)).toBe(0);
  });

  test("is null for a whole call that found none, and after the end", () => {
    const file = tempRecordFile();
    const reader = createRecordReader(file, systemClock, silentLogger);
    const held = reader.hold();
    expect(held.record()).toBeNull();
    openRecord(file, "write").close();
    expect(held.record()).toBeNull();
    const next = reader.hold();
    expect(count(next.record())).toBe(0);
    reader.close();
    expect([next.record(), reader.hold().record(), reader.current()]).toEqual([null, null, null]);
    next.release();
  });
});

function openRecordAgain(file: string) {
  const db = openRecord(file, "write");
  return { db, [Symbol.dispose]: () => db.close() };
}
