import { expect, test } from "bun:test";
import { HOUR_US } from "../../../src/lib/time.ts";
import { inTransaction, type RecordDb } from "../../../src/store/database.ts";
import { auditEventHours } from "../../../src/store/events/event-hours.ts";
import { createEventWriter } from "../../../src/store/events/events.ts";
import { anEvent, anId, at, T0_US } from "../../support/builders.ts";
import { memoryRecord } from "../../support/memory-record.ts";

const DAY = { fromUs: Math.floor(T0_US / HOUR_US) * HOUR_US, toUs: (Math.floor(T0_US / HOUR_US) + 24) * HOUR_US - 1 };

const counts = (db: RecordDb) =>
  db.sqlite.query<{ n: number }, []>("SELECT n FROM event_hour WHERE n <> 0 ORDER BY hour, name_id").all();

test("events of a batch are counted, also one that replaces another of the same batch", () => {
  using db = memoryRecord();
  const writer = createEventWriter(db);
  const insert = (...events: ReturnType<typeof anEvent>[]) =>
    inTransaction(db, () => writer.insert(events, "backfill", T0_US));
  const first = anEvent({ id: anId(1), occurred: at(0) });
  insert(first, anEvent({ id: anId(2), occurred: at(0) }), anEvent({ id: anId(3), occurred: at(7_200) }));
  expect(counts(db)).toEqual([{ n: 2 }, { n: 1 }]);
  insert(anEvent({ id: anId(4), occurred: at(0) }), {
    ...anEvent({ id: anId(4), occurred: at(0) }),
    occurred: at(7_200),
  });
  insert(first);
  expect(counts(db)).toEqual([{ n: 2 }, { n: 2 }]);
  expect(auditEventHours(db, DAY)).toBe(0);
});

test("a batch that is rolled back is not counted", () => {
  using db = memoryRecord();
  const writer = createEventWriter(db);
  const fail = () =>
    inTransaction(db, () => {
      writer.insert([anEvent({ id: anId(1), occurred: at(0) })], "backfill", T0_US);
      throw new Error("stop");
    });
  expect(fail).toThrow("stop");
  inTransaction(db, () => writer.insert([anEvent({ id: anId(2), occurred: at(0) })], "backfill", T0_US));
  expect(counts(db)).toEqual([{ n: 1 }]);
});

test("counts that differ from the rows are found and counted again, those of other hours are left alone", () => {
  using db = memoryRecord();
  const writer = createEventWriter(db);
  inTransaction(db, () =>
    writer.insert(
      [anEvent({ id: anId(1), occurred: at(0) }), anEvent({ id: anId(2), occurred: at(0) })],
      "live",
      T0_US,
    ),
  );
  db.sqlite.run("UPDATE event_hour SET n = 7");
  db.sqlite.run("INSERT INTO event_hour VALUES (1, 1, 5)");
  db.sqlite.run(`INSERT INTO event_hour VALUES (${DAY.fromUs / HOUR_US + 3}, 1, 5)`);
  expect(auditEventHours(db, DAY)).toBe(3);
  expect(auditEventHours(db, DAY)).toBe(0);
  expect(counts(db)).toEqual([{ n: 5 }, { n: 2 }]);
});
